"""The section of the page on removing noise."""

from __future__ import annotations

import numpy as np

from lookalike import metrics
from lookalike.data import ImageSet
from lookalike.models.base import Autoencoder, centre
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.report import markup
from lookalike.report.pictures import Album

CLEANED = 8


def cleaning(denoiser: Autoencoder, test: ImageSet, noise: str, album: Album, seed: int) -> str:
    """Noisy pictures, what the denoiser makes of them, and the clean ones, with the PSNR of both."""
    chosen = markup.choose(len(test), CLEANED, seed + 3)
    clean = centre(test.pixels[chosen])
    noisy = corrupt(clean, parse_noise(noise), seed=seed, epoch=EVALUATION_EPOCH, indices=chosen)
    cleaned = denoiser.reconstruct(noisy)
    before, after = (metrics.psnr(clean, np.clip(pictures, -0.5, 0.5)) for pictures in (noisy, cleaned))
    result = denoiser.evaluate(test, noise, seed)
    rows = [
        markup.row("noisy", (album.picture(picture, "noisy picture") for picture in noisy)),
        markup.row("PSNR, dB", (f"{value:.1f}" for value in before)),
        markup.row("cleaned", (album.picture(picture, "the same, cleaned") for picture in cleaned)),
        markup.row("PSNR, dB", (f"{value:.1f}" for value in after)),
        markup.row("original", (album.picture(picture, "the clean picture") for picture in clean)),
    ]
    makes = f"draws from a code of {denoiser.code_size} numbers" if denoiser.has_code else "leaves of them"
    album.keep_strip("denoising", [noisy, cleaned, clean])
    return markup.section(
        "Noise removed",
        f"Test pictures with noise ({noise}) that the network sees for the first time, and what it {makes}. "
        f"Over all test pictures the noise has a mean squared error of {result.noisy_mse:.5f}, and {result.mse:.5f} is "
        "left.",
        markup.table(rows),
    )
