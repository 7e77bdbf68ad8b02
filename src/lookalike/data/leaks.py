"""Pictures that are in two sets at once, pixel for pixel: what a model is tested on it must not have learned from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.images import ImageSet, Pixels

_BYTES_AT_ONCE = 1 << 24
_SEED = 0x1EA4


class Leak(NamedTuple):
    """A test picture, and the training picture that it is a copy of."""

    test: str
    training: str


def leaks_between(training: ImageSet, test: ImageSet) -> list[Leak]:
    """Test pictures whose framed pixels are those of a training picture, in their order, with the first such.

    Files of the same bytes, and of the same picture in another container, are among them. Changed copies are not: on
    small pictures these cannot be told in little time from others that are alike.
    """
    if training.pixels.shape[1:] != test.pixels.shape[1:]:
        return []
    known, asked = _keys(training.pixels), _keys(test.pixels)
    order = np.argsort(known, kind="stable")
    first = np.searchsorted(known[order], asked, side="left")
    last = np.searchsorted(known[order], asked, side="right")
    found = []
    for place in np.flatnonzero(last > first):
        same = order[first[place] : last[place]]
        is_same = (number for number in same if np.array_equal(training.pixels[number], test.pixels[place]))
        if (number := next(is_same, None)) is not None:
            found.append(Leak(test.names[place], training.names[number]))
    return found


def _keys(pixels: Pixels) -> npt.NDArray[np.uint64]:
    """A number for each picture (N, H, W, C), the same for the same pixels: words times fixed odd numbers, mod 2^64.

    Others seldom share it, and are compared. A digest of each costs ten times as much.
    """
    count, size = len(pixels), int(np.prod(pixels.shape[1:]))
    words = -(-size // 8)
    weights = np.random.default_rng(_SEED).integers(0, 2**64, words, np.uint64) | np.uint64(1)
    found = np.empty(count, np.uint64)
    step = max(1, _BYTES_AT_ONCE // (8 * words))
    for start in range(0, count, step):
        some = pixels[start : start + step]
        padded = np.zeros((len(some), 8 * words), np.uint8)
        padded[:, :size] = some.reshape(len(some), -1)
        found[start : start + step] = (padded.view(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
    return found
