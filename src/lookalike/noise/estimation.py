"""How much noise a picture has, from the picture alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats

HIGH = (-0.48296291314453416, 0.8365163037378079, -0.2241438680420134, -0.12940952255126037)
"""The high-pass filter of Daubechies' wavelet of two vanishing moments (Ten Lectures on Wavelets, 1992, table 6.1)."""
QUARTILE = 0.6744897501960817
"""Half of the standard normal distribution lies within this of 0."""


def noise_sigma(picture: Floats, *, flat_counts: bool = False) -> float:
    """The standard deviation of the noise in a picture (H, W, C), on its own scale, meant over the channels.

    Source: Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994, 4.2: the median size of the
    finest diagonal wavelet coefficients. Coefficients of exactly 0, as flat areas have them, are left out; 0 where all
    are. With `flat_counts` they are not: what is flat on more than half of it, as drawings are, then has no noise.
    """
    sigmas = []
    for channel in np.moveaxis(np.asarray(picture), -1, 0):
        sizes = np.abs(_high(_high(channel).T))
        sizes = sizes.ravel() if flat_counts else sizes[sizes > 0]
        sigmas.append(float(np.median(sizes)) / QUARTILE if len(sizes) else 0.0)
    return float(np.mean(sigmas))


def _high(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The finest coefficients along the first axis, of n values (n + 3) // 2; the ends are mirrored."""
    count = (len(values) + len(HIGH) - 1) // 2
    ends = np.pad(values, ((3, 4), (0, 0)), mode="symmetric")
    found: npt.NDArray[np.floating] = sum(
        (tap * ends[4 - at : 4 - at + 2 * count : 2] for at, tap in enumerate(HIGH)), np.zeros(1, values.dtype)
    )
    return found
