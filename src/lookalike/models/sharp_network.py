"""The network of a sharp decoder: what it draws upon the plain decoder's picture, from an eighth of its sides up."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.kernels import conv_same
from lookalike.models.layers import UnflattenChannelsLast, continued
from lookalike.models.onnx_sharp import STRIDE
from lookalike.models.residual_network import SmoothBlock


class Stage(nn.Module):
    """At one grid: the plain picture at its size joins in, and two convolutions."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.see = nn.Conv2d(depth, channels, 3, padding=1)
        self.block = SmoothBlock(channels)

    def forward(self, x: Tensor, plain: Tensor) -> Tensor:
        """(N, channels, H, W) and (N, depth, H, W) -> (N, channels, H, W)."""
        result: Tensor = F.silu(self.block(x + self.see(plain)))
        return result


class SharpNetwork(nn.Module):
    """The plain picture of a code, and what four stages from an eighth of its sides to the whole draw upon it.

    Codes are taken in standard deviations from their mean, so that those of every kind of model look alike to it.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, width: int) -> None:
        super().__init__()
        self.height, self.width, depth = image_shape
        rows, columns = -(-self.height // STRIDE), -(-self.width // STRIDE)
        self.margins = (0, STRIDE * columns - self.width, 0, STRIDE * rows - self.height)
        self.register_buffer("mean", torch.zeros(code_size))
        self.register_buffer("deviation", torch.ones(code_size))
        channels = (4 * width, 2 * width, width, -(-width // 2))
        self.dense = nn.Linear(code_size, rows * columns * channels[0])
        self.grid = UnflattenChannelsLast(rows, columns, channels[0])
        self.stages = nn.ModuleList([Stage(own, depth) for own in channels])
        self.growths = nn.ModuleList([nn.Conv2d(own, finer, 3, padding=1) for own, finer in pairwise(channels)])
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")
        self.last = nn.Conv2d(channels[-1], depth, 3, padding=1)

    def forward(self, codes: Tensor, plain: Tensor) -> Tensor:
        """Float32 (N, code_size) and (N, C, H, W) -> the pictures with detail, (N, C, H, W), not clipped."""
        whole = continued(plain, self.margins)
        x = self.stages[0](self.grid(self.dense((codes - self.mean) / self.deviation)), F.avg_pool2d(whole, STRIDE))
        for number, (growth, stage) in enumerate(zip(self.growths, self.stages[1:], strict=True), 1):
            step = STRIDE >> number
            grown = self.upsample(conv_same(x, cast(nn.Conv2d, growth)))
            x = stage(grown, F.avg_pool2d(whole, step) if step > 1 else whole)
        drawn = self.last(x)[..., : self.height, : self.width]
        pictures: Tensor = plain + drawn.float()
        return pictures
