"""Trained denoisers beside the classical ones, all on the same noisy pictures.

python benchmarks/denoising.py runs/unet runs/denoiser
python benchmarks/denoising.py runs/unet --levels gaussian:0.1 poisson --pictures 300
python benchmarks/denoising.py runs/unet runs/denoiser --protocol
python benchmarks/denoising.py runs/unet --photos

The first two judge as `lookalike evaluate` does: MSE of what comes out as it is. `--protocol` is that of the denoising
literature: sigma 15, 25 and 50 of 255, noise not clipped and of one seed for every picture, what comes out rounded to
8 bits. Both judge on the test split of the first run, and tune the classical denoisers at each level on pictures of
its training split. `--photos` judges by the protocol on photographs that come with scikit-image, which no run has seen.
There the classical denoisers are tuned on the middle of the very photograph, an advantage over the models, and
non-local means once more on the first run's training pictures; a U-Net stands there blind, told the level, and as a
self-ensemble, blind and told.
The noisy pictures themselves stand in the first row of each level.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from lookalike.data import ImageSet
from lookalike.data.images import Pixels
from lookalike.denoising import CLASSICAL, ClassicalDenoiser, compare, denoise, judging, markdown
from lookalike.denoising.judging import Restored
from lookalike.experiment import pictures_of
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model
from lookalike.pixels import Floats

LEVELS = ("gaussian:0.1", f"gaussian:{15 / 255:.4f}", f"gaussian:{25 / 255:.4f}", f"gaussian:{50 / 255:.4f}")
BLIND = "gaussian:0-0.25"
PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "rocket", "coins")
BEST = "non-local means"
MIDDLE = 128
"""Side of the part of a photograph that the classical denoisers are tuned on."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Trained denoisers beside classical ones.")
    parser.add_argument("runs", type=Path, nargs="+", help="runs trained on the same pictures, such as runs/unet")
    parser.add_argument("--levels", nargs="+", default=[*LEVELS, BLIND], help="noises; 15, 25 and 50 of 255 and blind")
    parser.add_argument("--pictures", type=int, help="judge on so many of the test pictures, by default on all")
    parser.add_argument("--tuned-on", type=int, default=200, help="pictures that tune the classical denoisers")
    parser.add_argument("--protocol", action="store_true", help="judge by the literature's protocol")
    parser.add_argument("--photos", action="store_true", help="judge by it on scikit-image's photographs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    models = {str(run): load_model(run) for run in options.runs}
    if options.photos:
        photos, train = [photograph(name) for name in PHOTOS], pictures_of(next(iter(models.values())))[0]
        rows = [
            row
            for sigma in judging.SIGMAS
            for row in on_photos(models, photos, train, sigma, options.tuned_on, options.seed)
        ]
        print(f"{', '.join(PHOTOS)}: means over {len(PHOTOS)} photographs\n\n{markdown(rows)}")
        return
    train, test = same_pictures(models)
    judged = test[: options.pictures]
    rows = []
    if options.protocol:
        for sigma in judging.SIGMAS:
            tuned = tune(train, f"gaussian:{sigma:.6f}", options.tuned_on, options.seed)
            denoisers: dict[str, judging.Denoiser] = {name: partial(_whole, model) for name, model in models.items()}
            denoisers |= {name: partial(_classical, one) for name, one in tuned.items()}
            rows += judging.judge(denoisers, list(judged.pixels), sigma, seed=options.seed)
    else:
        for level in options.levels:
            judges: dict[str, Callable[[Floats], Floats]] = {judging.NOISY: lambda noisy: noisy}
            judges |= {run: model.reconstruct for run, model in models.items()}
            judges |= tune(train, level, options.tuned_on, options.seed)
            rows += compare(judges, judged, level, options.seed)
    print(f"{len(judged):,} pictures of {' x '.join(map(str, judged.image_shape))}\n\n{markdown(rows)}")


def same_pictures(models: dict[str, Autoencoder]) -> tuple[ImageSet, ImageSet]:
    """The (training, test) pictures of the first run; the others must be tested on the same."""
    splits = {run: pictures_of(model) for run, model in models.items()}
    first = next(iter(splits))
    for run, (_, other) in splits.items():
        if other.digest != splits[first][1].digest:
            sys.exit(f"{run} was tested on other pictures than {first}; name runs of the same pictures")
    return splits[first]


def tune(pictures: ImageSet | Pixels, level: str, count: int, seed: int) -> dict[str, Callable[[Floats], Floats]]:
    """The classical denoisers, tuned to a level."""
    tuned: dict[str, Callable[[Floats], Floats]] = {}
    for name in CLASSICAL:
        one = ClassicalDenoiser(name).tune(pictures, level, seed=seed, limit=count)
        print(f"{level}: {name} tuned to {dict(one.settings)}", file=sys.stderr, flush=True)
        tuned[name] = one
    return tuned


def photograph(name: str) -> Pixels:
    """One of scikit-image's, uint8 (H, W, 3) or (H, W, 1)."""
    from skimage import data

    picture: Pixels = np.asarray(getattr(data, name)())
    return picture if picture.ndim == 3 else picture[..., None]


def on_photos(
    models: dict[str, Autoencoder], photos: list[Pixels], train: ImageSet, sigma: float, count: int, seed: int
) -> list[Restored]:
    """The protocol on photographs, each with classical denoisers that were tuned on its own middle."""
    level = f"gaussian:{sigma:.6f}"
    tuned = [tune(_middle(photo)[None], level, 1, seed) for photo in photos]
    denoisers: dict[str, judging.Denoiser] = {name: partial(_whole, model) for name, model in models.items()}
    for name, model in models.items():
        if model.takes_level:
            denoisers[f"{name}, told"] = partial(_whole, model, level=sigma)
            denoisers[f"{name}, self-ensemble"] = partial(_whole, model, self_ensemble=True)
            denoisers[f"{name}, told, self-ensemble"] = partial(_whole, model, level=sigma, self_ensemble=True)
    for name in CLASSICAL:
        denoisers[name] = lambda noisy, place, name=name: tuned[place][name](noisy[None])[0]  # type: ignore[misc]
    elsewhere = ClassicalDenoiser(BEST).tune(train, level, seed=seed, limit=count)
    denoisers[f"{BEST}, tuned on the run's pictures"] = partial(_classical, elsewhere)
    return judging.judge(denoisers, photos, sigma, seed=seed)


def _middle(photo: Pixels) -> Pixels:
    top, left = ((side - MIDDLE) // 2 for side in photo.shape[:2])
    return photo[top : top + MIDDLE, left : left + MIDDLE]


def _whole(
    model: Autoencoder, noisy: Floats, place: int, *, level: float | None = None, self_ensemble: bool = False
) -> Pixels:
    return denoise(model, noisy, level, self_ensemble=self_ensemble)


def _classical(tuned: Callable[[Floats], Floats], noisy: Floats, place: int) -> Floats:
    restored: Floats = tuned(noisy[None])[0]
    return restored


if __name__ == "__main__":
    main()
