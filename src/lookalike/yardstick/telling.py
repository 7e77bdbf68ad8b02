"""A two-sample test: can a small network that was never told how tell real pictures from drawn ones?"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lookalike.errors import OptionError
from lookalike.pixels import Pixels, centre

EPOCHS = 15
LEAST_STEPS = 60
"""Few pairs are passed over more often."""
PAIRS = 32
"""Of a step."""
RATE = 3e-3
CHANNELS = (12, 24, 48)
BATCH = 250


class Told(NamedTuple):
    """What the network could tell of pictures it did not learn from.

    Attributes:
        accuracy: share of them, half real and half drawn, that it named rightly; 0.5 where nobody can tell.
        judged: how many these were.
    """

    accuracy: float
    judged: int

    @property
    def chance_error(self) -> float:
        """The standard error of the accuracy of guessing."""
        return 0.5 / math.sqrt(self.judged)


def told_apart(real: Pixels, drawn: Pixels, seed: int = 0) -> Told:
    """Teach a network on one half of the pairs to tell real from drawn, and judge it on the other.

    Source: Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", 2017. Three convolutions of stride 2, a mean
    over all places, and one layer; Adam, 15 passes or 60 steps, each picture mirrored or not at random.

    Args:
        real, drawn: uint8 (N, H, W, C), the pictures and what was drawn of each, in the same order: both of a pair are
            learned from, or neither is. Drawn pictures are judged as they are shown, in 8 bits.
        seed: of halves, first weights, order and mirroring.

    Raises:
        OptionError: there are fewer than two pairs, or the sets are of different shapes.
    """
    if real.shape != drawn.shape or len(real) < 2:
        raise OptionError(f"sets of shape {real.shape} and {drawn.shape}; give two or more pairs of one size")
    order = np.random.default_rng(seed).permutation(len(real))
    learned, held = order[: len(order) // 2], order[len(order) // 2 :]
    scale = 1 / max(float(centre(real[learned]).std()), 1e-6)
    network = _trained(_planes(real[learned], scale), _planes(drawn[learned], scale), seed)
    right = sum(
        int(((_judge(network, _planes(pictures[held], scale)) > 0) == is_real).sum())
        for pictures, is_real in ((real, True), (drawn, False))
    )
    return Told(right / (2 * len(held)), 2 * len(held))


def _trained(real: Tensor, drawn: Tensor, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    network = _network(real.shape[1], seed)
    steps = math.ceil(len(real) / PAIRS)
    epochs = max(EPOCHS, math.ceil(LEAST_STEPS / steps))
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * steps)
    for _ in range(epochs):
        order = torch.randperm(len(real), generator=generator)
        for start in range(0, len(real), PAIRS):
            pairs = order[start : start + PAIRS]
            pictures = torch.cat([real[pairs], drawn[pairs]])
            is_real = torch.arange(len(pictures)) < len(pairs)
            is_mirrored = torch.rand(len(pictures), generator=generator) < 0.5
            pictures[is_mirrored] = pictures[is_mirrored].flip(-1)
            found = network(pictures)[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(found, is_real.to(found.dtype))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return network


def _network(channels: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for given, made in zip((channels, *CHANNELS), CHANNELS, strict=False):
            layers += [nn.Conv2d(given, made, 3, 2, 1), nn.ELU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], 1))


def _planes(pictures: Pixels, scale: float) -> Tensor:
    return torch.from_numpy(scale * centre(pictures)).permute(0, 3, 1, 2).contiguous()


def _judge(network: nn.Module, pictures: Tensor) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    with torch.inference_mode():
        found = [network(pictures[start : start + BATCH])[:, 0] for start in range(0, len(pictures), BATCH)]
    return np.concatenate([one.numpy() for one in found])
