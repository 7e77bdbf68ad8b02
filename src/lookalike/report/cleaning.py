"""The section of the page on removing noise."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from lookalike import metrics
from lookalike.data import ImageSet
from lookalike.denoising.classical import CLASSICAL, ClassicalDenoiser, TunedDenoiser
from lookalike.denoising.judging import compare
from lookalike.models.base import Autoencoder
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.pixels import Floats, centre
from lookalike.report import markup
from lookalike.report.markup import Album

CLEANED = 8
TUNED_ON = 40
"""Training pictures on which each classical denoiser's settings are chosen."""


def cleaning(
    denoiser: Autoencoder, test: ImageSet, noise: str, album: Album, seed: int, train: ImageSet | None = None
) -> str:
    """Noisy pictures, what the denoiser makes of them, and the clean ones, with the PSNR of both.

    With `train` and scikit-image (extra `bench`), the best of the classical denoisers stands beside it.
    """
    chosen = markup.choose(len(test), CLEANED, seed + 3)
    clean, noisy = _pair(test, chosen, noise, seed)
    shown = [("noisy", noisy), ("cleaned", denoiser.reconstruct(noisy))]
    result = denoiser.evaluate(test, noise, seed)
    makes = f"draws from a code of {denoiser.code_size} numbers" if denoiser.has_code else "leaves of them"
    told = (
        f"Test pictures with noise ({noise}) that the network sees for the first time, and what it {makes}. "
        f"Over all test pictures the noise has a mean squared error of {result.noisy_mse:.5f}, and {result.mse:.5f} is "
        "left."
    )
    classical = None if train is None else _classical(train, noise, seed)
    if classical is not None:
        shown.append((classical.name, classical.denoise(noisy)))
        told += (
            f" {classical.name[:1].upper()}{classical.name[1:]}, the best of {len(CLASSICAL)} classical denoisers on "
            f"training pictures, leaves {compare({classical.name: classical.denoise}, test, noise, seed)[0].mse:.5f}."
        )
    rows = []
    for name, pictures in shown:
        gains = metrics.psnr(clean, np.clip(pictures, -0.5, 0.5))
        rows.append(markup.row(name, (album.picture(picture, f"{name} picture") for picture in pictures)))
        rows.append(markup.row("PSNR, dB", (f"{value:.1f}" for value in gains)))
    rows.append(markup.row("original", (album.picture(picture, "the clean picture") for picture in clean)))
    album.keep_strip("denoising", [*(pictures for _, pictures in shown), clean])
    return markup.section("Noise removed", told, markup.table(rows))


def _pair(test: ImageSet, places: Sequence[int], noise: str, seed: int) -> tuple[Floats, Floats]:
    """Test pictures clean and with the noise that evaluations give them."""
    clean = centre(test.pixels[list(places)])
    return clean, corrupt(clean, parse_noise(noise), seed=seed, epoch=EVALUATION_EPOCH, indices=places)


def _classical(train: ImageSet, noise: str, seed: int) -> TunedDenoiser | None:
    """The classical denoiser that does best on training pictures; None where scikit-image is not installed."""
    if find_spec("skimage") is None or find_spec("pywt") is None:
        return None
    tuned = [ClassicalDenoiser(name).tune(train, noise, seed=seed, limit=TUNED_ON) for name in CLASSICAL]
    return min(tuned, key=lambda one: one.tried[0][1])
