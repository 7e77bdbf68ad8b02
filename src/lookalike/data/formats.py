"""Which files are pictures, by suffix and by content, and what opens those that Pillow alone does not."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from PIL import Image

from lookalike.data.jxl import jxl_size
from lookalike.errors import PictureError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What Pillow opens by itself, as its own names for formats."""
_PILLOW = ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .gif .bmp .dib .tif .tiff .avif .avifs"
_HEIF = ".heic .heif .hif .heics .heifs"
_RAW = (
    ".dng .nef .nrw .cr2 .cr3 .crw .arw .sr2 .srf .raf .orf .rw2 .rwl .pef .srw .3fr .fff .iiq .mrw .x3f .erf .kdc "
    ".dcr .mos .mef"
)
LARGEST_PIXELS = 100_000_000
"""A picture that claims more is taken for a decompression bomb."""
_OF_EXTRAS = {"HEIF": _HEIF.split(), "JXL": [".jxl"], "RAW": _RAW.split()}
SUFFIXES = frozenset([*_PILLOW.split(), *(suffix for suffixes in _OF_EXTRAS.values() for suffix in suffixes)])
"""Suffixes of pictures, also of those that need an extra."""


class Extra(NamedTuple):
    """What a kind of picture needs beside Pillow: the modules of which one is enough, and the extra to install."""

    what: str
    modules: tuple[str, ...]
    name: str


EXTRAS = {
    "HEIF": Extra("HEIC or HEIF", ("pi_heif", "pillow_heif"), "heic"),
    "JXL": Extra("JPEG XL", ("pillow_jxl",), "jxl"),
    "RAW": Extra("a camera's RAW file", ("rawpy",), "raw"),
}


def available_extras() -> list[str]:
    """The kinds of `EXTRAS` that can be read here: with another answer, the same source gives other pictures."""
    return [kind for kind, extra in EXTRAS.items() if any(find_spec(module) is not None for module in extra.modules)]


def readable_suffixes() -> list[str]:
    """The suffixes of pictures that can be read here."""
    missing = {suffix for kind in EXTRAS.keys() - available_extras() for suffix in _OF_EXTRAS[kind]}
    return sorted(SUFFIXES - missing)


def kind_of(content: bytes) -> str:
    """The kind of a picture by its first bytes: "JPEG", "PNG", "TIFF", "HEIF", "JXL", "RAW", or "" for any other."""
    if content[:2] == b"\xff\xd8":
        return "JPEG"
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if content[:2] == b"\xff\x0a" or content[:12] == b"\0\0\0\x0cJXL \r\n\x87\n":
        return "JXL"
    if content[4:8] == b"ftyp":
        return _kind_of_boxes(content)
    if content[:4] in _RAW_STARTS or content[:15] == b"FUJIFILMCCD-RAW" or content[8:10] == b"CR":
        return "RAW"
    return "TIFF" if content[:4] in (b"II*\0", b"MM\0*") else ""


_RAW_STARTS = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0MRM", b"FOVb")
"""Olympus, Panasonic, Minolta, Sigma. Canon's CR2 and Fujifilm say it elsewhere; all others begin as TIFFs do."""


def _kind_of_boxes(content: bytes) -> str:
    """ISO base media files name their brands in the first box."""
    length = int.from_bytes(content[:4], "big")
    brands = {content[at : at + 4] for at in range(8, min(length, 256), 4)}
    if b"crx " in brands:
        return "RAW"
    if brands & {b"avif", b"avis"}:
        return ""  # which Pillow knows
    return "HEIF" if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"} else ""


def open_heif(content: bytes) -> Image.Image:
    """A HEIC or HEIF picture, upright already; raises `PictureError` where the extra is missing."""
    opened = _module("HEIF").open_heif(io.BytesIO(content))
    if opened.size[0] * opened.size[1] > LARGEST_PIXELS:
        raise too_many_pixels()
    held: Image.Image = opened.to_pillow()
    return held


