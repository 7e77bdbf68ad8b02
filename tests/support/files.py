"""Picture files of many kinds, as cameras, phones and programs write them; all made here."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, TiffImagePlugin

Array = npt.NDArray[np.generic]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture in one of Pillow's formats."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def blocks(height: int = 60, width: int = 80, seed: int = 0) -> Image.Image:
    """Twelve blocks of random colours: what compression leaves as it is."""
    colours = np.random.default_rng(seed).integers(20, 236, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)


def heic(image: Image.Image, **options: object) -> bytes:
    """As a phone writes it."""
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=95, **options)
    return stream.getvalue()


def jxl(image: Image.Image, **options: object) -> bytes:
    """JPEG XL."""
    import pillow_jxl  # noqa: F401  (Pillow then knows the format)

    return saved(image, "JXL", **options)


def dng(preview: Image.Image, orientation: int = 1, shown: bytes | None = None) -> bytes:
    """A RAW file: a Bayer mosaic, bright above and dark below, and a JPEG of something else to look at.

    `shown` stands in the JPEG's place.
    """
    shown = saved(preview, "JPEG", quality=95) if shown is None else shown
    side = 64
    mosaic = np.repeat(np.array([[40_000], [2_000]], "<u2"), side // 2, axis=0).repeat(side, axis=1).tobytes()
    words = b"Test Camera\0"
    inner_at, ifd_at = 8, 8 + len(mosaic)
    shown_at = ifd_at
    ifd_at = shown_at + len(shown) + len(shown) % 2
    words_at = ifd_at + 600
    matrix_at = words_at + 16
    raw_at = matrix_at + 72
    matrix = b"".join(struct.pack("<ii", value, 1) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))

    def entry(tag: int, kind: int, values: Iterable[int]) -> bytes:
        values = list(values)
        code = {1: "B", 3: "H", 4: "I"}[kind]
        return struct.pack("<HHI", tag, kind, len(values)) + struct.pack(f"<{len(values)}{code}", *values).ljust(
            4, b"\0"
        )

    def elsewhere(tag: int, kind: int, count: int, at: int) -> bytes:
        return struct.pack("<HHII", tag, kind, count, at)

    def table(entries: list[bytes]) -> bytes:
        return struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)

    first = table([
        *(entry(254, 4, [1]), entry(256, 4, [preview.width]), entry(257, 4, [preview.height])),
        *(elsewhere(258, 3, 3, matrix_at + 60), entry(259, 3, [7]), entry(262, 3, [6])),
        *(elsewhere(271, 2, len(words), words_at), elsewhere(272, 2, len(words), words_at)),
        *(entry(273, 4, [shown_at]), entry(274, 3, [orientation]), entry(277, 3, [3])),
        *(entry(278, 4, [preview.height]), entry(279, 4, [len(shown)]), entry(330, 4, [raw_at])),
        *(entry(50706, 1, [1, 4, 0, 0]), elsewhere(50708, 2, len(words), words_at)),
        *(elsewhere(50721, 10, 9, matrix_at), entry(50778, 3, [21])),
    ])  # fmt: skip
    raw = table([
        *(entry(254, 4, [0]), entry(256, 4, [side]), entry(257, 4, [side]), entry(258, 3, [16])),
        *(entry(259, 3, [1]), entry(262, 3, [32803]), entry(273, 4, [inner_at]), entry(277, 3, [1])),
        *(entry(278, 4, [side]), entry(279, 4, [len(mosaic)])),
        *(entry(33421, 3, [2, 2]), entry(33422, 1, [0, 1, 1, 2])),
    ])  # fmt: skip
    head = struct.pack("<2sHI", b"II", 42, ifd_at)
    bits = struct.pack("<HHH", 8, 8, 8)
    content = bytearray(raw_at + len(raw) + 64)
    for at, part in (
        *((0, head), (inner_at, mosaic), (shown_at, shown), (ifd_at, first), (words_at, words)),
        *((matrix_at, matrix[:60] + bits + matrix[66:]), (raw_at, raw)),
    ):
        content[at : at + len(part)] = part
    return bytes(content)


@cache
def profile(primaries: tuple[float, ...], gamma: float) -> bytes:
    """An ICC profile (version 2, RGB) of six chromaticities (x, y of red, green, blue), white D65, and a gamma."""
    xy = np.array(primaries).reshape(3, 2)
    columns = np.stack([xy[:, 0] / xy[:, 1], np.ones(3), (1 - xy.sum(axis=1)) / xy[:, 1]])
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    # Bradford's adaptation from D65 to D50, in which profiles are written.
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1, 0.8249])
    adapted = np.linalg.inv(bradford) @ np.diag((bradford @ d50) / (bradford @ white)) @ bradford
    matrix = adapted @ columns @ np.diag(np.linalg.solve(columns, white))

    def fixed(values: Array) -> bytes:
        return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = b"test\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {
        b"desc": described.ljust(-(-len(described) // 4) * 4, b"\0"),
        b"cprt": b"text" + bytes(4) + b"none" + bytes(4),
        b"wtpt": b"XYZ " + bytes(4) + fixed(d50),
        **{name: b"XYZ " + bytes(4) + fixed(matrix[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + fixed(d50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


DISPLAY_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
ADOBE_RGB = (0.640, 0.330, 0.210, 0.710, 0.150, 0.060)
PROPHOTO = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)
"""Its primaries; its own white is D50."""
SWAPPED = (0.150, 0.060, 0.300, 0.600, 0.640, 0.330)
"""sRGB's primaries, red and blue exchanged."""


def srgb_profile() -> bytes:
    """lcms's own."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(name: bytes, data: bytes, *, right: bool = True) -> bytes:
    """A chunk of a PNG; with a wrong checksum on demand."""
    return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", zlib.crc32(name + data) ^ (not right))


def png_with(image: Image.Image, *chunks: bytes) -> bytes:
    """A PNG with further chunks after its header."""
    plain = saved(image, "PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


def exif(orientation: int, *others: tuple[int, int, int, bytes]) -> bytes:
    """EXIF as bytes: orientation, and raw entries (tag, type, count, four bytes) of any sort."""
    entries = [(0x0112, 3, 1, struct.pack(">HH", orientation, 0)), *others]
    table = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in sorted(entries))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + table + bytes(4)


def jpeg_with(image: Image.Image, *segments: tuple[int, bytes], **options: object) -> bytes:
    """A JPEG with segments (marker's second byte, data) after its start."""
    plain = saved(image, "JPEG", quality=95, **options)
    added = b"".join(bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data for marker, data in segments)
    return plain[:2] + added + plain[2:]


def tiff(values: Array, **tags: object) -> bytes:
    """A grey TIFF of any depth; tags by number as tNNN."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info[int(tag[1:])] = value
    return saved(Image.fromarray(values), "TIFF", tiffinfo=info)


def png16(values: Array) -> bytes:
    """A PNG of 16 bits a channel of (H, W, S) numbers: grey, grey and opacity, RGB, or RGB and opacity."""
    height, width, samples = values.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[samples]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in np.rint(values))
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
