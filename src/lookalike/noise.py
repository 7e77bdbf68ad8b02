"""Corruptions of pictures, by name and parameter: `gaussian:0.1`.

A corruption sees one picture and that picture's own random generator, which comes from (seed, epoch, index of
the picture) alone: what a picture suffers depends on no batch, worker or history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError

Floats = npt.NDArray[np.float32]

EVALUATION_EPOCH = 0
"""The epoch whose noise evaluations draw; training's epochs count from 1, so it has never been seen."""


@dataclass(frozen=True)
class Gaussian:
    """Add zero-mean Gaussian noise of standard deviation `sigma`, on the scale where a picture spans 1."""

    sigma: float

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= 1:
            raise OptionError(
                f"gaussian noise of sigma {self.sigma:g}; give a value above 0 and up to 1, as gaussian:0.1"
            )

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the noisy picture, float32 (H, W, C), not clipped."""
        return picture + np.float32(self.sigma) * generator.standard_normal(picture.shape, dtype=np.float32)

    def __str__(self) -> str:
        return f"gaussian:{self.sigma:g}"


Noise = Gaussian
NOISES: dict[str, Callable[[float], Noise]] = {"gaussian": Gaussian}


def parse_noise(text: str) -> Noise:
    """Read `name:parameter`, for example `gaussian:0.1`.

    Raises:
        OptionError: the name is unknown or the parameter is out of range.
    """
    name, _, parameter = text.partition(":")
    if name not in NOISES:
        raise OptionError(f"noise {text!r} is unknown; give one of {', '.join(f'{n}:SIGMA' for n in NOISES)}")
    try:
        return NOISES[name](float(parameter))
    except ValueError as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(f"noise {text!r} has no number after the colon; write for example {name}:0.1") from error


def picture_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random generator of one picture in one epoch: Philox keyed by (seed, epoch), counted from `index`."""
    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64), counter=np.array([0, 0, 0, index], np.uint64))
    return np.random.Generator(bits)


def corrupt(
    pictures: Floats, noise: Noise, *, seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]
) -> Floats:
    """Corrupt float32 (N, H, W, C); `indices` are the pictures' places in their set."""
    return np.stack(
        [
            noise(picture, picture_generator(seed, epoch, int(index)))
            for picture, index in zip(pictures, indices, strict=True)
        ]
    )