def heif_facts(content: bytes) -> tuple[tuple[int, int], bytes]:
    """Width and height that a HEIC or HEIF picture claims, and its EXIF, nothing decoded; raises as `open_heif`."""
    opened = _module("HEIF").open_heif(io.BytesIO(content))
    width, height = opened.size
    return (int(width), int(height)), opened.info.get("exif") or b""


def too_many_pixels() -> PictureError:
    """What is said of a picture that claims more than `LARGEST_PIXELS`."""
    return PictureError(f"claims more pixels than the limit of {LARGEST_PIXELS:,}")


def open_jxl(content: bytes) -> Image.Image:
    """A JPEG XL picture, decoded; raises `PictureError` where it claims too much or is damaged, or as `open_heif`."""
    use_jxl()
    width, height = jxl_size(content)
    if width * height > LARGEST_PIXELS:
        raise too_many_pixels()
    try:
        image = Image.open(io.BytesIO(content), formats=("JXL",))
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # its decoder does not say what was wrong
        raise PictureError("is a damaged JPEG XL, or one of a kind that cannot be read") from error
    return image


def use_jxl() -> None:
    """Let Pillow open JPEG XL; raises `PictureError` where the extra is missing."""
    _module("JXL")


class Preview(NamedTuple):
    """What a camera put into its RAW file to look at: a JPEG, or pixels, and how to turn them (EXIF's number)."""

    jpeg: bytes | None
    pixels: Any
    orientation: int


def raw_preview(content: bytes) -> Preview | None:
    """The largest preview in a RAW file, None where there is none; raises `PictureError` where the extra is missing."""
    rawpy = _module("RAW")
    with _opened_raw(content) as raw:
        turned = {3: 3, 5: 8, 6: 6}.get(raw.sizes.flip, 1)  # dcraw's numbers, of which three are in use
        try:
            preview = raw.extract_thumb()
        except rawpy.LibRawError:
            return None
        if preview.format == rawpy.ThumbFormat.JPEG:
            return Preview(bytes(preview.data), None, turned)
        return Preview(None, preview.data.copy(), turned)


def raw_size(content: bytes) -> tuple[int, int]:
    """Width and height of what a RAW file's sensor saw, upright; raises `PictureError` where the extra is missing."""
    with _opened_raw(content) as raw:
        width, height = raw.sizes.width, raw.sizes.height
        return (height, width) if raw.sizes.flip in (5, 6) else (width, height)


def developed(content: bytes) -> Any:
    """What a RAW file's sensor saw, at half its size and upright: (H, W, 3) uint8, by LibRaw with the camera's white.

    Raises:
        PictureError: there are too many pixels, or none that can be read, or the extra is missing.
    """
    rawpy = _module("RAW")
    with _opened_raw(content) as raw:
        if raw.sizes.raw_width * raw.sizes.raw_height > LARGEST_PIXELS:
            raise too_many_pixels()
        try:
            return raw.postprocess(half_size=True, use_camera_wb=True)
        except rawpy.LibRawError as error:
            words = _words_of(error)
            raise PictureError(
                f"is a RAW file without a preview, and its own picture cannot be read ({words}); save it as JPEG"
            ) from error


def _opened_raw(content: bytes) -> Any:
    rawpy = _module("RAW")
    try:
        return rawpy.imread(io.BytesIO(content))
    except rawpy.LibRawError as error:
        raise PictureError(f"is a RAW file that cannot be read ({_words_of(error)}); save it as JPEG or DNG") from error


def _words_of(error: Exception) -> str:
    """What LibRaw says, which is given as bytes."""
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)


def require(kind: str) -> None:
    """Raise `PictureError`, with the line that installs it, where the extra for a kind of `EXTRAS` is missing."""
    if kind not in available_extras():
        raise _missing(EXTRAS[kind])


def _module(kind: str) -> Any:
    extra = EXTRAS[kind]
    load: Callable[[str], Any] = import_module
    for name in extra.modules:
        try:
            return load(name)
        except ImportError:
            continue
    raise _missing(extra)


def _missing(extra: Extra) -> PictureError:
    return PictureError(f"is {extra.what}, which needs an extra; install it: pip install 'lookalike[{extra.name}]'")
