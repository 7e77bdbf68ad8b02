"""Train the denoiser that comes with the package, or one like it on other photographs.

python tools/train_ready.py runs/ready --resume
python tools/train_ready.py runs/bsds --leaves 0 --photographs bsds500/ --without cbsd68/ --steps 40000 --resume
python tools/train_ready.py runs/jpeg --leaves 0 --photographs bsds500/ --without cbsd68/ --begin-with ready \\
    --noise jpegpiece:5-95 --greys 0.5 --rate 0.005 --steps 6500

The first gives what lies in src/lookalike/denoising/ready: half of what it is shown are pieces of procedural dead
leaves, half of photographs under free licences that come inside scikit-image, scikit-learn, Matplotlib and PyWavelets
(extra `bench`); see `PHOTOGRAPHS`. `--install` puts the finished model, with its card, into that folder. The second
learns from the pictures of a folder, at their own scale, without those whose names another folder holds. The third goes
on from the package's weights, for JPEG.

Ten minutes of a core are some 2,000 steps. A killed training goes on with `--resume`, to the bits of an unbroken one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

import lookalike as la
from lookalike.cli.common import run_named
from lookalike.data import read_picture
from lookalike.data.images import Pixels
from lookalike.data.tiles import all_tiles
from lookalike.denoising.ready import ready_folder
from lookalike.files import write_text
from lookalike.models.loading import load_model
from lookalike.models.unet import UNetDenoiser
from lookalike.training.recipe import RECIPES

SIDE = 256
"""Of the squares that pieces are cut from."""
RISE = 175
"""Steps until the rate is at its highest."""
NOISE = "gaussian:0-0.2157"
"""Up to 55 of 255."""
REDUCED = (1.0, 0.6)
"""Photographs are shown at their own scale and made smaller, where a square still fits in."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}

CC0, PUBLIC, CC_BY = "CC0 1.0", "public domain", "CC BY 2.0"
PHOTOGRAPHS = {
    "skimage/data/astronaut.png": (PUBLIC, "NASA: Eileen Collins", 1.0),
    "skimage/data/coffee.png": (CC0, "Rachel Michetti", 1.0),
    "skimage/data/rocket.jpg": (PUBLIC, "SpaceX: launch of DSCOVR", 1.0),
    "skimage/data/retina.jpg": (CC0, "Mikael Häggström: fundus of a normal left eye", 0.5),
    "skimage/data/hubble_deep_field.jpg": (PUBLIC, "NASA, ESA: Hubble eXtreme Deep Field", 0.5),
    "skimage/data/brick.png": (CC0, "CC0Textures: Bricks25", 1.0),
    "skimage/data/grass.png": (CC0, "linolafett: Grass 01", 1.0),
    "skimage/data/gravel.png": (CC0, "CC0Textures: Gravel04", 1.0),
    "sklearn/datasets/images/china.jpg": (CC_BY, "danielbuechele, flickr.com/photos/danielbuechele/6061409035", 1.0),
    "sklearn/datasets/images/flower.jpg": (CC_BY, "vultilion, flickr.com/photos/vultilion/6056698931", 1.0),
    "matplotlib/mpl-data/sample_data/grace_hopper.jpg": (PUBLIC, "US Navy: Grace Hopper", 1.0),
    "pywt/data/ascent.npz": (PUBLIC, "public-domain-image.com: accent to the top", 1.0),
}
"""What is learned from: licence, who made it, and how far it is made smaller first."""
HELD_OUT = {
    "skimage/data/chelsea.png": (CC0, "Stéfan van der Walt", 1.0),
    "skimage/data/camera.png": (CC0, "Lav Varshney", 1.0),
}
"""What settings are chosen on, and never learned from."""


