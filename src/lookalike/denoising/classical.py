"""Denoisers that learn nothing but their strength: the yardsticks beside a trained model.

All come from scikit-image (extra `bench`). Each is told the noise's standard deviation sigma, or estimates it, and has
settings relative to sigma, which `tune` chooses on training pictures; all work on pictures as they come, not clipped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike import metrics
from lookalike.data.images import ImageSet, Pixels
from lookalike.errors import MissingExtraError, OptionError
from lookalike.models.inputs import as_pictures
from lookalike.noise import Noise, corrupt, parse_noise
from lookalike.noise.estimation import noise_sigma
from lookalike.pixels import Floats, centre

TUNING_PICTURES = 200
TUNING_EPOCH = 1
"""Noise for tuning is drawn as in a training's first epoch, never as in an evaluation."""
LEAST_SIGMA = 1e-3
"""An estimate below this counts as this: a quarter of a step of 8 bits."""


def _gaussian_filter(picture: Floats, sigma: float, width: float) -> Floats:
    """The naive way: a blur whose width in pixels is `width` times sigma."""
    from skimage.filters import gaussian

    blurred: Floats = gaussian(picture, sigma=width * sigma, mode="reflect", channel_axis=-1)  # type: ignore[no-untyped-call]
    return blurred


def _total_variation(picture: Floats, sigma: float, weight: float) -> Floats:
    """Chambolle, 2004: the nearest picture of small total variation; `weight` is relative to sigma."""
    from skimage.restoration import denoise_tv_chambolle

    smooth: Floats = denoise_tv_chambolle(picture, weight=weight * sigma, channel_axis=-1)  # type: ignore[no-untyped-call]
    return smooth


def _wavelet(picture: Floats, sigma: float, strength: float, wavelet: str) -> Floats:
    """BayesShrink (Chang, Yu and Vetterli, 2000), told `strength` times sigma; colours in YCbCr, which does better."""
    from skimage.restoration import denoise_wavelet

    restored: Floats = denoise_wavelet(
        picture,
        sigma=strength * sigma,
        wavelet=wavelet,
        mode="soft",
        method="BayesShrink",
        convert2ycbcr=picture.shape[2] == 3,
        rescale_sigma=True,
        channel_axis=-1,
    )
    return restored


def _non_local_means(picture: Floats, sigma: float, h: float, patch: int) -> Floats:
    """Buades, Coll and Morel, 2005: averages over pixels with like surroundings; `h` is relative to sigma."""
    from skimage.restoration import denoise_nl_means

    averaged: Floats = denoise_nl_means(
        picture, patch_size=patch, patch_distance=7, h=h * sigma, sigma=sigma, fast_mode=True, channel_axis=-1
    )
    return averaged.reshape(picture.shape)  # it drops a single channel


class _Method(NamedTuple):
    function: Callable[..., Floats]
    grid: dict[str, tuple[Any, ...]]


_METHODS = {
    "Gaussian filter": _Method(_gaussian_filter, {"width": (2, 3, 4, 5, 6, 7, 8, 10, 12)}),
    "total variation": _Method(_total_variation, {"weight": (0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2)}),
    "wavelet": _Method(_wavelet, {"strength": (0.7, 0.85, 1.0, 1.1, 1.25, 1.5), "wavelet": ("haar", "db2")}),
    "non-local means": _Method(_non_local_means, {"h": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85), "patch": (3, 5)}),
}

CLASSICAL = tuple(_METHODS)
"""The names that `ClassicalDenoiser` takes."""


@dataclass(frozen=True)
class TunedDenoiser:
    """A classical denoiser with its settings.

    Attributes:
        name: one of `CLASSICAL`.
        noise: what it was tuned for.
        settings: by name, relative to sigma where they are strengths.
        sigma: the noise's standard deviation where it is the same for every picture; None: estimated for each.
        tried: every setting of the grid with its MSE on the tuning pictures, the best first.
    """

    name: str
    noise: str
    settings: Mapping[str, Any]
    sigma: float | None
    tried: tuple[tuple[Mapping[str, Any], float], ...] = field(repr=False, default=())

    def denoise(self, noisy: Floats, sigma: float | npt.ArrayLike | None = None) -> Floats:
        """Centred float32 (N, H, W, C), not clipped -> the same shape.

        `sigma`, one number or one for each picture, overrides what the denoiser knows or would estimate.
        """
        given = self.sigma if sigma is None else sigma
        sigmas = estimate_sigmas(noisy) if given is None else np.broadcast_to(np.asarray(given), (len(noisy),))
        return _apply(self.name, noisy, sigmas, self.settings)

    def __call__(self, noisy: Floats) -> Floats:
        """The same as `denoise`."""
        return self.denoise(noisy)


@dataclass(frozen=True)
class ClassicalDenoiser:
    """A classical denoiser before it is tuned, by one of the names in `CLASSICAL`.

    Raises:
        OptionError: there is no such name.
        MissingExtraError: scikit-image is not installed.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in _METHODS:
            raise OptionError(f"denoiser {self.name!r} is unknown; give one of {', '.join(CLASSICAL)}")
        if find_spec("skimage") is None or find_spec("pywt") is None:
            raise MissingExtraError("bench", "a classical denoiser")

    def tune(
        self, pictures: ImageSet | Pixels | Floats, noise: str | Noise, *, seed: int = 0, limit: int = TUNING_PICTURES
    ) -> TunedDenoiser:
        """Choose the settings of least MSE on training pictures with that noise.

        Takes `limit` of the pictures, drawn by `seed`, and tries every setting of a small grid. Sigma is the measured
        root mean square of the noise where its strength is fixed; where it is drawn for each picture, it is
        estimated for each from the noisy picture alone, here as in use.
        """
        noise = parse_noise(noise) if isinstance(noise, str) else noise
        given = as_pictures(pictures)
        members = np.sort(np.random.default_rng(seed).permutation(len(given))[:limit])
        clean = centre(given[members])
        noisy = corrupt(clean, noise, seed=seed, epoch=TUNING_EPOCH, indices=members)
        measured = max(float(np.sqrt(metrics.squared_errors(clean, noisy).mean())), LEAST_SIGMA)
        sigma = None if noise.is_blind else measured
        sigmas = estimate_sigmas(noisy) if sigma is None else np.full(len(noisy), sigma)
        tried = [
            (settings, float(metrics.squared_errors(clean, _apply(self.name, noisy, sigmas, settings)).mean()))
            for settings in _grid(self.name)
        ]
        tried.sort(key=lambda one: one[1])
        return TunedDenoiser(self.name, str(noise), tried[0][0], sigma, tuple(tried))


def estimate_sigmas(noisy: Floats) -> npt.NDArray[np.float64]:
    """The standard deviation of the noise in each picture of (N, H, W, C), from the picture alone: float64 (N,).

    By `noise_sigma`.
    """
    sigmas = [noise_sigma(picture) for picture in noisy]
    return np.maximum(sigmas, LEAST_SIGMA)


def _grid(name: str) -> list[dict[str, Any]]:
    grid = _METHODS[name].grid
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _apply(name: str, noisy: Floats, sigmas: npt.NDArray[np.float64], settings: Mapping[str, Any]) -> Floats:
    function = _METHODS[name].function
    restored = [function(picture, float(sigma), **settings) for picture, sigma in zip(noisy, sigmas, strict=True)]
    return np.stack(restored).astype(np.float32, copy=False)
