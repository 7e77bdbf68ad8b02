"""A denoiser without a code: a residual U-Net that works blind, on pictures of any size."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch

from lookalike.data.images import Pixels
from lookalike.errors import OptionError
from lookalike.models.base import BATCH, NO_CODE, Floats, Pictures, as_pictures, centre
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.unet_network import UNet
from lookalike.models.unet_shape import checked_levels, piece_reach
from lookalike.noise import Noise
from lookalike.training.recipe import Recipe

BLIND = "gaussian:0-0.25"
"""The noise it learns to remove unless told otherwise: every strength up to a quarter of a picture's range."""
WIDEST, MOST_BLOCKS = 256, 16
BATCH_PIXELS = BATCH * 32 * 32
"""Pixels that go through at once, so that memory does not grow with the size of the pictures."""


class UNetDenoiser(NetworkAutoencoder):
    """A residual U-Net that takes noise out of pictures of any size, and has no code.

    It estimates the noise and subtracts it, at three scales with shortcuts between them; nothing has to pass through a
    narrow code, so detail stays. It judges for itself how strong the noise is, or is told.

    Args:
        width: channels at the full scale, 1 to 256; twice and four times as many at a half and a quarter.
        blocks: residual blocks at each scale, on the way down and up, 1 to 16.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module; its `encoder` is the way down, its `decoder` the way up.
        image_shape_: (H, W, C) of the training's pictures; H and W bind nothing.
    """

    kind: ClassVar[str] = "unet"
    has_code: ClassVar[bool] = False
    takes_level: ClassVar[bool] = True

    def __init__(self, width: int = 24, blocks: int = 1, seed: int = 0, device: str = "auto") -> None:
        self.width = width
        self.blocks = blocks
        self.seed = seed
        self.device = device

    @property
    def code_size(self) -> int:  # type: ignore[override]
        """There is none.

        Raises:
            OptionError: always.
        """
        raise OptionError(NO_CODE)

    @property
    def reach(self) -> int | None:
        """Pixels, along an axis, from which a pixel of the result can be changed."""
        return piece_reach(self.blocks)

    def fit(
        self,
        X: Pictures,
        y: None = None,
        *,
        validation: Pictures | None = None,
        test: Pictures | None = None,
        recipe: str | Recipe = "unet",
        epochs: int | None = None,
        noise: str | Noise | None = BLIND,
        run: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
    ) -> Self:
        """Train on clean pictures (N, H, W, C).

        Args:
            X: the training pictures.
            y: ignored, there for scikit-learn.
            validation: pictures whose MSE, with noise, is measured each epoch and names the best checkpoint.
            test: pictures whose MSE, with noise, is measured each epoch and decides nothing.
            recipe: "unet", "fast", "course", or a `Recipe`.
            epochs: passes over the pictures instead of the recipe's.
            noise: the corruption to remove, drawn afresh each epoch; the target stays clean. Half of the pictures,
                drawn afresh as well, come with the noise's standard deviation where it has one.
            run: a folder for checkpoints after every epoch, metrics, loss curve and the model itself.
            resume: go on with the run from its last checkpoint, or begin it where there is none.
            progress: show a progress bar (a line an epoch where there is no terminal) on stderr.

        Raises:
            OptionError: an option is out of range, or there is no noise to learn from.
            RunError: the run's folder holds another training.
            TrainingDiverged: the loss became NaN or infinite.
            Interrupted: Ctrl-C or SIGTERM, after the state was saved.
        """
        if noise is None:
            raise OptionError(f"noise is None; a model that removes noise learns from noisy pictures: give {BLIND!r}")
        pictures = as_pictures(X)
        shape = (pictures.shape[1], pictures.shape[2], pictures.shape[3])
        network = self._build(shape)

        return self._train(
            network,
            X,
            validation=validation,
            test=test,
            recipe=recipe,
            epochs=epochs,
            noise=noise,
            run=run,
            resume=resume,
            progress=progress,
            device=self.device,
            seed=self.seed,
        )

    def encode(self, X: Pictures) -> Floats:
        """Refuse: there is no code. Raises OptionError."""
        raise OptionError(NO_CODE)

    def decode(self, codes: npt.ArrayLike) -> Floats:
        """Refuse: there is no code. Raises OptionError."""
        raise OptionError(NO_CODE)

    def reconstruct(self, X: Pictures, level: float | npt.ArrayLike | None = None) -> Floats:
        """Take the noise out: (N, H, W, C) of any H and W -> float32 (N, H, W, C), centred to 0, not clipped.

        `level` is the noise's standard deviation where it is known, one number or one for each picture, on the scale
        where a picture spans 1; without it the model judges for itself. Grey pictures go through a model of colours as
        three equal channels, whose mean comes back; a model of grey takes each channel on its own.

        Raises:
            NotFittedError: the model has no weights yet.
            OptionError: these are not pictures, or a level is out of range.
        """
        pictures = self._checked(X)
        levels = None if level is None else checked_levels(level, len(pictures))
        result = np.empty(pictures.shape, np.float32)
        size = self._batch_size(pictures)
        for start in range(0, len(pictures), size):
            part = slice(start, start + size)
            result[part] = self._reconstruct(centre(pictures[part]), None if levels is None else levels[part])
        return result

    def _reconstruct(self, pictures: Floats, levels: Floats | None = None) -> Floats:
        """A centred batch (n, H, W, c), with or without levels (n,), less its noise."""
        depth, channels = self.image_shape_[2], pictures.shape[3]
        if depth == channels:
            return self._denoised(pictures, levels)
        if depth == 3:
            mean: Floats = self._denoised(np.repeat(pictures, 3, axis=3), levels).mean(axis=3, keepdims=True)
            return mean
        parts = [self._denoised(pictures[..., c : c + 1], levels) for c in range(channels)]
        return np.concatenate(parts, axis=3)

    def _denoised(self, pictures: Floats, levels: Floats | None) -> Floats:
        """A batch with the network's own number of channels."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device).permute(0, 3, 1, 2)
            told = None if levels is None else torch.from_numpy(levels).to(self._device)
            restored: Floats = self.network_(batch, told).permute(0, 2, 3, 1).float().cpu().numpy()
        return restored

    def _checked(self, X: Pictures) -> Pixels | Floats:
        self._check_fitted()
        return as_pictures(X)

    def _batch_size(self, pictures: Pixels | Floats) -> int:
        pixels = int(pictures.shape[1] * pictures.shape[2])
        return max(BATCH_PIXELS // pixels, 1)

    def _build(self, image_shape: tuple[int, int, int]) -> UNet:
        problems = []
        if not 1 <= self.width <= WIDEST:
            problems.append(f"width is {self.width}; give 1 to {WIDEST}")
        if not 1 <= self.blocks <= MOST_BLOCKS:
            problems.append(f"blocks are {self.blocks}; give 1 to {MOST_BLOCKS}")
        if problems:
            raise OptionError("; ".join(problems))
        network = UNet(image_shape[2], self.width, self.blocks, self.seed)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network
