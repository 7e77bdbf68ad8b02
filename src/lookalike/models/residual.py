"""The best reconstruction at a code size: exact PCA, corrected by a residual network on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch

from lookalike.errors import OptionError
from lookalike.models.base import Pictures, as_pictures
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.pca import principal_subspace
from lookalike.models.residual_network import ResidualNetwork
from lookalike.noise import Noise
from lookalike.training.recipe import Recipe

WIDEST = 512


class ResidualAutoencoder(NetworkAutoencoder):
    """Whitened principal components in and out, plus what a residual convolutional network learns to add to each.

    Training begins at exact PCA, the best linear model, so that it can only gain; the linear part stays as it is. The
    encoder costs about 1.3 times the course's (20 against 15 million multiplications at 32 x 32); the decoder is
    larger, since what a code leaves out has to be put back by knowledge of the pictures.

    Args:
        code_size: numbers a picture, 1 to the lesser of pictures and values.
        width: channels at half the picture's sides. The encoder has half as many at the whole sides, as the course's,
            and both have twice and four times as many at a quarter and an eighth.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module, with `encoder` and `decoder`.
    """

    kind: ClassVar[str] = "residual"

    def __init__(self, code_size: int = 32, width: int = 64, seed: int = 0, device: str = "auto") -> None:
        self.code_size = code_size
        self.width = width
        self.seed = seed
        self.device = device

    def fit(
        self,
        X: Pictures,
        y: None = None,
        *,
        validation: Pictures | None = None,
        test: Pictures | None = None,
        recipe: str | Recipe = "best",
        epochs: int | None = None,
        noise: str | Noise | None = None,
        run: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
    ) -> Self:
        """Train on pictures (N, H, W, C); arguments and errors are those of `ConvAutoencoder.fit`.

        Raises:
            OptionError: an option is out of range, or the pictures are too large for an exact PCA.
            RunError, TrainingDiverged, Interrupted: as there.
        """
        pictures = as_pictures(X)
        shape = (pictures.shape[1], pictures.shape[2], pictures.shape[3])
        network = self._build(shape)
        network.begin_at(principal_subspace(pictures, self.code_size))

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

    def _build(self, image_shape: tuple[int, int, int]) -> ResidualNetwork:
        values = image_shape[0] * image_shape[1] * image_shape[2]
        problems = []
        if not 1 <= self.code_size <= values:
            problems.append(f"code size is {self.code_size}; these pictures allow 1 to {values}")
        if not 1 <= self.width <= WIDEST:
            problems.append(f"width is {self.width}; give 1 to {WIDEST}")
        if problems:
            raise OptionError("; ".join(problems))
        network = ResidualNetwork(image_shape, self.code_size, self.width, self.seed)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network
