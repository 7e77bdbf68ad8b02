"""Which pictures of a gallery are one and the same: in levels, each with its own rule.

Codes name candidates; the pictures themselves decide, read again from their source at a larger size than the model's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.images import DataSpec, Pixels
from lookalike.review import hints
from lookalike.review.hints import TURNS, Ids, parts_of, turned
from lookalike.review.originals import SIDE, Originals, squashed

COPY = 0.87
"""Median correlation of blocks from which two pictures are copies of one another."""
COPY_OF_SMALL = 0.9
"""The same where one of them has fewer than SIDE x SIDE pixels, which tell less of two faces apart."""
LEAST, LEAST_OF_SMALL = 0.8, 0.87
"""What all but `likeness.LOWER` of the blocks of copies correlate by: two shots of one person agree in half of them."""
LEAST_PINNED = 4
"""Blocks of copies that must tell in both directions where they lie, which an edge alone does not."""
SCENE, SCENE_IN_TIME = 0.75, 0.5
"""Median correlation of blocks from which two pictures that are no copies are shots of one scene; the second where both
are known to be taken within `BURST`."""
SCENE_LIKELY, SCENE_HOPELESS = 0.6, 0.3
"""As `LIKELY` and `likeness.HOPELESS`, for shots of one scene."""
SCENE_COLOUR = 0.15
"""Of the logarithms of red and of blue over green: by so much may a place's colour change between two shots."""
PLACES = 4
"""A side: places whose colours are compared."""
DARK = 8.0
"""Levels of 255 that are added before colours are compared, so that those of black say nothing."""
BURST = 60.0
"""Seconds between shots of one scene, at most, where it is known when they were taken."""
TURNS_TRIED = 2
HINTED = 24
"""Side at which parts of the larger pictures are compared."""
LIKELY = 0.8
"""Correlation of the best parts of two larger pictures, below which they are not laid over one another."""
WORTH_COMPILING = 3000
"""Pairs for which kernels are compiled that are not there yet, in some seconds of one core."""
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
        taken: when each was taken, in seconds; NaN where that is not known. What files say is added as they are read.
    """

    names: list[str]
    contents: list[str | None]
    small: Any
    sources: list[tuple[DataSpec | None, Mapping[str, int]]]
    taken: npt.NDArray[np.float64]
    originals: Originals = field(init=False)

    def __post_init__(self) -> None:
        self.originals = Originals(len(self.names))

    def read(self, places: Iterable[int]) -> None:
        """Read these pictures again, where that has not been done."""
        asked = self.originals.asked
        wanted = {place for place in places if not asked[place]}
        if not wanted:
            return  # else every name is looked at, for each of thousands of groups
        for spec, named in self.sources:
            self.originals.take(spec, {name: place for name, place in named.items() if place in wanted})
        self.taken = np.where(np.isnan(self.taken), self.originals.taken, self.taken)

    def links(self, pairs: Ids) -> list[Link | None]:
        """What the pictures of each pair (n, 2) of places are to one another, None for nothing."""
        found: list[Link | None] = [None] * len(pairs)
        hashed = [number for number, (a, b) in enumerate(pairs) if self._same_bytes(a, b)]
        for number in hashed:
            found[number] = Link("bytes", 1.0)
        others = np.setdiff1d(np.arange(len(pairs)), hashed)
        if len(others) >= WORTH_COMPILING:
            from lookalike import kernels  # brings in PyTorch

            kernels.available()
        self.read(pairs[others].ravel().tolist())
        for start in range(0, len(others), _AT_ONCE):
            some = others[start : start + _AT_ONCE]
            for number, link in zip(some, self._compared(pairs[some]), strict=True):
                found[number] = link
        return found

    def scenes(self, pairs: Ids) -> list[Link | None]:
        """Which pictures, of pairs (n, 2) that are no copies, are shots of one scene.

        Where it is known of both when they were taken, less has to agree, but not more than `BURST` apart.
        """
        found: list[Link | None] = [None] * len(pairs)
        apart = np.abs(np.diff(self.taken[pairs], axis=1)[:, 0])
        near = self._of_like_colours(pairs, np.flatnonzero(~(apart > BURST)))
        self.read(pairs[near].ravel().tolist())
        for start in range(0, len(near), _AT_ONCE):
            some = near[start : start + _AT_ONCE]
            grey, _ = self._grey(pairs[some])
            likeness = scene_likeness(*grey)
            are = likeness >= np.where(np.isfinite(apart[some]), SCENE_IN_TIME, SCENE)
            for number, score in zip(some[are].tolist(), likeness[are].tolist(), strict=True):
                found[number] = Link("scene", score)
        return found

    def _of_like_colours(self, pairs: Ids, asked: Ids) -> Ids:
        """Those of the asked pairs whose colours are as those of one scene, as the model sees them: it costs little."""
        kept = [np.empty(0, np.int64)]
        for start in range(0, len(asked), _AT_ONCE):
            some = asked[start : start + _AT_ONCE]
            colours = colours_apart(*(self.small(pairs[some, side]) for side in (0, 1)))
            kept.append(some[colours <= SCENE_COLOUR])
        return np.concatenate(kept)

    def _same_bytes(self, a: int, b: int) -> bool:
        return self.contents[a] is not None and self.contents[a] == self.contents[b]

    def _compared(self, pairs: Ids) -> list[Link | None]:
        grey, whole = self._grey(pairs)
        inner = [self.originals.inner[pairs[:, side]] for side in (0, 1)]
        for own, shown in zip(inner, grey, strict=True):
            own[~whole] = hints.without_borders(shown[~whole].astype(np.float32))
        likeness, lower = likeness_of(grey[0], grey[1], inner[0], inner[1])
        links: list[Link | None] = []
        told = (one.tolist() for one in (pairs, whole, likeness, lower))
        for (a, b), by_whole, score, least in zip(*told, strict=True):
            if (by_whole and self.originals.pixels[a] == self.originals.pixels[b]) or (
                not by_whole and self._same_stored(a, b)
            ):
                links.append(Link("picture", 1.0))
            elif 1 <= abs(self.taken[a] - self.taken[b]) <= BURST:
                links.append(None)  # two shots, however alike: a copy keeps the time, or has none
            else:
                small = min(self.originals.area[[a, b]]) < SIDE * SIDE
                limits = (COPY_OF_SMALL, LEAST_OF_SMALL) if small else (COPY, LEAST)
                links.append(Link("near", score) if score >= limits[0] and least >= limits[1] else None)
        return links

    def _grey(self, pairs: Ids) -> tuple[list[npt.NDArray[np.uint8]], npt.NDArray[np.bool_]]:
        """Luma of both sides, of whole pictures where both were read again, else as they are stored; and which."""
        whole: npt.NDArray[np.bool_] = np.all(self.originals.is_there[pairs], axis=1)
        grey = [self.originals.grey[pairs[:, side]].copy() for side in (0, 1)]
        for side in (0, 1):
            if not whole.all():
                grey[side][~whole] = squashed(self.small(pairs[~whole, side]))
        return grey, whole

    def _same_stored(self, a: int, b: int) -> bool:
        """Whether the stored pixels, of pictures that no larger ones are known of, are equal."""
        pictures: Pixels = self.small(np.array([a, b]))
        return self.contents[a] is None and bool((pictures[0] == pictures[1]).all())


def likeness_of(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], inner: hints.Floats, other: hints.Floats
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """How alike pictures (n, SIDE, SIDE) are at the best turn, and what 30% of their blocks stay below: (n,), 0 to 1.

    0 where their parts differ much, and where they show straight edges alone. `inner` and `other` (n, 4) are what lies
    within the borders of each.
    """
    parts, shown = (parts_of(_smaller(one), own) for one, own in ((a, inner), (b, other)))
    told = [hints.compared(parts, hints.parts_turned(shown, turn)) for turn in range(TURNS)]
    scores, hows = np.stack([score for score, _ in told]), np.stack([how for _, how in told])
    best, lower = np.zeros((2, len(a)), np.float32)
    everyone = np.arange(len(a))
    for turns in np.argsort(-scores, axis=0, kind="stable")[:TURNS_TRIED]:
        some = np.flatnonzero((scores[turns, everyone] >= LIKELY) & (best < COPY))
        if not len(some):
            continue
        from lookalike.review.likeness import alike  # brings in PyTorch

        shown_as, without = _turned_each(b[some], other[some], turns[some])
        found = alike(*_laid_out(a[some], shown_as, hows[turns[some], some], inner[some], without))
        better = (found.likeness > best[some]) & (found.pinned >= LEAST_PINNED)
        best[some[better]], lower[some[better]] = found.likeness[better], found.lower[better]
    return best, lower


def _turned_each(
    pictures: npt.NDArray[np.uint8], parts: hints.Floats, turns: Ids
) -> tuple[npt.NDArray[np.uint8], hints.Floats]:
    """Pictures (n, SIDE, SIDE), each by a turn of its own, and where parts (n, 4) of them lie then."""
    shown, lie = np.empty_like(pictures), np.empty_like(parts)
    for turn in np.unique(turns).tolist():
        some = turns == turn
        shown[some], lie[some] = turned(pictures[some], turn), hints.turned_parts(parts[some], turn)
    return shown, lie


def scene_likeness(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """As `likeness_of`, upright and with looser gates: shots of one scene differ in place, light, and what moves."""
    scores, how = hints.compared(parts_of(_smaller(a)), parts_of(_smaller(b)))
    found = np.zeros(len(a), np.float32)
    whole = np.tile(np.array(hints.WHOLE, np.float32), (len(a), 1))
    some = np.flatnonzero(scores >= SCENE_LIKELY)
    if not len(some):
        return found
    from lookalike.review.likeness import alike  # brings in PyTorch

    laid = _laid_out(a[some], b[some], how[some], whole[some], whole[some])
    found[some] = alike(*laid, hopeless=SCENE_HOPELESS).likeness
    return found


def colours_apart(a: Pixels, b: Pixels) -> npt.NDArray[np.float64]:
    """How much pictures (n, H, W, C) differ in colour, light left out: (n,); the median over 4 x 4 places."""
    ratios = []
    for pictures in (a, b):
        places = pictures.astype(np.float64)
        for axis in (1, 2):
            edges = np.linspace(0, places.shape[axis], min(PLACES, places.shape[axis]), endpoint=False).astype(int)
            lengths = np.diff([*edges, places.shape[axis]]).reshape([-1 if one == axis else 1 for one in range(4)])
            places = np.add.reduceat(places, edges, axis=axis) / lengths
        places += DARK
        colours = places if pictures.shape[3] == 3 else np.repeat(places, 3, axis=3)
        ratios.append(np.log(colours[..., [0, 2]] / colours[..., [1]]))
    apart: npt.NDArray[np.float64] = np.median(np.abs(ratios[0] - ratios[1]).mean(3).reshape(len(a), -1), axis=1)
    return apart


def _smaller(grey: npt.NDArray[np.uint8]) -> hints.Floats:
    """(n, SIDE, SIDE) -> (n, HINTED, HINTED), by means: of whole numbers, in a tenth of the time that `mean` takes."""
    step = SIDE // HINTED
    rows = sum((grey[:, row::step] for row in range(1, step)), start=grey[:, ::step].astype(np.uint16))
    total = sum((rows[:, :, column::step] for column in range(1, step)), start=rows[:, :, ::step])
    return total.astype(np.float32) / np.float32(step * step)


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
