"""The protocol of the denoising literature: 8-bit pictures out, the same noise whenever a picture is judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lookalike import metrics
from lookalike.data.images import Pixels
from lookalike.denoising.table import Row
from lookalike.models.base import Floats, centre, to_uint8

SIGMAS = (15 / 255, 25 / 255, 50 / 255)
"""The levels that papers report, on the scale where a picture spans 1."""
NOISY = "the noisy pictures"

Denoiser = Callable[[Floats, int], Floats | Pixels]
"""(one noisy picture, centred float32 (H, W, C) and not clipped; its place) -> the same shape, float or uint8."""


def judge(denoisers: Mapping[str, Denoiser], pictures: Sequence[Pixels], sigma: float, *, seed: int = 0) -> list[Row]:
    """One row for each denoiser, the noise itself first, over pictures uint8 (H, W, C) of any sizes.

    Each picture gets Gaussian noise of that sigma from a generator of its own, `numpy.random.default_rng(seed)`, not
    clipped; what a denoiser returns is clipped and rounded to 8 bits, and then compared. MSE, PSNR and SSIM are means
    over the pictures; `seconds` is of a picture.
    """
    sums = {name: np.zeros(4) for name in (NOISY, *denoisers)}
    for place, clean in enumerate(pictures):
        noisy = with_noise(clean, sigma, seed)
        sums[NOISY][:3] += _figures(clean, to_uint8(noisy))
        for name, function in denoisers.items():
            started = time.perf_counter()
            restored = to_uint8(function(noisy.copy(), place))  # its own, so that one which works in place spoils none
            seconds = time.perf_counter() - started
            sums[name] += [*_figures(clean, restored), seconds]
    noise = f"{255 * sigma:g} of 255"
    return [Row(name, noise, *(float(value) for value in total / len(pictures))) for name, total in sums.items()]


def with_noise(clean: Pixels, sigma: float, seed: int = 0) -> Floats:
    """uint8 (H, W, C) -> centred float32 with the protocol's noise, not clipped."""
    drawn = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    noisy: Floats = centre(clean) + np.float32(sigma) * drawn
    return noisy


def _figures(clean: Pixels, restored: Pixels) -> tuple[float, float, float]:
    pair = centre(clean)[None] + np.float32(0.5), centre(restored)[None] + np.float32(0.5)
    mse, psnr, ssim = (float(measure(*pair)[0]) for measure in (metrics.squared_errors, metrics.psnr, metrics.ssim))
    return mse, psnr, ssim
