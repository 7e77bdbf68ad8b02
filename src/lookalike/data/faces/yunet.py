"""YuNet: one's own file of weights, at work in OpenCV."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.data.faces.contract import Face
from lookalike.data.faces.trial import opened, reason_against
from lookalike.data.images import Pixels
from lookalike.errors import DataError, MissingExtraError
from lookalike.files import sha256

LEAST_SCORE = 0.7
_SURE = 0.9
_OVERLAP = 0.3
_MOST = 5000
LARGEST = 2 * 2**20
"""Bytes of a file that is looked into; YuNet's has a quarter of a million."""


class YuNet:
    """Faces by a YuNet model in ONNX, as OpenCV's model zoo has it (`face_detection_yunet_2023mar.onnx`).

    Raises:
        DataError: the file is not there, no such model, or one that asks for another file, much memory or much time.
        MissingExtraError: OpenCV or onnx is not installed.
    """

    sure = _SURE

    def __init__(self, path: Path) -> None:
        if find_spec("cv2") is None or find_spec("onnx") is None:
            raise MissingExtraError("faces", "finding faces in photos")
        if not path.is_file():
            raise DataError(f"detector {path} is not there; give the path of a YuNet model in ONNX")
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"detector {path} has {size:,} bytes; a YuNet model in ONNX has at most {LARGEST:,}")
        self._content = path.read_bytes()
        self.name = f"yunet:{sha256(self._content)[:32]}"
        self._local = threading.local()
        reason = reason_against(self._content)
        if reason is not None:
            raise DataError(f"detector {path} is no YuNet model in ONNX: {reason}")

    def __call__(self, photo: Pixels) -> list[Face]:
        """Every face of a photo (H, W, 3) uint8 RGB."""
        if not hasattr(self._local, "detector"):  # it holds the size of its input: one for each thread
            self._local.detector = opened(self._content, LEAST_SCORE, _OVERLAP, _MOST)
        detector = self._local.detector
        detector.setInputSize((photo.shape[1], photo.shape[0]))
        _, rows = detector.detect(np.ascontiguousarray(photo[..., ::-1]))
        return [] if rows is None else [_face(row.astype(np.float64)) for row in rows]


def _face(row: np.ndarray[Any, np.dtype[np.float64]]) -> Face:
    """From OpenCV's row: x, y, width, height, five points (the person's right eye, on our left, first), score."""
    left, top, width, height = row[:4].tolist()
    return Face((left, top, left + width, top + height), row[4:14].reshape(5, 2), float(row[14]))
