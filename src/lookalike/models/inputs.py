"""Pictures as models are given them: what passes for such, and what a run must know of those it was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.data.images import ImageSet
from lookalike.errors import OptionError
from lookalike.pixels import Floats, Pixels, to_uint8

Pictures = ImageSet | Pixels | Floats
"""An ImageSet; uint8 (N, H, W, C); or float32 of that shape, centred to [-0.5, 0.5]. (H, W, C) is a set of one."""

LARGEST_FLOAT = 8
"""Centred pictures with the strongest noise stay within it; 0..255 in floats, a common mistake, does not."""


def as_pictures(X: Pictures) -> Pixels | Floats:
    """The array behind `X`, checked to be pictures of dtype uint8 or centred float32.

    Raises:
        OptionError: shape, dtype or range are not those of pictures, or there are none.
    """
    pictures = X.pixels if isinstance(X, ImageSet) else np.asarray(X)
    pictures = pictures[None] if pictures.ndim == 3 else pictures
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or not len(pictures):
        raise OptionError(f"an array of shape {pictures.shape} is not pictures; give (N, H, W, 3) or (N, H, W, 1)")
    if pictures.dtype == np.uint8:
        return pictures.astype(np.uint8, copy=False)
    if not np.issubdtype(pictures.dtype, np.floating):
        raise OptionError(f"pictures are {pictures.dtype}; give uint8 in 0..255 or float32 centred to [-0.5, 0.5]")
    extreme = float(np.abs(pictures).max())
    if not extreme <= LARGEST_FLOAT:  # NaN fails as well
        raise OptionError(
            f"float pictures reach {extreme:g}; centre them to [-0.5, 0.5] by x / 255 - 0.5, or give uint8"
        )
    floats: Floats = pictures.astype(np.float32, copy=False)
    return floats


def shape_of(pictures: Pixels | Floats) -> tuple[int, int, int]:
    """(H, W, C) of pictures (N, H, W, C)."""
    _, height, width, channels = pictures.shape
    return height, width, channels


def describe_data(X: Pictures) -> dict[str, Any]:
    """What a run must know of its training pictures to recognise and to find them again, as JSON values."""
    if not isinstance(X, ImageSet):
        X = ImageSet(to_uint8(as_pictures(X)))
    return {
        "digest": X.digest,
        "images": len(X),
        "image_shape": list(X.image_shape),
        "source": None if X.spec is None else X.spec.as_json(),
        "parts": [list(part) for part in X.parts],
    }


def unknown_data(image_shape: tuple[int, int, int], images: int = 0) -> dict[str, Any]:
    """As `describe_data`, for a model whose training pictures nobody can name any more."""
    return {"digest": None, "images": images, "image_shape": list(image_shape), "source": None, "parts": []}
