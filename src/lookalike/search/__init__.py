"""Codes are held, and the nearest found, with a promise about how many of the true neighbours come back."""

from __future__ import annotations

from lookalike.search.index import INDEXES, Index, Neighbours, index_class, load_index
from lookalike.search.metric import METRICS, Metric, make_metric
from lookalike.search.recall import choose, keep_promise, measure
from lookalike.search.report import Report, Trial

__all__ = [
    "INDEXES",
    "METRICS",
    "Index",
    "Metric",
    "Neighbours",
    "Report",
    "Trial",
    "choose",
    "index_class",
    "keep_promise",
    "load_index",
    "make_metric",
    "measure",
]
