"""Pictures of any size before and after, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lookalike import plots
from lookalike.data.images import Pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DETAIL = 256
"""Of a larger side only this many pixels in the middle are shown: scaled down, a picture loses its noise unaided."""
CELL = 2.2
"""Inches of a picture on the sheet."""


class Shown(NamedTuple):
    """One row: the picture's name, and titled states of it, uint8 (H, W, C)."""

    name: str
    states: list[tuple[str, Pixels]]


def denoising_sheet(rows: Sequence[Shown]) -> Figure:
    """One row a picture, one column a state, for rows of equally many states."""
    from matplotlib.figure import Figure

    columns = len(rows[0].states)
    figure = Figure(figsize=(CELL * columns + 0.3, (CELL + 0.25) * len(rows)), layout="constrained")
    cells = figure.subplots(len(rows), columns, squeeze=False)
    for row, line in zip(rows, cells, strict=True):
        for (title, picture), axes in zip(row.states, line, strict=True):
            axes.imshow(plots.displayable(_middle(picture)), interpolation="nearest")
            axes.set_title(title, fontsize=7, color=plots.INK)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(row.name[:24], fontsize=7, color=plots.INK)
    return figure


def _middle(picture: Pixels) -> Pixels:
    top, left = (max(side - DETAIL, 0) // 2 for side in picture.shape[:2])
    return picture[top : top + DETAIL, left : left + DETAIL]
