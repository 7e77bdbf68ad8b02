"""One figure a row: what was measured of whom. Everything that is written comes from such rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number.

    Attributes:
        model: who was measured: a run, exact PCA, raw pixels, a classical denoiser.
        code: numbers a picture, None for what has no code.
        metric: how codes were compared, "" where nothing was compared.
        group: "reconstruction", "denoising", "retrieval", "agreement", "verification".
        measure: what the number is, with its unit where it has one.
        level: a noise level, a number of neighbours or an attribute; "" where there is one level only.
        value: the number.
    """

    model: str
    code: int | None
    metric: str
    group: str
    measure: str
    level: str
    value: float


def as_csv(figures: Iterable[Figure]) -> str:
    """The figures as CSV, every digit kept; an empty cell stands for no code."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Figure._fields)
    writer.writerows(figures)
    return stream.getvalue()
