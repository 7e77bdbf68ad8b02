"""What the checks of `checks` are told of a picture: its size, a smaller copy, and a piece of its own pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.noise.estimation import noise_sigma
from lookalike.pixels import Floats, Pixels

WORKING = 512
"""Pixels of the longer side at which a picture is looked at; smaller ones are at their own size."""
PIECE = 640
"""Pixels of a side of the middle part in which noise and the blocks of JPEG are looked for."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601's, as Pillow has it."""


class Levels(NamedTuple):
    """Luma, 0 to 1, that 5, 25, 90 and 95% of a picture fall short of."""

    twentieth: float
    quarter: float
    nine_tenths: float
    nineteen_twentieths: float


class Look(NamedTuple):
    """One picture.

    Attributes:
        height, width: its own, in pixels.
        small: float32 (h, w, 3) in 0 to 1, the longer side at most `WORKING`.
        grey: its luma (h, w).
        levels: of `grey`.
        piece: luma of the middle part (at most `PIECE` x `PIECE`) in its own pixels, float32 in 0 to 1.
        noise: standard deviation of the noise in the picture's own pixels, mean of the channels, 0 to 1.
        grey_noise: that of the noise that is left in `grey`.
    """

    height: int
    width: int
    small: Floats
    grey: Floats
    levels: Levels
    piece: Floats
    noise: float
    grey_noise: float


def look_at(picture: Pixels) -> Look:
    """The look of a picture, uint8 (H, W, 3) or (H, W, 1)."""
    height, width = picture.shape[:2]
    if picture.shape[2] == 1:
        picture = np.repeat(picture, 3, axis=2)
    top, left = max((height - PIECE) // 2, 0), max((width - PIECE) // 2, 0)
    part = _floats(picture[top : top + PIECE, left : left + PIECE])
    small = _floats(_reduced(picture))
    grey: Floats = small @ LUMA
    piece: Floats = part @ LUMA
    own = _noise(piece[..., None])
    is_whole = small.shape == part.shape
    # Where a picture is made smaller its noise is averaged away, and what looks like noise is more of its detail.
    left_over = own if is_whole else min(_noise(grey[..., None]), own)
    levels = Levels(*np.percentile(grey, (5, 25, 90, 95)).tolist())
    return Look(height, width, small, grey, levels, piece, _noise(part), left_over)


def _reduced(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    scale = WORKING / max(height, width)
    if scale >= 1:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    image = Image.fromarray(picture).resize(size, Image.Resampling.BOX, reducing_gap=3.0)
    return np.asarray(image)


def _floats(pixels: npt.NDArray[np.uint8]) -> Floats:
    return pixels.astype(np.float32) / np.float32(255)


def _noise(picture: Floats) -> float:
    return noise_sigma(picture, flat_counts=True)
