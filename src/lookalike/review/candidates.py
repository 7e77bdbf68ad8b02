"""Which pictures may be copies of one another: found by codes, told apart from most others by small pictures.

A gallery's codes change under a mirror, a turn, a border and a cut, so that each of these is searched for by a code
of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels
from lookalike.data.resize import resize_bilinear
from lookalike.review import hints
from lookalike.review.hints import PACKED, TURNS, Ids, luma, packed, parts_of, turned, without_borders

NEIGHBOURS = 12
"""Nearest pictures that each code names."""
LIKELY = 0.85
"""Correlation of the best parts of two small pictures, below which a pair is not looked at further."""
CLOSER: tuple[hints.Rectangle, ...] = (
    (0.05, 0.05, 0.95, 0.95),
    *((x, y, x + 0.9, y + 0.9) for x in (0.0, 0.1) for y in (0.0, 0.1)),
)
"""Parts that a picture is searched for by too, since its copy may have been cut: its middle, and its corners."""
MIDDLES: tuple[hints.Rectangle, ...] = ((0.15, 0.0, 0.85, 1.0), (0.0, 0.15, 1.0, 0.85))
"""What the middle square shows of pictures of 4:3 and 3:2. Where pictures are framed so, what was brought to equal
sides is searched for by that part, which is all that is seen of the picture it was made of."""
COLOURED = 8
"""Levels of 255 that a channel is from the luma in pictures that are searched for without colours too."""
_AT_ONCE = 1024

Nearest = Callable[[npt.NDArray[np.float32], int], tuple[Ids, npt.NDArray[np.float32]]]
"""Places (n, k) and distances of the pictures nearest to codes (n, K), -1 where there are no more."""
Encode = Callable[[Pixels], npt.NDArray[np.float32]]


def askings(pictures: Pixels, *, middles: bool = False) -> Iterator[tuple[Ids, Pixels]]:
    """Every picture (n, H, W, C) as its copy may look: the places of those that are changed so, and how they are then.

    As they are first; mirrored and turned; cut closer; with `middles` cut along one side, and brought to their own
    size; without colours and without their borders, where they have such.
    """
    everywhere = np.arange(len(pictures), dtype=np.int64)
    height, width = pictures.shape[1:3]
    for turn in range(TURNS):
        if turn % 2 == 0 or height == width:
            yield everywhere, turned(pictures, turn)
    for left, top, right, bottom in (*CLOSER, *(MIDDLES if middles else ())):
        rows = slice(round(top * height), round(bottom * height))
        columns = slice(round(left * width), round(right * width))
        if rows.stop - rows.start < height or columns.stop - columns.start < width:
            yield everywhere, resize_bilinear(np.ascontiguousarray(pictures[:, rows, columns]), (height, width))
    grey = luma(pictures)
    if pictures.shape[3] == 3:
        level = np.rint(grey).astype(np.uint8)[..., None]
        coloured = np.flatnonzero((np.abs(pictures - level.astype(np.int16)) > COLOURED).any(axis=(1, 2, 3)))
        if len(coloured):
            yield coloured, np.repeat(level[coloured], 3, axis=3)
    inside = without_borders(grey)
    bordered = np.flatnonzero((inside != np.array(hints.WHOLE, np.float32)).any(axis=1))
    if len(bordered):
        yield bordered, np.stack([_cut(pictures[place], inside[place]) for place in bordered])


def _cut(picture: Pixels, part: hints.Floats) -> Pixels:
    height, width = picture.shape[:2]
    left, top, right, bottom = part.tolist()
    rows = slice(round(top * height), max(round(bottom * height), round(top * height) + 1))
    columns = slice(round(left * width), max(round(right * width), round(left * width) + 1))
    cut: Pixels = resize_bilinear(np.ascontiguousarray(picture[rows, columns])[None], (height, width))[0]
    return cut


class Gate(NamedTuple):
    """What a pair has to be to be looked at.

    Attributes:
        distance: of the codes, beyond which no copy is looked for.
        likely: how alike small pictures are at least.
    """

    distance: float
    likely: float


class Candidates:
    """Pairs of pictures that may be copies.

    Args:
        encode: makes codes of pictures.
        nearest: finds the stored ones near to a code.
        pictures: gives stored pictures (n, H, W, C) by their places.
        count: of stored pictures.
        middles: whether the middle squares of pictures are what is stored.
    """

    def __init__(
        self,
        encode: Encode,
        nearest: Nearest,
        pictures: Callable[[Ids], Pixels],
        count: int,
        middles: bool = False,
    ) -> None:
        self.encode = encode
        self.nearest = nearest
        self.pictures = pictures
        self.middles = middles
        shape = (count, len(hints.PARTS) + 1, hints.SIDE**2)
        with tempfile.TemporaryFile() as file:  # which lasts as long as it is mapped: 5 KB a picture
            self.parts = np.memmap(file, np.int16, "w+", shape=shape)
        for start in range(0, count, _AT_ONCE):
            grey = luma(pictures(np.arange(start, min(start + _AT_ONCE, count))))
            self.parts[start : start + _AT_ONCE] = packed(parts_of(grey, without_borders(grey)))

    def of(
        self, asked: Callable[[Ids], Pixels], count: int, gates: Sequence[Gate], k: int = NEIGHBOURS
    ) -> Iterator[list[Ids]]:
        """Pairs (n, 2) of places, for each gate: of `count` pictures that are asked about, and of stored ones.

        For each that is asked about at most `k`, those whose small pictures are most alike.
        """
        widest = Gate(max(gate.distance for gate in gates), min(gate.likely for gate in gates))
        for start in range(0, count, _AT_ONCE):
            places = np.arange(start, min(start + _AT_ONCE, count))
            shown_as = askings(asked(places), middles=self.middles)
            near = [self._near(places[some], shown, min(k, len(self.parts)), widest) for some, shown in shown_as]
            pairs, apart, scores = (np.concatenate(one) for one in zip(*near, strict=True))
            passes = [(apart <= gate.distance) & (scores >= gate.likely) for gate in gates]
            yield [_most_alike(pairs[some], scores[some], k + 1) for some in passes]

    def _near(self, asked: Ids, shown: Pixels, k: int, gate: Gate) -> tuple[Ids, hints.Floats, hints.Floats]:
        """Pairs that pass a gate, how far their codes are apart, and how alike their small pictures are."""
        found, distances = self.nearest(self.encode(shown), k)
        row, column = np.nonzero((found >= 0) & (distances <= gate.distance))
        pairs = np.stack([asked[row], found[row, column]], axis=1)
        some, among = np.unique(row, return_inverse=True)
        parts = parts_of(luma(shown[some])) / np.float32(PACKED)  # once, not for each of their pairs
        scores = np.empty(len(row), np.float32)
        for start in range(0, len(row), _AT_ONCE):
            block = slice(start, start + _AT_ONCE)
            stored = self.parts[pairs[block, 1]].astype(np.float32)
            scores[block] = hints.compared(stored, parts[among[block]])[0]
        passes = scores >= gate.likely
        return pairs[passes], distances[row, column][passes], scores[passes]


def _most_alike(pairs: Ids, scores: hints.Floats, k: int) -> Ids:
    """Each pair once, at most `k` of one first picture."""
    order = np.argsort(-scores, kind="stable")
    _, first = np.unique(pairs[order], axis=0, return_index=True)
    pairs = pairs[order[np.sort(first)]]
    by_picture = np.argsort(pairs[:, 0], kind="stable")
    pairs = pairs[by_picture]
    _, starts, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    rank = np.arange(len(pairs)) - np.repeat(starts, counts)
    kept: Ids = pairs[rank < k]
    return kept
