"""What may be asked of a source of pictures, checked once for every reader."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from lookalike.data.framing import Framing
from lookalike.errors import OptionError
from lookalike.files import named

LARGEST_SIDE = 1024
LARGEST_CROP = 10_000
FITS = ("stretch", "crop", "pad")
LAYOUTS = ("auto", "lfw", "folder")
DEFAULT_FINDER = "mtcnn"
"""What finds faces where no model is given."""


class Asked(TypedDict, total=False):
    """How a source of pictures may be asked for by keywords; None, and what is not given: as usual.

    Keys:
        size: height and width in pixels, or (height, width), each 1 to 1024.
        crop: pixels cut from each side before resizing; usually 80 for LFW, else 0.
        fit: "stretch" (bilinear as OpenCV does it; for LFW), "crop" (centre, antialiased; for all else) or "pad".
        attributes: a table of what is known of the pictures: CSV, TSV, JSON lines or Parquet with a column of their
            names; those that it does not name have missing values. Of one in the layout of `lfw_attributes.txt`, for
            LFW, only the pictures that it names are kept.
        key: the table's column that names pictures, in full, without folders or without suffix; None finds it.
        exif: True asks files when, where and with what they were taken, and how large they are: more attributes.
        layout: what names are taken for: "lfw" (NAME/NAME_0001.jpg: persons, and LFW's crop and fit), "folder" (names
            alone), or "auto": LFW where all names are so with four digits, several people, and 250 x 250 pixels.
        faces: True takes every face of every photo instead of the photo, aligned as LFW's are, the largest of a photo
            first: `NAME#face-1`, `NAME#face-2`. Photos without a face are set aside.
        detector: the path of a YuNet model in ONNX that finds the faces; None for the one that the extra installs.
    """

    size: int | tuple[int, int] | None
    crop: int | None
    fit: str | None
    attributes: str | Path | None
    key: str | None
    exif: bool | None
    layout: str
    faces: bool | None
    detector: str | Path | None


@dataclass(frozen=True)
class DataOptions:
    """What is asked of a source (`Asked`), checked: `size` is (height, width), paths are whole."""

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
    def checked(cls, **asked: Unpack[Asked]) -> Self:
        """Raises `OptionError` for a value out of range, or a detector without faces."""
        made = cls(**asked)  # type: ignore[arg-type]  # sizes and paths are made whole below
        if made.detector is not None and not made.faces:
            raise OptionError(
                f"detector {made.detector} finds faces, which are not asked for; give faces (--faces) too"
            )
        if made.fit is not None and made.fit not in FITS:
            raise OptionError(f"fit is {made.fit!r}; give one of {', '.join(FITS)}")
        if made.layout not in LAYOUTS:
            raise OptionError(f"layout is {made.layout!r}; give one of {', '.join(LAYOUTS)}")
        return replace(
            made,
            size=None if made.size is None else _checked_size(made.size),
            crop=None if made.crop is None else _checked_crop(made.crop),
            attributes=None if made.attributes is None else named(made.attributes),
            detector=None if made.detector is None else named(made.detector),
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
        is_of_python = isinstance(size, (tuple, list))
        more = ", or (height, width)" if is_of_python else " a side (drawn pictures have narrower limits)"
        raise OptionError(f"size is {size!r}; give 1 to {LARGEST_SIDE} pixels{more}")
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
