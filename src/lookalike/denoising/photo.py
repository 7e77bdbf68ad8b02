"""A photograph as its file holds it: at its own depth, in its own colours, with its opacity and its notes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from lookalike.data import formats, samples, tones
from lookalike.data.bare import bare
from lookalike.data.decode import PNG_DEPTH_AT, check_length, decode_picture
from lookalike.denoising.depth import EIGHT, Depth, Numbers

FORMS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "AVIF", "JXL")
"""What comes back in its own format, as Pillow calls it; all else becomes PNG."""
_FLAT = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}
"""Modes of 8 bits that hold the same as another, with which one can work."""
_COMPRESSIONS = {1: "raw", 5: "tiff_lzw", 32773: "packbits"}
_NOTES = ("exif", "icc_profile", "xmp")


@dataclass(frozen=True)
class Photo:
    """A picture's pixels, upright, and what it takes to write others in their place.

    Attributes:
        pixels: uint8 or uint16 (H, W, 3), or (H, W, 1) where it is without colour.
        depth: what these numbers mean.
        form: one of `FORMS`: how it is to be written.
        content: the file.
        orientation: how the stored picture is turned, 1 to 8 as EXIF counts.
        opacity: (H, W) of the same numbers, None where all is opaque.
        channels: of its colours in the file, 1 or 3; a picture in three may be without colour.
        is_own: whether the pixels are in the file's own space of colours; else they are in sRGB.
        settings: of the encoder, as Pillow calls them, so that it is written as it was.
    """

    pixels: Numbers
    depth: Depth
    form: str
    content: bytes = field(repr=False)
    orientation: int = 1
    opacity: Numbers | None = None
    channels: int = 3
    is_own: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_lossy(self) -> bool:
        """Whether its file holds less than its pixels."""
        is_kept = self.form in ("PNG", "TIFF", "BMP") or self.settings.get("lossless", False)
        return not is_kept or formats.kind_of(self.content) in ("HEIF", "RAW")


def read_photo(content: bytes) -> Photo:
    """Decode a picture file whole, in its own space of colours and depth where it has one that can be written again.

    So are 8 bits of grey and RGB, also of a palette, and 16 bits of them in PNG and TIFF. All else (CMYK, floats, RAW,
    animations) comes as `decode_picture` gives it: 8 bits in sRGB, and opaque.

    Raises:
        PictureError: the bytes are no picture that can be decoded whole, or need an extra that is not installed.
    """
    check_length(len(content))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = _own(content)
    except Exception:  # whatever is wrong with it, the other way says so, or gets more out of it
        own = None
    return _converted(content) if own is None else own


def _own(content: bytes) -> Photo | None:
    """In its own space; None, or an error of any kind, where it is to be converted."""
    kind = formats.kind_of(content)
    if kind == "RAW":
        return None
    if kind == "HEIF":
        image = formats.open_heif(content)  # upright already
        return _of_image(image, "PNG", content, settings=_notes(image, is_turned=True))
    if kind == "JXL":
        formats.use_jxl()
    if kind == "TIFF" and _is_deep_tiff(samples.tags_of(content)):
        return _of_samples(content, samples.read_tiff(content), "TIFF", _tiff_settings(content))
    plain = bare(content, kind)
    with Image.open(
        io.BytesIO(plain.content), formats=[*formats.FORMATS, *(["JXL"] if kind == "JXL" else [])]
    ) as image:
        form = str(image.format)
        if form not in FORMS or image.width * image.height > formats.LARGEST_PIXELS or tones.is_animated(image):
            return None
        if kind == "PNG" and content[PNG_DEPTH_AT] == 16:
            held = samples.Held(np.asarray(image)[..., None]) if image.mode == "I;16" else samples.read_png(content)
            if "transparency" in image.info:  # the one colour that nobody is to see
                is_seen = (held.colours != np.array(image.info["transparency"])).any(axis=2)
                held = held._replace(opacity=is_seen.astype(np.float64))
            return _of_samples(content, held, form, {}, plain.orientation or 1)
        if kind == "TIFF":
            if tones.is_raw(image.tag_v2):  # type: ignore[attr-defined]
                return None
            # Pillow turns what it reads of a TIFF by itself.
            return _of_image(image, form, content, _tiff_orientation(content), _tiff_settings(content), is_turned=True)
        settings = _jpeg_settings(image) if form == "JPEG" else _notes(image, is_turned=kind == "JXL")
        if form == "WEBP" and _is_lossless_webp(content):
            settings |= {"lossless": True, "exact": True}
        orientation = plain.orientation or (1 if kind == "JXL" else image.getexif().get(0x0112, 1))
        return _of_image(image, form, content, orientation, settings)


def _converted(content: bytes) -> Photo:
    """As all other commands see it: upright, 8 bits, sRGB, opaque."""
    pixels, kind = decode_picture(content, None), formats.kind_of(content)
    form = kind if kind in FORMS else "PNG"
    orientation, settings = 1, {}
    if form == "TIFF":
        orientation, settings = _tiff_orientation(content), _tiff_settings(content)
    elif form in ("JPEG", "PNG"):
        plain = bare(content, kind)
        orientation = plain.orientation or 1
        if form == "JPEG":
            with Image.open(io.BytesIO(plain.content)) as image:
                settings = _jpeg_settings(image)
    return Photo(_without_colour(pixels), EIGHT, form, content, orientation, is_own=False, settings=settings)


def _of_image(
    image: Image.Image,
    form: str,
    content: bytes,
    orientation: int = 1,
    settings: Mapping[str, Any] | None = None,
    *,
    is_turned: bool = False,
) -> Photo | None:
    """Of 8 bits, by Pillow, which has turned it upright or not."""
    image.load()
    mode = _FLAT.get(image.mode, image.mode)
    if "transparency" in image.info:
        mode = "LA" if mode == "L" else "RGBA"
    elif mode == "P":
        mode = "RGB"
    if mode not in ("L", "LA", "RGB", "RGBA"):
        return None
    held: Any = np.asarray(image if image.mode == mode else image.convert(mode))
    held = held[..., None] if held.ndim == 2 else held
    held = held if is_turned else turned(held, orientation)
    opacity = held[..., -1] if mode.endswith("A") else None
    colours = held[..., : 3 if mode.startswith("RGB") else 1]
    how = {} if settings is None else settings
    return Photo(
        *(_without_colour(colours), EIGHT, form, content, orientation, opacity, colours.shape[2]), settings=how
    )


def _of_samples(
    content: bytes, held: samples.Held, form: str, settings: Mapping[str, Any], orientation: int | None = None
) -> Photo:
    """Of 16 bits, by its own numbers."""
    orientation = _tiff_orientation(content) if orientation is None else orientation
    tags = samples.tags_of(content) if form == "TIFF" else {}
    black, white, _ = tones.range_of(held.colours, tones.stated_range(tags))
    colours = turned(held.colours, orientation)
    opacity = None if held.opacity is None else turned(np.rint(held.opacity * 65_535).astype(np.uint16), orientation)
    if held.from_white:
        colours = np.uint16(65_535) - colours
        black, white = 65_535 - white, 65_535 - black
    if held.premultiplied and opacity is not None:
        apart = colours * (65_535 / np.maximum(opacity, 1)[..., None])
        colours = np.rint(np.minimum(apart, 65_535)).astype(np.uint16)
    depth = Depth("uint16", black, white)
    channels = colours.shape[2]
    return Photo(
        _without_colour(colours), depth, form, content, orientation, opacity, channels, settings=dict(settings)
    )


def _without_colour(colours: Numbers) -> Numbers:
    """(H, W, 1) where all channels are equal everywhere."""
    return colours[..., :1] if not (colours != colours[..., :1]).any() else colours


def _is_deep_tiff(tags: samples.Tags) -> bool:
    """Whether its colours are whole numbers of 16 bits, grey or RGB."""
    is_deep = set(tags.get(samples.BITS, ())) == {16} and tags.get(samples.KIND, (1,))[0] == 1
    return is_deep and tags.get(samples.PHOTOMETRIC, (9,))[0] in (0, 1, 2) and not tones.is_raw(tags)


def _tiff_orientation(content: bytes) -> int:
    (value,) = samples.tags_of(content).get(274, (1,))[:1]
    return value if 1 <= value <= 8 else 1


def _tiff_settings(content: bytes) -> dict[str, Any]:
    compression = samples.tags_of(content).get(samples.COMPRESSION, (1,))[0]
    return {"compression": _COMPRESSIONS.get(compression, "tiff_adobe_deflate")}


def _jpeg_settings(image: Any) -> dict[str, Any]:
    """Its tables of quantisation, how it thins out colours, and in which order it tells of them."""
    settings: dict[str, Any] = {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}
    if image.info.get("progressive"):
        settings["progressive"] = True
    return settings


def _is_lossless_webp(content: bytes) -> bool:
    """Whether the first of its chunks that holds a picture does so by VP8L."""
    at = 12
    while at + 8 <= len(content):
        name, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8L"
        at += 8 + length + length % 2
    return False


def _notes(image: Image.Image, *, is_turned: bool) -> dict[str, Any]:
    """What Pillow takes to be written again; where the decoder has turned the picture, EXIF must not ask for it."""
    notes = {name: image.info[name] for name in _NOTES if image.info.get(name)}
    if is_turned and "exif" in notes:
        exif = Image.Exif()
        exif.load(notes["exif"])
        exif[0x0112] = 1
        notes["exif"] = exif.tobytes()
    return notes


def turned(picture: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """A stored picture (H, W, ...) upright, as a view."""
    if orientation in (2, 3, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7):
        picture = picture[::-1]
    if orientation in (5, 7):
        return picture.swapaxes(0, 1)
    return np.rot90(picture, {6: -1, 8: 1}.get(orientation, 0))


def stored(picture: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """An upright picture as it was stored: the other way of `turned`."""
    return turned(picture, {6: 8, 8: 6}.get(orientation, orientation))
