"""The training loop: one epoch after another, each step the same for the same seed."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F

from lookalike.data.images import Pixels
from lookalike.errors import Interrupted, OptionError, TrainingDiverged
from lookalike.noise import EVALUATION_EPOCH, Noise
from lookalike.training.checkpoint import State
from lookalike.training.interruption import StopRequest
from lookalike.training.optimizer import optimizer_of, set_rate
from lookalike.training.precision import FABRIC_NAMES
from lookalike.training.progress import TrainingProgress
from lookalike.training.recipe import Recipe
from lookalike.training.run import Run
from lookalike.training.shown import Shown, as_batch, with_noise

Curves = dict[str, Pixels]
"""Pictures whose MSE is measured after each epoch, by the name of the curve: "validation", "test"."""

CHECK_EVERY = 50
"""Steps between looks at the losses for NaN: each look waits for the device."""
MEASURE_BATCH = 250

DEVICES = ("auto", "cpu", "cuda")


def train(
    network: nn.Module,
    pictures: Pixels,
    recipe: Recipe,
    *,
    curves: Curves,
    noise: Noise | None,
    seed: int,
    device: str,
    precision: str = "float32",
    run: Run | None,
    progress: bool,
) -> list[dict[str, Any]]:
    """Train `network` in place on uint8 (N, H, W, C) to reconstruct them; returns one entry an epoch.

    `precision` is "float32" or "bfloat16": the arithmetic of the steps. Weights, gradients' means and every measured
    curve are float32.

    An entry holds `epoch`, `train_mse` (mean over the epoch's batches while it learned, as Keras reports),
    `validation_mse` and `test_mse` (after the epoch, None where there is no such curve) and `learning_rate`. Curves are
    of clean pictures; a network that takes the noise's level (`takes_level`) is there to remove noise, so its curves
    are of pictures with the noise of an evaluation, and it is told the level of half of the training pictures.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        Interrupted: Ctrl-C or SIGTERM; with a run, its state is saved.
    """
    if run is not None:
        precision = run.precision
    fabric = make_fabric(device, precision)
    if run is not None and run.threads is not None and fabric.device.type == "cpu":
        torch.set_num_threads(run.threads)

    # What must survive a restart
    module = network
    takes_level: bool = getattr(module, "takes_level", False)
    made = optimizer_of(recipe, module, half=precision == "bfloat16")
    network, optimizer = fabric.setup(module, made)
    steps = math.ceil(len(pictures) / recipe.batch_size)
    state = State(module, made, torch.zeros(steps, device=fabric.device))
    if run is not None:
        run.restore(state)

    with TrainingProgress(progress, recipe.epochs, len(pictures), state) as bar, StopRequest() as stop:
        while state.epoch <= recipe.epochs:
            # One epoch of steps
            started, worked, first = time.perf_counter(), time.process_time(), state.step
            network.train()
            shown = Shown(pictures, recipe, noise, seed, state.epoch, fabric.device, tells_level=takes_level)
            for members in shown.batches(state.step):
                set_rate(made, recipe.rate_at((state.epoch - 1) * steps + state.step, recipe.epochs * steps))
                clean, *given = shown.pictures(members)
                loss = F.mse_loss(network(*given), clean)
                optimizer.zero_grad(set_to_none=True)
                fabric.backward(loss)
                optimizer.step()
                state.losses[state.step] = loss.detach()
                state.step += 1
                if state.step % CHECK_EVERY == 0:
                    _check_finite(state, recipe, run)
                bar.step(state)
                if stop.requested:
                    _check_finite(state, recipe, run)
                    raise _interrupted(state, run)
            _check_finite(state, recipe, run)
            seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
            done = min(steps * recipe.batch_size, len(pictures)) - first * recipe.batch_size

            # Evaluate
            sizes = np.full(steps, recipe.batch_size, np.float64)
            sizes[-1] = len(pictures) - (steps - 1) * recipe.batch_size
            entry: dict[str, Any] = {
                "epoch": state.epoch,
                "train_mse": float(np.average(state.losses.cpu().numpy().astype(np.float64), weights=sizes)),
                "validation_mse": None,
                "test_mse": None,
                # The last step's; the optimiser does not know it where the training was stopped right after that step.
                "learning_rate": recipe.learning_rate * recipe.rate_at(state.epoch * steps - 1, recipe.epochs * steps),
            }
            for name, aside in curves.items():
                entry[f"{name}_mse"] = measure_mse(module, aside, fabric.device, noise if takes_level else None, seed)

            # Save and log
            state.history.append(entry)
            state.epoch, state.step = state.epoch + 1, 0
            if run is not None:
                run.save_epoch(state)
                timing = {"seconds": seconds, "cpu_seconds": cpu_seconds, "images": done}
                run.add_timing({"epoch": entry["epoch"], **timing})
            bar.epoch(entry)
            if stop.requested and state.epoch <= recipe.epochs:
                raise _interrupted(state, run)

    if run is not None:
        run.write_metrics(state.history)  # anew, since a kill may have come between a checkpoint and its metrics
        run.draw_loss(state.history)
    return state.history


def make_fabric(device: str, precision: str = "float32") -> Fabric:
    """One process on the chosen device, in "float32", or in "bfloat16" with float32 weights.

    Raises:
        OptionError: the device is unknown or not there.
    """
    if device not in DEVICES:
        raise OptionError(f"device {device!r} is unknown; give one of {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' is not there (PyTorch sees no GPU); give device='cpu'")
    # Otherwise it announces bfloat16 on stderr, which belongs to the progress bar.
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
    return Fabric(accelerator=resolve_device(device), devices=1, precision=FABRIC_NAMES[precision])


def resolve_device(device: str) -> str:
    """What "auto" stands for on this machine: "cuda" where PyTorch sees a GPU, else "cpu"."""
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def measure_mse(
    network: nn.Module, pictures: Pixels, device: torch.device, noise: Noise | None = None, seed: int = 0
) -> float:
    """Mean squared error of the network's reconstructions of uint8 (N, H, W, C), over all pixels.

    With noise, the network is given what `Autoencoder.evaluate` gives it, and compared with the clean pictures.
    """
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(pictures), MEASURE_BATCH):
            batch = as_batch(pictures[start : start + MEASURE_BATCH], device)
            given = batch
            if noise is not None:
                given = with_noise(batch, noise, seed, EVALUATION_EPOCH, range(start, start + len(batch)))
            errors = (network(given) - batch).square().mean(dim=(1, 2, 3))
            total += float(errors.double().sum())
    return total / len(pictures)


def _check_finite(state: State, recipe: Recipe, run: Run | None) -> None:
    losses = state.losses[: state.step]
    if bool(torch.isfinite(losses).all()):
        return
    step = int(torch.nonzero(~torch.isfinite(losses))[0]) + 1
    left = "no checkpoint is left"
    if run is not None and state.history:
        left = f"the checkpoint after epoch {len(state.history)} in {run.folder} is good"
    raise TrainingDiverged(
        f"the loss is {float(losses[step - 1])} at epoch {state.epoch}, step {step}, learning rate "
        f"{recipe.learning_rate:g}; {left}: train anew with a lower learning rate"
    )


def _interrupted(state: State, run: Run | None) -> Interrupted:
    if run is None:
        return Interrupted(f"stopped in epoch {state.epoch} after {state.step} steps; nothing is saved without a run")
    if state.step:
        run.save_step(state)
    if state.history:
        run.draw_loss(state.history)
    return Interrupted(
        f"stopped in epoch {state.epoch} after {state.step} steps; all is saved in {run.folder}: add --resume to go on"
    )
