"""How unlike the rest pictures are: what is measured of each, and what the measures say together.

All of it compares a picture with the others: what it is compared with never holds the picture itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats, Pixels, centre

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

CELLS = 4
"""Cells a side that pictures are hidden by."""
LEAST_ERROR, LEAST_DETAIL = 1e-8, 1e-6
"""What rounding to 256 steps leaves of a squared difference, and less; below it logarithms tell nothing."""


class Fit(NamedTuple):
    """A straight line, and what it was fitted to: enough to know any of its points' distance to a line without it."""

    slope: float
    middle: float
    height: float
    spread: float
    points: int

    def beyond(self, x: Doubles, y: Doubles) -> Doubles:
        """How far points lie above the line."""
        return y - self.height - self.slope * (x - self.middle)

    def left_out(self, x: Doubles, y: Doubles) -> Doubles:
        """The same for the fitted points, each over the line that was fitted to the others alone, in closed form."""
        share = np.full(len(x), 1 / self.points)
        if self.spread > 0:
            share += np.square(x - self.middle) / self.spread
        kept = 1 - share
        beyond: Doubles = np.divide(self.beyond(x, y), kept, out=np.zeros_like(y), where=kept > 1e-9)
        return beyond


def fitted(x: Doubles, y: Doubles) -> Fit:
    """The line of least squares; a level one where all `x` are the same."""
    middle, height = float(x.mean()), float(y.mean())
    spread = float(np.square(x - middle).sum())
    if spread <= 1e-9 * len(x):
        return Fit(0.0, middle, height, 0.0, len(x))
    return Fit(float((x - middle) @ (y - height)) / spread, middle, height, spread, len(x))


def hidden_cells(height: int, width: int) -> Mask:
    """Four masks (4, H, W, 1) of every second cell in both directions; each pixel is hidden by one of them."""
    rows = np.arange(height) * CELLS // height % 2
    columns = np.arange(width) * CELLS // width % 2
    return np.stack([((rows == a)[:, None] & (columns == b))[..., None] for a in (0, 1) for b in (0, 1)])


def repaired(model: Autoencoder, pictures: Floats, filling: Floats) -> Floats:
    """Pictures (n, H, W, C), centred, of which every pixel was drawn by the model while it was hidden.

    Hidden cells show `filling` (H, W, C), the mean of pictures, which is what is known of a pixel without its picture.
    """
    drawn = np.empty_like(pictures)
    for mask in hidden_cells(*pictures.shape[1:3]):
        if mask.any():
            drawn = np.where(mask, model.reconstruct(np.where(mask, filling, pictures)), drawn)
    return drawn


def detail(pictures: Floats) -> Doubles:
    """Mean squared steps from each pixel to its neighbours, (n,)."""
    steps = np.zeros(len(pictures))
    for axis in (1, 2):
        if pictures.shape[axis] > 1:
            steps += np.square(np.diff(pictures, axis=axis)).mean(axis=(1, 2, 3), dtype=np.float64)
    return steps


def measured(model: Autoencoder, pictures: Pixels, filling: Floats) -> dict[str, Doubles]:
    """Of each picture the logarithms, (n,), of its detail and, where the model draws, of its error and its repair's."""
    given = centre(pictures)
    found = {"detail": np.log(detail(given) + LEAST_DETAIL)}
    if model.has_decoder:
        for name, drawn in (("error", model.reconstruct(given)), ("repair", repaired(model, given, filling))):
            squared = np.square(drawn - given).mean(axis=(1, 2, 3), dtype=np.float64)
            found[name] = np.log(squared + LEAST_ERROR)
    return found


def share_above(values: Doubles, others: Doubles) -> Doubles:
    """The conformal p-value of each value, (n,): the share of the others, and of itself, that are at least as large."""
    ordered = np.sort(others)
    return (1 + len(others) - np.searchsorted(ordered, values, "left")) / (len(others) + 1)


def share_above_own(values: Doubles) -> Doubles:
    """The same for values among themselves: each beside all others."""
    return (len(values) - np.searchsorted(np.sort(values), values, "left")) / len(values)


def together(shares: Mapping[str, Doubles]) -> Doubles:
    """Fisher's rule: the p-values' mean negative logarithm, (n,)."""
    score: Doubles = -np.mean([np.log(share) for share in shares.values()], axis=0)
    return score


class Reference:
    """A gallery's measures, which pictures are compared with: its own, each with all others, or new ones.

    Args:
        measures: by name, (n,); "detail", "density", and "error" and "repair" where there is a decoder.
    """

    def __init__(self, measures: Mapping[str, Doubles]) -> None:
        self._measures = measures
        self._fits = {
            name: fitted(measures["detail"], measures[name]) for name in ("error", "repair") if name in measures
        }
        self._values = {
            name: self._fits[name].left_out(measures["detail"], values) if name in self._fits else values
            for name, values in measures.items()
        }
        self.own_shares = {name: self._share_of_own(name) for name in self._values}
        self.own_scores = together(self.own_shares)
        self.own_p = share_above_own(self.own_scores)

    def judge(self, measures: Mapping[str, Doubles]) -> tuple[Doubles, Doubles]:
        """Scores and p-values, (m,) each, of new pictures by their measures."""
        shares = {}
        for name, given in measures.items():
            fit = self._fits.get(name)
            values = given if fit is None else fit.beyond(measures["detail"], given)
            own = self._values[name]
            shares[name] = share_above(values, own)
            if name == "detail":
                shares[name] = _either_side(shares[name], share_above(-values, -own))
        scores = together(shares)
        return scores, share_above(scores, self.own_scores)

    def _share_of_own(self, name: str) -> Doubles:
        values = self._values[name]
        above = share_above_own(values)
        return _either_side(above, share_above_own(-values)) if name == "detail" else above


def _either_side(above: Doubles, below: Doubles) -> Doubles:
    """The p-value where too little is as odd as too much."""
    share: Doubles = np.minimum(2 * np.minimum(above, below), 1)
    return share
