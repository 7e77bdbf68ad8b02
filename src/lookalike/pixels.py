"""Pictures as arrays of numbers: what their values mean, with NumPy alone, so that everybody may use it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""uint8 in 0..255, usually (N, H, W, C), RGB or grey."""
Floats = npt.NDArray[np.float32]
"""float32; pictures are centred to [-0.5, 0.5] where they are not said to be otherwise."""


def centre(pictures: Pixels | Floats) -> Floats:
    """uint8 to float32 in [-0.5, 0.5], as the notebook: x / 255 - 0.5; float32 stays as it is."""
    if pictures.dtype != np.uint8:
        return pictures.astype(np.float32, copy=False)
    return pictures.astype(np.float32) / np.float32(255) - np.float32(0.5)


def to_uint8(pictures: npt.ArrayLike) -> Pixels:
    """Centred float pictures to uint8 ones: clipped to [-0.5, 0.5], then rounded to 0..255; uint8 stays."""
    given = np.asarray(pictures)
    if given.dtype == np.uint8:
        return given
    rounded: Pixels = np.rint((np.clip(given, -0.5, 0.5) + 0.5) * 255).astype(np.uint8)
    return rounded


def as_channels(picture: npt.NDArray[Any], channels: int) -> Pixels:
    """uint8 (..., H, W, 3) as (..., H, W, channels); grey by the luma of ITU-R BT.601, as Pillow's."""
    if channels == picture.shape[-1]:
        return np.asarray(picture)
    luma = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    grey: Pixels = np.rint(luma).astype(np.uint8)[..., None]
    return grey
