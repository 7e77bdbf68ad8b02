"""How fast large photographs become small pictures: ours beside Pillow's draft mode and libvips.

    pip install "pyvips[binary]" pillow-heif
    python benchmarks/large_photos.py [--size 64] [--megapixels 12] [--rounds 5] [--out FILE.json]

A JPEG and a HEIC of 4 to 3 (fractal noise of natural statistics and edges, 4,000 x 3,000) are read and cut to a
square, by turns, each in one thread; medians of the processor's seconds, and megapixels of the file a second. Pillow
reads all pixels, or by its draft mode for exactly the size; libvips by `thumbnail_buffer`, JPEGs alone. Beside each,
how far its picture lies from the mean of each area over all pixels (mean absolute difference, of 255; filters differ,
so that none lies at 0, and libvips cuts at whole pixels of the small picture). What is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib
import io
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.data.framing import Framing
from lookalike.data.images import Pixels
from lookalike.data.source import read_picture
from timing import described, machine, table, take_turns, write_result

EDGES = 400
"""Rectangles that are lighter or darker than what they lie on."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Large photographs, read as small pictures.")
    parser.add_argument("--size", type=int, default=64, help="side of the small pictures, in pixels")
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file for the result")
    options = parser.parse_args()

    photo = drawn(options.megapixels)
    result: dict[str, Any] = {"machine": machine(), "size": options.size, "formats": {}}
    print(described(result["machine"]), "\n", flush=True)
    for name, content in files_of(photo).items():
        calls = readers(content, options.size, name)
        seconds = take_turns({who: partial(cpu_seconds, call) for who, call in calls.items()}, options.rounds)
        exact = area_means(read_picture(content, None), options.size)
        rows = {
            who: {
                "cpu_seconds": (taken := statistics.median(seconds[who])),
                "megapixels_a_second": photo.width * photo.height / 1e6 / taken,
                "difference": float(np.abs(call().astype(float) - exact).mean()),
            }
            for who, call in calls.items()
        }
        result["formats"][name] = {"bytes": len(content), "readers": rows}
        sides = f"{photo.width} x {photo.height}, {len(content) / 1e6:.1f} MB, to {options.size} x {options.size}"
        print(f"{name} of {sides}\n")
        cells = [
            (
                who,
                f"{1000 * row['cpu_seconds']:.0f} ms",
                f"{row['megapixels_a_second']:.0f}",
                f"{row['difference']:.2f}",
            )
            for who, row in rows.items()
        ]
        print(table(("reader", "CPU, median", "megapixels a second", "from the areas' means, of 255"), cells), "\n")
    write_result(options.out, result)


def drawn(megapixels: float) -> Image.Image:
    """A photograph in kind: noise whose power falls as that of natural pictures, and edges over it."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(width * 3 / 4)
    generator = np.random.default_rng(0)
    small = Image.new("RGB", (width, height))
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(3, 12):
        side = 1 << octave
        noise = generator.integers(0, 256, (side * 3 // 4, side, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize(small.size, Image.Resampling.BICUBIC)
        picture += (np.asarray(layer, np.float32) - 128) * 2.0 / (octave - 1)
    for _ in range(EDGES):
        top, left = generator.integers(0, height), generator.integers(0, width)
        tall, wide = generator.integers(20, height // 4, 2)
        picture[top : top + tall, left : left + wide] += generator.normal(0, 25, 3)
    return Image.fromarray(np.clip(picture / 3 + 128, 0, 255).astype(np.uint8))


def files_of(photo: Image.Image) -> dict[str, bytes]:
    kinds: dict[str, dict[str, Any]] = {"JPEG": {"quality": 92}}
    heif = _installed("pillow_heif")
    if heif is not None:
        heif.register_heif_opener()
        kinds["HEIF"] = {"quality": 80}
    contents = {}
    for kind, options in kinds.items():
        stream = io.BytesIO()
        photo.save(stream, kind, **options)
        contents[kind] = stream.getvalue()
    return contents


def readers(content: bytes, size: int, kind: str) -> dict[str, Callable[[], Pixels]]:
    framing = Framing((size, size), 0, "crop")
    calls: dict[str, Callable[[], Pixels]] = {
        "lookalike": lambda: read_picture(content, framing),
        "Pillow, all pixels": partial(by_pillow, content, size, draft=False),
    }
    if kind == "JPEG":
        calls["Pillow, draft"] = partial(by_pillow, content, size, draft=True)
        if (vips := _installed("pyvips")) is not None:
            calls["libvips"] = partial(by_vips, vips, content, size)
    return calls


def by_pillow(content: bytes, size: int, *, draft: bool) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        if draft:
            image.draft("RGB", (size, size))
        rgb = image.convert("RGB")
        cut = (rgb.width - rgb.height) / 2
        box = (cut, 0, rgb.width - cut, rgb.height)
        return np.asarray(rgb.resize((size, size), Image.Resampling.BILINEAR, box=box))


def by_vips(vips: Any, content: bytes, size: int) -> Pixels:
    picture: Pixels = vips.Image.thumbnail_buffer(content, size, height=size, crop="centre").numpy()
    return picture[..., :3]


def area_means(picture: Pixels, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The middle square, each pixel the mean of all that it stands for."""
    height, width = picture.shape[:2]
    before = (width - height) // 2
    ends = np.linspace(0, height, size + 1).round().astype(int)
    square = picture[:, before : before + height].astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(square, ends[:-1], 0), ends[:-1], 1)
    counts = np.diff(ends)
    return np.asarray(sums / (counts[:, None] * counts)[..., None])


def cpu_seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


if __name__ == "__main__":
    main()
