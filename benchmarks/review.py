"""How many changed copies `find_copies` finds, kind by kind, and how many of its pairs are none.

    python benchmarks/review.py PICTURES --distractors MORE [--originals 100] [--others 1000] [--code 32]
    python benchmarks/review.py PICTURES --distractors MORE --protocol imagededup [--peer PYTHON]
    python benchmarks/review.py PICTURES --distractors PICTURES tiles:MORE --others 20000 --protocol resaved

PICTURES and MORE are folders or archives that `load` reads, or procedural faces; `tiles:MORE` are the pieces of 96 x 96
that MORE's pictures are cut into, none of which shows what another one shows. Every second picture of PICTURES is an
original (the others served to choose the constants in `lookalike.review`); each gets one copy of every kind, and all
lie in one gallery with the distractors, which are never among the originals. A pair of pictures is right where both
come from one original; wrong ones are named, and lie in FOLDER with `--work FOLDER`. By kind it is told how
many copies are in one group with their original; `recall` is that of all pairs within what comes from one original, as
imagededup counts. Beside it the same by pHash (64 bits, DCT of 32 x 32) at 10 bits and, with --peer, by imagededup's
own methods: PYTHON is that of an environment with `pip install imagededup` (which brings PyTorch and torchvision
along), where `imagededup_peer.py` runs.

imagededup's protocol of transformed copies is five a picture: 7/8 of each side, both mirror images, a turn by 25
degrees, and the sides made equal (https://idealo.github.io/imagededup/user_guide/benchmarks/).
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import math
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.fft import dctn

import lookalike as la
from lookalike.data import DataOptions
from lookalike.data.decode import decode_picture
from lookalike.data.located import locate
from lookalike.data.synthetic import synthetic_faces
from lookalike.review import find_copies

Generator = np.random.Generator
Picture = Image.Image
Pairs = set[frozenset[str]]
BITS = 10
TILE = 96
"""Pixels of a side of the pieces that pictures are cut into: what `find_copies` compares."""
TOLD = 400
"""Wrong pairs that are named at most."""
TURN = Image.Transpose
OF_TILES = "tiles:"


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


SEPIA = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)
"""As most programs make it: rows of red, green and blue, and an offset."""
Kinds = dict[str, Callable[[Picture, Generator], Picture]]
KINDS: Kinds = {
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
    "grey": lambda picture, _: picture.convert("L").convert("RGB"),
    "sepia": lambda picture, _: picture.convert("RGB", SEPIA),
}


PROTOCOLS: dict[str, tuple[Kinds, tuple[int, int]]] = {
    "ours": (KINDS, (30, 91)),
    "imagededup": (
        {
            "cropped to 7/8": cut(7 / 8),
            "mirrored": lambda picture, _: picture.transpose(TURN.FLIP_LEFT_RIGHT),
            "upside down": lambda picture, _: picture.transpose(TURN.FLIP_TOP_BOTTOM),
            "25 degrees": KINDS["25 degrees"],
            "aspect 1:1": KINDS["aspect 1:1"],
        },
        (95, 96),
    ),
    "resaved": ({"resaved": KINDS["resaved"]}, (60, 61)),
}
"""By name: the changes, and from which quality of JPEG on to below which copies are saved."""


def contents(source: str) -> Iterator[bytes]:
    """The files of a folder or an archive, or procedural faces of 128 x 128 as such."""
    located = locate(source, DataOptions())
    if located is None:
        count = int(source.partition(":")[2])
        for number in itertools.count():
            for pixels in synthetic_faces(min(max(count, 2), 1000), 128, seed=number).pixels:
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "jpeg", quality=90)
                yield stream.getvalue()
    else:
        for one in located.pictures(located.labels()):
            yield one.read()


def tiles(pictures: Iterable[bytes]) -> Iterator[bytes]:
    """Every piece of `TILE` x `TILE` of these files' pictures, side by side, as JPEG."""
    for content in pictures:
        pixels = decode_picture(content, None)
        height, width = (side // TILE for side in pixels.shape[:2])
        for row, column in itertools.product(range(height), range(width)):
            stream = io.BytesIO()
            piece = pixels[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            Image.fromarray(piece).convert("RGB").save(stream, "jpeg", quality=95)
            yield stream.getvalue()


def distractors(sources: Iterable[str], pictures: str, used: int) -> Iterator[bytes]:
    """The files of several sources after one another; of `pictures` those after the first `used`."""
    for source in sources:
        whole = source.removeprefix(OF_TILES)
        found = itertools.islice(contents(whole), used if whole == pictures else 0, None)
        yield from found if whole == source else tiles(found)


def fill(folder: Path, chosen: list[bytes], others: Iterator[bytes], kinds: Kinds, quality: tuple[int, int]) -> None:
    """Write originals, their copies as JPEG, and distractors."""
    draw = np.random.default_rng(0)
    for number, content in enumerate(chosen):
        (folder / f"{number:05}.original.jpg").write_bytes(content)
        picture = Image.fromarray(decode_picture(content, None)).convert("RGB")
        for kind, change in kinds.items():
            stream = io.BytesIO()
            change(picture, draw).save(stream, "jpeg", quality=int(draw.integers(quality[0], quality[1])))
            (folder / f"{number:05}.{kind.replace('/', ' of ')}.jpg").write_bytes(stream.getvalue())
    for number, content in enumerate(others, len(chosen)):
        (folder / f"{number:05}.distractor.jpg").write_bytes(content)


def hashed(path: Path) -> np.ndarray:
    """pHash: 64 bits of the low frequencies of a small picture."""
    grey = np.asarray(Image.open(path).convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    low = dctn(grey, norm="ortho")[:8, :8].ravel()
    return np.asarray(low > np.median(low))


def by_hash(folder: Path, names: list[str]) -> Pairs:
    """The pairs whose hashes differ by at most `BITS`."""
    bits = np.stack([hashed(folder / name) for name in names]).astype(np.float32)
    pairs: Pairs = set()
    for start in range(0, len(names), 1000):
        some = bits[start : start + 1000]
        a, b = np.nonzero(some @ (1 - bits).T + (1 - some) @ bits.T <= BITS)
        pairs |= {frozenset((names[start + i], names[j])) for i, j in zip(a, b, strict=True) if start + i < j}
    return pairs


def by_peer(python: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What imagededup finds, method by method: pairs, or why there are none."""
    script = Path(__file__).with_name("imagededup_peer.py")
    done = subprocess.run([python, str(script), str(folder)], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def judged(pairs: Pairs, kinds: Iterable[str], count: int) -> dict[str, Any]:
    """Precision and recall over all pairs, recall of pairs with the original by kind; and what is wrong."""
    wrong = sorted(sorted(pair) for pair in pairs if len({name.split(".")[0] for name in pair}) > 1)
    right = len(pairs) - len(wrong)
    named = [kind.replace("/", " of ") for kind in kinds]
    told: dict[str, Any] = {
        "precision": right / len(pairs) if pairs else 1.0,
        "recall": right / (count * math.comb(len(named) + 1, 2)),
    }
    for kind in named:
        wanted = [frozenset((f"{i:05}.original.jpg", f"{i:05}.{kind}.jpg")) for i in range(count)]
        told[kind] = sum(pair in pairs for pair in wanted) / count
    return told | {"false": len(wrong), "false_pairs": wrong[:TOLD]}


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("--distractors", nargs="+", required=True)
    parser.add_argument("--originals", type=int, default=100)
    parser.add_argument("--others", type=int, default=1000)
    parser.add_argument("--code", type=int, default=32)
    parser.add_argument("--protocol", choices=PROTOCOLS, default="ours")
    parser.add_argument("--peer", help="the Python of an environment with imagededup")
    parser.add_argument("--work", type=Path, help="where the pictures stay, a folder that is not there yet")
    given = parser.parse_args()
    kinds, quality = PROTOCOLS[given.protocol]
    with tempfile.TemporaryDirectory() as place:
        folder = given.work or Path(place) / "pictures"
        folder.mkdir()
        taken = itertools.islice(contents(given.pictures), 1, None, 2)
        chosen = list(itertools.islice(taken, given.originals))
        others = itertools.islice(distractors(given.distractors, given.pictures, 2 * len(chosen)), given.others)
        fill(folder, chosen, others, kinds, quality)
        names = sorted(path.name for path in folder.iterdir())
        learnt = la.load(folder, size=32, cache=False)
        with la.Gallery.open(Path(place) / "gallery", la.PCAAutoencoder(given.code).fit(learnt)) as gallery:
            gallery.update(folder)
            started, before = time.perf_counter(), time.process_time()
            found = find_copies(gallery)
            seconds, cpu = time.perf_counter() - started, time.process_time() - before
        hashes = by_hash(folder, names)
        peers = {} if given.peer is None else by_peer(given.peer, folder)
    pairs = {frozenset(pair) for group in found.groups for pair in itertools.combinations(group, 2)}
    told: dict[str, Any] = {"images": len(names), "seconds": round(seconds, 1), "cpu_seconds": round(cpu, 1)}
    told |= {who: judged(some, kinds, len(chosen)) for who, some in (("ours", pairs), ("phash", hashes))}
    for who, said in peers.items():
        some = {frozenset(pair) for pair in said.get("pairs", ())}
        told[f"imagededup {who}"] = judged(some, kinds, len(chosen)) if "pairs" in said else said["failed"]
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
