"""The bytes of one picture become pixels, or a reason why they cannot."""

from __future__ import annotations

import errno
import io
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from lookalike.data import formats, samples, tones
from lookalike.data.bare import Bare, bare, orientation_of
from lookalike.data.colour import to_srgb
from lookalike.data.formats import LARGEST_PIXELS, too_many_pixels
from lookalike.data.framing import Framing, check_crop
from lookalike.data.images import Pixels
from lookalike.data.jpeg import has_all_scans
from lookalike.data.resize import resize_bilinear
from lookalike.errors import OptionError, PictureError

LARGEST_FILE = 256 * 2**20
PNG_DEPTH_AT = 24
"""Place of the byte that tells a PNG's bits a channel."""
END_OF_JPEG = b"\xff\xd9"
REDUCED_AT_LEAST = 2
"""The JPEG decoder may scale down to this many times the size asked for: what follows averages that away."""
MOST_REDUCED = 64
"""Times a side that Pillow first shrinks by whole pixels. It multiplies by 2^24 over their number, rounded down, which
with 2,812 a side makes 34 of a grey of 77."""


class UnseenError(PictureError):
    """A file cannot be read at all (permissions, a drive that is gone), so that nobody knows what it holds now."""


def read_file(path: Path) -> bytes:
    """The content of a regular file of at most 256 MiB.

    Raises:
        PictureError: it cannot be read, is no regular file (a pipe would never end), is empty or too large.
    """
    try:
        with _opened(path) as file:
            check_length(os.fstat(file.fileno()).st_size)
            return file.read()
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a device that nothing is behind: there is no picture to be seen
            raise PictureError("is not a regular file") from error
        if error.errno == errno.EISDIR:
            raise PictureError("is a folder; give the pictures in it") from error
        raise UnseenError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise PictureError(f"cannot be read: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file; to open a pipe that nobody writes into, or to read one, would wait for ever."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise PictureError("is not a regular file")
        yield file


def check_length(length: int) -> None:
    """Raise `PictureError` for a file of `length` bytes that is empty or over the limit."""
    if length == 0:
        raise PictureError("is empty (0 bytes)")
    if length > LARGEST_FILE:
        raise PictureError(f"has {length:,} bytes; the limit is {LARGEST_FILE:,}")


def decode_picture(content: bytes, framing: Framing | None, notes: set[str] | None = None) -> Pixels:
    """Decode a picture and bring it to the framing's size (None leaves its own): (H, W, 3) uint8 RGB, in sRGB.

    Of metadata, orientation and colour profile count; what is broken of it is passed over. An animation gives its first
    frame that is not blank. Transparency lies over white, or over black where nothing would be seen on white. Deeper
    levels become 8 bits; `notes` takes a sentence where a file does not say which value is white.

    Raises:
        PictureError: the bytes are no picture that can be decoded whole, or need an extra that is not installed.
    """
    check_length(len(content))
    # Pillow's decoders raise errors of many kinds on damaged files; whichever it is, this picture is set aside.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(content, framing, set() if notes is None else notes)
    except PictureError:
        raise
    except OptionError as error:
        raise PictureError(str(error)) from error
    except Image.DecompressionBombError:
        raise too_many_pixels() from None
    except UnidentifiedImageError:
        raise PictureError("is not a picture in a format that can be read") from None
    except MemoryError:
        raise PictureError("needs more memory than there is") from None
    except Exception as error:
        raise PictureError(f"cannot be decoded: {' '.join(str(error).split()) or type(error).__name__}") from error


class _Opened(NamedTuple):
    """A picture and what its file states: orientation, colour profile, black and white.

    `samples` reads its own numbers, where it has 16 bits a channel of colour and Pillow gave but the upper 8.
    """

    image: Image.Image
    orientation: int = 1
    profile: bytes | None = None
    stated: tuple[float, float] | None = None
    samples: Callable[[], samples.Held] | None = None


def _decode(content: bytes, framing: Framing | None, notes: set[str], turned: int = 1) -> Pixels:
    """`turned` is the orientation of a picture that does not state its own."""
    kind = formats.kind_of(content)
    if kind == "RAW":
        return _decode_raw(content, framing, notes)
    if kind == "HEIF":
        image = formats.open_heif(content)
        return _framed(_Opened(image, profile=image.info.get("icc_profile")), framing, notes)
    if kind == "JXL":
        return _framed(_stated(formats.open_jxl(content), Bare(content), turned), framing, notes)
    plain = bare(content, kind)
    try:
        image = Image.open(io.BytesIO(plain.content), formats=formats.FORMATS)
    except UnidentifiedImageError:
        if kind != "TIFF":
            raise
        if tones.is_raw(samples.tags_of(content)):
            return _decode_raw(content, framing, notes)
        return _decode_samples(content, framing, notes, turned)
    with image:
        if image.width * image.height > LARGEST_PIXELS:
            raise too_many_pixels()
        if kind == "TIFF" and tones.is_raw(image.tag_v2):  # type: ignore[attr-defined]
            return _decode_raw(content, framing, notes)
        if kind == "TIFF" and samples.needs_own_reader(content):
            return _decode_samples(content, framing, notes, turned)
        if framing is not None:
            _reduce_while_decoding(image, framing)
        try:
            image.load()
        except OSError:
            if kind != "JPEG" or not _lacks_only_its_end(plain.content):
                raise
            return _decode(content + END_OF_JPEG, framing, notes, turned)
        return _framed(_stated(image, plain, turned), framing, notes)


def _decode_raw(content: bytes, framing: Framing | None, notes: set[str]) -> Pixels:
    """By the preview within; the sensor's own picture where there is none that can be read."""
    preview = formats.raw_preview(content)
    if preview is not None and preview.jpeg is not None:
        try:
            return _decode(preview.jpeg, framing, notes, preview.orientation)
        except (OSError, UnidentifiedImageError):
            preview = None
    if preview is None:
        return _framed(_Opened(Image.fromarray(formats.developed(content))), framing, notes)
    return _framed(_Opened(Image.fromarray(preview.pixels), preview.orientation), framing, notes)


def _decode_samples(content: bytes, framing: Framing | None, notes: set[str], turned: int) -> Pixels:
    """A TIFF that Pillow has no mode for."""
    held, tags = samples.read_tiff(content), samples.tags_of(content)
    stated = tones.stated_range(tags)
    image = tones.of_samples(held, stated, notes)
    profile = samples.profile_of(content)
    return _framed(_Opened(image, tones.first(tags.get(274, turned)), profile), framing, notes)


def _lacks_only_its_end(content: bytes) -> bool:
    """Whether a JPEG that was found cut off lacks no more than the mark at its end: a strict decoder then has all."""
    if content.endswith(END_OF_JPEG) or not has_all_scans(content):
        return False
    try:
        simplejpeg.decode_jpeg(content + END_OF_JPEG, "RGB")
    except ValueError:
        return False
    return True


def _stated(image: Image.Image, plain: Bare, turned: int) -> _Opened:
    """With what its file states; `turned` is its orientation where the file says nothing."""
    profile = image.info.get("icc_profile")
    if image.format == "PNG":
        own = plain.content[PNG_DEPTH_AT] == 16 and image.mode in ("RGB", "RGBA") and not tones.is_animated(image)
        read = partial(samples.read_png, plain.content) if own else None
        return _Opened(image, plain.orientation or turned, plain.profile, None, read)
    if image.format == "JPEG":
        return _Opened(image, plain.orientation or turned, plain.profile)
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        own = tones.first(tags.get(258)) == 16 and image.mode in ("RGB", "RGBA", "CMYK")
        read = partial(samples.read_tiff, plain.content) if own else None
        return _Opened(image, tags.get(274, turned), profile, tones.stated_range(tags), read)
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return _Opened(image, 1, profile)  # the codestream's own orientation was applied, and counts alone
    exif = image.info.get("exif")
    return _Opened(image, (orientation_of(exif) if exif else None) or turned, profile)


def _framed(opened: _Opened, framing: Framing | None, notes: set[str]) -> Pixels:
    """The first frame that shows something, upright, framed, in sRGB."""
    shown: Image.Image | None = None
    for frame in tones.frames(opened.image):
        flat = _rgb(frame, opened, notes)
        if shown is None:
            shown = flat
        if not tones.is_animated(opened.image):
            break
        if not tones.is_blank(flat):
            shown = flat
            break
    assert shown is not None
    if opened.orientation in _TURNS:
        shown = shown.transpose(_TURNS[opened.orientation])
    if not opened.profile:
        return np.asarray(shown) if framing is None else frame_image(shown, framing)
    framed = shown if framing is None else Image.fromarray(frame_image(shown, framing))
    return np.asarray(to_srgb(framed, opened.profile))


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _rgb(image: Image.Image, opened: _Opened, notes: set[str]) -> Image.Image:
    """Of any mode to RGB; what has a profile for other colours than RGB comes to sRGB by it."""
    if opened.samples is not None and (opened.stated is not None or tones.is_narrow(image)):
        image = tones.of_samples(opened.samples(), opened.stated, notes)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(tones.eight_bits(np.asarray(image), opened.stated, notes)).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        return tones.over_ground(image)
    if image.mode in ("L", "CMYK"):
        image = to_srgb(image, opened.profile)
    return image.convert("RGB")


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
        # One of the two is 0; rounding may leave it below, and then the box would begin outside of the picture.
        cut_x, cut_y = max((inner_width - width / scale) / 2, 0), max((inner_height - height / scale) / 2, 0)
        box = (left + cut_x, top + cut_y, right - cut_x, bottom - cut_y)
        return _resample(image, (height, width), box)
    whole = (min(max(round(inner_height * scale), 1), height), min(max(round(inner_width * scale), 1), width))
    pixels = _resample(image, whole, (left, top, right, bottom))
    above, before = (height - whole[0]) // 2, (width - whole[1]) // 2
    margins = ((above, height - whole[0] - above), (before, width - whole[1] - before), (0, 0))
    return np.pad(pixels, margins, mode="edge")


def _resample(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Pixels:
    shrinking = max((box[2] - box[0]) / size[1], (box[3] - box[1]) / size[0])
    gap = max(3.0, shrinking / MOST_REDUCED)
    resized = image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box, reducing_gap=gap)
    pixels: Pixels = np.asarray(resized)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _reduce_while_decoding(image: Image.Image, framing: Framing) -> None:
    """Let the JPEG decoder scale by 1/2, 1/4 or 1/8 where far more pixels are there than are needed."""
    if image.format in ("JPEG", "MPO") and framing.crop == 0 and framing.fit != "stretch":
        side = REDUCED_AT_LEAST * max(framing.size)
        image.draft(None, (side, side))


def is_deeper_than_8_bits(path: Path) -> bool:
    """Whether a picture file holds more than 8 bits a channel, by its header; False where that cannot be read."""
    try:
        with _opened(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = file.read(PNG_DEPTH_AT + 1)
            if start.startswith(b"\x89PNG"):  # of which Pillow does not tell the depth of colours
                return len(start) > PNG_DEPTH_AT and start[PNG_DEPTH_AT] > 8
            file.seek(0)
            with Image.open(file, formats=("TIFF",)) as image:
                return image.mode in ("I", "F") or image.mode.startswith("I;")
    except Exception:  # whatever is wrong with it, whoever reads it says so
        return False
