"""The two sides of a model as plain PyTorch modules, for whoever goes on in PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from lookalike.models.base import Autoencoder
from lookalike.models.layers import dense_network


def torch_sides(model: Autoencoder) -> tuple[nn.Module, nn.Module]:
    """Copies of encoder and decoder, on the CPU and in evaluation mode, of a model with a code and a decoder."""
    weights = model.weights()
    if hasattr(model, "network_"):
        network = copy.deepcopy(model.network_).cpu().eval()
        return network.encoder, network.decoder
    # What is no network is linear: two Dense layers.
    dense = dense_network(model.image_shape_, model.code_size)
    for side, tensors in weights.items():
        held = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}
        dense.get_submodule(side).load_state_dict(held)
    return dense.encoder.eval(), dense.decoder.eval()
