"""Codes made for finding look-alikes rather than for giving the picture back."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from scipy import linalg
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.errors import OptionError
from lookalike.models.fitting import fit_at_once
from lookalike.models.inputs import Pictures, as_pictures, describe_data, shape_of
from lookalike.models.layers import AutoencoderNetwork, dense_decoder
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.subspace import Doubles, Moments, of_moments
from lookalike.pixels import Floats, Pixels, centre

CHUNK = 1024
LEAST_VARIANCE = 1e-6
"""Of the first component's; what varies less is noise, and whitening would blow it up."""

SIDE = 32
"""Pictures are first reduced, by a whole number, to about this side: what is finer hardly tells persons apart."""
NEIGHBOURHOOD = 1 / 8
"""Standard deviation of the neighbourhood that contrast is taken over, as a share of the side."""
FOCUS = 0.32
"""Standard deviation of the weight around the middle, as a share of the width; of the height it is 1.2 times that."""
LEAST_CONTRAST = 0.02
"""Added to the contrast that is divided by, in standard deviations of the picture."""


class SearchAutoencoder(NetworkAutoencoder):
    """Whitened principal components of local contrast, alike under mirroring: a closed form, fitted in seconds.

    Two photographs of one person differ in light, colours and the side the face turns to, and these are most of what an
    autoencoder keeps. Here light goes with local contrast normalisation, the side with the mean over both mirror
    images, the background with a weight around the middle; what is left is decorrelated and scaled to one variance, so
    that every direction counts alike. It suits pictures that are framed alike, as faces are. The decoder is the
    least-squares way back, rougher than that of the other models: take those to morph and to edit.

    Args:
        code_size: numbers a picture, 1 to the number of pictures less one.

    Attributes after `fit`:
        network_: the PyTorch module, with `encoder` and `decoder`.
    """

    kind: ClassVar[str] = "search"

    def __init__(self, code_size: int = 32) -> None:
        self.code_size = code_size

    @property
    def trains_in_epochs(self) -> bool:
        """Never: it is a closed form."""
        return False

    def fit(  # type: ignore[override]
        self, X: Pictures, y: None = None, *, run: str | Path | None = None, resume: bool = False
    ) -> Self:
        """Learn from pictures (N, H, W, C); with `run`, the model is kept in that folder.

        Raises:
            OptionError: the code size does not fit the pictures.
            RunError: the run's folder holds another training.
        """
        fit_at_once(self, X, lambda: self._fit(X), run=run, resume=resume)
        return self

    def _fit(self, X: Pictures) -> None:
        pictures = as_pictures(X)
        network = self._build(shape_of(pictures))
        encoder = network.encoder
        values = encoder.contrast.size
        if len(pictures) < 2:
            raise OptionError("there is 1 picture; codes for search are learned from 2 or more: give more")
        self._check_code_size(min(len(pictures) - 1, values))
        moments = Moments(values)
        for start in range(0, len(pictures), CHUNK):
            moments.add(_contrasts(encoder, centre(pictures[start : start + CHUNK])))
        subspace = of_moments(moments, self.code_size)
        deviations = np.sqrt(np.maximum(subspace.variances, LEAST_VARIANCE * max(subspace.variances[0], 1e-12)))
        whitening = subspace.components / deviations[:, None]
        _set_dense(encoder.dense, whitening, -whitening @ subspace.mean)
        self._take(network, shape_of(pictures))
        self._fit_decoder(pictures)
        self.history_ = []
        self.data_ = describe_data(X)

    def _fit_decoder(self, pictures: Pixels | Floats) -> None:
        """The linear map from codes to pictures of least squared error."""
        values = int(np.prod(self.image_shape_))
        gram, products = np.zeros((self.code_size + 1, self.code_size + 1)), np.zeros((self.code_size + 1, values))
        for start in range(0, len(pictures), CHUNK):
            batch = centre(pictures[start : start + CHUNK])
            codes = np.column_stack([self._encode(batch), np.ones(len(batch), np.float32)])
            gram += codes.T @ codes
            products += codes.T @ batch.reshape(len(batch), values)
        solution = linalg.lstsq(gram, products)[0]
        _set_dense(self.network_.decoder.dense, solution[:-1].T, solution[-1])

    def _build(self, image_shape: tuple[int, int, int]) -> ContrastNetwork:
        self._check_code_size(int(np.prod(image_shape)))
        return ContrastNetwork(ContrastEncoder(image_shape, self.code_size), dense_decoder(image_shape, self.code_size))

    def _check_code_size(self, most: int) -> None:
        if not 1 <= self.code_size <= most:
            raise OptionError(
                f"code size is {self.code_size}; these pictures allow 1 to {most} (less than pictures and values): "
                "take a smaller code, or more pictures"
            )


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


class ContrastNetwork(AutoencoderNetwork):
    """`ContrastEncoder`, and one Dense layer back to pictures."""

    encoder: ContrastEncoder


def _contrasts(encoder: ContrastEncoder, pictures: Floats) -> Floats:
    """(n, 1, 1, values) of a centred batch (n, H, W, C)."""
    with torch.inference_mode():
        batch = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        contrasts: Floats = encoder.contrast(batch)[:, None, None].numpy()
    return contrasts


def _set_dense(layer: nn.Linear, weight: Doubles, bias: Doubles) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight, np.float32)))
        layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias, np.float32)))


def _bell(side: int, deviation: float) -> Doubles:
    places = np.arange(side) - (side - 1) / 2
    bell: Doubles = np.exp(-0.5 * (places / deviation) ** 2)
    return bell
