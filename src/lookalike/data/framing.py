"""Framing: how a picture of any size becomes (height, width) pixels; one value, asked for by every reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from lookalike.errors import OptionError


@dataclass(frozen=True)
class Framing:
    """Cut `crop` pixels from each side, then bring the rest to `size` = (height, width) as `fit` says.

    "stretch": both axes on their own, with OpenCV's bilinear interpolation, the reference notebook's way;
    "crop": the largest centred part of the target's aspect, with antialiasing;
    "pad": the whole picture with antialiasing, its edge pixels repeated where the aspect leaves room.

    With `faces`, what finds them ("mtcnn", or the path of a YuNet model), a photo gives a picture for each of its
    faces: brought to LFW's 250 x 250 frame first, and then as above.
    """

    size: tuple[int, int] = (32, 32)
    crop: int = 0
    fit: str = "crop"
    faces: str | None = None

    def as_json(self) -> list[Any]:
        """Plain JSON values; `Framing.from_json` reads them back."""
        return [list(self.size), self.crop, self.fit, *([] if self.faces is None else [self.faces])]

    @classmethod
    def from_json(cls, content: list[Any]) -> Self:
        """The inverse of `as_json`."""
        (height, width), *rest = content
        return cls((int(height), int(width)), *rest)

    @classmethod
    def of_training(cls, image_shape: tuple[int, ...], source: Mapping[str, Any] | None) -> Self:
        """How a single picture is framed for a model of (H, W, C): as the pictures of its training were.

        `source` is their `DataSpec` as JSON, None where the model does not know it.
        """
        height, width = image_shape[:2]
        if source is None:
            return cls((height, width))
        return cls((height, width), source["crop"], source["fit"], source.get("faces"))


DEFAULT_FRAMING = Framing()


def check_crop(crop: int, height: int, width: int) -> None:
    """Raise `OptionError` unless `crop` pixels from each side leave a pixel of (height, width)."""
    if 2 * crop >= min(height, width):
        limit = (min(height, width) - 1) // 2
        raise OptionError(f"crop is {crop}, which leaves nothing of {height} x {width} pixels; give at most {limit}")
