"""Which pictures may be copies of one another: found by codes, told apart from most others by small pictures.

A gallery's codes change under a mirror, a turn, a border and a cut, so that each of these is searched for by a code
of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels
from lookalike.data.resize import resize_bilinear
from lookalike.review import hints
from lookalike.review.hints import TURNS, Ids, luma, parts_of, turned, without_borders

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
_AT_ONCE = 1024

Nearest = Callable[[npt.NDArray[np.float32], int], tuple[Ids, npt.NDArray[np.float32]]]
"""Places (n, k) and distances of the pictures nearest to codes (n, K), -1 where there are no more."""
Encode = Callable[[Pixels], npt.NDArray[np.float32]]


def askings(pictures: Pixels, *, middles: bool = False) -> Iterator[tuple[Ids, Pixels]]:
    """Every picture (n, H, W, C) as its copy may look: the places of those that are changed so, and how they are then.

    As they are first; mirrored and turned; cut closer; with `middles` cut along one side, and brought to their own
    size; without their borders, where they have such.
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
    inside = [hints.without_border(one) for one in grey]
    bordered = np.array([place for place, part in enumerate(inside) if part != hints.WHOLE], np.int64)
    if len(bordered):
        yield bordered, np.stack([_cut(pictures[place], inside[place]) for place in bordered])


def _cut(picture: Pixels, part: hints.Rectangle) -> Pixels:
    height, width = picture.shape[:2]
    rows = slice(round(part[1] * height), max(round(part[3] * height), round(part[1] * height) + 1))
    columns = slice(round(part[0] * width), max(round(part[2] * width), round(part[0] * width) + 1))
    cut: Pixels = resize_bilinear(np.ascontiguousarray(picture[rows, columns])[None], (height, width))[0]
    return cut


class Candidates:
    """Pairs of pictures that may be copies.

    Args:
        encode: makes codes of pictures.
        nearest: finds the stored ones near to a code.
        threshold: the distance beyond which no copy is looked for.
        pictures: gives stored pictures (n, H, W, C) by their places.
        count: of stored pictures.
        likely: how alike small pictures are at least.
        middles: whether the middle squares of pictures are what is stored.
    """

    def __init__(
        self,
        encode: Encode,
        nearest: Nearest,
        threshold: float,
        pictures: Callable[[Ids], Pixels],
        count: int,
        likely: float = LIKELY,
        middles: bool = False,
    ) -> None:
        self.encode = encode
        self.nearest = nearest
        self.threshold = threshold
        self.pictures = pictures
        self.likely = likely
        self.middles = middles
        shape = (count, len(hints.PARTS) + 1, hints.SIDE**2)
        with tempfile.TemporaryFile() as file:  # which lasts as long as it is mapped: 5 KB a picture
            self.parts = np.memmap(file, np.float16, "w+", shape=shape)
        for start in range(0, count, _AT_ONCE):
            grey = luma(pictures(np.arange(start, min(start + _AT_ONCE, count))))
            self.parts[start : start + _AT_ONCE] = parts_of(grey, without_borders(grey))

    def of(self, asked: Callable[[Ids], Pixels], count: int, k: int = NEIGHBOURS) -> Iterator[Ids]:
        """Pairs (n, 2) of places: of `count` pictures that are asked about, and of stored ones.

        For each that is asked about at most `k`, those whose small pictures are most alike.
        """
        for start in range(0, count, _AT_ONCE):
            places = np.arange(start, min(start + _AT_ONCE, count))
            shown_as = askings(asked(places), middles=self.middles)
            near = [self._near(places[some], shown, min(k, len(self.parts))) for some, shown in shown_as]
            pairs = np.concatenate([one for one, _ in near])
            yield _most_alike(pairs, np.concatenate([scores for _, scores in near]), k + 1)

    def _near(self, asked: Ids, shown: Pixels, k: int) -> tuple[Ids, hints.Floats]:
        """Pairs within the threshold that may be copies, and how alike their small pictures are."""
        found, distances = self.nearest(self.encode(shown), k)
        row, column = np.nonzero((found >= 0) & (distances <= self.threshold))
        pairs = np.stack([asked[row], found[row, column]], axis=1)
        parts = parts_of(luma(shown))
        scores = np.empty(len(row), np.float32)
        for start in range(0, len(row), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            scores[some] = hints.compared(self.parts[pairs[some, 1]], parts[row[some]])[0]
        return pairs[scores >= self.likely], scores[scores >= self.likely]


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
