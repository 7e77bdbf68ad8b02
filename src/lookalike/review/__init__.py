"""What a person does with a folder: which pictures are the same, and which are bad."""

from lookalike.review.copies import Copies, Member, find_copies
from lookalike.review.screening import Screening, screen

__all__ = ["Copies", "Member", "Screening", "find_copies", "screen"]
