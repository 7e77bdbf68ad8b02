"""What a sharp decoder is trained against: a network that tells drawn pictures from real ones, patch by patch.

Sources: Isola et al., 2017, for patches and for the condition; Miyato et al., 2018, for spectral normalisation; Wang et
al., 2018 (pix2pixHD), for the features that are matched.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.models.layers import pad_to_at_least

CHANNELS = (32, 64, 128)
SLOPE = 0.2
LEAST = 8
"""Pixels of a side that the three halvings need."""


class Bounded(nn.Conv2d):
    """A convolution divided by its largest singular value, found by a step of the power method a call."""

    u: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=1)
        self.register_buffer("u", F.normalize(torch.linspace(-1, 1, outputs + 1)[1:], dim=0))

    def forward(self, x: Tensor, *, frozen: bool = False) -> Tensor:
        """Of (N, C, H, W); `frozen`: gradients pass through it, and leave its weights alone."""
        weight = self.weight.float()
        matrix = weight.flatten(1)
        with torch.no_grad():
            v = F.normalize(matrix.t() @ self.u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
            if self.training and not frozen:
                self.u.copy_(u)
        bound = weight / (u @ matrix @ v)
        bias = self.bias
        assert bias is not None
        if frozen:
            bound, bias = bound.detach(), bias.detach()
        return F.conv2d(x, bound, bias, self.stride, self.padding)


class Judged(NamedTuple):
    """What a critic makes of pictures: patches above 0 are real to it, (N, 1, h, w); and its layers' features."""

    patches: Tensor
    features: list[Tensor]


class Critic(nn.Module):
    """Says of every patch of some 40 pixels' side whether it is real or drawn, given the plain picture."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        sizes = (2 * depth, *CHANNELS)
        layers = [Bounded(given, made, 4, 2) for given, made in zip(sizes, CHANNELS, strict=False)]
        self.layers = nn.ModuleList([*layers, Bounded(CHANNELS[-1], 1, 3, 1)])

    def forward(self, pictures: Tensor, plain: Tensor, *, frozen: bool = False) -> Judged:
        """Of float32 (N, C, H, W) twice."""
        x = pad_to_at_least(torch.cat([pictures, plain], dim=1), LEAST)
        features = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x, frozen=frozen), SLOPE)
            features.append(x)
        return Judged(self.layers[-1](x, frozen=frozen), features)
