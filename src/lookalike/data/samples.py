"""Pictures whose samples are of kinds that Pillow has no mode for, as arrays of their own numbers.

Pillow knows floats of one sample only, and gives the upper half of 16 bits of colour. What it can do is unpack bytes: a
TIFF is shown to it as one of 8 bits that is as many times wider as a pixel has bytes, and the numbers are put together
here. A PNG of 16 bits is unpacked twice, once for each half.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.errors import PictureError

Samples = npt.NDArray[Any]
"""(H, W, S) of any numbers."""

MOST_SAMPLES = 16
"""Of a pixel: its colours, its opacity, and what else programs keep beside them."""
MOST_BYTES = 2**29
"""Of unpacked samples: 45 megapixels of RGB in floats. A quarter of it where rows are no multiple of four bytes."""
_BYTEWISE = (1, 5, 8, 32946, 32773, 34925, 50000)
"""Compressions that know nothing of pixels: none, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard."""
_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}
"""Samples of a colour by the tag PhotometricInterpretation: grey from white, grey, RGB, CMYK."""
_KINDS = {1: "u", 2: "i", 3: "f"}
_DTYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, COUNT, ROWS, LENGTHS, PLANAR, PREDICTOR) = (
    *(256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317),
)
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_LENGTHS, EXTRA, KIND, PROFILE = 322, 323, 324, 325, 338, 339, 34675
Tags = Mapping[int, tuple[int, ...]]


class Held(NamedTuple):
    """A picture's colours (H, W, 1, 3 or 4), its opacity (H, W) from 0 to 1, and how both are to be taken."""

    colours: Samples
    opacity: npt.NDArray[np.float64] | None = None
    from_white: bool = False
    premultiplied: bool = False


def needs_own_reader(content: bytes) -> bool:
    """Whether Pillow would give wrong numbers for a TIFF, or others than its own.

    So of planes of more than 8 bits, of 32 bits without a sign, and of fewer with one.
    """
    tags = tags_of(content)
    bits, kind = tags.get(BITS, (1,))[0], tags.get(KIND, (1,))[0]
    return (bits > 8 and tags.get(PLANAR) == (2,)) or (kind == 1 if bits == 32 else kind == 2)


