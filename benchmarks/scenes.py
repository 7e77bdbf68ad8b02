"""How many shots of one scene are told as such, by `scene_likeness` and its rules, and how many other pairs are.

    python benchmarks/scenes.py PICTURES --others lfw-deepfunneled.tgz

PICTURES is a folder or archive of photographs. Of every second one (the others served to choose the constants in
`lookalike.review.sameness`) another shot is made: moved by up to 12%, turned by up to 4 degrees, nearer or farther by
up to 15%, with corners apart by 1.5%, bent by 1.5% as by parallax, with two to four things that moved, other light,
blur and grain. `--gentle` takes a third of these, without the bending. Pairs that are not one scene: PICTURES' own, two
photos of one person of `--others` (LFW's layout), and photos of two persons.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

from lookalike.data import DataOptions
from lookalike.data.decode import decode_picture
from lookalike.data.located import locate
from lookalike.review.hints import without_borders
from lookalike.review.originals import squashed
from lookalike.review.sameness import (
    COPY,
    LEAST,
    SCENE,
    SCENE_COLOUR,
    SCENE_IN_TIME,
    colours_apart,
    likeness_of,
    scene_likeness,
)

Pixels = npt.NDArray[np.uint8]
MOST = 120
PAIRS = 500


def shot(picture: Pixels, other: Pixels, draw: np.random.Generator, share: float) -> Pixels:
    """Another shot of what a picture (H, W, 3) shows."""
    height, width = picture.shape[:2]
    sides = np.array([width, height])
    angle = np.deg2rad(draw.uniform(-4, 4) * share)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (np.array([(0, 0), (0, 1), (1, 1), (1, 0)]) - 0.5) * sides @ turn.T
    corners = corners * 0.93 * (1 + draw.uniform(-0.15, 0.12) * share) + sides / 2
    corners += (draw.uniform(-0.12, 0.12, 2) + draw.uniform(-0.015, 0.015, (4, 2))) * share * sides
    quad = corners.ravel().tolist()
    image = Image.fromarray(picture).transform((width, height), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    for _ in range(int(draw.integers(2, 5)) if share == 1 else 1):
        wide, high = int(width * draw.uniform(0.12, 0.3)), int(height * draw.uniform(0.15, 0.4))
        from_x, to_x = draw.integers(0, width - wide, 2).tolist()
        from_y, to_y = draw.integers(0, height - high, 2).tolist()
        thing = Image.fromarray(picture if draw.random() < 0.5 else other).resize((width, height))
        y, x = np.mgrid[:high, :wide]
        disc = Image.fromarray((((x / wide - 0.5) ** 2 + (y / high - 0.5) ** 2 < 0.25) * 255).astype(np.uint8))
        image.paste(thing.crop((from_x, from_y, from_x + wide, from_y + high)), (to_x, to_y), disc)
    seen = np.asarray(image, np.float64) / 255
    if share == 1:
        places = np.mgrid[:height, :width].astype(np.float64)
        for axis, side in enumerate((height, width)):
            places[axis] += (
                side * 0.015 * zoom(draw.normal(size=(4, 5)), (height / 4, width / 5), order=3)[:height, :width]
            )
        seen = np.stack([map_coordinates(seen[..., c], places, order=1, mode="reflect") for c in range(3)], -1)
        seen = gaussian_filter(seen, (*(draw.uniform(0.3, 1.5),) * 2, 0))
    light = seen ** draw.uniform(0.8, 1.25) * draw.uniform(0.85, 1.15) * draw.uniform(0.95, 1.05, 3)
    return np.asarray(255 * (light + draw.normal(0, 0.02, seen.shape)).clip(0, 1), np.uint8)


def told(a: Sequence[Pixels], b: Sequence[Pixels]) -> dict[str, float]:
    """Shares of pairs that are told to be copies, or at least shots of one scene without times and with such."""
    grey = [np.concatenate([squashed(one[None]) for one in side]) for side in (a, b)]
    small = [np.stack([np.asarray(Image.fromarray(one).resize((32, 32), 4)) for one in side]) for side in (a, b)]
    likeness, colours = scene_likeness(*grey), colours_apart(*small)
    median, lower = likeness_of(*grey, *(without_borders(one.astype(np.float32)) for one in grey))
    copies = (median >= COPY) & (lower >= LEAST)
    scenes = {"scene": SCENE, "scene in time": SCENE_IN_TIME}
    shares = {name: copies | ((likeness >= least) & (colours <= SCENE_COLOUR)) for name, least in scenes.items()}
    return {name: round(float(one.mean()), 4) for name, one in {"near": copies, **shares}.items()}


def contents(source: str) -> list[tuple[str, bytes]]:
    """The files of a folder or an archive by their names."""
    located = locate(source, DataOptions())
    assert located is not None
    return [(one.name, one.read()) for one in located.pictures(located.labels())]


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures")
    parser.add_argument("--others", required=True)
    parser.add_argument("--gentle", action="store_true")
    parser.add_argument("--half", type=int, default=1, help="0 for the half that the constants were chosen on")
    given = parser.parse_args()
    draw = np.random.default_rng(given.half)
    own = [decode_picture(content, None) for _, content in contents(given.pictures)[given.half :: 2][:MOST]]
    again = [shot(one, own[i - 7], draw, 1 / 3 if given.gentle else 1.0) for i, one in enumerate(own)]
    people: dict[str, list[bytes]] = {}
    for name, content in contents(given.others):
        people.setdefault(name.split("/")[-2], []).append(content)
    same = [(some[i], some[i + 1]) for some in people.values() for i in range(len(some) - 1)][given.half :: 2]
    alone = [some[0] for some in people.values()][given.half :: 2]
    pairs = {
        "one scene": (own, again),
        "other pictures": (own, [*own[1:], own[0]]),
        "one person": _decoded(same[:: max(1, len(same) // PAIRS)]),
        "two persons": _decoded(list(zip(alone[: 2 * PAIRS : 2], alone[1 : 2 * PAIRS : 2], strict=False))),
    }
    print(json.dumps({name: {"pairs": len(a), **told(a, b)} for name, (a, b) in pairs.items()}, indent=2))


def _decoded(pairs: list[tuple[bytes, bytes]]) -> tuple[list[Pixels], list[Pixels]]:
    first, second = ([decode_picture(one, None) for one in side] for side in zip(*pairs, strict=True))
    return first, second


if __name__ == "__main__":
    main()
