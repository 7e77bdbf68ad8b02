"""What all models share whose two sides are PyTorch modules."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from lookalike.models import store
from lookalike.models.base import Autoencoder, Floats, Pictures, as_pictures, unknown_data
from lookalike.models.fitting import fit_network


class NetworkAutoencoder(Autoencoder):
    """A model that holds `network_`, a module with `encoder` and `decoder` over (N, C, H, W)."""

    network_: Any

    @abstractmethod
    def _build(self, image_shape: tuple[int, int, int]) -> nn.Module:
        """A network with fresh weights, its parameters checked.

        Raises:
            OptionError: a parameter is out of range.
        """

    def initialise(self, image_shape: tuple[int, int, int]) -> Self:
        """Take fresh weights, untrained, for pictures of (H, W, C); returns self."""
        self.network_ = self._build(image_shape).eval()
        self.image_shape_ = image_shape
        self.history_ = []
        self.data_ = unknown_data(image_shape)
        return self

    def layer_widths(self) -> dict[str, int]:
        """How many values every layer puts out for one picture, by the layer's name."""
        self._check_fitted()
        widths: dict[str, int] = {}
        hooks = [
            module.register_forward_hook(lambda _, __, result, name=name: widths.update({name: result[0].numel()}))
            for name, module in self.network_.named_modules()
            if not any(module.children())
        ]
        try:
            self._reconstruct(np.zeros((1, *self.image_shape_), np.float32))
        finally:
            for hook in hooks:
                hook.remove()
        return widths

    def _train(self, network: nn.Module, X: Pictures, **training: Any) -> Self:
        """Train a network that was built for `X` and take it; `training` and the errors are `fit_network`'s."""
        height, width, channels = as_pictures(X).shape[1:]

        def finish() -> None:
            self.network_, self.image_shape_ = network.eval(), (height, width, channels)

        fit_network(self, network, X, finish=finish, **training)
        return self

    def _encode(self, pictures: Floats) -> Floats:
        with torch.inference_mode():
            # A permuted view: what is (N, H, W, C) in memory is what PyTorch calls channels-last.
            batch = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device).permute(0, 3, 1, 2)
            codes: Floats = self.network_.encoder(batch).float().cpu().numpy()
        return codes

    def _decode(self, codes: Floats) -> Floats:
        with torch.inference_mode():
            decoded = self.network_.decoder(torch.from_numpy(np.ascontiguousarray(codes)).to(self._device))
            pictures: Floats = decoded.permute(0, 2, 3, 1).cpu().numpy()
        return pictures

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.network_.parameters()).device
        return device

    def _weights(self) -> tuple[store.Tensors, store.Tensors]:
        encoder, decoder = (
            {name: tensor.detach().cpu().numpy() for name, tensor in side.state_dict().items()}
            for side in (self.network_.encoder, self.network_.decoder)
        )
        return encoder, decoder

    def _set_weights(self, encoder: store.Tensors, decoder: store.Tensors) -> None:
        network = self._build(self.image_shape_)
        for side, tensors in (("encoder", encoder), ("decoder", decoder)):
            module = network.get_submodule(side)
            shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
            store.expect_shapes(tensors, shapes, side)
            module.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()})
        self.network_ = network.eval()
