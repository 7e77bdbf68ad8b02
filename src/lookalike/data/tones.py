"""Grey levels of any depth become 0 to 255, and transparent or animated pictures something that is seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageSequence

from lookalike.data.samples import Held, tags_of
from lookalike.errors import PictureError

WHITES = (1, 255, 1023, 4095, 16_383, 65_535)
"""What white may be where a file does not say it: 1 for floats, else so many bits."""
LEAST_OF_WHITE = 1 / 4.1
"""A largest value below this share of the next of `WHITES` is taken for white itself."""
BLANK = 8
"""Grey levels that the colours of a blank picture span at most."""
NARROW = 63
"""The upper 8 bits of a picture of 14 of 16 bits reach no further."""
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
FRAMES_TRIED = 64
PIXELS_TRIED = 2**27
"""Of all those frames together: 64 of 2 megapixels."""
OWN_RANGE = "says not which value is white, so its own range counts"


def eight_bits(values: npt.NDArray[Any], stated: tuple[float, float] | None, notes: set[str]) -> npt.NDArray[np.uint8]:
    """Numbers of any kind and shape as 0 to 255, by the stated values of black and white, else by their own range.

    Without a statement, black is 0, or the least value where that is negative; white is the first of `WHITES` that
    holds the largest value, or the largest value itself where it is far below or above all of them.

    Raises:
        PictureError: a value is not finite.
    """
    black, white, is_own = range_of(values, stated)
    if is_own:
        notes.add(OWN_RANGE)
    values = values.astype(np.float64)
    values -= black  # in place, since there may be very many
    values *= 255 / (white - black)
    np.rint(values.clip(0, 255, out=values), out=values)
    return values.astype(np.uint8)


def range_of(values: npt.NDArray[Any], stated: tuple[float, float] | None) -> tuple[float, float, bool]:
    """Black and white of numbers as `eight_bits` takes them, and whether their own range decided. Raises as it."""
    dtype, is_float = values.dtype, values.dtype.kind == "f"
    least, most = float(values.min(initial=0)), float(values.max(initial=0))
    if not (math.isfinite(least) and math.isfinite(most)):
        raise PictureError("holds values that are not finite; save it without them")
    if stated is not None and stated[0] < stated[1]:
        return (*stated, False)
    black, white = min(least, 0.0), _white(most, least, is_float=is_float)
    if dtype.kind == "i":
        white = min(white, float(np.iinfo(dtype).max))
    return black, white, white != (1 if is_float else 65_535) or bool(black)


def _white(most: float, least: float, *, is_float: bool) -> float:
    if most == 0:
        return 1.0 if least == 0 else 0.0
    for white in WHITES if is_float else WHITES[1:]:
        if most <= white:
            return float(white) if white == 1 or most >= LEAST_OF_WHITE * white else most
    return most


def is_narrow(image: Image.Image) -> bool:
    """Whether colours of which Pillow gave the upper 8 of 16 bits use so few of them that the lower ones count."""
    extrema: Any = image.getextrema()
    colours = extrema[:-1] if image.mode[-1] in "Aa" else extrema
    return bool(max(high for _, high in colours) <= NARROW)


def of_samples(held: Held, stated: tuple[float, float] | None, notes: set[str]) -> Image.Image:
    """A picture's own numbers, brought to 8 bits: an image of mode L, RGB, CMYK or RGBA. Raises as `eight_bits`."""
    colours = eight_bits(held.colours, stated, notes)
    if held.from_white:
        colours = 255 - colours
    image = Image.fromarray(colours if colours.shape[2] > 1 else colours[..., 0], _MODES[colours.shape[2]])
    if held.opacity is None:
        return image
    alpha = Image.fromarray(np.rint(held.opacity * 255).astype(np.uint8))
    merged = Image.merge("RGBa" if held.premultiplied else "RGBA", (*image.convert("RGB").split(), alpha))
    return merged.convert("RGBA")


def over_ground(image: Image.Image) -> Image.Image:
    """A picture with transparency in RGB: over white, or over black where nothing would be seen over white."""
    over = image.convert("RGBA")
    for ground in (255, 0):
        flat = Image.alpha_composite(Image.new("RGBA", over.size, (ground, ground, ground, 255)), over).convert("RGB")
        if not is_blank(flat):
            return flat
    return Image.alpha_composite(Image.new("RGBA", over.size, (255, 255, 255, 255)), over).convert("RGB")


def is_blank(image: Image.Image) -> bool:
    """Whether an RGB picture is of one colour, or nearly."""
    extrema: Any = image.getextrema()
    return all(high - low <= BLANK for low, high in extrema)


def is_animated(image: Image.Image) -> bool:
    """Whether an image has frames that follow one another in time; the pages of a TIFF do not."""
    return bool(getattr(image, "is_animated", False)) and image.format != "TIFF"


def frames(image: Image.Image) -> Iterator[Image.Image]:
    """The first frames of an animation; of any other picture itself."""
    if not is_animated(image):
        return iter([image])
    tried = min(FRAMES_TRIED, max(PIXELS_TRIED // (image.width * image.height), 1))
    return islice(ImageSequence.Iterator(image), tried)


def stated_range(tags: Any) -> tuple[float, float] | None:
    """Black and white as a TIFF's tags have it: SMinSampleValue and SMaxSampleValue, else bits per sample; or None."""
    try:
        bits, least, most = (first(tags.get(tag)) for tag in (258, 340, 341))
        if most is not None:
            return (0.0 if least is None else float(least), float(most))
        if bits is not None and 8 < bits < 16:
            return 0.0, float(2**bits - 1)
    except (TypeError, ValueError):
        pass
    return None


def is_raw(tags: Any) -> bool:
    """Whether a TIFF is a camera's RAW file: a DNG, or one whose first picture is a small one of others within."""
    return 50706 in tags or (330 in tags and bool(first(tags.get(254, 0)) & 1))


def is_raw_file(content: bytes, kind: str) -> bool:
    """Whether a picture, of a kind as `formats.kind_of` has it, is a camera's RAW file."""
    return kind == "RAW" or (kind == "TIFF" and is_raw(tags_of(content)))


def first(value: Any) -> Any:
    """The first of several values of a TIFF's tag, or the only one."""
    return value[0] if isinstance(value, (tuple, list, np.ndarray)) and len(value) else value
