"""How many changed copies `find_copies` finds, kind by kind, and how many of its pairs are none.

    python benchmarks/review.py PICTURES --distractors MORE [--originals 100] [--code 32]

PICTURES and MORE are folders or archives that `load` reads. Every second picture of PICTURES is an original (the others
served to choose the constants in `lookalike.review`); each gets one copy of every kind, and all lie in one gallery with
the distractors. A copy counts as found where it is in one group with its original; a pair is false where its pictures
come from two originals, or from a distractor. Beside it the same by pHash (64 bits, DCT of 32 x 32), at 10 bits.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.fft import dctn

import lookalike as la
from lookalike.data import DataOptions
from lookalike.data.decode import decode_picture
from lookalike.data.located import locate
from lookalike.review import find_copies

Generator = np.random.Generator
Picture = Image.Image
BITS = 10
TURN = Image.Transpose


def cut(share: float) -> Callable[[Picture, Generator], Picture]:
    """That share of each side, from anywhere."""

    def change(picture: Picture, draw: Generator) -> Picture:
        width, height = (round(share * side) for side in picture.size)
        x, y = (int(draw.integers(0, w - k + 1)) for w, k in zip(picture.size, (width, height), strict=True))
        return picture.crop((x, y, x + width, y + height))

    return change


def resized(picture: Picture, draw: Generator) -> Picture:
    """To 0.3 to 1.5 of its sides."""
    factor = draw.uniform(0.3, 1.5)
    width, height = (max(round(side * factor), 8) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def recoloured(picture: Picture, draw: Generator) -> Picture:
    """By a gamma, a factor for each channel, and an offset."""
    light = (np.asarray(picture) / 255) ** draw.uniform(0.7, 1.4) * draw.uniform(0.8, 1.2, 3) + draw.uniform(
        -0.05, 0.05
    )
    return Image.fromarray((255 * light.clip(0, 1)).round().astype(np.uint8))


def bordered(picture: Picture, draw: Generator) -> Picture:
    """Black, white or coloured, 3 to 12% of the shorter side."""
    width = max(round(min(picture.size) * draw.uniform(0.03, 0.12)), 2)
    colour = ((0, 0, 0), (255, 255, 255), tuple(int(one) for one in draw.integers(0, 256, 3)))[draw.integers(3)]
    framed = Image.new("RGB", (picture.width + 2 * width, picture.height + 2 * width), colour)
    framed.paste(picture, (width, width))
    return framed


def written_on(picture: Picture, draw: Generator) -> Picture:
    """A line of text, a tenth of the height."""
    written = picture.copy()
    font = ImageFont.load_default(size=max(picture.height // 10, 10))
    place = (0.08 * picture.width, draw.uniform(0.05, 0.8) * picture.height)
    outlined = {"fill": (255, 255, 255), "stroke_width": 2, "stroke_fill": (0, 0, 0)}
    ImageDraw.Draw(written).text(place, "LOOK AT THIS PICTURE", font=font, **outlined)  # type: ignore[arg-type]
    return written


KINDS: dict[str, Callable[[Picture, Generator], Picture]] = {
    "resaved": lambda picture, _: picture,
    "resized": resized,
    "recoloured": recoloured,
    "bordered": bordered,
    "text": written_on,
    "cropped to 90%": cut(0.9),
    "cropped to 75%": cut(0.75),
    "cropped to 50%": cut(0.5),
    "mirrored": lambda picture, draw: picture.transpose((TURN.FLIP_LEFT_RIGHT, TURN.FLIP_TOP_BOTTOM)[draw.integers(2)]),
    "quarter turns": lambda picture, draw: picture.transpose(
        (TURN.ROTATE_90, TURN.ROTATE_180, TURN.ROTATE_270)[draw.integers(3)]
    ),
    "25 degrees": lambda picture, _: picture.rotate(25, Image.Resampling.BICUBIC, expand=True),
    "aspect 1:1": lambda picture, _: picture.resize((min(picture.size),) * 2, Image.Resampling.BICUBIC),
}


def contents(source: str) -> Iterator[bytes]:
    """The files of a folder or an archive."""
    located = locate(source, DataOptions())
    assert located is not None
    for one in located.pictures(located.labels()):
        yield one.read()


def fill(folder: Path, originals: str, distractors: str, count: int, others: int) -> None:
    """Write originals, their copies (all as JPEG of quality 30 to 90) and distractors."""
    draw = np.random.default_rng(0)
    chosen = list(contents(originals))[1::2][:count]
    for number, content in enumerate(chosen):
        (folder / f"{number:05}.original.jpg").write_bytes(content)
        picture = Image.fromarray(decode_picture(content, None))
        for kind, change in KINDS.items():
            stream = io.BytesIO()
            change(picture, draw).save(stream, "jpeg", quality=int(draw.integers(30, 91)))
            (folder / f"{number:05}.{kind}.jpg").write_bytes(stream.getvalue())
    for number, content in zip(range(others), contents(distractors), strict=False):
        (folder / f"{count + number:05}.distractor.jpg").write_bytes(content)


def hashed(path: Path) -> np.ndarray:
    """pHash: 64 bits of the low frequencies of a small picture."""
    grey = np.asarray(Image.open(path).convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    low = dctn(grey, norm="ortho")[:8, :8].ravel()
    return np.asarray(low > np.median(low))


def judged(pairs: set[frozenset[str]], count: int) -> dict[str, float]:
    """Precision over all pairs, recall by kind."""
    told = {}
    right = sum(len({name.split(".")[0] for name in pair}) == 1 for pair in pairs)
    told["precision"] = right / len(pairs) if pairs else 1.0
    for kind in KINDS:
        wanted = [frozenset((f"{i:05}.original.jpg", f"{i:05}.{kind}.jpg")) for i in range(count)]
        told[kind] = sum(pair in pairs for pair in wanted) / count
    return told


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures")
    parser.add_argument("--distractors", required=True)
    parser.add_argument("--originals", type=int, default=100)
    parser.add_argument("--others", type=int, default=1000)
    parser.add_argument("--code", type=int, default=32)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pictures"
        folder.mkdir()
        fill(folder, given.pictures, given.distractors, given.originals, given.others)
        images = la.load(folder, size=32, cache=False)
        with la.Gallery.open(Path(place) / "gallery", la.PCAAutoencoder(given.code).fit(images)) as gallery:
            gallery.update(folder)
            started = time.perf_counter()
            found = find_copies(gallery)
            seconds = time.perf_counter() - started
        names = sorted(path.name for path in folder.iterdir())
        bits = np.stack([hashed(folder / name) for name in names]).astype(np.float32)
        apart = bits @ (1 - bits).T + (1 - bits) @ bits.T
        a, b = np.nonzero(np.triu(apart <= BITS, 1))
        by_hash = {frozenset((names[i], names[j])) for i, j in zip(a, b, strict=True)}
    pairs = {frozenset((x, y)) for group in found.groups for i, x in enumerate(group) for y in group[i + 1 :]}
    told = {
        "images": len(names),
        "seconds": round(seconds, 1),
        "ours": judged(pairs, given.originals),
        "phash": judged(by_hash, given.originals),
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
