"""Codes made for finding look-alikes rather than for giving the picture back."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from scipy import linalg

from lookalike.data.images import Pixels
from lookalike.errors import OptionError
from lookalike.models.base import Floats, Pictures, as_pictures, centre, describe_data
from lookalike.models.contrast import ContrastNetwork, Doubles
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.subspace import Moments, of_moments

CHUNK = 1024
LEAST_VARIANCE = 1e-6
"""Of the first component's; what varies less is noise, and whitening would blow it up."""


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

    def fit(self, X: Pictures, y: None = None, *, run: str | Path | None = None, resume: bool = False) -> Self:
        """Learn from pictures (N, H, W, C); with `run`, the model is kept in that folder.

        Raises:
            OptionError: the code size does not fit the pictures.
            RunError: the run's folder holds another training.
        """
        if run is not None:
            from lookalike.models.fitting import fit_at_once

            fit_at_once(self, X, lambda: self._fit(X), run=run, resume=resume)
        else:
            self._fit(X)
        return self

    def _fit(self, X: Pictures) -> None:
        pictures = as_pictures(X)
        shape = (pictures.shape[1], pictures.shape[2], pictures.shape[3])
        network = self._build(shape)
        contrast = network.encoder.contrast
        self._check_code_size(min(len(pictures) - 1, contrast.size))
        moments = Moments(contrast.size)
        for start in range(0, len(pictures), CHUNK):
            moments.add(_contrasts(network, centre(pictures[start : start + CHUNK])))
        subspace = of_moments(moments, self.code_size)
        deviations = np.sqrt(np.maximum(subspace.variances, LEAST_VARIANCE * max(subspace.variances[0], 1e-12)))
        whitening = subspace.components / deviations[:, None]
        _set_dense(network.encoder.dense, whitening, -whitening @ subspace.mean)
        self.network_, self.image_shape_ = network.eval(), shape
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
        return ContrastNetwork(image_shape, self.code_size)

    def _check_code_size(self, most: int) -> None:
        if not 1 <= self.code_size <= most:
            raise OptionError(
                f"code size is {self.code_size}; these pictures allow 1 to {most} (less than pictures and values)"
            )


def _contrasts(network: ContrastNetwork, pictures: Floats) -> Floats:
    """(n, 1, 1, values) of a centred batch (n, H, W, C)."""
    with torch.inference_mode():
        batch = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        contrasts: Floats = network.encoder.contrast(batch)[:, None, None].numpy()
    return contrasts


def _set_dense(layer: torch.nn.Linear, weight: Doubles, bias: Doubles) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight, np.float32)))
        layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias, np.float32)))
