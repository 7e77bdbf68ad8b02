"""A network from somebody else put to work once, in a process of its own with little memory and time.

`python -m lookalike.data.faces.trial` takes the file's content on stdin. It ends with 0 where the network finds faces
as YuNet does, in a photo as large as any that it will be given; else with 1 and the reason on stdout, or as the system
ends a process that asks for more than it may have.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from lookalike import confined, graphs
from lookalike.data.faces.finding import LONGEST

MEMORY = 768 * 2**20
"""Bytes that the process may hold."""
SECONDS = 2
"""Of the processor, once its libraries are loaded."""
PATIENCE = 120
"""Seconds on the clock, for a machine that has much else to do."""


def reason_against(content: bytes) -> str | None:
    """Why an ONNX file's content is no network of YuNet's form that runs within the limits; None where it is."""
    ended = confined.run("lookalike.data.faces.trial", content=content, patience=PATIENCE)
    if ended.status is None:
        return f"it was not done after {PATIENCE} s"
    told = " ".join(ended.output.decode(errors="backslashreplace").split())
    if ended.status == 0 or told:
        return told or None
    return f"it needs more than {MEMORY:,} bytes or {SECONDS} s for a photo of {LONGEST} x {LONGEST}, or is damaged"


def opened(content: bytes, least_score: float, overlap: float, most: int) -> Any:
    """OpenCV's detector of a network's content; its errors are cv2's own, or what its parser meets."""
    import cv2

    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(2)  # errors alone: OpenCV 5 warns of a setting that this very class makes
    try:
        held, nothing = np.frombuffer(content, np.uint8), np.empty(0, np.uint8)
        return cv2.FaceDetectorYN.create("onnx", held, nothing, (320, 320), least_score, overlap, most)
    finally:
        cv2.utils.logging.setLogLevel(before)


def _tried(content: bytes) -> None:
    import cv2  # noqa: F401
    import onnx  # noqa: F401

    confined.limit(MEMORY, SECONDS)
    graphs.parsed(content)
    detector = opened(content, 0.7, 0.3, 10)
    for side in (320, LONGEST):
        detector.setInputSize((side, side))
        detector.detect(np.zeros((side, side, 3), np.uint8))


if __name__ == "__main__":
    try:
        _tried(sys.stdin.buffer.read())
    except Exception as error:  # OpenCV raises its own, or what its parser meets
        print(f"{type(error).__name__}: {error}")
        sys.exit(1)
