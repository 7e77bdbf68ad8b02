"""What a camera wrote into a picture's file: when, where and with what it was taken, its size and its rating."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.data.columns import Column, Value

COLUMNS: tuple[Column, ...] = (
    Column("taken", "time", "when it was taken, by the camera's clock"),
    Column("camera", "text", "the camera's model"),
    Column("latitude", "number", "where it was taken, north of the equator", "degrees", -90, 90),
    Column("longitude", "number", "where it was taken, east of Greenwich", "degrees", -180, 180),
    Column("width", "number", "of the whole picture", "pixels", 1),
    Column("height", "number", "of the whole picture", "pixels", 1),
    Column("rating", "number", "the stars it was given", "", 0, 5),
)
_EXIF, _GPS = 0x8769, 0x8825
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_MAKE, _MODEL, _RATING = 0x010F, 0x0110, 0x4746
_ORIGINAL, _DIGITISED, _CHANGED = 0x9003, 0x9004, 0x0132
_SOUTH, _LATITUDE, _WEST, _LONGITUDE = 1, 2, 3, 4


def read_exif(content: bytes) -> tuple[Value, ...]:
    """A value for each of `COLUMNS`, of an encoded picture; None for what it does not say or says in no sensible way.

    Tags are those of CIPA DC-008 (Exif 3.0). Nothing that is wrong with them is an error.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            main, size = image.getexif(), image.size
            inner, place = main.get_ifd(_EXIF), main.get_ifd(_GPS)
    except Exception:  # Pillow's readers raise many kinds; whether the picture itself can be read is seen elsewhere
        return (None,) * len(COLUMNS)
    turned = main.get(_ORIENTATION) in _TURNED
    found = {
        "taken": next(
            filter(None, map(_text, (inner.get(_ORIGINAL), inner.get(_DIGITISED), main.get(_CHANGED)))), None
        ),
        "camera": _text(main.get(_MODEL)) or _text(main.get(_MAKE)),
        "latitude": _degrees(place, _LATITUDE, _SOUTH, "S"),
        "longitude": _degrees(place, _LONGITUDE, _WEST, "W"),
        "width": size[turned],
        "height": size[not turned],
        "rating": main.get(_RATING),
    }
    return tuple(column.value(found[column.name]) for column in COLUMNS)


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
