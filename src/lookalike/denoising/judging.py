"""Denoisers judged on the same noisy pictures: as evaluations draw them, or by the literature's protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lookalike import metrics
from lookalike.data.images import ImageSet, Pixels
from lookalike.errors import OptionError
from lookalike.models.inputs import as_pictures
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt, parse_noise
from lookalike.pixels import Floats, centre, to_uint8

SIGMAS = (15 / 255, 25 / 255, 50 / 255)
"""The levels that papers report, on the scale where a picture spans 1."""
NOISY = "the noisy pictures"
Denoiser = Callable[[Floats, int], Floats | Pixels]
"""(one noisy picture, centred float32 (H, W, C) and not clipped; its place) -> the same shape, float or uint8."""


@dataclass(frozen=True)
class Restored:
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
) -> list[Restored]:
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
        rows.append(Restored(name, str(noise), mse, psnr, ssim, seconds))
    return rows


def markdown(rows: Iterable[Restored]) -> str:
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


def judge(
    denoisers: Mapping[str, Denoiser], pictures: Sequence[Pixels], sigma: float, *, seed: int = 0
) -> list[Restored]:
    """One row for each denoiser, the noise itself first, over pictures uint8 (H, W, C) of any sizes.

    Each picture gets Gaussian noise of that sigma from a generator of its own, `numpy.random.default_rng(seed)`, not
    clipped; what a denoiser returns is clipped and rounded to 8 bits, and then compared. MSE, PSNR and SSIM are means
    over the pictures; `seconds` is of a picture.
    """
    sums = {name: np.zeros(4) for name in (NOISY, *denoisers)}
    for place, clean in enumerate(pictures):
        noisy = with_noise(clean, sigma, seed)
        sums[NOISY][:3] += figures(clean, to_uint8(noisy))
        for name, function in denoisers.items():
            started = time.perf_counter()
            restored = to_uint8(function(noisy.copy(), place))  # its own, so that one which works in place spoils none
            seconds = time.perf_counter() - started
            sums[name] += [*figures(clean, restored), seconds]
    noise = f"{255 * sigma:g} of 255"
    return [Restored(name, noise, *(float(value) for value in total / len(pictures))) for name, total in sums.items()]


def with_noise(clean: Pixels, sigma: float, seed: int = 0) -> Floats:
    """uint8 (H, W, C) -> centred float32 with the protocol's noise, not clipped."""
    drawn = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    noisy: Floats = centre(clean) + np.float32(sigma) * drawn
    return noisy


def figures(clean: Pixels, restored: Pixels) -> tuple[float, float, float]:
    """(MSE where a picture spans 1, PSNR in dB, SSIM) of one picture uint8 (H, W, C) beside the clean one."""
    pair = centre(clean)[None] + np.float32(0.5), centre(restored)[None] + np.float32(0.5)
    mse, psnr, ssim = (float(measure(*pair)[0]) for measure in (metrics.squared_errors, metrics.psnr, metrics.ssim))
    return mse, psnr, ssim
