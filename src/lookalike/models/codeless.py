"""What all models share that take noise out of pictures of any size and have no code, whatever computes them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.models.base import BATCH, NO_CODE, Autoencoder
from lookalike.models.inputs import Pictures, as_pictures
from lookalike.models.unet_shape import checked_levels
from lookalike.pixels import Floats, Pixels, centre

BATCH_PIXELS = BATCH * 32 * 32
"""Pixels that go through at once, so that memory does not grow with the size of the pictures."""


class Codeless(Autoencoder):
    """A model without a code; of (H, W, C), the shape of the training's pictures, only C binds it."""

    has_code: ClassVar[bool] = False
    takes_level: ClassVar[bool] = True

    @property
    def code_size(self) -> int:  # type: ignore[override]
        """There is none.

        Raises:
            OptionError: always.
        """
        raise OptionError(NO_CODE)

    @abstractmethod
    def _denoised(self, pictures: Floats, levels: Floats | None) -> Floats:
        """A centred batch (n, H, W, C) with the network's own number of channels.

        With or without levels, (n,) or (n, H, W).
        """

    def reconstruct(self, X: Pictures, level: float | npt.ArrayLike | None = None) -> Floats:
        """Take the noise out: (N, H, W, C) of any H and W -> float32 (N, H, W, C), centred to 0, not clipped.

        `level` is the noise's standard deviation where it is known, one number, or one for each picture (N,) or each of
        its pixels (N, H, W), on the scale where a picture spans 1; without it the model judges for itself. A pixel of
        level 1 is lost (see `denoising.inpaint`). Grey pictures go through a model of colours as three equal channels,
        whose mean comes back; a model of grey takes each channel on its own.

        Raises:
            NotFittedError: the model has no weights yet.
            OptionError: these are not pictures, or a level is out of range.
        """
        pictures = self._checked(X)
        levels = None if level is None else checked_levels(level, len(pictures), pictures.shape[1:3])
        result = np.empty(pictures.shape, np.float32)
        size = self._batch_size(pictures)
        for start in range(0, len(pictures), size):
            part = slice(start, start + size)
            result[part] = self._reconstruct(centre(pictures[part]), None if levels is None else levels[part])
        return result

    def _reconstruct(self, pictures: Floats, levels: Floats | None = None) -> Floats:
        """A centred batch (n, H, W, c), with or without levels, less its noise."""
        depth, channels = self.image_shape_[2], pictures.shape[3]
        if depth == channels:
            return self._denoised(pictures, levels)
        if depth == 3:
            mean: Floats = self._denoised(np.repeat(pictures, 3, axis=3), levels).mean(axis=3, keepdims=True)
            return mean
        parts = [self._denoised(pictures[..., c : c + 1], levels) for c in range(channels)]
        return np.concatenate(parts, axis=3)

    def _encode(self, pictures: Floats) -> NoReturn:
        raise OptionError(NO_CODE)

    def _decode(self, codes: Floats) -> NoReturn:
        raise OptionError(NO_CODE)

    def _checked(self, X: Pictures) -> Pixels | Floats:
        self._check_fitted()
        return as_pictures(X)

    def _batch_size(self, pictures: Pixels | Floats) -> int:
        pixels = int(pictures.shape[1] * pictures.shape[2])
        return max(BATCH_PIXELS // pixels, 1)
