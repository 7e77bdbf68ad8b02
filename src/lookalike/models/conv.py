"""The reference notebook's convolutional autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch

from lookalike.errors import OptionError
from lookalike.models.base import Pictures, as_pictures
from lookalike.models.network import ACTIVATIONS, AutoencoderNetwork, Decoder, Encoder
from lookalike.models.networked import NetworkAutoencoder
from lookalike.noise import Noise
from lookalike.training.recipe import Recipe

LARGEST_CODE = 65_536


class ConvAutoencoder(NetworkAutoencoder):
    """Convolutional autoencoder: 4 x (Conv 3x3, ELU, MaxPool 2) and Dense in, Dense and 4 x ConvTranspose out.

    The reference notebook's network: at 32 x 32 a 2 x 2 grid of 256 channels lies before the code. Takes any picture
    size: the encoder's poolings round down as Keras's do, the decoder's grid rounds up and the result is cropped.

    Args:
        code_size: numbers a picture, 1 to 65,536.
        channels: channels of the convolutions, one halving of the picture each.
        dense_activation: after the decoder's first Dense: "linear" or "elu"; public solutions use both.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module, with `encoder` and `decoder`.
    """

    kind: ClassVar[str] = "conv"

    def __init__(
        self,
        code_size: int = 32,
        channels: tuple[int, ...] = (32, 64, 128, 256),
        dense_activation: str = "linear",
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.code_size = code_size
        self.channels = channels
        self.dense_activation = dense_activation
        self.seed = seed
        self.device = device

    def fit(
        self,
        X: Pictures,
        y: None = None,
        *,
        validation: Pictures | None = None,
        test: Pictures | None = None,
        recipe: str | Recipe = "course",
        epochs: int | None = None,
        noise: str | Noise | None = None,
        run: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
    ) -> Self:
        """Train on pictures (N, H, W, C).

        Args:
            X: the training pictures.
            y: ignored, there for scikit-learn.
            validation: pictures whose MSE is measured each epoch and names the best checkpoint.
            test: pictures whose MSE is measured each epoch and decides nothing.
            recipe: "course", "fast", or a `Recipe`.
            epochs: passes over the pictures instead of the recipe's.
            noise: a corruption of the input, such as "gaussian:0.1", drawn afresh each epoch; the target stays clean.
            run: a folder for checkpoints after every epoch, metrics, loss curve and the model itself.
            resume: go on with the run from its last checkpoint, or begin it where there is none.
            progress: show a progress bar (a line an epoch where there is no terminal) on stderr.

        Raises:
            OptionError: an option is out of range.
            RunError: the run's folder holds another training.
            TrainingDiverged: the loss became NaN or infinite.
            Interrupted: Ctrl-C or SIGTERM, after the state was saved.
        """
        pictures = as_pictures(X)
        network = self._build((pictures.shape[1], pictures.shape[2], pictures.shape[3]))

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

    def _build(self, image_shape: tuple[int, int, int]) -> AutoencoderNetwork:
        problems = []
        if not 1 <= self.code_size <= LARGEST_CODE:
            problems.append(f"code size is {self.code_size}; give 1 to {LARGEST_CODE:,}")
        if not 1 <= len(self.channels) <= 8 or min(self.channels, default=0) < 1:
            problems.append(
                f"channels are {self.channels}; give 1 to 8 numbers of 1 or more, such as (32, 64, 128, 256)"
            )
        if self.dense_activation not in ACTIVATIONS:
            problems.append(
                f"dense activation {self.dense_activation!r} is unknown; give one of {', '.join(ACTIVATIONS)}"
            )
        if problems:
            raise OptionError("; ".join(problems))
        channels = tuple(self.channels)
        network = AutoencoderNetwork(
            Encoder(image_shape, self.code_size, channels),
            Decoder(image_shape, self.code_size, channels, self.dense_activation),
            self.seed,
        )
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network
