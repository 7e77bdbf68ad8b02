"""Which pictures of a gallery are one and the same: in levels, each with its own rule.

Codes name candidates; the pictures themselves decide, read again from their source at a larger size than the model's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.images import DataSpec, Pixels
from lookalike.review import hints
from lookalike.review.hints import TURNS, Ids, parts_of, turned
from lookalike.review.likeness import SIDE, alike
from lookalike.review.originals import Originals, squashed

LEVELS = ("bytes", "picture", "near")
"""From the strictest: the same file; the same pixels, if need be turned or mirrored; a changed copy."""
COPY = 0.87
"""Median correlation of blocks from which two pictures are copies of one another."""
COPY_OF_SMALL = 0.9
"""The same where one of them has fewer than SIDE x SIDE pixels, which tell less of two faces apart."""
TURNS_TRIED = 2
HINTED = 24
"""Side at which parts of the larger pictures are compared."""
LIKELY = 0.8
"""Correlation of the best parts of two larger pictures, below which they are not laid over one another."""
_AT_ONCE = 256


@dataclass(frozen=True)
class Link:
    """What two pictures are to one another: the level, and how alike their blocks are, 0 to 1."""

    level: str
    likeness: float


@dataclass
class Album:
    """Pictures whose sameness is asked about, a gallery's or a gallery's and others after them.

    Attributes:
        names: of each, as its source calls it.
        contents: the SHA-256 of each file, None where it is of none.
        small: gives pictures (n, H, W, C) by places, as the model sees them.
        sources: where pictures are read again from, each with its places by name.
    """

    names: list[str]
    contents: list[str | None]
    small: Any
    sources: list[tuple[DataSpec | None, dict[str, int]]]
    originals: Originals = field(init=False)

    def __post_init__(self) -> None:
        self.originals = Originals(len(self.names))

    def read(self, places: Iterable[int]) -> None:
        """Read these pictures again, where that has not been done."""
        wanted = set(places)
        for spec, named in self.sources:
            self.originals.take(spec, {name: place for name, place in named.items() if place in wanted})

    def links(self, pairs: Ids) -> list[Link | None]:
        """What the pictures of each pair (n, 2) of places are to one another, None for nothing."""
        found: list[Link | None] = [None] * len(pairs)
        hashed = [number for number, (a, b) in enumerate(pairs) if self._same_bytes(a, b)]
        for number in hashed:
            found[number] = Link("bytes", 1.0)
        others = np.setdiff1d(np.arange(len(pairs)), hashed)
        self.read(pairs[others].ravel().tolist())
        for start in range(0, len(others), _AT_ONCE):
            some = others[start : start + _AT_ONCE]
            for number, link in zip(some, self._compared(pairs[some]), strict=True):
                found[number] = link
        return found

    def _same_bytes(self, a: int, b: int) -> bool:
        return self.contents[a] is not None and self.contents[a] == self.contents[b]

    def _compared(self, pairs: Ids) -> list[Link | None]:
        """By the whole pictures where both were read again, else as they are stored."""
        whole: npt.NDArray[np.bool_] = np.all(self.originals.is_there[pairs], axis=1)
        grey = [self.originals.grey[pairs[:, side]].copy() for side in (0, 1)]
        for side in (0, 1):
            if not whole.all():
                grey[side][~whole] = squashed(self.small(pairs[~whole, side]))
        likeness = likeness_of(*grey)
        links: list[Link | None] = []
        for (a, b), by_whole, score in zip(pairs.tolist(), whole.tolist(), likeness.tolist(), strict=True):
            if (by_whole and self.originals.pixels[a] == self.originals.pixels[b]) or (
                not by_whole and self._same_stored(a, b)
            ):
                links.append(Link("picture", 1.0))
            else:
                small = min(self.originals.area[[a, b]]) < SIDE * SIDE
                links.append(Link("near", score) if score >= (COPY_OF_SMALL if small else COPY) else None)
        return links

    def _same_stored(self, a: int, b: int) -> bool:
        """Whether the stored pixels, of pictures that no larger ones are known of, are equal."""
        pictures: Pixels = self.small(np.array([a, b]))
        return self.contents[a] is None and bool((pictures[0] == pictures[1]).all())


def likeness_of(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """How alike pictures (n, SIDE, SIDE) are at the best of their turns, 0 to 1: (n,); 0 where parts differ much."""
    inner, other = (hints.without_borders(one.astype(np.float32)) for one in (a, b))
    small, other_small = (_smaller(one) for one in (a, b))
    parts = parts_of(small, inner)
    scores = np.empty((TURNS, len(a)), np.float32)
    hows = np.empty((TURNS, len(a)), np.int64)
    for turn in range(TURNS):
        shown = parts_of(turned(other_small, turn), hints.turned_parts(other, turn))
        scores[turn], hows[turn] = hints.compared(parts, shown)
    best = np.zeros(len(a), np.float32)
    ranked = np.argsort(-scores, axis=0, kind="stable")
    for rank in range(TURNS_TRIED):
        for turn in range(TURNS):
            some = np.flatnonzero((ranked[rank] == turn) & (scores[turn] >= LIKELY) & (best < COPY))
            laid = _laid_out(
                a[some],
                turned(b[some], turn),
                hows[turn, some],
                inner[some],
                hints.turned_parts(other[some], turn),
            )
            best[some] = np.maximum(best[some], alike(*laid).likeness)
    return best


def _smaller(grey: npt.NDArray[np.uint8]) -> hints.Floats:
    """(n, SIDE, SIDE) -> (n, HINTED, HINTED), by means."""
    step = SIDE // HINTED
    small: hints.Floats = grey.reshape(len(grey), HINTED, step, HINTED, step).mean(axis=(2, 4), dtype=np.float32)
    return small


def _laid_out(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], how: Ids, inner_a: hints.Floats, inner_b: hints.Floats
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], hints.Floats]:
    """Fixed and moving pictures, and the part of the moving one that is the fixed one, as `hints.compared` found."""
    parts = len(hints.PARTS) + 1
    swapped = how >= parts
    number = how % parts
    known = np.array([*hints.PARTS, hints.PARTS[0]], np.float32)[number]
    own = np.where(swapped[:, None], inner_b, inner_a)
    rectangles = np.where((number == parts - 1)[:, None], own, known)
    wide = swapped[:, None, None]
    return np.where(wide, a, b), np.where(wide, b, a), rectangles.astype(np.float32)
