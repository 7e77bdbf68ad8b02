"""Pictures without their metadata: orientation and colour profile are taken out, all else is never parsed.

Every viewer shows a picture whose notes on camera, place or resolution are broken. Pillow parses these notes while it
opens the file and may fail on them, so they are cut out before.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

_LARGEST_PROFILE = 1 << 24
"""Bytes of an inflated colour profile; real ones have up to 2 MB."""


class Bare(NamedTuple):
    """A file that shows the same, with its EXIF orientation (1 to 8, None where unknown) and ICC profile."""

    content: bytes
    orientation: int | None = None
    profile: bytes | None = None


def bare(content: bytes, kind: str) -> Bare:
    """Take the metadata out of a JPEG, PNG or TIFF; what is damaged beyond that is left for the decoder to judge."""
    try:
        if kind == "JPEG":
            return _bare_jpeg(content)
        if kind == "PNG":
            return _bare_png(content)
        if kind == "TIFF":
            return Bare(_bare_tiff(content))
    except (struct.error, IndexError, ValueError):
        pass
    return Bare(content)


def orientation_of(exif: bytes) -> int | None:
    """How a picture is to be turned, 1 to 8 as EXIF counts; None where its EXIF does not say."""
    found = Image.Exif()
    try:
        found.load(exif)
        value = found.get(0x0112)
    except Exception:  # Pillow's parser fails on damaged EXIF in many ways, and none of them matters here
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


_JPEG_DROPPED = frozenset((*range(0xE1, 0xEE), 0xEF, 0xFE))
"""APP1 to APP13, APP15 and comments; JFIF's APP0 and Adobe's APP14 say how colours are coded."""


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker of each of a JPEG's segments before its first scan, where it begins, and where it ends.

    Raises:
        IndexError: the file ends before that scan.
    """
    at = 2
    while content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if marker == 0xDA or 0xD0 <= marker <= 0xD9 or marker == 0x01:
            return
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        yield marker, at, end
        at = end


def _bare_jpeg(content: bytes) -> Bare:
    kept, start = [], 0
    exif: bytes | None = None
    profile: dict[int, bytes] = {}
    for marker, at, end in jpeg_segments(content):
        if marker in _JPEG_DROPPED:
            if marker == 0xE1 and exif is None and content[at + 4 : at + 10] == b"Exif\0\0":
                exif = content[at + 4 : end]
            elif marker == 0xE2 and content[at + 4 : at + 16] == b"ICC_PROFILE\0":
                profile[content[at + 16]] = content[at + 18 : end]
            kept.append(content[start:at])
            start = end
    if not kept:
        return Bare(content)
    parts = b"".join(profile[number] for number in sorted(profile))
    orientation = None if exif is None else orientation_of(exif)
    return Bare(b"".join((*kept, content[start:])), orientation, parts or None)


_PNG_KEPT = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"))


def _bare_png(content: bytes) -> Bare:
    kept, at, start = [], 8, 0
    orientation, profile = None, None
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if name not in _PNG_KEPT:
            if name == b"eXIf":
                orientation = orientation_of(content[at + 8 : end - 4])
            elif name == b"iCCP":
                profile = _png_profile(content[at + 8 : end - 4])
            kept.append(content[start:at])
            start = end
        at = end
    return Bare(b"".join((*kept, content[start:])), orientation, profile) if kept else Bare(content)


def _png_profile(chunk: bytes) -> bytes | None:
    """The chunk has a name, a zero, the method of compression (0), and the compressed profile."""
    try:
        return zlib.decompressobj().decompress(chunk[chunk.index(b"\0") + 2 :], _LARGEST_PROFILE)
    except (zlib.error, ValueError):
        return None


_TIFF_KEPT = frozenset(
    (
        *(*range(254, 260), 262, 263, 266, 273, 274, *range(277, 282), 284, 292, 293, 301, *range(317, 326)),
        *(330, 332, *range(338, 344), 347, *range(512, 522), *range(529, 533), 34675, 50706),
    )
)
"""Baseline tags without words and resolutions; colour profile, and what tells a RAW file."""


def _bare_tiff(content: bytes) -> bytes:
    """The first picture's table of tags with the known ones only."""
    order = "<" if content[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, at)
    entries = [content[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] in _TIFF_KEPT]
    if len(kept) == count:
        return content
    # Written over the old table, which has room for it; no further picture follows.
    table = struct.pack(order + "H", len(kept)) + b"".join(kept) + bytes(4)
    return b"".join((content[:at], table, content[at + len(table) :]))
