"""A picture file and a mask in, the picture with what was hidden drawn out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike import plots
from lookalike.data.decode import decode_picture, frame_image, read_file
from lookalike.denoising.inpainting import Mask, can_fill, inpaint
from lookalike.denoising.photo import Photo, read_photo
from lookalike.denoising.saving import encoded, name_for
from lookalike.denoising.tiling import Told
from lookalike.errors import DataError, OptionError, PictureError
from lookalike.files import write_bytes
from lookalike.models.base import Autoencoder
from lookalike.models.codeless import Codeless
from lookalike.models.pictures import framing_of, prepared
from lookalike.noise import parse_noise
from lookalike.outputs import Outputs

COVERED = 32
"""Of 255: a pixel of a smaller picture is hidden from so much of it on, since the rest of it is of no use then."""


def inpaint_file(
    model: Autoencoder,
    image: Path,
    mask: Path,
    out: Path,
    *,
    noise: str | None = None,
    crop: int | None = None,
    force: bool = False,
    told: Told | None = None,
) -> Path:
    """Write a picture with what a mask hides drawn: white hides; black, and what is transparent, stays.

    By a U-Net, which must have learned it from `noise`, the picture comes back in its own size, format and depth; as
    PNG of 8 bits in sRGB where its format is another and `out` ends so. By a model with a code it is prepared as those
    of the training (`crop`), and comes back as PNG of their size.

    Raises:
        DataError: a file cannot be read, or picture and mask differ in size.
        OptionError: `out` has another ending, is read here or is there already; the model cannot fill, or the mask
            hides nothing or all.
    """
    if isinstance(model, Codeless) and not (noise and can_fill(parse_noise(noise))):
        learned = f"was trained with {noise}" if noise else "does not say what it was trained with"
        raise OptionError(
            f"this model {learned} and cannot fill what is hidden; take a run with a code, or train one with: "
            "--model unet --noise occlude:0.02-0.4"
        )
    out = Outputs((image, mask), force=force).file(out)
    content, photo = _read(image)
    hidden = _hidden(mask, photo.pixels.shape[:2], image)
    if isinstance(model, Codeless):
        _check_name(out, name_for(photo, out.name))
        if name_for(photo, out.name) == out.name:
            filled = encoded(photo, inpaint(model, photo.pixels, hidden, depth=photo.depth, told=told))
        else:
            filled = plots.picture_png(inpaint(model, decode_picture(content, None), hidden, told=told))
    else:
        _check_name(out)
        framing = replace(framing_of(model, crop), faces=None)
        small = frame_image(Image.fromarray(np.where(hidden, np.uint8(255), np.uint8(0))), framing)[..., 0] >= COVERED
        filled = plots.picture_png(inpaint(model, prepared(model, content, crop), small, told=told))
    write_bytes(out, filled)
    return out


def _read(path: Path) -> tuple[bytes, Photo]:
    try:
        content = read_file(path)
        return content, read_photo(content)
    except PictureError as error:
        raise DataError(f"{path} {error}") from error


def _hidden(mask: Path, sides: tuple[int, ...], image: Path) -> Mask:
    photo = _read(mask)[1]
    if photo.pixels.shape[:2] != sides:
        (height, width), (tall, wide) = photo.pixels.shape[:2], sides
        raise DataError(
            f"{mask} is {width} x {height} pixels, and {image} {wide} x {tall}; give a mask of the picture's size"
        )
    half = np.iinfo(photo.pixels.dtype).max / 2
    hidden: Mask = photo.pixels.mean(axis=2) > half
    return hidden if photo.opacity is None else hidden & (photo.opacity > half)


def _check_name(out: Path, *others: str) -> None:
    endings = sorted({".png", *(Path(other).suffix.lower() for other in others)})
    if out.suffix.lower() not in endings:
        raise OptionError(f"out is {out.name!r}; give a name that ends in {' or '.join(endings)}")
