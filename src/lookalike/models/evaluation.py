"""How well pictures come back, measured batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lookalike import metrics
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt
from lookalike.pixels import Floats, Pixels, centre

Reconstruct = Callable[[Floats], Floats]
"""A centred batch (n, H, W, C) there and back."""


@dataclass(frozen=True)
class Evaluation:
    """How well pictures come back: means over `images` pictures.

    `mse` is over all pixels on the scale where a picture spans 1, nothing clipped; `psnr` (dB) and `ssim` are of the
    pictures as shown, clipped to their range. With noise, the reconstruction is of the noisy picture and compared
    with the clean one; `noisy_mse` and `noisy_psnr` tell how far the noise itself is.
    """

    images: int
    mse: float
    psnr: float
    ssim: float
    noise: str | None = None
    noisy_mse: float | None = None
    noisy_psnr: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields that apply."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def mean_squared_error(reconstruct: Reconstruct, pictures: Pixels | Floats, size: int) -> float:
    """Of the reconstructions of pictures (N, H, W, C), `size` at once, over all values."""
    total = 0.0
    for start in range(0, len(pictures), size):
        batch = centre(pictures[start : start + size])
        total += float(metrics.squared_errors(batch, reconstruct(batch)).sum())
    return total / len(pictures)


def evaluate(
    reconstruct: Reconstruct, pictures: Pixels | Floats, size: int, noise: Noise | None, seed: int
) -> Evaluation:
    """Figures of the reconstructions of pictures (N, H, W, C), `size` at once; the noise of each is of its place."""
    sums = np.zeros(5)
    for start in range(0, len(pictures), size):
        clean = centre(pictures[start : start + size])
        given = clean
        if noise is not None:
            places = range(start, start + len(clean))
            given = corrupt(clean, noise, seed=seed, epoch=EVALUATION_EPOCH, indices=places)
        back = reconstruct(given)
        shown = np.clip(back, -0.5, 0.5)
        sums += [
            metrics.squared_errors(clean, back).sum(),
            metrics.psnr(clean, shown).sum(),
            metrics.ssim(clean + 0.5, shown + 0.5).sum(),
            metrics.squared_errors(clean, given).sum(),
            metrics.psnr(clean, given).sum() if noise is not None else 0.0,
        ]
    mse, psnr, ssim, noisy_mse, noisy_psnr = (float(value) for value in sums / len(pictures))
    if noise is None:
        return Evaluation(len(pictures), mse, psnr, ssim)
    return Evaluation(len(pictures), mse, psnr, ssim, str(noise), noisy_mse, noisy_psnr)
