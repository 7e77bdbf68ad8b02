"""Framing: how a picture of any size becomes (height, width) pixels, checked once for every reader."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from lookalike.errors import OptionError

LARGEST_SIDE = 1024
LARGEST_CROP = 10_000
FITS = ("stretch", "crop", "pad")


@dataclass(frozen=True)
class Framing:
    """Cut `crop` pixels from each side, then bring the rest to `size` = (height, width) as `fit` says.

    "stretch": both axes on their own, with OpenCV's bilinear interpolation, the reference notebook's way;
    "crop": the largest centred part of the target's aspect, with antialiasing;
    "pad": the whole picture with antialiasing, its edge pixels repeated where the aspect leaves room.
    """

    size: tuple[int, int]
    crop: int
    fit: str


@dataclass(frozen=True)
class FramingOptions:
    """What the user asked for: None means "as the source's layout suggests"."""

    size: tuple[int, int]
    crop: int | None
    fit: str | None

    @classmethod
    def checked(cls, size: Any, crop: Any, fit: Any) -> FramingOptions:
        """Raises `OptionError` for a value out of range."""
        if fit is not None and fit not in FITS:
            raise OptionError(f"fit is {fit!r}; give one of {', '.join(FITS)}")
        return cls(_checked_size(size), None if crop is None else _checked_crop(crop), fit)

    def resolved(self, *, crop: int, fit: str) -> Framing:
        """The framing with `crop` and `fit` where the user gave none."""
        return Framing(self.size, crop if self.crop is None else self.crop, fit if self.fit is None else self.fit)


def _checked_size(size: Any) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    whole = tuple(_whole_number(side) for side in sides)
    if len(whole) != 2 or any(side is None or not 1 <= side <= LARGEST_SIDE for side in whole):
        raise OptionError(f"size is {size!r}; give 1 to {LARGEST_SIDE} pixels, or (height, width)")
    return int(sides[0]), int(sides[1])


def _checked_crop(crop: Any) -> int:
    whole = _whole_number(crop)
    if whole is None or not 0 <= whole <= LARGEST_CROP:
        raise OptionError(f"crop is {crop!r}; give 0 to {LARGEST_CROP} pixels to cut from each side")
    return whole


def _whole_number(value: Any) -> int | None:
    """`value` as an int, None where it is not a whole number (True is not one)."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def check_crop(crop: int, height: int, width: int) -> None:
    """Raise `OptionError` unless `crop` pixels from each side leave a pixel of (height, width)."""
    if 2 * crop >= min(height, width):
        limit = (min(height, width) - 1) // 2
        raise OptionError(f"crop is {crop}, which leaves nothing of {height} x {width} pixels; give at most {limit}")
