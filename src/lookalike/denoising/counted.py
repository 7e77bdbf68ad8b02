"""Noise that rises with the signal, brought to one level: photons counted, and what reading them out adds.

Source: the generalised Anscombe transform and its unbiased inverse in closed form, Mäkitalo and Foi, Optimal inversion
of the generalized Anscombe transformation for Poisson-Gaussian noise, 2013. A value from black 0 to white 1 is a count
over `photons` plus normal noise, so that its variance is value / photons + read_out^2; transformed, it is nearly alike
at every value, and a network that knows noise of one level a picture can be told it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lookalike.errors import OptionError
from lookalike.pixels import Floats

MOST = 1e6


@dataclass(frozen=True)
class Counted:
    """How such pictures are shown to a model, and taken from it.

    Args:
        photons: counted at white, above 0 to a million.
        read_out: the standard deviation of the normal noise beside that, from 0 to 1, where a picture spans 1.

    Raises:
        OptionError: a number is out of range.
    """

    photons: float
    read_out: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.photons <= MOST:
            raise OptionError(
                f"photons are {self.photons:g}; give how many are counted at white, above 0 to {MOST:,.0f}"
            )
        if not 0 <= self.read_out <= 1:
            raise OptionError(
                f"level is {self.read_out:g}; give the noise's standard deviation from 0 to 1 (a picture spans 1)"
            )

    @property
    def level(self) -> float:
        """The standard deviation of the noise in what `shown` gives: at every value the same."""
        least, most = self._ends
        return 1 / (most - least)

    @property
    def _offset(self) -> float:
        """Of counts, beneath the root."""
        return 3 / 8 + (self.read_out * self.photons) ** 2

    @property
    def _ends(self) -> tuple[float, float]:
        """What black and white become, in standard deviations of the noise."""
        return 2 * math.sqrt(self._offset), 2 * math.sqrt(self.photons + self._offset)

    def shown(self, picture: Floats) -> Floats:
        """Centred float32 -> the same, where noise is alike everywhere; black and white stay where they are."""
        least, most = self._ends
        counts = (picture + np.float32(0.5)) * np.float32(self.photons) + np.float32(self._offset)
        deviations: Floats = 2 * np.sqrt(np.maximum(counts, 0))
        return ((deviations - np.float32(least)) / np.float32(most - least) - np.float32(0.5)).astype(np.float32)

    def taken(self, cleaned: Floats) -> Floats:
        """What a model made of `shown`, an estimate of its mean -> centred float32, the mean of the picture itself."""
        least, most = self._ends
        # Less than no photon has no mean: below this the series turns.
        deviations = np.maximum(
            (cleaned + np.float32(0.5)) * np.float32(most - least) + np.float32(least), 2 * math.sqrt(3 / 8)
        )
        root = math.sqrt(3 / 2)
        series = root / 4 / deviations - 11 / 8 / deviations**2 + 5 / 8 * root / deviations**3 - 1 / 8
        counts = deviations**2 / 4 + series - (self.read_out * self.photons) ** 2
        light: Floats = (counts / self.photons - 0.5).astype(np.float32)
        return light
