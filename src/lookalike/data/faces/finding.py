"""Every face of a photo, largest first, whatever the photo's size and whichever way up it is."""

from __future__ import annotations

import numpy as np

from lookalike.data.faces.contract import Coordinates, Detector, Face
from lookalike.data.images import Pixels

LONGEST = 1600
"""Pixels of a photo's longer side at which faces are looked for; they are cut out of the photo as it came."""
_TURNED_LONGEST = 800
"""The same for a photo that has to be turned: who is on such a one is seldom small, and it is looked at three times."""
_SAME = 0.4
"""Boxes that overlap by more of their union are one face."""


def find_faces(photo: Pixels, detector: Detector) -> list[Face]:
    """The faces of a photo (H, W, 3) uint8 RGB, largest first, in the photo's own pixels.

    Where none is found that its detector is `sure` of, the photo is looked at upside down and on either side as well,
    and the way up that shows the surest face counts.
    """
    small, scale = _shrunk(photo, LONGEST)
    faces = [face.scaled(scale) for face in detector(small)]
    if surest(faces) < detector.sure:
        small, scale = _shrunk(photo, _TURNED_LONGEST)
        ways = [
            [face.scaled(scale) for face in on_turned(small, quarters, detector, detector.sure)]
            for quarters in (2, 1, 3)
        ]
        faces = max(faces, *ways, key=surest)
    return distinct(faces)


def on_turned(photo: Pixels, quarters: int, detector: Detector, least: float) -> list[Face]:
    """What is found with a score of at least that on the photo turned by so many quarters against the clock."""
    found = detector(np.ascontiguousarray(np.rot90(photo, quarters)))
    height, width = photo.shape[:2]
    return [_turned_back(face, quarters, (height, width)) for face in found if face.score >= least]


def surest(faces: list[Face]) -> float:
    """The highest score, 0 where there is none."""
    return max((face.score for face in faces), default=0.0)


def _shrunk(photo: Pixels, longest: int) -> tuple[Pixels, float]:
    """The photo with at most `longest` pixels a side, and by what its coordinates come back."""
    factor = max(photo.shape[:2]) / longest
    if factor <= 1:
        return photo, 1.0
    import cv2

    size = (max(round(photo.shape[1] / factor), 1), max(round(photo.shape[0] / factor), 1))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def _turned_back(face: Face, quarters: int, shape: tuple[int, int]) -> Face:
    """A face of the photo turned by so many quarters against the clock, in the photo of `shape` as it was."""
    box = np.array(face.box).reshape(2, 2)
    corners = _point_turned_back(box, quarters, shape)
    left, top = corners.min(axis=0).tolist()
    right, bottom = corners.max(axis=0).tolist()
    return Face((left, top, right, bottom), _point_turned_back(face.points, quarters, shape), face.score)


def _point_turned_back(points: Coordinates, quarters: int, shape: tuple[int, int]) -> Coordinates:
    height, width = shape
    x, y = points.T
    if quarters == 1:  # its first row was the last column
        return np.stack([width - y, x], axis=1)
    if quarters == 2:
        return np.stack([width - x, height - y], axis=1)
    return np.stack([y, height - x], axis=1)


def distinct(faces: list[Face]) -> list[Face]:
    """One for each face where several overlap: the surest."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda one: -one.score):
        if face.area > 0 and all(_overlap(face, other) <= _SAME for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda one: (-one.area, one.box))


def _overlap(one: Face, other: Face) -> float:
    """What two boxes have in common, as a share of both together."""
    starts, ends = np.maximum(one.box[:2], other.box[:2]), np.minimum(one.box[2:], other.box[2:])
    common = float(np.maximum(ends - starts, 0).prod())
    return common / (one.area + other.area - common)
