"""What may be asked of a source of pictures, checked once for every reader."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from lookalike.data.framing import Framing
from lookalike.errors import OptionError

LARGEST_SIDE = 1024
LARGEST_CROP = 10_000
FITS = ("stretch", "crop", "pad")
LAYOUTS = ("auto", "lfw", "folder")
DEFAULT_FINDER = "mtcnn"
"""What finds faces where no model is given."""


@dataclass(frozen=True)
class DataOptions:
    """How a source is to be read; None means "as its layout suggests".

    `size` is (height, width) in pixels, `crop` the pixels cut from each side, `fit` one of `FITS`, `attributes` the
    whole path of a table, `key` its column that names pictures, `exif` whether what cameras wrote is asked for,
    `layout` what names are taken for: one of `LAYOUTS`; `faces` whether each face of a photo is a picture, `detector`
    the whole path of a YuNet model that finds them.
    """

    size: tuple[int, int] | None = None
    crop: int | None = None
    fit: str | None = None
    attributes: Path | None = None
    key: str | None = None
    exif: bool | None = None
    layout: str = "auto"
    faces: bool | None = None
    detector: Path | None = None

    @classmethod
    def checked(
        cls,
        *,
        size: Any = None,
        crop: Any = None,
        fit: Any = None,
        attributes: Any = None,
        key: str | None = None,
        exif: bool | None = None,
        layout: str = "auto",
        faces: bool | None = None,
        detector: Any = None,
    ) -> Self:
        """Raises `OptionError` for a value out of range, or a detector without faces."""
        if detector is not None and not faces:
            raise OptionError(f"detector {detector} finds faces, which are not asked for; give faces (--faces) too")
        if fit is not None and fit not in FITS:
            raise OptionError(f"fit is {fit!r}; give one of {', '.join(FITS)}")
        if layout not in LAYOUTS:
            raise OptionError(f"layout is {layout!r}; give one of {', '.join(LAYOUTS)}")
        return cls(
            None if size is None else _checked_size(size),
            None if crop is None else _checked_crop(crop),
            fit,
            None if attributes is None else Path(attributes).expanduser().resolve(),
            key,
            exif,
            layout,
            faces,
            None if detector is None else Path(detector).expanduser().resolve(),
        )

    def like(self, framing: Framing) -> Self:
        """These options, and where nothing is asked for, as `framing` has it."""
        return replace(
            self,
            size=framing.size if self.size is None else self.size,
            crop=framing.crop if self.crop is None else self.crop,
            fit=framing.fit if self.fit is None else self.fit,
            faces=framing.faces is not None if self.faces is None else self.faces,
            detector=_model_path(framing.faces) if self.faces is None else self.detector,
        )

    def framing(self, usual: Framing) -> Framing:
        """The framing that is asked for, and where nothing is, as `usual` has it."""
        asked = self.like(usual)
        assert asked.size is not None
        assert asked.crop is not None
        assert asked.fit is not None
        finder = (DEFAULT_FINDER if asked.detector is None else str(asked.detector)) if asked.faces else None
        return Framing(asked.size, asked.crop, asked.fit, finder)


def _model_path(faces: str | None) -> Path | None:
    """The YuNet model that finds a framing's faces, None where it is another detector, or none."""
    return None if faces in (None, DEFAULT_FINDER) else Path(str(faces))


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
