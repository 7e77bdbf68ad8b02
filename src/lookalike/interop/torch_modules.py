"""The encoder of a model as a plain PyTorch module, for whoever goes on in PyTorch."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model
from lookalike.models.modules import torch_sides


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
