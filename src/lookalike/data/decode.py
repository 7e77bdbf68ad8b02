"""The bytes of one picture become pixels, or a reason why they cannot."""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lookalike.data.framing import Framing, check_crop
from lookalike.data.images import Pixels
from lookalike.data.resize import resize_bilinear
from lookalike.errors import OptionError, PictureError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"))
LARGEST_PIXELS = 100_000_000
"""A picture that claims more is taken for a decompression bomb."""
LARGEST_FILE = 256 * 2**20
PNG_DEPTH_AT = 24
"""Place of the byte that tells a PNG's bits a channel."""
REDUCED_AT_LEAST = 2
"""The JPEG decoder may scale down to this many times the size asked for: what follows averages that away."""


def read_file(path: Path) -> bytes:
    """The content of a regular file of at most 256 MiB.

    Raises:
        PictureError: it cannot be read, is no regular file (a pipe would never end), is empty or too large.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:  # noqa: PTH123
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise PictureError("is not a regular file")
            check_length(facts.st_size)
            return file.read()
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise PictureError(f"cannot be read: {error}") from error


def check_length(length: int) -> None:
    """Raise `PictureError` for a file of `length` bytes that is empty or over the limit."""
    if length == 0:
        raise PictureError("is empty (0 bytes)")
    if length > LARGEST_FILE:
        raise PictureError(f"has {length:,} bytes; the limit is {LARGEST_FILE:,}")


def decode_picture(content: bytes, framing: Framing | None) -> Pixels:
    """Decode a picture and bring it to the framing's size (None leaves its own): (H, W, 3) uint8 RGB.

    The first frame counts; EXIF orientation is applied; transparency lies over white; 16 bits become 8.

    Raises:
        PictureError: the bytes are no picture that can be decoded whole.
    """
    check_length(len(content))
    # Pillow's decoders raise errors of many kinds on damaged files; whichever it is, this picture is set aside.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                width, height = image.size
                if width * height > LARGEST_PIXELS:
                    raise _too_many_pixels()
                if framing is not None:
                    _reduce_while_decoding(image, framing)
                image.load()
                upright = _upright_rgb(image)
                return np.asarray(upright) if framing is None else frame_image(upright, framing)
    except PictureError:
        raise
    except OptionError as error:
        raise PictureError(str(error)) from error
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except UnidentifiedImageError:
        raise PictureError("is not a picture in a format that can be read") from None
    except MemoryError:
        raise PictureError("needs more memory than there is") from None
    except Exception as error:
        raise PictureError(f"cannot be decoded: {' '.join(str(error).split()) or type(error).__name__}") from error


def _too_many_pixels() -> PictureError:
    return PictureError(f"claims more pixels than the limit of {LARGEST_PIXELS:,}")


def frame_image(image: Image.Image, framing: Framing) -> Pixels:
    """Cut and resize an image of mode RGB or L: (H, W, 3) or (H, W, 1) uint8."""
    check_crop(framing.crop, image.height, image.width)
    height, width = framing.size
    if framing.fit == "stretch":
        pixels = np.asarray(image)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        inner = pixels[framing.crop : image.height - framing.crop, framing.crop : image.width - framing.crop]
        stretched: Pixels = resize_bilinear(np.ascontiguousarray(inner)[None], framing.size)[0]
        return stretched
    left, top, right, bottom = framing.crop, framing.crop, image.width - framing.crop, image.height - framing.crop
    inner_width, inner_height = right - left, bottom - top
    choose = max if framing.fit == "crop" else min
    scale = choose(height / inner_height, width / inner_width)
    if framing.fit == "crop":
        cut_x, cut_y = (inner_width - width / scale) / 2, (inner_height - height / scale) / 2
        box = (left + cut_x, top + cut_y, right - cut_x, bottom - cut_y)
        return _resample(image, (height, width), box)
    whole = (max(round(inner_height * scale), 1), max(round(inner_width * scale), 1))
    pixels = _resample(image, whole, (left, top, right, bottom))
    above, before = (height - whole[0]) // 2, (width - whole[1]) // 2
    margins = ((above, height - whole[0] - above), (before, width - whole[1] - before), (0, 0))
    return np.pad(pixels, margins, mode="edge")


def _resample(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Pixels:
    resized = image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)
    pixels: Pixels = np.asarray(resized)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _reduce_while_decoding(image: Image.Image, framing: Framing) -> None:
    """Let the JPEG decoder scale by 1/2, 1/4 or 1/8 where far more pixels are there than are needed."""
    if image.format in ("JPEG", "MPO") and framing.crop == 0 and framing.fit != "stretch":
        side = REDUCED_AT_LEAST * max(framing.size)
        image.draft(None, (side, side))


def _upright_rgb(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image) or image
    if upright.mode == "RGB":
        return upright
    if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
        return _eight_bits(upright).convert("RGB")
    if "A" in upright.mode or "a" in upright.mode or "transparency" in upright.info:
        over = upright.convert("RGBA")
        white = Image.new("RGBA", over.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, over).convert("RGB")
    return upright.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, 32 bits or floats to 8 bits: 0..65535 scaled; floats of 0..1 or 0..255."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise PictureError("holds values that are not finite")
    white = 65535 if image.mode != "F" else 1 if values.max(initial=0) <= 1 else 255
    return Image.fromarray(np.rint((values * (255 / white)).clip(0, 255)).astype(np.uint8))


def is_deeper_than_8_bits(path: Path) -> bool:
    """Whether a picture file holds more than 8 bits a channel, by its header; False where that cannot be read."""
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = file.read(PNG_DEPTH_AT + 1)
            if start.startswith(b"\x89PNG"):  # of which Pillow does not tell the depth of colours
                return len(start) > PNG_DEPTH_AT and start[PNG_DEPTH_AT] > 8
            file.seek(0)
            with Image.open(file, formats=("TIFF",)) as image:
                return image.mode in ("I", "F") or image.mode.startswith("I;")
    except Exception:  # whatever is wrong with it, whoever reads it says so
        return False
