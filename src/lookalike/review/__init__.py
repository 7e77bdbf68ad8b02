"""What a person does with a folder: which pictures are the same, bad or odd, what groups there are, a part of it."""

from lookalike.review.apart import Apart
from lookalike.review.copies import Copies, Member, find_copies
from lookalike.review.groups import Group, Groups, groups
from lookalike.review.outliers import Outlier, OutlierMap, Outliers, outlier_map, outliers, write_outliers
from lookalike.review.screening import Screening, screen
from lookalike.review.sorting import NotSorted, Sorted, sort_into
from lookalike.review.subset import Subset, subset

__all__ = [
    "Apart",
    "Copies",
    "Group",
    "Groups",
    "Member",
    "NotSorted",
    "Outlier",
    "OutlierMap",
    "Outliers",
    "Screening",
    "Sorted",
    "Subset",
    "find_copies",
    "groups",
    "outlier_map",
    "outliers",
    "screen",
    "sort_into",
    "subset",
    "write_outliers",
]
