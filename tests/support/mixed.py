"""A folder of a thousand files as people have them: `python mixed.py FOLDER` makes it."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import files

EACH = 28
"""Files of every kind."""


class Mixed(NamedTuple):
    """What is to come of the folder: names that are shown, names that are set aside with a word of the reason, and how
    many others by suffix or reason."""

    shown: list[str]
    aside: dict[str, str]
    skipped: dict[str, int]


def _deep(image: Image.Image) -> bytes:
    return files.tiff(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _alpha(image: Image.Image) -> bytes:
    image = image.copy()
    image.putalpha(200)
    return files.saved(image, "PNG")


def _deep_alpha(image: Image.Image) -> bytes:
    grey = np.asarray(image.convert("L")).astype(float) * 257
    return files.png16(np.stack([grey, np.full_like(grey, 65_535)], axis=-1))


SHOWN: dict[str, Callable[[Image.Image], bytes]] = {
    "photos/plain-{}.jpg": lambda image: files.saved(image, "JPEG", quality=90),
    "photos/plain-{}.JPEG": lambda image: files.saved(image, "JPEG", progressive=True),
    "photos/turned-{}.jpg": lambda image: files.jpeg_with(image, (0xE1, b"Exif\0\0" + files.exif(6))),
    "phone/{}.HEIC": files.heic,
    "phone/heic-named-{}.jpg": files.heic,
    "web/{}.avif": lambda image: files.saved(image, "AVIF"),
    "web/{}.webp": lambda image: files.saved(image, "WEBP"),
    "web/{}.gif": lambda image: files.saved(image, "GIF"),
    "web/alpha-{}.png": _alpha,
    "new/{}.jxl": files.jxl,
    "camera/{}.DNG": files.dng,
    "camera/bare-{}.dng": lambda image: files.dng(image, shown=b""),
    "print/cmyk-{}.jpg": lambda image: files.saved(image.convert("CMYK"), "JPEG"),
    "scans/deep-{}.tif": _deep,
    "scans/opaque-{}.png": _deep_alpha,
    "scans/float-{}.tiff": lambda image: files.tiff(np.asarray(image.convert("L")).astype(np.float32) * 16),
    "colour/p3-{}.png": lambda image: files.saved(image, "PNG", icc_profile=files.profile(files.DISPLAY_P3, 2.2)),
    "colour/adobe-{}.jpg": lambda image: files.saved(image, "JPEG", icc_profile=files.profile(files.ADOBE_RGB, 2.2)),
    "broken/exif-{}.png": lambda image: files.png_with(image, files.chunk(b"eXIf", b"junk!")),
    "broken/make-{}.jpg": lambda image: files.jpeg_with(
        image, (0xE1, b"Exif\0\0" + files.exif(6, (0x010F, 5, 1, struct.pack(">I", 8))))
    ),
    "broken/text-{}.png": lambda image: files.png_with(
        image, files.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 << 20)))
    ),
    "broken/end-{}.jpg": lambda image: files.saved(image, "JPEG")[:-2],
    "names/cost_$10_vs_$20 {}.png": lambda image: files.saved(image, "PNG"),
    "names/\N{GRINNING FACE}\u7167\u7247\t{}.bmp": lambda image: files.saved(image, "BMP"),
    "names/" + "n" * 240 + "-{}.png": lambda image: files.saved(image, "PNG"),
}
ASIDE: dict[str, tuple[bytes, str]] = {
    "bad/empty-{}.jpg": (b"", "is empty"),
    "bad/text-{}.png": (b"no picture at all", "not a picture"),
    "bad/cut-{}.jpg": (files.saved(files.blocks(200, 200), "JPEG")[:900], "truncated"),
    "bad/cut-{}.heic": (files.heic(files.blocks())[:300], "cannot be decoded"),
}
SKIPPED = {
    "other/{}.txt": ".txt", "other/{}.mp4": ".mp4", "other/{}.svg": ".svg", "other/{}": "no suffix",
    "photos/@eaDir/{}.jpg": "@eaDir", "#recycle/{}.png": "#recycle", "__MACOSX/{}.png": "__MACOSX",
}  # fmt: skip


def make(root: Path) -> Mixed:
    """Fill a folder, and say what is to come of it."""
    shown, aside, skipped = [], {}, {}
    for kind, make_one in SHOWN.items():
        for i in range(EACH):
            name = kind.format(i)
            _write(root / name, make_one(files.blocks(seed=i)))
            shown.append(name)
    for kind, (content, reason) in ASIDE.items():
        for i in range(EACH):
            _write(root / kind.format(i), content)
            aside[kind.format(i)] = reason
    picture = files.saved(files.blocks(), "PNG")
    for kind, why in SKIPPED.items():
        for i in range(EACH):
            _write(root / kind.format(i), picture)
        skipped[why] = EACH
    (root / "album").symlink_to(root / "photos")
    skipped["folders linked to twice"] = 1
    return Mixed(shown, aside, skipped)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if target.exists() and os.listdir(target):  # noqa: PTH208
        sys.exit(f"{target} is not empty")
    made = make(target)
    print(f"{len(made.shown)} to be shown, {len(made.aside)} set aside, {sum(made.skipped.values())} other")
