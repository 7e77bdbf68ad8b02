"""A face found anywhere comes to lie as the faces of Labeled Faces in the Wild do."""

from __future__ import annotations

import numpy as np

from lookalike.data.faces.contract import Coordinates
from lookalike.data.images import Pixels

SIDE = 250
"""Pixels of LFW's square pictures."""
POINTS: Coordinates = np.array([[104.5, 112.9], [146.5, 112.0], [125.8, 137.1], [107.8, 158.9], [144.9, 158.2]])
"""Where the five points of the faces of deep-funneled LFW lie: means over its training split (see docs/faces.md)."""


def similarity(points: Coordinates, places: Coordinates) -> Coordinates:
    """The turn, scale and shift (no mirroring) that brings points (n, 2) closest to places (n, 2): (2, 3).

    Least squares. As complex numbers z -> a z + b, where a and b are those of a regression line.
    """
    z, w = points @ (1, 1j), places @ (1, 1j)
    centred = z - z.mean()
    a = np.vdot(centred, w) / np.vdot(centred, centred).real
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(photo: Pixels, points: Coordinates, *, crop: int = 0, scale: float = 1.0) -> Pixels:
    """A face's five points (5, 2) brought to LFW's: the frame of 250 x 250, less `crop` pixels on each side.

    With `scale` 2, twice as many pixels each way show the same part. Where there are more pixels in the photo than are
    asked for, they are averaged; beyond the photo's edge its outermost pixels are repeated.

    Returns:
        (n, n, 3) uint8 RGB, n = round(scale * (250 - 2 crop)).
    """
    import cv2

    matrix = similarity(points, POINTS)
    matrix[:, 2] -= crop
    matrix *= scale
    side = round(scale * (SIDE - 2 * crop))
    part, offset, factors = _reduced(photo, matrix, side)
    # from the part's pixels to the frame's; OpenCV counts from the first pixel's centre, we from its edge
    linear = matrix[:, :2] / factors
    shift = matrix[:, :2] @ offset + matrix[:, 2] + linear @ (0.5, 0.5) - 0.5
    to_frame = np.column_stack([linear, shift])
    placed = cv2.warpAffine(part, to_frame, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(placed, np.uint8)


def _reduced(photo: Pixels, matrix: Coordinates, side: int) -> tuple[Pixels, Coordinates, Coordinates]:
    """The part of the photo that is seen in the frame, averaged down to the frame's scale.

    Returns:
        The part, the x and y where it begins in the photo, and by what its axes were scaled.
    """
    import cv2

    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]])
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    scale = float(np.hypot(*matrix[:, 0]))
    margin = 4 / min(scale, 1.0)
    limits = np.array(photo.shape[1::-1])
    # at least one pixel, where the frame lies outside the photo
    start = np.clip(np.floor(seen.min(axis=0) - margin), 0, limits - 1).astype(int)
    stop = np.maximum(np.clip(np.ceil(seen.max(axis=0) + margin), 0, limits).astype(int), start + 1)
    part = np.ascontiguousarray(photo[start[1] : stop[1], start[0] : stop[0]])
    if scale >= 1:
        return part, start.astype(float), np.ones(2)
    size = np.maximum(np.rint((stop - start) * scale), 1)
    reduced = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8), start.astype(float), size / (stop - start)
