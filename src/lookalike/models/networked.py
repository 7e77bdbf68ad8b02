"""What all models share whose two sides are PyTorch modules."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import torch

from lookalike.errors import OptionError, WeightsError
from lookalike.models import form_of, store
from lookalike.models.base import Autoencoder
from lookalike.models.fitting import TrainedAutoencoder
from lookalike.models.inputs import shape_of, unknown_data
from lookalike.noise import Noise
from lookalike.pixels import Floats, Pixels
from lookalike.training.objective import Trainable


class NetworkAutoencoder(TrainedAutoencoder):
    """A model that holds `network_`, a module over (N, C, H, W) whose children are the sides `encoder` and `decoder`.

    A new one says what its network is in `_build`; what it does before a training, if anything, in `_begin`.
    """

    network_: Any

    @property
    def by_pytorch(self) -> bool:
        """Always."""
        return True

    @abstractmethod
    def _build(self, image_shape: tuple[int, int, int]) -> Trainable:
        """A network with fresh weights, its parameters checked.

        Raises:
            OptionError: a parameter is out of range.
        """

    def initialise(self, image_shape: tuple[int, int, int]) -> Self:
        """Take fresh weights, untrained, for pictures of (H, W, C); returns self."""
        self._choose_form(image_shape, None)
        self._take(self._fresh(image_shape), image_shape)
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

    def _begin(self, pictures: Pixels | Floats, noise: Noise | None) -> Trainable:
        return self._fresh(shape_of(pictures))

    def _begin_with(self, network: Trainable, model: Autoencoder) -> dict[str, Any]:
        form = form_of(model, self.kind)
        try:
            store.expect_sides(sides := model._weights(), _shapes_of(network))
        except WeightsError as error:
            given = ", ".join(f"{name} {value}" for name, value in form.items())
            raise OptionError(f"the weights to begin with are of another form ({given}): {error}") from error
        _load(network, sides)
        self._start = {}  # what was said of weights that are not used
        return {"kind": model.kind, "digest": model.digest}

    def _take(self, network: Trainable, image_shape: tuple[int, int, int]) -> None:
        self.network_, self.image_shape_ = network.eval(), image_shape

    def _after_training(self) -> None:
        if self.has_code:
            from lookalike.models.encoding import trial_of_encoding

            trial_of_encoding(self)

    def _fresh(self, image_shape: tuple[int, int, int]) -> Trainable:
        """As `_build`, with kernels laid out as the pictures are, channels last."""
        network = self._build(image_shape)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

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

    def _weights(self) -> store.Sides:
        return {
            side: {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
            for side, module in self.network_.named_children()
        }

    def _shapes(self) -> store.Shapes:
        with torch.device("meta"):
            return _shapes_of(self._build(self.image_shape_))

    def _set_weights(self, sides: store.Sides) -> None:
        store.expect_sides(sides, self._shapes())  # before a network of whatever size is made
        network = self._fresh(self.image_shape_)
        _load(network, sides)
        self._take(network, self.image_shape_)


def _load(network: Trainable, sides: store.Sides) -> None:
    """Give a network the tensors of its sides, which are those that it has."""
    for side, module in network.named_children():
        module.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in sides[side].items()})


def _shapes_of(network: Trainable) -> store.Shapes:
    return {
        side: {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        for side, module in network.named_children()
    }
