"""A training's state in one safetensors file: tensors, and what is not a tensor as JSON in its header."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lookalike import files
from lookalike.errors import WeightsError
from lookalike.tensors import declared
from lookalike.training.optimizer import Optimizer

FORMAT = 1
LARGEST_HEADER = 2**23
"""Bytes that may describe a state; a history of ten thousand epochs has a quarter."""


@dataclass
class State:
    """All that must survive a restart.

    Attributes:
        network: its weights.
        optimizer: its running means of gradients, and its number of steps.
        epoch: the epoch in progress, counted from 1.
        step: steps done in it.
        losses: float32 (steps an epoch,), the MSE of each batch so far in it.
        history: one entry for each epoch done.

    Order, mirroring and noise of the pictures need no place here: they come from (seed, epoch, index) alone.
    """

    network: nn.Module
    optimizer: Optimizer
    losses: Tensor
    epoch: int = 1
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def save(path: Path, state: State) -> None:
    """Write the state atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors_of(state).items()}
    tensors["losses"] = state.losses[: state.step].cpu().clone()
    progress = {
        "format": FORMAT,
        "epoch": state.epoch,
        "step": state.step,
        "optimizer_steps": state.optimizer.param_groups[0]["steps"],
        "history": state.history,
    }
    files.write_bytes(path, safetensors.torch.save(tensors, {"state": json.dumps(progress)}))


def restore(path: Path, state: State) -> State:
    """Fill `state`, made for the same network, with what `save` wrote, and return it.

    Raises:
        WeightsError: the file is damaged or of another network; the text names the tensor.
    """
    saved, progress = read(path)
    targets = tensors_of(state)
    for name, target in targets.items():
        if name not in saved or saved[name].shape != target.shape:
            found = tuple(saved[name].shape) if name in saved else "nothing"
            raise WeightsError(f"{path}: {name} is {found}, the network needs {tuple(target.shape)}; start a new run")
    losses = saved["losses"]
    if len(losses) > len(state.losses):
        raise WeightsError(f"{path}: {len(losses)} steps in an epoch of {len(state.losses)}; start a new run")
    with torch.no_grad():
        for name, target in targets.items():
            target.copy_(saved[name])
        state.losses[: len(losses)] = losses
    state.optimizer.param_groups[0]["steps"] = progress["optimizer_steps"]
    state.epoch, state.step, state.history = progress["epoch"], progress["step"], progress["history"]
    return state


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a checkpoint by name, and its progress (epoch, step, history).

    Raises:
        WeightsError: the file is damaged or of a later format.
    """
    try:
        declared(path, LARGEST_HEADER)
        with safe_open(path, framework="pt") as file:
            progress = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError, WeightsError) as error:
        raise WeightsError(f"checkpoint {path} is damaged ({error})") from error
    if progress.get("format") != FORMAT:
        raise WeightsError(
            f"checkpoint {path} is of format {progress.get('format')}, this version reads {FORMAT}; update lookalike"
        )
    return tensors, progress


def tensors_of(state: State) -> dict[str, Tensor]:
    """Every tensor of network and optimiser by a name that does not depend on their order."""
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    for name, parameter in state.network.named_parameters():
        for key, tensor in state.optimizer.state[parameter].items():
            tensors[f"optimizer.{key}.{name}"] = tensor
    return tensors
