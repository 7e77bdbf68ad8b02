"""What a person does with a folder: which pictures are the same and which to keep, bad or odd, groups, a part of it.

Pictures are laid over one another by PyTorch, which is imported when copies are first looked for: a server that goes
through what was found does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lookalike.review.apart import Apart
from lookalike.review.applying import Applied, apply
from lookalike.review.groups import Group, Groups, groups
from lookalike.review.keeping import Choice, Plan
from lookalike.review.outliers import Outlier, OutlierMap, Outliers, outlier_map, outliers, write_outliers
from lookalike.review.records import Failed, Undone, undo
from lookalike.review.screening import Screening, screen
from lookalike.review.sorting import Sorted, sort_into
from lookalike.review.subset import Subset, subset
from lookalike.review.whole import Review, review

if TYPE_CHECKING:
    from lookalike.review.copies import Copies, Member, find_copies

__all__ = [
    "Apart",
    "Applied",
    "Choice",
    "Copies",
    "Failed",
    "Group",
    "Groups",
    "Member",
    "Outlier",
    "OutlierMap",
    "Outliers",
    "Plan",
    "Review",
    "Screening",
    "Sorted",
    "Subset",
    "Undone",
    "apply",
    "find_copies",
    "groups",
    "outlier_map",
    "outliers",
    "review",
    "screen",
    "sort_into",
    "subset",
    "undo",
    "write_outliers",
]

_OF_COPIES = ("Copies", "Member", "find_copies")


def __getattr__(name: str) -> Any:
    if name in _OF_COPIES:
        return getattr(import_module("lookalike.review.copies"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
