"""What a person does with a folder: which pictures are the same, bad or odd, what groups there are, a part of it."""

from lookalike.review.copies import Copies, Member, find_copies
from lookalike.review.outliers import Outlier, OutlierMap, Outliers, outlier_map, outliers, write_outliers
from lookalike.review.screening import Screening, screen

__all__ = [
    "Copies",
    "Member",
    "Outlier",
    "OutlierMap",
    "Outliers",
    "Screening",
    "find_copies",
    "outlier_map",
    "outliers",
    "screen",
    "write_outliers",
]
