"""Which random numbers a picture gets: (seed, epoch, index of the picture) and nothing else decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.noise.base import Floats, Noise

EVALUATION_EPOCH = 0
"""The epoch whose noise evaluations draw; training's epochs count from 1, so it has never been seen."""

NOT_TOLD = -1.0
"""The level of a picture whose noise a network is to judge for itself."""


def picture_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random generator of one picture in one epoch: Philox keyed by (seed, epoch), counted from `index`."""
    return next(_generators(seed, epoch, (index,)))


def corrupt(
    pictures: Floats, noise: Noise, *, seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]
) -> Floats:
    """Corrupt float32 (N, H, W, C); `indices` are the pictures' places in their set."""
    corrupted = np.empty(pictures.shape, np.float32)
    for place, (picture, generator) in enumerate(zip(pictures, _generators(seed, epoch, indices), strict=True)):
        corrupted[place] = noise(picture, generator)
    return corrupted


def sigmas(noise: Noise, *, seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]) -> Floats:
    """The standard deviations of what `corrupt` adds to the same pictures: float32 (N,), NaN where there is none."""
    drawn = [noise.sigma(generator) for generator in _generators(seed, epoch, indices)]
    return np.array([np.nan if sigma is None else sigma for sigma in drawn], np.float32)


def _generators(seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]) -> Iterator[np.random.Generator]:
    """The generator of each picture in turn: one object set anew, since making one costs six times as much."""
    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64))
    generator, fresh = np.random.Generator(bits), bits.state
    for index in indices:
        fresh["state"]["counter"] = np.array([0, 0, 0, index], np.uint64)
        bits.state = fresh
        yield generator
