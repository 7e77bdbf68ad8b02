"""Denoisers judged on the same noisy pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lookalike import metrics
from lookalike.data.images import ImageSet, Pixels
from lookalike.errors import OptionError
from lookalike.models.base import Floats, as_pictures, centre
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt, parse_noise


@dataclass(frozen=True)
class Row:
    """How near one denoiser comes to the clean pictures: means over the pictures, as in `Evaluation`.

    `mse` is over all pixels on the scale where a picture spans 1, nothing clipped; `psnr` (dB) and `ssim` are of the
    pictures as shown, clipped to their range; `seconds` is a picture's share of the time.
    """

    name: str
    noise: str
    mse: float
    psnr: float
    ssim: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values by field name."""
        return asdict(self)


def compare(
    denoisers: Mapping[str, Callable[[Floats], Floats]],
    pictures: ImageSet | Pixels | Floats,
    noise: str | Noise,
    seed: int = 0,
) -> list[Row]:
    """One row for each denoiser, all on the same noisy pictures, which are those of `Autoencoder.evaluate`.

    A denoiser takes centred float32 (N, H, W, C), not clipped, and returns the same shape. The identity among them
    gives the row of the noise itself.

    Raises:
        OptionError: a denoiser returns another shape.
    """
    noise = parse_noise(noise) if isinstance(noise, str) else noise
    clean = centre(as_pictures(pictures))
    noisy = corrupt(clean, noise, seed=seed, epoch=EVALUATION_EPOCH, indices=range(len(clean)))
    rows = []
    for name, function in denoisers.items():
        started = time.perf_counter()
        restored = function(noisy.copy())  # its own, so that one which works in place spoils nothing
        seconds = (time.perf_counter() - started) / len(clean)
        if restored.shape != clean.shape:
            raise OptionError(f"denoiser {name!r} returns shape {restored.shape}; it must return {clean.shape}")
        shown = np.clip(restored, -0.5, 0.5)
        mse, psnr, ssim = (
            float(figures.mean())
            for figures in (
                metrics.squared_errors(clean, restored),
                metrics.psnr(clean, shown),
                metrics.ssim(clean + 0.5, shown + 0.5),
            )
        )
        rows.append(Row(name, str(noise), mse, psnr, ssim, seconds))
    return rows


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, in their order."""
    lines = [
        "| noise | denoiser | MSE | PSNR dB | SSIM | ms a picture |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.noise} | {row.name} | {row.mse:.5f} | {row.psnr:.2f} | {row.ssim:.4f} | {1000 * row.seconds:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)
