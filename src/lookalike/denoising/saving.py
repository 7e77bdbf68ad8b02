"""A photograph's cleaned pixels in the place of its own: the same format, depth, opacity, profile and notes."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from lookalike.data.bare import jpeg_segments
from lookalike.data.samples import PROFILE, profile_of
from lookalike.denoising.deep import PNG_SIGNATURE, deep_png, deep_tiff
from lookalike.denoising.depth import Numbers
from lookalike.denoising.photo import Photo, stored
from lookalike.errors import OptionError

LOSSY = 90
"""The quality where a file of that kind does not tell its own."""
_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp", "AVIF": ".avif"}
_ALSO = {"JPEG": (".jpeg", ".jpe", ".jfif"), "TIFF": (".tiff",), "BMP": (".dib",), "JXL": (".jxl",)}
_JPEG_KEPT = (0xE0, 0xE1, 0xE2, 0xED, 0xFE)
"""Resolution, EXIF and XMP, colour profile, IPTC, and comments."""
_PNG_LEFT = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"bKGD", b"hIST", b"sBIT", b"sPLT")
)
"""What tells of pixels as they were; all else tells of the picture."""
_PNG_COLOURS = frozenset((b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"))
_TIFF_KEPT = (270, 271, 272, 274, 282, 283, 285, 286, 296, 305, 306, 315, 316, 700, 33432, 33723)
"""Words, camera, orientation, resolution, place on a page, time, XMP, IPTC."""
_EXIF, _GPS = 34665, 34853


def checked_quality(quality: int | None) -> int | None:
    """Raises `OptionError` where it is none."""
    if quality is not None and not 1 <= quality <= 100:
        raise OptionError(f"quality is {quality}; give a whole number from 1 (worst) to 100")
    return quality


def name_for(photo: Photo, name: str) -> str:
    """The file's own name, with another ending where its own is not one of the format that is written."""
    own = (_SUFFIXES.get(photo.form, ""), *_ALSO.get(photo.form, ()))
    path = PurePath(name)
    return name if path.suffix.lower() in own else f"{path.stem}{own[0] or own[1]}"


def encoded(photo: Photo, cleaned: Numbers, quality: int | None = None) -> bytes:
    """The file again, with `cleaned` (of the shape and kind of `photo.pixels`) for its pixels.

    `quality`, 1 to 100, is that of a JPEG, WebP, AVIF or JPEG XL; without it a JPEG is quantised as it was, and the
    others get 90. Orientation stays a note: pixels are written as they were stored.
    """
    pixels = _whole(photo, cleaned)
    if photo.form == "JPEG":
        return _jpeg(photo, pixels, quality)
    if photo.form == "PNG":
        return _png(photo, pixels)
    if photo.form == "TIFF":
        return _tiff(photo, pixels)
    settings = dict(photo.settings)
    if photo.form != "BMP" and not settings.get("lossless"):
        settings["quality"] = LOSSY if quality is None else quality
    return _by_pillow(pixels, photo.form, settings)


def _whole(photo: Photo, cleaned: Numbers) -> Numbers:
    """(H, W, 1 to 4) with all channels that the file had, as they were stored."""
    more = photo.channels // cleaned.shape[2]
    colours = np.repeat(cleaned, more, axis=2) if more > 1 else cleaned
    if photo.opacity is not None:
        colours = np.concatenate([colours, photo.opacity[..., None]], axis=2)
    return np.ascontiguousarray(stored(colours, photo.orientation))


def _by_pillow(pixels: Numbers, form: str, settings: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    _image(pixels).save(stream, form, **settings)
    return stream.getvalue()


def _image(pixels: Numbers) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _jpeg(photo: Photo, pixels: Numbers, quality: int | None) -> bytes:
    settings = dict(photo.settings)
    if quality is not None:
        del settings["qtables"]
        settings["quality"] = quality
    plain = _by_pillow(pixels, "JPEG", settings)
    kept = [
        segment
        for marker, segment in _segments(photo.content)
        if marker in _JPEG_KEPT and (marker != 0xE2 or (photo.is_own and segment[4:16] == b"ICC_PROFILE\0"))
    ]
    own = b"".join(segment for marker, segment in _segments(plain) if marker == 0xE0)
    rest = plain[2 + len(own) :]
    if not any(segment[1] == 0xE0 for segment in kept):
        kept.insert(0, own)
    return b"".join((plain[:2], *kept, rest))


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker of each of a JPEG's segments before its first scan, and the whole segment."""
    return ((marker, content[start:end]) for marker, start, end in jpeg_segments(content))


def _png(photo: Photo, pixels: Numbers) -> bytes:
    plain = deep_png(pixels) if pixels.dtype == np.uint16 else _by_pillow(pixels, "PNG", dict(photo.settings))
    if not photo.content.startswith(PNG_SIGNATURE):
        return plain
    left = _PNG_LEFT if photo.is_own else _PNG_LEFT | _PNG_COLOURS
    kept = [whole for name, whole in _chunks(photo.content) if name not in left]
    header = next(_chunks(plain))[1]
    return b"".join((PNG_SIGNATURE, header, *kept, plain[len(PNG_SIGNATURE) + len(header) :]))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name of each of a PNG's chunks, and the whole chunk."""
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        yield name, content[at : at + 12 + length]
        at += 12 + length


def _tiff(photo: Photo, pixels: Numbers) -> bytes:
    settings = dict(photo.settings)
    profile = profile_of(photo.content) if photo.is_own else None
    notes = _tiff_notes(photo.content)
    if profile is not None:
        notes[PROFILE] = profile

    def save(image: Image.Image, stream: io.BytesIO) -> None:
        image.save(stream, "TIFF", tiffinfo=notes, **settings)

    if pixels.dtype == np.uint16:
        return deep_tiff(pixels, save)
    stream = io.BytesIO()
    save(_image(pixels), stream)
    return stream.getvalue()


def _tiff_notes(content: bytes) -> TiffImagePlugin.ImageFileDirectory_v2:
    """Its tags that tell of the picture, those of EXIF and of the place included."""
    notes = TiffImagePlugin.ImageFileDirectory_v2()
    with io.BytesIO(content) as stream:
        found = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
        stream.seek(found.next)
        found.load(stream)
        for tag in _TIFF_KEPT:
            if tag in found:
                notes[tag] = found[tag]
                notes.tagtype[tag] = found.tagtype[tag]
        for tag in (_EXIF, _GPS):
            if tag in found:
                inner = TiffImagePlugin.ImageFileDirectory_v2(content[:8], group=tag)
                stream.seek(found[tag])
                inner.load(stream)
                notes[tag] = dict(inner)
    return notes
