"""What a camera wrote into a picture's file: when, where and with what it was taken, its size and its rating."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from PIL import Image

from lookalike.data import formats, tones
from lookalike.data.bare import bare
from lookalike.data.columns import Column, Value

COLUMNS: tuple[Column, ...] = (
    Column("taken", "time", "when it was taken, by the camera's clock"),
    Column("camera", "text", "the camera's model"),
    Column("latitude", "number", "where it was taken, north of the equator", "degrees", -90, 90),
    Column("longitude", "number", "where it was taken, east of Greenwich", "degrees", -180, 180),
    Column("width", "number", "of the whole picture, as it is shown", "pixels", 1),
    Column("height", "number", "of the whole picture, as it is shown", "pixels", 1),
    Column("rating", "number", "the stars it was given", "", 0, 5),
)
_EXIF, _GPS = 0x8769, 0x8825
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_MAKE, _MODEL, _RATING = 0x010F, 0x0110, 0x4746
_ORIGINAL, _DIGITISED, _CHANGED = 0x9003, 0x9004, 0x0132
_SOUTH, _LATITUDE, _WEST, _LONGITUDE = 1, 2, 3, 4
_ASIDE = 1 << 16
"""Bytes at a file's beginning in which Canon's CR3 has its tags."""

Tags = Mapping[int, Any]
_NONE: Tags = MappingProxyType({})
Got = TypeVar("Got")


class _Told(NamedTuple):
    """What a file tells: width and height as it is shown, its main tags, those of the exposure and of the place."""

    size: tuple[int, int] | None = None
    main: Tags = _NONE
    inner: Tags = _NONE
    place: Tags = _NONE


def read_exif(content: bytes) -> tuple[Value, ...]:
    """A value for each of `COLUMNS`, of an encoded picture; None for what it does not say or says in no sensible way.

    Tags are those of CIPA DC-008 (Exif 3.0). Nothing that is wrong with them is an error, and what is wrong with one
    costs no other.
    """
    with warnings.catch_warnings():  # as of tags that cannot be: they are not known, and that is all
        warnings.simplefilter("ignore")
        return _values(_guarded(lambda: _told(content), _Told()))


def _values(told: _Told) -> tuple[Value, ...]:
    width, height = told.size or (None, None)
    taken = (_tag(told.inner, _ORIGINAL), _tag(told.inner, _DIGITISED), _tag(told.main, _CHANGED))
    found = {
        "taken": next(filter(None, map(_text, taken)), None),
        "camera": _text(_tag(told.main, _MODEL)) or _text(_tag(told.main, _MAKE)),
        "latitude": _degrees(told.place, _LATITUDE, _SOUTH, "S"),
        "longitude": _degrees(told.place, _LONGITUDE, _WEST, "W"),
        "width": width,
        "height": height,
        "rating": _tag(told.main, _RATING),
    }
    return tuple(column.value(found[column.name]) for column in COLUMNS)


def _guarded(read: Callable[[], Got], otherwise: Got) -> Got:
    """Readers of broken files raise errors of many kinds; whether the picture itself can be read is seen elsewhere."""
    with suppress(Exception):
        return read()
    return otherwise


def _tag(tags: Tags, tag: int) -> Any:
    return _guarded(lambda: tags.get(tag), None)


def _told(content: bytes) -> _Told:
    kind = formats.kind_of(content)
    if tones.is_raw_file(content, kind):
        size = _guarded(lambda: formats.raw_size(content), None)
        return _guarded(lambda: _of_raw(content), _Told())._replace(size=size)
    if kind == "HEIF":  # whose decoder turns it, whatever its EXIF says
        size, exif = formats.heif_facts(content)
        return _parts(lambda: _loaded(exif))._replace(size=size)
    if kind == "JXL":
        formats.use_jxl()
    return _of_picture(content, kind)


def _of_picture(content: bytes, kind: str) -> _Told:
    """Of what Pillow opens: where it cannot for what metadata hold, without these."""
    plain = bare(content, kind)

    def opened(content: bytes) -> Image.Image:
        return Image.open(io.BytesIO(content), formats=(*formats.FORMATS, kind) if kind == "JXL" else formats.FORMATS)

    with _guarded(lambda: opened(content), None) or opened(plain.content) as image:
        told = _parts(image.getexif)
        width, height = image.size
        # Pillow has turned the size of a TIFF, and the JPEG XL decoder the picture, which is no JPEG in another form.
        is_upright = image.format == "TIFF" or (image.format == "JXL" and not getattr(image, "jpeg", False))
    orientation = plain.orientation or _tag(told.main, _ORIENTATION)
    is_turned = orientation in _TURNED and not is_upright
    return told._replace(size=(height, width) if is_turned else (width, height))


def _parts(read: Callable[[], Image.Exif]) -> _Told:
    """The parts of EXIF that can be read."""
    exif = _guarded(read, None)
    if exif is None:
        return _Told()
    inner, place = (_guarded(partial(exif.get_ifd, tag), _NONE) for tag in (_EXIF, _GPS))
    return _Told(None, exif, inner, place)


def _of_raw(content: bytes) -> _Told:
    """Of a camera's RAW file: most are TIFFs, some by another name; Canon and Fujifilm keep their tags elsewhere."""
    if content[4:8] == b"ftyp":
        main, inner, place = (_parts(partial(_loaded_box, content, name)).main for name in _CANONS)
        return _Told(None, main, inner, place)
    if content.startswith(b"FUJIFILMCCD-RAW"):  # whose preview is a whole JPEG, with all tags
        return _of_picture(content[int.from_bytes(content[84:88], "big") :], "JPEG")
    start = b"II*\0" if content.startswith(b"II") else b"MM\0*"
    return _parts(lambda: _loaded(start + content[4:]))


_CANONS = (b"CMT1", b"CMT2", b"CMT4")
"""Boxes of a CR3, each with a TIFF of tags alone: the main ones, of the exposure, of the place."""


def _boxed(content: bytes, name: bytes) -> bytes:
    """What a box holds that lies in others; raises ValueError where there is none."""
    at = content.index(name, 0, _ASIDE)
    return content[at + 4 : at - 4 + int.from_bytes(content[at - 4 : at], "big")]


def _loaded_box(content: bytes, name: bytes) -> Image.Exif:
    return _loaded(_boxed(content, name))


def _loaded(exif: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(exif)
    return found


def _text(given: Any) -> str | None:
    """A tag's text without what cameras fill it up with."""
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    return given.strip("\0 \t\r\n") or None if isinstance(given, str) else None


def _degrees(place: Mapping[int, Any], tag: int, side: int, negative: str) -> float | None:
    """Degrees, minutes and seconds as one signed number."""
    parts = place.get(tag)
    try:
        if not isinstance(parts, Sequence) or isinstance(parts, str) or not 1 <= len(parts) <= 3:
            return None
        value = float(sum(float(part) / 60**power for power, part in enumerate(parts)))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    is_negative = (_text(place.get(side)) or "").upper() == negative
    return -value if is_negative else value
