"""What sets a group of pictures apart from the others: columns, and directions of the code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.columns import as_time

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.pixels import Floats

Ids = npt.NDArray[np.int64]

CHANCE = 0.05
"""Chance that anything is named in any group where groups were drawn blindly."""
OF_CODE = "principal-"
"""How the names of directions of the code begin; a number from 1 follows."""
_DAY = len("2024-05-17")


class Apart(NamedTuple):
    """How a group differs by one column.

    Attributes:
        column: its name, or "principal-N" for a direction of the code.
        value: the word, or the day, whose share is told; None where a mean is.
        inside, outside: the share or mean within the group, and among all others.
        effect: of means, their difference in standard deviations of all pictures (Cohen's d); of shares, in radians
            (Cohen's h). Above 0 where it is more within the group.
    """

    column: str
    value: str | None
    inside: float
    outside: float
    effect: float

    @property
    def direction(self) -> str | None:
        """The number of the direction of the code, None for a column."""
        return self.column.removeprefix(OF_CODE) if self.column.startswith(OF_CODE) else None


class _Whole(NamedTuple):
    """Of a column's finite numbers, known once for all groups: how many, their mean, deviation and largest."""

    total: int
    mean: float
    spread: float
    largest: float

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> _Whole:
        known = values[np.isfinite(values)]
        if not len(known):
            return cls(0, 0.0, 0.0, 0.0)
        return cls(len(known), float(known.mean()), float(known.std()), float(np.abs(known).max()))


class Columns:
    """What is known of pictures, ready to be compared group by group.

    Args:
        table: numbers and words, one row a picture; None where nothing is known.
        points: their codes after the metric, (n, K).
        groups: how many groups will be compared, which decides how sure a difference must be.
    """

    def __init__(self, table: pd.DataFrame | None, points: Floats, groups: int) -> None:
        from scipy.special import ndtri

        centred = points - points.mean(axis=0)
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
        along = centred @ axes
        self._numbers = {f"{OF_CODE}{i + 1}": along[:, i].astype(np.float64) for i in range(along.shape[1])}
        self._words: dict[str, npt.NDArray[np.object_]] = {}
        for name, column in {} if table is None else table.items():
            self._take(str(name), column)
        self._wholes = {name: _Whole.of(values) for name, values in self._numbers.items()}
        self._counts = {
            name: Counter(word for word in words.tolist() if word is not None) for name, words in self._words.items()
        }
        tests = max(groups * (len(self._numbers) + len(self._words)), 1)
        self._chance = CHANCE / tests
        self._beyond = -float(ndtri(self._chance / 2))

    def apart(self, members: Ids, most: int = 3) -> list[Apart]:
        """The columns that differ most, and more than by chance, the greatest effect first; one of the code at most.

        `members` are the places of the group's pictures.
        """
        found = [self._mean(name, values, members) for name, values in self._numbers.items()]
        found += [self._share(name, words, members) for name, words in self._words.items()]
        ordered = sorted((one for one in found if one is not None), key=lambda one: -abs(one.effect))
        codes = [one for one in ordered if one.direction is not None][:1]
        return [*[one for one in ordered if one.direction is None][:most], *codes]

    def _take(self, name: str, column: pd.Series[float]) -> None:
        import pandas as pd

        if pd.api.types.is_numeric_dtype(column):
            self._numbers[name] = column.to_numpy(np.float64)
            return
        words = [None if pd.isna(word) else str(word) for word in column]
        if all(word is None or as_time(word) for word in words):
            words = [None if word is None else word[:_DAY] for word in words]
        self._words[name] = np.array(words, object)

    def _mean(self, name: str, values: npt.NDArray[np.float64], members: Ids) -> Apart | None:
        """Whether a mean differs more than that of as many pictures drawn without a look."""
        whole = self._wholes[name]
        own = values[members]
        own = own[np.isfinite(own)]
        count, total = len(own), whole.total
        if not 2 <= count < total or whole.spread <= 1e-12 * whole.largest:
            return None
        inside = float(own.mean())
        error = whole.spread * np.sqrt((total - count) / (count * (total - 1)))
        if abs(inside - whole.mean) < self._beyond * error:
            return None
        outside = whole.mean + (whole.mean - inside) * count / (total - count)
        return Apart(name, None, inside, outside, (inside - outside) / whole.spread)

    def _share(self, name: str, words: npt.NDArray[np.object_], members: Ids) -> Apart | None:
        """Whether the group's most frequent word is in it more often than by chance (Fisher's exact test)."""
        from scipy.stats import hypergeom

        counts = Counter(word for word in words[members].tolist() if word is not None)
        of_all = self._counts[name]
        own, total = counts.total(), of_all.total()
        if not 2 <= own < total:
            return None
        value = max(counts, key=lambda word: (counts[word], word))
        if hypergeom.sf(counts[value] - 1, total, of_all[value], own) > self._chance:
            return None
        inside, outside = counts[value] / own, (of_all[value] - counts[value]) / (total - own)
        effect = 2 * (np.arcsin(np.sqrt(inside)) - np.arcsin(np.sqrt(outside)))
        return Apart(name, value, inside, outside, float(effect))