def main() -> None:
    """Train, say what came of it, and put it into the package where that is asked for."""
    parser = argparse.ArgumentParser(description="Train the denoiser for any photograph.")
    parser.add_argument("run", type=Path, help="the run's folder, for checkpoints and the model")
    parser.add_argument("--leaves", type=int, default=400, help="procedural pictures of 256 x 256")
    parser.add_argument("--photographs", type=Path, help="a folder of them instead of those inside packages")
    parser.add_argument("--without", type=Path, help="leave out the names of this folder, whatever their suffix")
    parser.add_argument("--steps", type=int, default=16_000, help="of the optimiser, to the nearest epoch")
    parser.add_argument("--piece", type=int, default=64, help="side of the pieces, in pixels")
    parser.add_argument("--batch", type=int, default=16, help="pieces a step")
    parser.add_argument("--noise", default=NOISE, help="that is learned to be taken away")
    parser.add_argument("--begin-with", type=Path, help="a run whose weights to begin with, or 'ready'")
    parser.add_argument("--greys", type=float, default=RECIPES["photos"].greys, help="share shown without colour")
    parser.add_argument("--rate", type=float, default=RECIPES["photos"].learning_rate, help="Muon's highest")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="of the model, beside the usual")
    parser.add_argument("--resume", action="store_true", help="go on with the run")
    parser.add_argument("--install", action="store_true", help="put the model into the package")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.install and (options.photographs or options.begin_with or options.noise != NOISE):
        parser.error("--install puts in what was learned from free pictures and Gaussian noise, as the card says")

    pictures = to_learn_from(options.leaves, options.photographs, options.without)
    steps = -(-len(pictures) // options.batch)
    epochs = max(1, round(options.steps / steps))
    recipe = replace(
        RECIPES["photos"],
        epochs=epochs,
        warmup=min(RISE / (epochs * steps), 0.5),
        batch_size=options.batch,
        piece=options.piece,
        learning_rate=options.rate,
        greys=options.greys,
    )
    print(f"{len(pictures):,} squares of {SIDE}, {recipe.epochs} epochs of {steps} steps", file=sys.stderr, flush=True)
    model = UNetDenoiser(**usual(options.set), seed=options.seed)
    begun = run_named(options.begin_with)
    begin = None if begun is None else load_model(begun)
    model.fit(pictures, noise=options.noise, recipe=recipe, begin_with=begin, run=options.run, resume=options.resume)
    figures = held_out(model)
    print(json.dumps(figures))
    if options.install:
        model.save(ready_folder())
        write_text(ready_folder() / "card.md", card(model, recipe.epochs * steps, options, figures))


def usual(given: list[str]) -> dict[str, object]:
    """The network's settings: at half size without biases, 481,248 weights; and those that are given."""
    from lookalike.models import parameters_of_words

    return {
        "channels": (48, 64, 96),
        "fold": 2,
        "biases": False,
        "objective": "l1",
        **parameters_of_words("unet", given),
    }


def to_learn_from(leaves: int, folder: Path | None, without: Path | None) -> Pixels:
    """Squares (N, 256, 256, 3): the leaves, and as many of photographs, which are repeated for it."""
    photographs = packaged(PHOTOGRAPHS) if folder is None else in_folder(folder, without)
    squares = all_tiles(photographs, SIDE)
    if not leaves:
        return squares
    drawn = la.load(f"leaves:{leaves}", size=SIDE).pixels
    return np.concatenate([drawn, np.resize(squares, (max(leaves, len(squares)), SIDE, SIDE, 3))])


def packaged(chosen: dict[str, tuple[str, str, float]]) -> Iterator[Pixels]:
    """Photographs inside installed packages, at each of their scales: (H, W, 3)."""
    for place, (_, _, scale) in chosen.items():
        package, _, rest = place.partition("/")
        path = Path(str(files(package).joinpath(rest)))
        if path.suffix == ".npz":
            grey = np.load(path)["data"].astype(np.uint8)
            picture = np.repeat(grey[..., None], 3, axis=2)
        else:
            picture = read_picture(path, None)
        yield from reduced(picture, scale)


def reduced(picture: Pixels, first: float = 1.0) -> Iterator[Pixels]:
    """A photograph at each scale of `REDUCED` at which a square fits in."""
    for scale in REDUCED:
        height, width = (round(side * first * scale) for side in picture.shape[:2])
        if min(height, width) >= SIDE:
            smaller = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
            yield picture if (height, width) == picture.shape[:2] else np.asarray(smaller)


def in_folder(folder: Path, without: Path | None) -> Iterator[Pixels]:
    """The pictures of a folder, in the order of their names, at their own scale."""
    left_out = set() if without is None else {path.stem for path in without.iterdir()}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.stem not in left_out:
            yield read_picture(path, None)


def held_out(model: UNetDenoiser) -> dict[str, float]:
    """PSNR in dB on the photographs that are held out, by the literature's protocol, blind."""
    from lookalike.denoising import denoise
    from lookalike.denoising.judging import SIGMAS, judge

    photographs = [next(iter(packaged({name: about}))) for name, about in HELD_OUT.items()]
    result = {}
    for sigma in SIGMAS:
        row = judge({"model": lambda noisy, _: denoise(model, noisy)}, photographs, sigma)[1]
        result[f"{255 * sigma:g}"] = round(row.psnr, 3)
    return result


def card(model: UNetDenoiser, steps: int, options: argparse.Namespace, figures: dict[str, float]) -> str:
    """What the model is and what it learned from, as Markdown."""

    def rows(chosen: dict[str, tuple[str, str, float]]) -> str:
        return "\n".join(f"| `{place}` | {who} | {licence} |" for place, (licence, who, _) in chosen.items())

    measured = ", ".join(f"{value:.2f} dB at {level}" for level, value in figures.items())
    return f"""# The denoiser that comes with lookalike

A U-Net of {model.n_parameters:,} weights that takes Gaussian noise of up to 55 of 255 levels out of photographs of any
size, in colour or grey, and judges for itself how strong it is, or is told. `docs/denoising.md` has how it stands
beside others, and where it fails.

Made by `python tools/train_ready.py RUN --leaves {options.leaves} --steps {options.steps} --install`: {steps:,} steps
of {options.batch} pieces of {options.piece} x {options.piece} pixels, half of them of procedural pictures
(`leaves:{options.leaves}`), half of the photographs below.

The weights are under the licence of the package. Their training has seen no other photograph than these:

| file, inside an installed package | by | licence |
|---|---|---|
{rows(PHOTOGRAPHS)}

Held out, and never learned from, are two ({measured}, of 255):

| file | by | licence |
|---|---|---|
{rows(HELD_OUT)}
"""


if __name__ == "__main__":
    main()
