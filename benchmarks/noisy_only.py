"""What is learned from noisy pictures alone, beside what the package's denoiser knows without, and clean ones teach.

    python benchmarks/noisy_only.py --noise gaussian:0.098 saltpepper:0.05 poisson:30
    python benchmarks/noisy_only.py --noise saltpepper:0.05 --steps 200 --learn 64 --judge 8

Learned from are the middle 256 x 256 of the pictures of BSDS500 that are not in CBSD68, with noise, in 8 bits; judged,
by PSNR, are all of CBSD68 with the same noise, in 8 bits too. Networks have the form of the package's denoiser and are
trained as `lookalike train NOISY/ --noisy-only` does, with its steps: from the package's weights and from fresh ones on
the noisy pictures, and from the package's on the clean ones, with that noise added anew each epoch. The sets lie in the
folder that `--sets` names. Seconds are processor time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lookalike.data import read_picture
from lookalike.data.formats import SUFFIXES
from lookalike.data.images import Pixels
from lookalike.denoising import denoise, judging
from lookalike.denoising.ready import ready_folder
from lookalike.models import new_model
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt, parse_noise
from lookalike.pixels import centre, to_uint8
from lookalike.training.recipe import RECIPES
from timing import lfw_folder, table

SIDE = 256


def main() -> None:
    """Train and judge, and print a table a noise."""
    parser = argparse.ArgumentParser(description="Denoisers that learn from noisy pictures alone.")
    parser.add_argument("--sets", type=Path, default=lfw_folder() / "denoising", help="folder with a folder a set")
    parser.add_argument("--noise", nargs="+", default=["gaussian:0.098"], help="that the pictures have")
    parser.add_argument("--learn", type=int, help="from so many pictures, by default all")
    parser.add_argument("--judge", type=int, help="on so many pictures, by default all")
    parser.add_argument("--steps", type=int, help="of a training, by default those of the recipe")
    options = parser.parse_args()

    apart = named(options.sets / "cbsd68")
    judged = [read_picture(path, None) for path in apart[: options.judge]]
    left_out = {path.stem for path in apart}
    learned = [path for path in named(options.sets / "bsds500") if path.stem not in left_out]
    clean = np.stack([middle(read_picture(path, None)) for path in learned[: options.learn]])
    for text in options.noise:
        noise = parse_noise(text)
        noisy = in_8_bits(clean, noise, epoch=1)
        pairs = [(one, in_8_bits(one[None], noise, at=at)[0]) for at, one in enumerate(judged)]
        rows = [["as given", f"{np.mean([judging.figures(*pair)[1] for pair in pairs]):.2f}", ""]]
        for title, model, seconds in learners(clean, noisy, text, options.steps):
            decibels = np.mean([judging.figures(one, denoise(model, centre(given)))[1] for one, given in pairs])
            rows.append([title, f"{decibels:.2f}", "" if seconds is None else f"{seconds:.0f}"])
            print(*rows[-1], flush=True)
        print(f"\n{text}, learned from {len(clean)} pictures, {len(pairs)} judged\n")
        print(table(["learned from", "PSNR, dB", "CPU s"], rows))


def learners(
    clean: Pixels, noisy: Pixels, noise: str, steps: int | None
) -> Iterator[tuple[str, Autoencoder, float | None]]:
    """What each has learned from, the model, and how long it took."""
    ready = load_model(ready_folder())
    yield "nothing: the package's denoiser", ready, None
    epochs = None if steps is None else max(1, steps * RECIPES["unet"].batch_size // len(clean))
    for title, begin, is_noisy in (
        ("the noisy pictures, from the package's weights", ready, True),
        ("the noisy pictures, from fresh weights", None, True),
        ("clean pictures, from the package's weights", ready, False),
    ):
        model = new_model("unet", ready, noisy_only=is_noisy)
        started = time.process_time()
        model.fit(  # type: ignore[call-arg]
            noisy if is_noisy else clean,
            noise=None if is_noisy else noise,
            epochs=epochs,
            begin_with=begin,
            progress=False,
        )
        yield title, model, time.process_time() - started


def named(folder: Path) -> list[Path]:
    """Its pictures, in the order of their names."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]


def middle(picture: Pixels) -> Pixels:
    """A square of 256."""
    top, left = ((side - SIDE) // 2 for side in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE]


def in_8_bits(pictures: Pixels, noise: Noise, *, epoch: int = EVALUATION_EPOCH, at: int = 0) -> Pixels:
    """Pictures (N, H, W, C) as files would hold them with that noise; `at` is the first one's place."""
    places = range(at, at + len(pictures))
    return to_uint8(corrupt(centre(pictures), noise, seed=0, epoch=epoch, indices=places))


if __name__ == "__main__":
    main()
