"""What a person does with a folder: which pictures are the same."""

from lookalike.review.copies import Copies, Member, find_copies

__all__ = ["Copies", "Member", "find_copies"]