def read_tiff(content: bytes) -> Held:
    """The first picture of a TIFF by its own numbers.

    Raises:
        PictureError: it is of a kind that is not read here either; the text says which, and what to do.
    """
    tags = tags_of(content)
    if not {WIDTH, HEIGHT, PHOTOMETRIC} <= tags.keys() or not {OFFSETS, TILE_OFFSETS} & tags.keys():
        raise PictureError("is a damaged TIFF: its table of tags lacks its size, its colours, or where they are")
    photometric = tags[PHOTOMETRIC][0]
    count, bits = tags.get(COUNT, (1,))[0], tags.get(BITS, (1,))
    dtype = f"{_KINDS.get(tags.get(KIND, (1,))[0], '?')}{bits[0] // 8}"
    colours = _COLOURS.get(photometric)
    is_known = colours is not None and colours <= count <= MOST_SAMPLES and len(set(bits)) == 1 and bits[0] % 8 == 0
    if not is_known or dtype not in _DTYPES or tags.get(COMPRESSION, (1,))[0] not in _BYTEWISE:
        raise PictureError(
            f"is a TIFF of a kind that cannot be read: {facts(content)}; save it as PNG, or as a TIFF of 16 bits"
        )
    order = "<" if content[:2] == b"II" else ">"
    planes = count if tags.get(PLANAR) == (2,) else 1
    try:
        parts = [_plane(content, tags, np.dtype(order + dtype), count // planes, i, planes) for i in range(planes)]
    except (KeyError, ValueError, ArithmeticError) as error:
        raise PictureError("is a damaged TIFF: its table of tags does not fit together") from error
    samples = parts[0] if planes == 1 else np.concatenate(parts, axis=2)
    extra = tags.get(EXTRA, (0,))[0] if count > (colours or 0) else 0
    opacity = _opacity(samples[..., colours]) if extra in (1, 2) else None
    return Held(samples[..., :colours], opacity, photometric == 0, extra == 1)


def read_png(content: bytes) -> Held:
    """A PNG of 16 bits with more than one sample a pixel, by its own numbers."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        raw = str(image.tile[0].args)
    if raw == "LA;16B":  # as long as four samples of 8 bits, and by the same filters
        halves = _unpacked_png(content, "RGBA")
        samples = (halves[..., ::2].astype(np.uint16) << 8) | halves[..., 1::2]
    else:
        upper, lower = (_unpacked_png(content, raw.replace("16B", half)) for half in ("16B", "16L"))
        samples = (upper.astype(np.uint16) << 8) | lower
    colours = samples.shape[2] - 1 + samples.shape[2] % 2
    return Held(samples[..., :colours], None if colours == samples.shape[2] else _opacity(samples[..., colours]))


def _unpacked_png(content: bytes, raw: str) -> npt.NDArray[np.uint8]:
    """As Pillow unpacks it when told that its bytes are those of another mode."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        image.tile = [tile._replace(args=raw) for tile in image.tile]
        return np.asarray(image)


def _opacity(values: Samples) -> npt.NDArray[np.float64]:
    most = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0
    return (values.astype(np.float64) / most).clip(0, 1)


def _plane(content: bytes, tags: Tags, dtype: np.dtype[Any], samples: int, number: int, planes: int) -> Samples:
    """(H, W, samples) of one plane, of which there are several where colours lie apart."""
    (width,), (height,) = tags[WIDTH], tags[HEIGHT]
    (part,) = tags.get(TILE_WIDTH, (width,))  # what is coded together of a row
    pixel = samples * dtype.itemsize
    across = -(-width // part)
    together = 4 if part * pixel % 4 == 0 else 1
    if across * part * pixel * planes * max(height, *tags.get(TILE_HEIGHT, (1,))) > MOST_BYTES * together // 4:
        raise PictureError(
            f"has {width} x {height} pixels of {facts(content)}, more than fit into {MOST_BYTES * together // 4:,} "
            "bytes; save it smaller, or with 16 bits"
        )
    where, lengths = (TILE_OFFSETS, TILE_LENGTHS) if TILE_OFFSETS in tags else (OFFSETS, LENGTHS)
    own = slice(number * len(tags[where]) // planes, (number + 1) * len(tags[where]) // planes)
    told: dict[int, tuple[int, ...]] = {
        WIDTH: (across * part * pixel // together,),
        HEIGHT: (height,),
        BITS: (8,) * together,
        COMPRESSION: tags.get(COMPRESSION, (1,)),
        PHOTOMETRIC: (1 if together == 1 else 5,),
        where: tags[where][own],
        COUNT: (together,),
        lengths: tags[lengths][own],
    }
    if where == OFFSETS:
        told[ROWS] = (min(tags.get(ROWS, (height,))[0], height),)
    else:
        told |= {TILE_WIDTH: (part * pixel // together,), TILE_HEIGHT: tags[TILE_HEIGHT]}
    with Image.open(io.BytesIO(_with_tags(content, told)), formats=["TIFF"]) as image:
        unpacked = np.asarray(image).reshape(height, across, part * pixel)
    (predictor,) = tags.get(PREDICTOR, (1,))
    placed = _as_numbers(unpacked, dtype, samples, predictor).reshape(height, across * part, samples)
    return placed[:, :width].astype(dtype.newbyteorder("="), copy=False)


def _as_numbers(unpacked: npt.NDArray[np.uint8], dtype: np.dtype[Any], samples: int, predictor: int) -> Samples:
    """What was coded together of a row (the last axis) as numbers, their predictor undone.

    As TIFF 6.0 and its Technical Note 3 have it: 2 for differences from the pixel before, 3 for those of bytes that are
    sorted by their weight.
    """
    if predictor == 3:
        *rows, length = unpacked.shape
        added = unpacked.reshape(*rows, length // samples, samples).cumsum(axis=-2, dtype=np.uint8)
        sorted_by_weight = added.reshape(*rows, dtype.itemsize, length // dtype.itemsize)
        in_order = np.ascontiguousarray(np.moveaxis(sorted_by_weight, -2, -1))
        return in_order.view(dtype.newbyteorder(">"))[..., 0]
    if predictor == 2:
        whole = np.dtype(f"{dtype.byteorder}u{dtype.itemsize}")
        differences = unpacked.view(whole).astype(whole.newbyteorder("="))
        parted = differences.reshape(*unpacked.shape[:-1], -1, samples)
        added = parted.cumsum(axis=-2, dtype=parted.dtype)
        return added.view(dtype.newbyteorder("="))
    return unpacked.view(dtype)


def _with_tags(content: bytes, told: Mapping[int, tuple[int, ...]]) -> bytes:
    """A TIFF of the same strips or tiles, with a table of tags at its end that says something else of them."""
    table_at = len(content) + len(content) % 2
    outside_at = table_at + 2 + 12 * len(told) + 4
    entries, outside = b"", b""
    for tag in sorted(told):
        values = told[tag]
        packed = struct.pack(f"<{len(values)}I", *values) if tag != BITS else struct.pack(f"<{len(values)}H", *values)
        entries += struct.pack("<HHI", tag, 3 if tag == BITS else 4, len(values))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", outside_at + len(outside))
            outside += packed
    table = struct.pack("<H", len(told)) + entries + bytes(4) + outside
    return b"".join((struct.pack("<2sHI", b"II", 42, table_at), content[8:].ljust(table_at - 8, b"\0"), table))


_INTEGERS = {1: "B", 3: "H", 4: "I", 7: "B"}


def tags_of(content: bytes) -> dict[int, tuple[int, ...]]:
    """The first table's tags of whole numbers; what is damaged is left out."""
    order = "<" if content[:2] == b"II" else ">"
    found: dict[int, tuple[int, ...]] = {}
    try:
        (at,) = struct.unpack_from(order + "I", content, 4)
        (entries,) = struct.unpack_from(order + "H", content, at)
        for i in range(entries):
            entry = at + 2 + 12 * i
            tag, kind, count = struct.unpack_from(order + "HHI", content, entry)
            letter = _INTEGERS.get(kind)
            if letter is None or not 1 <= count <= len(content):
                continue
            place = entry + 8
            if count * struct.calcsize(letter) > 4:
                (place,) = struct.unpack_from(order + "I", content, entry + 8)
            if place + count * struct.calcsize(letter) <= len(content):
                found[tag] = struct.unpack_from(f"{order}{count}{letter}", content, place)
    except struct.error:
        pass
    return found


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height that a TIFF claims, (0, 0) where it does not."""
    tags = tags_of(content)
    return tags.get(WIDTH, (0,))[0], tags.get(HEIGHT, (0,))[0]


def profile_of(content: bytes) -> bytes | None:
    """A TIFF's ICC profile."""
    found = tags_of(content).get(PROFILE)
    return None if found is None else bytes(found)


def facts(content: bytes) -> str:
    """How many samples a pixel of a TIFF has, of how many bits and which kind."""
    tags = tags_of(content)
    if WIDTH not in tags:
        return "its table of tags is damaged"
    word = {2: "signed numbers", 3: "floats", 5: "complex numbers", 6: "complex numbers"}
    kind = word.get(tags.get(KIND, (1,))[0], "numbers")
    return f"{tags.get(COUNT, (1,))[0]} {kind} of {tags.get(BITS, (1,))[0]} bits a pixel"
