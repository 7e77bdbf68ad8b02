"""PNG and TIFF of 16 bits a channel, which Pillow writes of grey alone.

A PNG is put together here, as its specification has it (ISO/IEC 15948). A TIFF's strips are bytes, so Pillow writes
them as a picture of 8 bits twice as wide, and the two tags that say so are set right: the way back of `data.samples`.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.data.samples import BITS, WIDTH

Deep = npt.NDArray[np.uint16]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Of a PNG, by samples a pixel: grey, grey and opacity, RGB, RGB and opacity."""
_SUB, _UP = 1, 2
BAND = 64
"""Rows that are filtered and compressed at once."""


def deep_png(samples: Deep) -> bytes:
    """uint16 (H, W, 1 to 4) -> a PNG; each row by the filter "sub" or "up", whichever leaves less of it."""
    height, width, count = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[count], 0, 0, 0)
    pixel, packer = 2 * count, zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    above = np.zeros((1, width * pixel), np.uint8)
    parts = [PNG_SIGNATURE, chunk(b"IHDR", header)]
    for top in range(0, height, BAND):
        band = np.ascontiguousarray(samples[top : top + BAND], ">u2").view(np.uint8).reshape(-1, width * pixel)
        before = np.pad(band, ((0, 0), (pixel, 0)))[:, : band.shape[1]]
        filtered = np.stack([band - before, band - np.concatenate([above, band[:-1]])])
        sizes = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2)
        chosen = sizes.argmin(axis=0)
        rows = np.empty((len(band), 1 + band.shape[1]), np.uint8)
        rows[:, 0] = np.where(chosen == 0, _SUB, _UP)
        rows[:, 1:] = filtered[chosen, np.arange(len(band))]
        parts.append(chunk(b"IDAT", packer.compress(rows.tobytes())))
        above = band[-1:]
    return b"".join((*parts, chunk(b"IDAT", packer.flush()), chunk(b"IEND", b"")))


def chunk(name: bytes, content: bytes) -> bytes:
    """One of a PNG, with its length and its sum; an empty IDAT is none."""
    if name == b"IDAT" and not content:
        return b""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def deep_tiff(samples: Deep, save: Callable[[Image.Image, io.BytesIO], None]) -> bytes:
    """uint16 (H, W, 1 to 4) -> a TIFF, as `save` has Pillow write an image."""
    stream, count = io.BytesIO(), samples.shape[2]
    if count == 1:
        save(Image.fromarray(np.ascontiguousarray(samples[..., 0])), stream)
        return stream.getvalue()
    halves = np.ascontiguousarray(samples, "<u2").view(np.uint8)
    save(Image.fromarray(halves.reshape(len(samples), -1, count)), stream)
    with stream.getbuffer() as content:
        _set_right(content, samples.shape[1], count)
    return stream.getvalue()


def _set_right(content: memoryview, width: int, count: int) -> None:
    """Give a TIFF the width and the bits a sample that the bytes of its strips have."""
    if bytes(content[:4]) != b"II*\0":
        raise ValueError("Pillow has written no TIFF in the order of bytes that was asked for")
    (table,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, table)
    for entry in range(table + 2, table + 2 + 12 * entries, 12):
        tag, kind, values = struct.unpack_from("<HHI", content, entry)
        if tag == WIDTH:
            struct.pack_into("<H" if kind == 3 else "<I", content, entry + 8, width)
        elif tag == BITS:
            place: Any = entry + 8 if values <= 2 else struct.unpack_from("<I", content, entry + 8)[0]
            struct.pack_into(f"<{count}H", content, place, *(16,) * count)
