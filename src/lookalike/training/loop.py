"""The training loop: one epoch after another, each step the same for the same seed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lookalike.errors import Interrupted, TrainingDiverged
from lookalike.noise import EVALUATION_EPOCH, Noise
from lookalike.pixels import Pixels
from lookalike.training.batches import Batches, Epoch, as_batch, with_noise
from lookalike.training.checkpoint import State
from lookalike.training.device import make_fabric
from lookalike.training.interruption import StopRequest
from lookalike.training.objective import Trainable
from lookalike.training.optimizer import optimizer_of
from lookalike.training.progress import TrainingProgress
from lookalike.training.recipe import Recipe
from lookalike.training.run import Run

Curves = dict[str, Pixels]
"""Pictures whose MSE is measured after each epoch, by the name of the curve: "validation", "test"."""

CHECK_EVERY = 50
"""Steps between looks at the losses for NaN: each look waits for the device."""
MEASURE_BATCH = 250


@dataclass(frozen=True)
class Settings:
    """All that a training is told besides its network and pictures: one value that can go to another process whole.

    Attributes:
        recipe: the numbers.
        noise: corruption of what the network is given, None for none.
        seed: of order, noise and all else that is drawn for a picture in an epoch.
        device: "auto", "cpu" or "cuda".
        precision: the arithmetic of the steps, "float32" or "bfloat16". Weights, gradients' means and every measured
            curve are float32.
        progress: whether a bar and a line an epoch are shown.
    """

    recipe: Recipe
    noise: Noise | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    progress: bool = True


def train(
    network: Trainable, pictures: Pixels, settings: Settings, *, curves: Curves, run: Run | None = None
) -> list[dict[str, Any]]:
    """Train `network` in place on uint8 (N, H, W, C), by its own loss; returns one entry an epoch.

    An entry holds `epoch`, `train_mse` (mean over the epoch's batches while it learned, as Keras reports),
    `validation_mse` and `test_mse` (after the epoch, None where there is no such curve) and `learning_rate`. Curves are
    of clean pictures, but for a network that is there to remove noise (`removes_noise`): its are of pictures with the
    noise of an evaluation.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        Interrupted: Ctrl-C or SIGTERM; with a run, its state is saved.
    """
    recipe, noise = settings.recipe, settings.noise
    precision = settings.precision if run is None else run.precision
    fabric = make_fabric(settings.device, precision)
    if run is not None and run.threads is not None and fabric.device.type == "cpu":
        torch.set_num_threads(run.threads)

    # What must survive a restart
    made = optimizer_of(recipe, network, half=precision == "bfloat16")
    wrapped, optimizer = fabric.setup(network, made)
    wrapped.mark_forward_method("loss")  # so that over several processes it goes through what joins them
    steps = math.ceil(len(pictures) / recipe.batch_size)
    state = State(network, made, torch.zeros(steps, device=fabric.device))
    if run is not None:
        run.restore(state)

    with TrainingProgress(settings.progress, recipe.epochs, len(pictures), state) as bar, StopRequest() as stop:
        while state.epoch <= recipe.epochs:
            # One epoch of steps
            started, worked, first = time.perf_counter(), time.process_time(), state.step
            wrapped.train()
            epoch = Epoch(settings.seed, state.epoch, len(pictures), noise)
            batches = Batches(pictures, recipe, epoch, fabric.device)
            extras = {name: extra(epoch) for name, extra in network.extras.items()}
            for members in batches.members(state.step):
                made.set_rate(recipe.rate_at((state.epoch - 1) * steps + state.step, recipe.epochs * steps))
                shown, given = batches.pictures(members)
                drawn = {name: torch.from_numpy(draw(members)).to(fabric.device) for name, draw in extras.items()}
                with fabric.autocast():
                    total, mse = wrapped.loss(shown, given, drawn)
                optimizer.zero_grad(set_to_none=True)
                fabric.backward(total)
                optimizer.step()
                state.losses[state.step] = torch.where(total.isfinite(), mse, total).detach()
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
                on = noise if network.removes_noise else None
                entry[f"{name}_mse"] = measure_mse(network, aside, fabric.device, on, settings.seed)

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
