"""The best reconstruction at a code size: exact PCA, corrected by a residual network on both sides."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from lookalike.errors import OptionError
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.principal import as_known, exact_bytes, principal_subspace
from lookalike.models.residual_network import ResidualNetwork
from lookalike.models.residual_shape import fold_of, is_guided
from lookalike.noise import Noise
from lookalike.pixels import Floats, Pixels
from lookalike.training.objective import Trainable

WIDEST, LARGEST_FOLD = 512, 8
EXACT_UP_TO = 1 << 31
"""Bytes that an exact PCA may take of large pictures: some 10,000 of 64 x 64, or 7,000 of 128 x 128."""


class ResidualAutoencoder(NetworkAutoencoder):
    """Whitened principal components in and out, plus what a residual convolutional network learns to add to each.

    Training begins at exact PCA, the best linear model, and gains from there where there are hundreds of pictures; of a
    handful it may lose a little. The linear part stays as it is. Where the exact one would take more than 2 GB, as for
    12,000 pictures of 64 x 64, it begins at PCA by passes over them, whose error is within 0.1% of the exact one's. The
    encoder costs about 1.3 times the course's (20 against 15 million multiplications at 32 x 32); the decoder is
    larger, since what a code leaves out has to be put back by knowledge of the pictures.

    Args:
        code_size: numbers a picture, 1 to the lesser of pictures and values.
        width: channels at half the finest grid's sides. The encoder has half as many on that grid, as the course's, and
            both have twice and four times as many at a quarter and an eighth of it.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.
        fold: side of the squares of pixels that are the places of the finest grid, 1 to 8: each pixel is seen and drawn
            all the same, as channels of its own, and the convolutions cost fold^2 times less. 0: what suits the
            pictures' size, 1 up to 47 pixels on the shorter side, 2 from 48 and 4 from 96 on.
        guided: whether, where places are such squares, the encoder's correction sees what the principal components
            leave of a picture beside the picture, and the decoder's what they draw. Whole grids go without.

    Attributes after `fit`:
        network_: the PyTorch module, with `encoder` and `decoder`.
        fold_: what `fold` came to.
    """

    kind: ClassVar[str] = "residual"
    added: ClassVar[dict[str, Any]] = {"fold": 1, "guided": False}
    fold_: int
    guided_: bool

    def __init__(
        self,
        code_size: int = 32,
        width: int = 64,
        seed: int = 0,
        device: str = "auto",
        fold: int = 0,
        guided: bool = True,
    ) -> None:
        self.code_size = code_size
        self.width = width
        self.seed = seed
        self.device = device
        self.fold = fold
        self.guided = guided

    def settled(self) -> dict[str, Any]:
        """With the fold that was chosen, so that no later choice changes it."""
        chosen = {"fold": getattr(self, "fold_", self.fold), "guided": getattr(self, "guided_", self.guided)}
        return {**super().settled(), **chosen}

    def _choose_form(self, image_shape: tuple[int, int, int], begun: dict[str, Any] | None) -> None:
        """A run that was begun keeps its form, where no fold is asked for."""
        guided = self.guided
        if begun is None:
            fold = self.fold
        else:
            fold = self.fold or begun.get("fold", self.added["fold"])
            guided = guided and begun.get("guided", self.added["guided"])
        self.fold_ = fold_of(fold, image_shape)
        self.guided_ = is_guided(guided, self.fold_)

    @classmethod
    def _without_weights(cls, description: dict[str, Any]) -> Self:
        """With the form that files hold; it counts as asked for only where it is not what the size gives."""
        model = super()._without_weights(description)
        model.fold_ = fold_of(model.fold, model.image_shape_)
        model.guided_ = is_guided(model.guided, model.fold_)
        if model.fold_ == fold_of(0, model.image_shape_):
            model.fold = 0
        model.guided = model.guided_ or model.fold_ == 1
        return model

    def _begin(self, pictures: Pixels | Floats, noise: Noise | None) -> Trainable:
        network = super()._begin(pictures, noise)
        assert isinstance(network, ResidualNetwork)
        subspace = principal_subspace(pictures, self.code_size, self._solver(pictures), self.seed)
        network.begin_at(subspace)
        self._start = as_known(subspace)
        return network

    def _solver(self, pictures: Pixels | Floats) -> str:
        """By passes where the exact one takes long and much; on whole grids as it ever was."""
        dear = exact_bytes(len(pictures), int(np.prod(pictures.shape[1:]))) > EXACT_UP_TO
        return "randomised" if dear and self.fold_ > 1 else "auto"

    def _build(self, image_shape: tuple[int, int, int]) -> ResidualNetwork:
        values = image_shape[0] * image_shape[1] * image_shape[2]
        problems = []
        if not 1 <= self.code_size <= values:
            remedy = "take a smaller code, or larger pictures"
            problems.append(f"code size is {self.code_size}; these pictures allow 1 to {values}: {remedy}")
        if not 1 <= self.width <= WIDEST:
            problems.append(f"width is {self.width}; give 1 to {WIDEST}")
        if not 1 <= self.fold_ <= LARGEST_FOLD:
            problems.append(f"fold is {self.fold_}; give 1 to {LARGEST_FOLD}, or 0 for what suits the pictures' size")
        if problems:
            raise OptionError("; ".join(problems))
        return ResidualNetwork(image_shape, self.code_size, self.width, self.seed, self.fold_, guided=self.guided_)
