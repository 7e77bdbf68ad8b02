"""The fast way into plain baseline JPEGs: decode no more rows than are needed.

A JPEG is coded from top to bottom, so lowering the height in its frame header ends the decoding early. Of LFW's
250 rows only 170 matter once 80 are cut from the bottom. What is decoded is bit for bit what a full decode
gives, and damage in it is noticed as in a full strict decode; damage to the rows never decoded may pass.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import simplejpeg

from lookalike.data.images import Pixels

# Segments that change how the pixels are to be read (EXIF orientation, colour profiles) leave this fast way.
_EXIF, _PROFILE, _ADOBE = 0xE1, 0xE2, 0xEE
_BASELINE = (0xC0, 0xC1)
_OTHER_FRAMES = frozenset(range(0xC2, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN_STARTS = 0xDA
_END = b"\xff\xd9"

# libjpeg keeps its first warning only. Where that is "the data goes on until the end mark", all rows asked for
# were decoded without one.
_ONLY_ROWS_LEFT = re.compile(r"Corrupt JPEG data: \d+ extraneous bytes before marker 0xd9")


class PlainHeader(NamedTuple):
    """Where the frame header of a baseline JPEG stands, and its facts in pixels."""

    frame: int
    height: int
    width: int
    block_height: int


def plain_header(content: bytes) -> PlainHeader | None:
    """The header of an 8-bit baseline JPEG, grey or YCbCr, that needs no turning; None for all else."""
    if content[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 10 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _BASELINE:
            return _frame(content, at)
        if marker in (_EXIF, _ADOBE, _SCAN_STARTS) or marker in _OTHER_FRAMES:
            return None
        if marker == _PROFILE and content[at + 4 : at + 15] == b"ICC_PROFILE":
            return None
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _frame(content: bytes, at: int) -> PlainHeader | None:
    # FF C0, length (2), precision, height (2), width (2), components, then (id, sampling, table) for each
    precision, components = content[at + 4], content[at + 9]
    sampling = content[at + 11 : at + 10 + 3 * components : 3]
    if precision != 8 or components not in (1, 3) or len(sampling) != components:
        return None
    if any(factor & 15 == 0 for factor in sampling):
        return None
    height = int.from_bytes(content[at + 5 : at + 7], "big")
    width = int.from_bytes(content[at + 7 : at + 9], "big")
    if height == 0 or width == 0:
        return None
    return PlainHeader(at, height, width, 8 * max(factor & 15 for factor in sampling))


class RowDecoder:
    """Decodes plain JPEGs into one buffer that it uses again: copy what you keep. One for each thread."""

    def __init__(self) -> None:
        self._buffer: Pixels = np.empty((0, 0, 3), np.uint8)

    def decode(self, content: bytes, header: PlainHeader, stop: int) -> Pixels | None:
        """(rows, width, 3) uint8 RGB with rows 0 to at least `stop`; None where a strict decoder complains."""
        # One more row, because smooth chroma upsampling looks at the next one.
        blocks = -(-(stop + 1) // header.block_height)
        rows = blocks * header.block_height
        if rows < header.height and content.endswith(_END):
            lowered = b"".join((content[: header.frame + 5], rows.to_bytes(2, "big"), content[header.frame + 7 :]))
            found = self._decode(lowered, rows, header.width, rows_left=True)
            if found is not None:
                return found
        return self._decode(content, header.height, header.width, rows_left=False)

    def _decode(self, content: bytes, height: int, width: int, *, rows_left: bool) -> Pixels | None:
        if self._buffer.shape != (height, width, 3):
            self._buffer = np.empty((height, width, 3), np.uint8)
        try:
            simplejpeg.decode_jpeg(content, "RGB", buffer=self._buffer)
        except ValueError as error:
            if not (rows_left and _ONLY_ROWS_LEFT.fullmatch(str(error))):
                return None
        return self._buffer


def has_all_scans(content: bytes) -> bool:
    """Whether the scans of a progressive JPEG give every coefficient of every component to its last bit.

    Each scan says of which components (and coefficients first to last) it gives all but the lowest `low` bits. Within
    coded data a marker cannot occur, so that scans are found by their marker alone.
    """
    frame = content.find(b"\xff\xc2")
    if frame < 0:
        return True
    count = content[frame + 9]
    missing = {content[frame + 10 + 3 * i]: set(range(64)) for i in range(count)}
    at = content.find(b"\xff\xda", frame)
    while 0 <= at < len(content) - 10:
        members = content[at + 4]
        first, last, bits = content[at + 5 + 2 * members : at + 8 + 2 * members]
        if bits & 15 == 0:
            for i in range(members):
                missing.get(content[at + 5 + 2 * i], set()).difference_update(range(first, last + 1))
        at = content.find(b"\xff\xda", at + 2)
    return not any(missing.values())
