"""The two sides of a model as plain PyTorch modules, for whoever goes on in PyTorch."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.models.layers import dense_network
from lookalike.models.loading import load_model


def torch_encoder(run: str | Path | Autoencoder) -> nn.Module:
    """The encoder of a run or a model as a module of its own, on the CPU and in evaluation mode.

    It takes float32 (N, C, H, W) centred to [-0.5, 0.5], as `pixels / 255 - 0.5` is, of the model's size, and gives
    float32 (N, K), the codes of `Autoencoder.encode`. Its weights are copies that gradients reach: it may be trained
    further, moved, or be a part of another network, and the model stays what it is.

    Raises:
        OptionError: the model has no code, or came as an ONNX graph or as codes.
        NotFittedError: the model has no weights yet.
        RunError, WeightsError: the folder holds no model, or a damaged one.
    """
    model = run if isinstance(run, Autoencoder) else load_model(run)
    model.require_code()
    if not model.has_decoder:
        raise OptionError(
            f"this model is of kind {model.kind}, which has no weights of ours; give a model that was trained here"
        )
    return torch_sides(model)[0]


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
