"""What of a picture tells one face from another: local contrast, alike under mirroring, most of it in the middle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.models.layers import UnflattenChannelsLast

Doubles = npt.NDArray[np.float64]

SIDE = 32
"""Pictures are first reduced, by a whole number, to about this side: what is finer hardly tells persons apart."""
NEIGHBOURHOOD = 1 / 8
"""Standard deviation of the neighbourhood that contrast is taken over, as a share of the side."""
FOCUS = 0.32
"""Standard deviation of the weight around the middle, as a share of the width; of the height it is 1.2 times that."""
LEAST_CONTRAST = 0.02
"""Added to the contrast that is divided by, in standard deviations of the picture."""


class Contrast(nn.Module):
    """(N, C, H, W) -> (N, C * h * ceil(w / 2)), h and w the sides after the reduction.

    Each picture gets mean 0 and standard deviation 1; then, at each pixel, its neighbourhood's mean is taken off and
    its contrast divided by (local contrast normalisation: Jarrett and others, 2009); then a weight that falls off from
    the middle. The mean with the mirrored picture is symmetric, so half of it is kept.
    """

    rows: Tensor
    columns: Tensor
    focus: Tensor

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, self.channels = image_shape
        self.reduction = max(1, round(min(height, width) / SIDE))
        self.height, self.width = height // self.reduction, width // self.reduction
        for name, side in (("rows", self.height), ("columns", self.width)):
            blur = gaussian_filter1d(np.eye(side), NEIGHBOURHOOD * side, axis=0)
            self.register_buffer(name, torch.from_numpy(blur.astype(np.float32)), persistent=False)
        down = _bell(self.height, 1.2 * FOCUS * self.height)
        across = _bell(self.width, FOCUS * self.width)
        focus = torch.from_numpy(np.outer(down, across).astype(np.float32))
        self.register_buffer("focus", focus, persistent=False)

    @property
    def size(self) -> int:
        """Numbers of a picture."""
        return self.channels * self.height * -(-self.width // 2)

    def forward(self, images: Tensor) -> Tensor:
        """Of float32 (N, C, H, W); a flat picture gives zeros."""
        x = F.avg_pool2d(images, self.reduction) if self.reduction > 1 else images
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / (x.square().mean((1, 2, 3), keepdim=True).sqrt() + 1e-3)
        x = x - self._blurred(x)
        x = x / (self._blurred(x.square()).clamp_min(0).sqrt() + LEAST_CONTRAST) * self.focus
        symmetric = (x + x.flip(-1)) / 2
        return symmetric[..., : -(-self.width // 2)].flatten(1)

    def _blurred(self, x: Tensor) -> Tensor:
        return self.rows @ x @ self.columns.t()


class ContrastEncoder(nn.Module):
    """`Contrast`, then Dense: (N, C, H, W) -> (N, code_size), always in float32."""

    def __init__(self, image_shape: tuple[int, int, int], code_size: int) -> None:
        super().__init__()
        self.contrast = Contrast(image_shape)
        self.dense = nn.Linear(self.contrast.size, code_size)

    def forward(self, images: Tensor) -> Tensor:
        """Encode float32 (N, C, H, W)."""
        with torch.autocast(images.device.type, enabled=False):
            codes: Tensor = self.dense(self.contrast(images))
        return codes


class ContrastNetwork(nn.Module):
    """`ContrastEncoder`, and one Dense layer back to pictures."""

    def __init__(self, image_shape: tuple[int, int, int], code_size: int) -> None:
        super().__init__()
        height, width, depth = image_shape
        self.encoder = ContrastEncoder(image_shape, code_size)
        self.decoder = nn.Sequential()
        self.decoder.add_module("dense", nn.Linear(code_size, height * width * depth))
        self.decoder.add_module("unflatten", UnflattenChannelsLast(height, width, depth))


def _bell(side: int, deviation: float) -> Doubles:
    places = np.arange(side) - (side - 1) / 2
    bell: Doubles = np.exp(-0.5 * (places / deviation) ** 2)
    return bell
