"""What a person does with a folder: which pictures are the same and which to keep, bad or odd, groups, a part of it.

Each name comes from its file when it is first asked for: who looks for groups does not wait for PyTorch, by which
pictures are laid over one another, nor does a server that goes through what was found. No file has the name of a
function, which would hide behind it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.review.apart import Apart
    from lookalike.review.applying import Applied, apply
    from lookalike.review.copies import Copies, Member, find_copies
    from lookalike.review.keeping import Choice, Plan
    from lookalike.review.lookalikes import Group, Groups, groups
    from lookalike.review.odd import Judge, Outlier, OutlierMap, Outliers, outlier_map, outliers, write_outliers
    from lookalike.review.records import Failed, Undone, undo
    from lookalike.review.sampling import Subset, subset
    from lookalike.review.screening import Screening, screen
    from lookalike.review.sorting import Sorted, sort_into
    from lookalike.review.whole import Review, review

_HOME = {
    "Apart": "apart",
    "Applied": "applying",
    "Choice": "keeping",
    "Copies": "copies",
    "Failed": "records",
    "Group": "lookalikes",
    "Groups": "lookalikes",
    "Judge": "odd",
    "Member": "copies",
    "Outlier": "odd",
    "OutlierMap": "odd",
    "Outliers": "odd",
    "Plan": "keeping",
    "Review": "whole",
    "Screening": "screening",
    "Sorted": "sorting",
    "Subset": "sampling",
    "Undone": "records",
    "apply": "applying",
    "find_copies": "copies",
    "groups": "lookalikes",
    "outlier_map": "odd",
    "outliers": "odd",
    "review": "whole",
    "screen": "screening",
    "sort_into": "sorting",
    "subset": "sampling",
    "undo": "records",
    "write_outliers": "odd",
}

__all__ = [
    "Apart",
    "Applied",
    "Choice",
    "Copies",
    "Failed",
    "Group",
    "Groups",
    "Judge",
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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"lookalike.review.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
