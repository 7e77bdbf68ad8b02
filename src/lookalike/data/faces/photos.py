"""A photo's bytes become a picture of each of its faces."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from lookalike.data.decode import decode_picture, frame_image
from lookalike.data.faces.align import SIDE, align
from lookalike.data.faces.contract import Detector, Face
from lookalike.data.faces.finding import find_faces
from lookalike.data.faces.mtcnn import Mtcnn
from lookalike.data.faces.yunet import YuNet
from lookalike.data.framing import Framing
from lookalike.data.images import NO_FACE, FaceFacts, Pixels
from lookalike.data.options import DEFAULT_FINDER
from lookalike.errors import DataError, OptionError, PictureError


class Portrait(NamedTuple):
    """A face of a photo: its pixels (H, W, 3) uint8, framed, and where it was found."""

    pixels: Pixels
    facts: FaceFacts


def portraits(content: bytes, framing: Framing, notes: set[str] | None = None) -> list[Portrait]:
    """Every face of a photo, largest first, at the framing's size; `notes` as `decode_picture` has it.

    Raises:
        PictureError: the bytes are no picture that can be decoded whole, or show no face.
        DataError, MissingExtraError: as `detector_of`.
    """
    return portraits_in(decode_picture(content, None, notes), framing)


def portraits_in(photo: Pixels, framing: Framing) -> list[Portrait]:
    """The same of a photo that is decoded: (H, W, 3) uint8, upright."""
    found = find_faces(photo, detector_of(framing.faces or DEFAULT_FINDER))
    if not found:
        raise PictureError(NO_FACE)
    return [
        Portrait(_framed(photo, face, framing), _facts(number, len(found), face))
        for number, face in enumerate(found, 1)
    ]


def portrait(content: bytes, framing: Framing, number: int | None = None) -> Pixels:
    """One face of a photo, (H, W, 3) uint8: the largest, or the one of that number, counted from 1 by their size.

    Raises:
        OptionError: there is none of that number; the text says how many were found.
        PictureError, DataError, MissingExtraError: as `portraits`.
    """
    found = portraits(content, framing)
    if number is not None and not 1 <= number <= len(found):
        raise OptionError(
            f"face {number} is asked for, and the photo has {len(found)}; give 1 (the largest) to {len(found)}"
        )
    return found[(number or 1) - 1].pixels


def detector_of(finder: str) -> Detector:
    """The detector of a framing's `faces`: opened once.

    Raises:
        DataError: it is the path of no YuNet model.
        MissingExtraError: what it needs is not installed.
    """
    if finder == DEFAULT_FINDER:
        return _mtcnn()
    try:
        facts = os.stat(finder)  # noqa: PTH116
    except OSError as error:
        raise DataError(f"detector {finder} cannot be read: {error.strerror}") from error
    return _yunet(finder, facts.st_size, facts.st_mtime_ns)


@lru_cache(1)
def _mtcnn() -> Mtcnn:
    return Mtcnn()


@lru_cache(2)
def _yunet(path: str, size: int, modified: int) -> YuNet:
    """Opened anew when the file is another."""
    return YuNet(Path(path))


def _framed(photo: Pixels, face: Face, framing: Framing) -> Pixels:
    """LFW's frame less the crop, at its own scale at least, so that nothing is enlarged that the photo has larger."""
    scale = max(max(framing.size) / (SIDE - 2 * framing.crop), 1.0)
    inner = align(photo, face.points, crop=framing.crop, scale=scale)
    return frame_image(Image.fromarray(inner), Framing(framing.size, 0, framing.fit))


def _facts(number: int, count: int, face: Face) -> FaceFacts:
    left, top, right, bottom = (round(side, 1) for side in face.box)
    width, height = round(right - left, 1), round(bottom - top, 1)
    return FaceFacts(number, count, left, top, width, height, round(face.angle, 1), round(face.score, 4))
