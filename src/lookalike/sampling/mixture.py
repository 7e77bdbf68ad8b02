"""A mixture over codes: parts, and new codes that are put together of those of one part.

Source: Silverman and Young, "The bootstrap: To smooth or not to smooth?", 1987, for drawing from what was seen,
smoothed and brought back to its own variance. What codes have besides a mean and a covariance, such as many small
numbers and few large ones, no bell has.
"""

from __future__ import annotations

import operator
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.pixels import Floats

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

LEAST_CODES = 10
COVARIANCES = ("full", "diag")
"""Of the bells that parts are found by: any ellipsoid, or one along the principal axes of all codes."""
MOST_PARTS = 64
MOST_DRAWN = 100_000


@dataclass(frozen=True, eq=False)
class Mixture:
    """Parts of the space of codes: a draw takes one by how many codes it has, then puts together some of these.

    Attributes:
        codes: float32 (N, K), those of the first part first.
        counts: int64 (M,): how many of them each part has.
        together: how many codes of a part make a new one.
        covariance: of the bells that the parts were found by, "full" or "diag" (see `COVARIANCES`).
        likelihood: mean log-likelihood, in nats, of the codes that were held out when it was chosen, under these bells.
        asked: how many parts were asked for; None: as many as those codes wanted.
    """

    codes: Floats
    counts: npt.NDArray[np.int64]
    together: int
    covariance: str
    likelihood: float
    asked: int | None = None

    @property
    def parts(self) -> int:
        """How many there are."""
        return len(self.counts)

    @property
    def code_size(self) -> int:
        """Numbers a code."""
        return int(self.codes.shape[1])

    @cached_property
    def means(self) -> Doubles:
        """The middle of each part: float64 (M, K)."""
        sums = np.add.reduceat(self.codes, self._first, axis=0, dtype=np.float64)
        return np.asarray(sums / self.counts[:, None], np.float64)

    @property
    def _first(self) -> npt.NDArray[np.int64]:
        """Where each part begins."""
        return np.cumsum(self.counts) - self.counts

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: codes as float32 in base64."""
        packed = b64encode(self.codes.astype("<f4").tobytes()).decode()
        return {"codes": packed, **self.about()}

    def about(self) -> dict[str, Any]:
        """All but the codes, as plain JSON values."""
        return {"parts": self.parts, "counts": self.counts.tolist(), **{name: getattr(self, name) for name in KNOWN}}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What `as_json` gave."""
        counts = np.asarray(told["counts"], np.int64)
        codes = np.frombuffer(b64decode(told["codes"]), "<f4").reshape(int(counts.sum()), -1)
        return cls(codes, counts, **{name: told[name] for name in KNOWN})

    def told(self) -> str:
        """One line for a person."""
        parts = f"{self.parts} part{'s' if self.parts > 1 else ''}"
        if self.asked is not None and self.parts < self.asked:
            parts += f" (of {self.asked}: those of too few pictures joined others)"
        return f"a mixture of {parts}; each new code is put together of {self.together} of a part's"

    def draw(self, count: int, *, truncation: float = 1.0, seed: int = 0) -> Floats:
        """Draw codes: float32 (count, K).

        Some codes of a part, no two the same, are averaged, and how far that lies from the part's middle is stretched
        so that draws have the part's mean and covariance.

        Args:
            count: 1 to 100,000.
            truncation: how far a code strays from the middle of its part, as a share of how far the part's own do, 0 to
                1: at 1 codes vary as those do, at 0 only the parts' means are drawn. Less is safer and more alike.
            seed: of all draws; the i-th code of a seed is the same whatever the count.

        Raises:
            OptionError: an argument is out of range.
        """
        number, share = checked_count(count), checked_truncation(truncation)
        random = np.random.default_rng(seed).random((number, 1 + self.together))
        parts = np.searchsorted(np.cumsum(self.counts), random[:, 0] * self.counts.sum(), side="right")
        sizes = self.counts[parts]
        chosen = _no_two_the_same(random[:, 1:], sizes) + self._first[parts, None]
        middles = self.means[parts]
        strayed = self.codes[chosen].mean(axis=1, dtype=np.float64) - middles
        # Of n codes the mean of k that are drawn without putting back has (n - k) / (n - 1) / k of their variance.
        stretch = np.sqrt(self.together * (sizes - 1) / (sizes - self.together))
        return np.asarray(middles + share * stretch[:, None] * strayed, np.float32)


KNOWN = ("together", "covariance", "likelihood", "asked")
"""What a mixture has beside its codes and how many each part has, by its names in files."""


def _no_two_the_same(random: Doubles, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places (N, k) below sizes (N,), by numbers (N, k) from 0 to 1: each row's are k that differ, all as likely."""
    taken = np.empty((len(random), 0), np.int64)
    for number in random.T:
        place = (number * (sizes - taken.shape[1])).astype(np.int64)
        for earlier in taken.T:  # from the first on: what is counted off are the places that are still free
            place += place >= earlier
        taken = np.sort(np.column_stack([taken, place]), axis=1)
    return taken


def checked_count(count: int) -> int:
    """How many to draw, as a whole number within bounds; raises `OptionError`."""
    try:
        number = operator.index(count)
    except TypeError:
        raise OptionError(f"count is {count!r}; give a whole number from 1 to {MOST_DRAWN:,}") from None
    if not 1 <= number <= MOST_DRAWN:
        raise OptionError(f"count is {number}; give 1 to {MOST_DRAWN:,}")
    return number


def checked_truncation(truncation: float) -> float:
    """How far codes may stray; raises `OptionError`."""
    if not 0 <= truncation <= 1:
        raise OptionError(f"truncation is {truncation}; give 0 (the middles alone) to 1 (all that the mixture draws)")
    return truncation


def checked_parts(asked: str) -> int | None:
    """Parts as they are typed: a number of 1 or more, or "auto" (None); raises `OptionError`."""
    if asked == "auto":
        return None
    if not asked.isdecimal() or not int(asked):
        raise OptionError(f"parts is {asked!r}; give a number of 1 to {MOST_PARTS}, or 'auto'")
    return int(asked)
