"""The U-Net that learns from noisy pictures alone, of which nobody has clean ones.

Of every square of 2 x 2 pixels two neighbours are drawn, one for each of two pictures of half the size: what is in both
is the scene, and what is in one alone is noise, if it is independent from pixel to pixel and of mean zero. From the one
the network learns to tell the other (Huang et al., 2021, Neighbor2Neighbor). By how much the scene itself differs
between both, what it makes of the whole picture says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lookalike.models.unet import OBJECTIVES, UNet
from lookalike.noise import picture_generator
from lookalike.pixels import Floats
from lookalike.training.batches import Epoch, Places
from lookalike.training.objective import Extra, Loss

STREAM = 101
"""Of random numbers that are this network's own."""
PAIRS = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2))
"""Neighbours in a square whose pixels are counted row by row: one for the first picture, one for the second."""
HELD = 1.0
"""Weight of the scene's own differences beside the objective."""


def drawn_pairs(epoch: Epoch) -> Callable[[Places], Floats]:
    """Which of `PAIRS` each square of a picture gives, (n, H / 2, W / 2) whole numbers, anew each epoch."""
    squares = tuple(side // 2 for side in epoch.sides)

    def draw(members: Places) -> Floats:
        generators = (picture_generator(epoch.seed, epoch.number + (STREAM << 40), int(one)) for one in members)
        return np.stack([one.integers(len(PAIRS), size=squares) for one in generators]).astype(np.float32)

    return draw


def halves(pictures: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Two pictures of half the size: (N, C, H, W) and (N, H / 2, W / 2) -> twice (N, C, H / 2, W / 2)."""
    count, channels = pictures.shape[:2]
    rows, columns = pairs.shape[1:]
    squares = F.pixel_unshuffle(pictures[..., : 2 * rows, : 2 * columns], 2).view(count, channels, 4, rows, columns)
    of_pairs = torch.tensor(PAIRS, device=pictures.device)[pairs.long()]  # (N, H / 2, W / 2, 2)

    def picked(place: int) -> Tensor:
        index = of_pairs[..., place][:, None, None].expand(-1, channels, -1, -1, -1)
        return squares.gather(2, index)[:, :, 0]

    return picked(0), picked(1)


class NoisyOnlyUNet(UNet):
    """`UNet`, whose pictures are noisy themselves."""

    extras: Mapping[str, Extra] = {"pairs": drawn_pairs}

    def loss(self, shown: Tensor, given: Tensor, extras: Mapping[str, Tensor]) -> Loss:
        """The objective between two noisy halves, and how far both differ otherwise than those of the clean whole.

        The MSE beside it is between the halves, so that the noise of one of them is in it.
        """
        first, second = halves(given, extras["pairs"])
        clean = self(first)
        with torch.no_grad():
            clean_first, clean_second = halves(self(given), extras["pairs"])
        difference = (clean - second) - (clean_first - clean_second)
        mse = F.mse_loss(clean, second)
        return Loss(OBJECTIVES[self.objective](clean, second) + HELD * difference.square().mean(), mse)
