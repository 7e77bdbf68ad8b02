"""Resizing stacks of pictures with OpenCV's bilinear interpolation, to the last bit, without OpenCV."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels

# OpenCV's weights for uint8 are 11-bit fixed point (INTER_RESIZE_COEF_BITS in imgproc's resize.cpp).
_ONE = 1 << 11


class _Taps(NamedTuple):
    """For each target pixel of one axis: its two source pixels and their weights, 0 to 2048."""

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    first_weight: npt.NDArray[np.int32]
    second_weight: npt.NDArray[np.int32]


def _taps(source: int, target: int, *, edges_whole: bool) -> _Taps:
    """Half-pixel centres, two taps, edges repeated; positions in float32 and weights rounded as in OpenCV.

    Beyond an edge both taps are the edge pixel. OpenCV gives all weight to one of them across columns
    (`edges_whole`), but not across rows, and the rounding shows it.
    """
    position = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    first = np.floor(position)
    share = position - first
    if edges_whole:
        share[(first < 0) | (first >= source - 1)] = 0
    index = first.astype(np.intp)
    return _Taps(
        index.clip(0, source - 1),
        (index + 1).clip(0, source - 1),
        np.rint((np.float32(1) - share) * np.float32(_ONE)).astype(np.int32),
        np.rint(share * np.float32(_ONE)).astype(np.int32),
    )


class _Plan(NamedTuple):
    """What depends on the sizes alone. Only source rows that some target row uses are ever touched."""

    rows: npt.NDArray[np.intp]
    upper: npt.NDArray[np.intp]
    lower: npt.NDArray[np.intp]
    upper_weight: npt.NDArray[np.int32]
    lower_weight: npt.NDArray[np.int32]
    left: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]
    left_weight: npt.NDArray[np.int32]
    right_weight: npt.NDArray[np.int32]


@lru_cache(maxsize=64)
def _plan(source: tuple[int, int], target: tuple[int, int], channels: int) -> _Plan:
    rows = _taps(source[0], target[0], edges_whole=False)
    columns = _taps(source[1], target[1], edges_whole=True)
    used = np.unique(np.concatenate([rows.first, rows.second]))
    channel = np.arange(channels)
    return _Plan(
        used,
        np.searchsorted(used, rows.first),
        np.searchsorted(used, rows.second),
        rows.first_weight[:, None],
        rows.second_weight[:, None],
        (columns.first[:, None] * channels + channel).ravel(),
        (columns.second[:, None] * channels + channel).ravel(),
        np.repeat(columns.first_weight, channels),
        np.repeat(columns.second_weight, channels),
    )


_STACK = 64
"""Pictures that are resized together: their intermediate values stay in a processor's cache."""
_MOST_SCRATCH = 1 << 27
"""Bytes of these values; of pictures that are very wide, fewer are resized together."""


class _Scratch:
    """Memory for a stack's intermediate values, kept by each thread: new memory costs as much as the arithmetic."""

    def __init__(self, plan: _Plan, source_width: int, target_height: int) -> None:
        rows, columns = len(plan.rows), len(plan.left)
        self.plan = plan
        each = rows * (source_width + 9 * columns) + 8 * target_height * columns
        self.stack = stack = max(1, min(_STACK, _MOST_SCRATCH // each))
        self.used = np.empty((stack, rows, source_width), np.uint8)
        self.taken = np.empty((stack * rows, columns), np.uint8)
        self.across = np.empty((stack * rows, columns), np.int32)
        self.beside = np.empty((stack * rows, columns), np.int32)
        self.upper = np.empty((stack, target_height, columns), np.int32)
        self.lower = np.empty((stack, target_height, columns), np.int32)


_kept = threading.local()


def resize_bilinear(pictures: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (N, h, w, C) uint8 to (N, H, W, C) uint8 with `size` = (H, W).

    Equal to `cv2.resize(picture, (W, H))` of each picture: two taps an axis, half-pixel centres, no antialiasing
    (so reduce large pictures first). The fixed-point arithmetic is that of OpenCV's imgproc/src/resize.cpp.
    """
    if pictures.shape[1:3] == size:
        return pictures
    count, height, width, channels = pictures.shape
    plan = _plan((height, width), size, channels)
    scratch: _Scratch | None = getattr(_kept, "scratch", None)
    if scratch is None or scratch.plan is not plan:
        scratch = _kept.scratch = _Scratch(plan, width * channels, size[0])
    flat = pictures.reshape(count, height, width * channels)
    resized = np.empty((count, size[0], size[1] * channels), np.uint8)
    for start in range(0, count, scratch.stack):
        several = slice(start, start + scratch.stack)
        _resize_stack(flat[several], scratch, resized[several])
    return resized.reshape(count, *size, channels)


def _resize_stack(pictures: Pixels, scratch: _Scratch, resized: Pixels) -> None:
    """From (n, h, w C) to (n, H, W C), first across, then down."""
    plan, count, rows = scratch.plan, len(pictures), len(scratch.plan.rows)
    used = np.take(pictures, plan.rows, axis=1, out=scratch.used[:count], mode="clip").reshape(count * rows, -1)

    taken, across, beside = (array[: count * rows] for array in (scratch.taken, scratch.across, scratch.beside))
    np.multiply(np.take(used, plan.left, axis=1, out=taken, mode="clip"), plan.left_weight, out=across)
    np.multiply(np.take(used, plan.right, axis=1, out=taken, mode="clip"), plan.right_weight, out=beside)
    across += beside
    across >>= 4

    across = across.reshape(count, rows, -1)
    upper = np.take(across, plan.upper, axis=1, out=scratch.upper[:count], mode="clip")
    upper *= plan.upper_weight
    upper >>= 16
    lower = np.take(across, plan.lower, axis=1, out=scratch.lower[:count], mode="clip")
    lower *= plan.lower_weight
    lower >>= 16
    upper += lower
    upper += 2
    upper >>= 2
    np.copyto(resized, upper, casting="unsafe")
