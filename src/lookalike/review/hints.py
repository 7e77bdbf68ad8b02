"""Where one small picture may lie in another: a few likely parts of each, compared by one product a pair.

It costs microseconds, tells `alignment` where to begin, and leaves out pairs that cannot be copies.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Level = TypeVar("Level", np.uint8, np.float32)
Rectangle = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the sides."""

SIDE = 12
"""Of what a part is brought to."""
FLAT = 4.0
"""Levels of 255: rows and columns at an edge that vary by less from the outermost are a border."""
WIDEST_BORDER = 0.3
LEAST_DEVIATION = 1.0
PACKED = 32767
"""What 1 is as an int16."""


def _grid(zoom: float, count: int) -> list[Rectangle]:
    starts = [(1 - zoom) * step / (count - 1) for step in range(count)]
    return [(x, y, x + zoom, y + zoom) for y in starts for x in starts]


WHOLE: Rectangle = (0.0, 0.0, 1.0, 1.0)
PARTS: tuple[Rectangle, ...] = (WHOLE, *_grid(0.9, 3), *_grid(0.75, 2), (0.1, 0.1, 0.9, 0.9))
"""The whole first; what is left when a border is taken off comes after them, a picture's own."""
TURNS = 8
"""Quarter turns, and these of the mirrored picture."""


def turned(pictures: npt.NDArray[Level], turn: int) -> npt.NDArray[Level]:
    """(n, H, W, ...) mirrored left to right where `turn` is 4 or more, then turned by `turn % 4` quarters."""
    return np.ascontiguousarray(turned_view(pictures, turn))


def turned_view(pictures: npt.NDArray[Level], turn: int) -> npt.NDArray[Level]:
    """As `turned`, of which nothing is copied."""
    flipped = pictures[:, :, ::-1] if turn >= 4 else pictures
    return np.rot90(flipped, turn % 4, (1, 2))


def luma(pictures: npt.NDArray[np.uint8]) -> Floats:
    """(n, H, W, C) of 1 or 3 channels -> (n, H, W), 0 to 255."""
    if pictures.shape[3] == 1:
        return pictures[..., 0].astype(np.float32)
    grey: Floats = pictures.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey


def without_border(grey: Floats) -> Rectangle:
    """The rectangle within a picture's border of one colour, the whole where it has none: (H, W), 0 to 255."""
    top, bottom = _border(grey), _border(grey[::-1])
    left, right = _border(grey.T), _border(grey.T[::-1])
    return left, top, 1 - right, 1 - bottom


def _border(rows: Floats) -> float:
    """The share of the first rows that are as the outermost one."""
    colour = float(np.median(rows[0]))
    is_border = np.abs(rows - colour).max(axis=1) <= FLAT
    if not is_border[0]:
        return 0.0
    count = len(rows) if is_border.all() else int(np.argmin(is_border))
    return count / len(rows) if count / len(rows) <= WIDEST_BORDER else 0.0


def parts_of(grey: Floats, inner: Floats | None = None) -> Floats:
    """Every part of pictures (n, H, W), of unit length: (n, parts, SIDE * SIDE).

    The last is what lies within a border, `inner` (n, 4); None takes them to have none.
    """
    found = np.empty((len(grey), len(PARTS) + 1, SIDE * SIDE), np.float32)
    height, width = grey.shape[1:]
    bands = {span: _weights(span[0], span[1], height) @ grey for span in {part[1::2] for part in PARTS}}
    for number, (left, top, right, bottom) in enumerate(PARTS):
        # as one product, which is quicker than one for each picture
        across = bands[top, bottom].reshape(-1, width) @ _weights(left, right, width).T
        found[:, number] = _unit(across.reshape(-1, SIDE, SIDE))
    found[:, -1] = found[:, 0]
    if inner is not None:
        for place in np.flatnonzero((inner != np.array(WHOLE, np.float32)).any(axis=1)):
            found[place, -1] = _unit(_shrunk(grey[place : place + 1], inner[place]))[0]
    return found


def without_borders(grey: Floats) -> Floats:
    """`without_border` of pictures (n, H, W): (n, 4)."""
    found = np.tile(np.array(WHOLE, np.float32), (len(grey), 1))
    edges = grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]
    may_be = np.any([np.ptp(edge, axis=1) <= 2 * FLAT for edge in edges], axis=0)  # most pictures have none
    for place in np.flatnonzero(may_be):
        found[place] = without_border(grey[place])
    return found


def parts_turned(parts: npt.NDArray[Level], turn: int) -> npt.NDArray[Level]:
    """What `parts_of` gives of `turned` pictures, up to rounding, made of what it gave of these pictures."""
    places = np.append(_places(turn), len(PARTS))  # the last is a picture's own
    return turned(parts.reshape(-1, SIDE, SIDE), turn).reshape(parts.shape)[:, places]


@lru_cache(maxsize=TURNS)
def _places(turn: int) -> Ids:
    """For each of `PARTS` of a turned picture, which of them it was before."""
    before = turned_parts(np.array(PARTS, np.float32), turn)
    apart = np.abs(before[None] - np.array(PARTS, np.float32)[:, None]).max(axis=2)
    places: Ids = apart.argmin(axis=1)
    return places


def turned_parts(parts: Floats, turn: int) -> Floats:
    """Where parts (n, 4) of pictures lie when these are `turned`."""
    left, top, right, bottom = np.asarray(parts, np.float32).T
    if turn >= 4:
        left, right = 1 - right, 1 - left
    for _ in range(turn % 4):
        left, top, right, bottom = top, 1 - right, bottom, 1 - left
    return np.stack([left, top, right, bottom], axis=1)


def _shrunk(grey: Floats, part: npt.ArrayLike) -> Floats:
    """A part of pictures (n, H, W), by the mean over each of SIDE x SIDE pieces."""
    left, top, right, bottom = np.asarray(part, np.float64).tolist()
    rows, columns = _weights(top, bottom, grey.shape[1]), _weights(left, right, grey.shape[2])
    return np.asarray(rows @ grey @ columns.T, np.float32)


@lru_cache(maxsize=256)
def _weights(start: float, stop: float, length: int) -> Floats:
    """(SIDE, length): the mean over each of SIDE equal pieces of a span, given by shares of the length."""
    edges = np.linspace(start * length, stop * length, SIDE + 1)
    cells = np.arange(length)
    covered = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    covered = np.maximum(covered, 0)
    weights: Floats = (covered / covered.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def _unit(parts: npt.NDArray[np.floating]) -> Floats:
    flat = parts.reshape(len(parts), SIDE * SIDE)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
    return np.where(length > LEAST_DEVIATION * SIDE, flat / np.maximum(length, 1e-6), 0).astype(np.float32)


def packed(parts: Floats) -> npt.NDArray[np.int16]:
    """Parts in half the room: halves of float32 would be as small, and take ten times as long to become float32."""
    return np.rint(parts * PACKED).astype(np.int16)


def compared(a: Floats, b: Floats) -> tuple[Floats, Ids]:
    """How alike pairs of pictures (n, parts, SIDE * SIDE) are at best, -1 to 1, and how: (n,) each.

    The second is the part of `a` that is most like all of `b`; or, from `len(PARTS) + 1` on, the part of `b`
    that is most like all of `a`.
    """
    scores = np.concatenate([np.einsum("nps,ns->np", a, b[:, 0]), np.einsum("nps,ns->np", b, a[:, 0])], axis=1)
    # Two borders may be there at once.
    both = np.einsum("ns,ns->n", a[:, -1], b[:, -1])
    best = scores.argmax(axis=1)
    return np.maximum(scores.max(axis=1), both), best.astype(np.int64)
