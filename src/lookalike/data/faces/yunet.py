"""YuNet: one's own file of weights, at work in OpenCV."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.data.faces.contract import Face
from lookalike.data.images import Pixels
from lookalike.errors import DataError, MissingExtraError
from lookalike.files import sha256_of_file

LEAST_SCORE = 0.7
_SURE = 0.9
_OVERLAP = 0.3
_MOST = 5000
_ERRORS_ALONE = 2


class YuNet:
    """Faces by a YuNet model in ONNX, as OpenCV's model zoo has it (`face_detection_yunet_2023mar.onnx`).

    Raises:
        DataError: the file is not there or no such model.
        MissingExtraError: OpenCV is not installed.
    """

    sure = _SURE

    def __init__(self, path: Path) -> None:
        if find_spec("cv2") is None:
            raise MissingExtraError("faces", "finding faces in photos")
        if not path.is_file():
            raise DataError(f"detector {path} is not there; give the path of a YuNet model in ONNX")
        self.name = f"yunet:{sha256_of_file(path)[:32]}"
        self._path = path
        self._local = threading.local()
        self._tried()

    def __call__(self, photo: Pixels) -> list[Face]:
        """Every face of a photo (H, W, 3) uint8 RGB."""
        if not hasattr(self._local, "detector"):  # it holds the size of its input: one for each thread
            self._local.detector = self._opened()
        detector = self._local.detector
        detector.setInputSize((photo.shape[1], photo.shape[0]))
        _, rows = detector.detect(np.ascontiguousarray(photo[..., ::-1]))
        return [] if rows is None else [_face(row.astype(np.float64)) for row in rows]

    def _opened(self) -> Any:
        import cv2

        before = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(_ERRORS_ALONE)  # OpenCV 5 warns of a setting that this very class makes
        try:
            return cv2.FaceDetectorYN.create(str(self._path), "", (320, 320), LEAST_SCORE, _OVERLAP, _MOST)
        finally:
            cv2.utils.logging.setLogLevel(before)

    def _tried(self) -> None:
        """A file of another kind shows only when it is put to work."""
        try:
            self(np.zeros((320, 320, 3), np.uint8))
        except Exception as error:  # OpenCV raises its own error, or what its parser meets
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"detector {self._path} is no YuNet model in ONNX: {reason}") from error


def _face(row: np.ndarray[Any, np.dtype[np.float64]]) -> Face:
    """From OpenCV's row: x, y, width, height, five points (the person's right eye, on our left, first), score."""
    left, top, width, height = row[:4].tolist()
    return Face((left, top, left + width, top + height), row[4:14].reshape(5, 2), float(row[14]))
