"""Resizing stacks of pictures with OpenCV's bilinear interpolation, to the last bit, without OpenCV."""

from __future__ import annotations

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


def resize_bilinear(pictures: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (N, h, w, C) uint8 to (N, H, W, C) uint8 with `size` = (H, W).

    Equal to `cv2.resize(picture, (W, H))` of each picture: two taps an axis, half-pixel centres, no antialiasing
    (so reduce large pictures first). The fixed-point arithmetic is that of OpenCV's imgproc/src/resize.cpp.
    Pictures go through in stacks of 64, which stay in a processor's cache.
    """
    if pictures.shape[1:3] == size:
        return pictures
    count, _, _, channels = pictures.shape
    resized = np.empty((count, *size, channels), np.uint8)
    for start in range(0, count, 64):
        resized[start : start + 64] = _resize_stack(pictures[start : start + 64], size)
    return resized


def _resize_stack(pictures: Pixels, size: tuple[int, int]) -> Pixels:
    count, height, width, channels = pictures.shape
    plan = _plan((height, width), size, channels)
    used = np.take(pictures.reshape(count, height, width * channels), plan.rows, axis=1, mode="clip")
    used = used.reshape(-1, width * channels)

    left = np.take(used, plan.left, axis=1, mode="clip").astype(np.int32)
    right = np.take(used, plan.right, axis=1, mode="clip").astype(np.int32)
    left *= plan.left_weight
    right *= plan.right_weight
    left += right
    left >>= 4
    across = left.reshape(count, len(plan.rows), -1)

    upper = np.take(across, plan.upper, axis=1, mode="clip")
    upper *= plan.upper_weight
    upper >>= 16
    lower = np.take(across, plan.lower, axis=1, mode="clip")
    lower *= plan.lower_weight
    lower >>= 16
    upper += lower
    upper += 2
    upper >>= 2
    return upper.astype(np.uint8).reshape(count, *size, channels)
