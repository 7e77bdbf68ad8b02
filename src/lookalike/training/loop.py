"""The training loop: one epoch after another, each step the same for the same seed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from lookalike.errors import Interrupted, TrainingDiverged
from lookalike.kernels.use import PLAIN, Way, fused
from lookalike.noise import EVALUATION_EPOCH, Noise
from lookalike.pixels import Pixels
from lookalike.training.batches import Batches, Epoch, as_batch, fingerprint, sides_shown, with_noise
from lookalike.training.checkpoint import State
from lookalike.training.objective import Trainable
from lookalike.training.optimizer import optimizer_of
from lookalike.training.progress import TrainingProgress
from lookalike.training.ranks import Ranks
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
        way: the arithmetic of the steps. Weights, gradients' means and every measured curve are float32, without
            kernels.
        progress: whether a bar and a line an epoch are shown.
        threads: of the CPU, for each process; None: as many as PyTorch takes.
    """

    recipe: Recipe
    noise: Noise | None = None
    seed: int = 0
    device: str = "auto"
    way: Way = PLAIN
    progress: bool = True
    threads: int | None = None


def train(
    network: Trainable,
    pictures: Pixels,
    settings: Settings,
    *,
    curves: Curves,
    run: Run | None = None,
    ranks: Ranks | None = None,
) -> list[dict[str, Any]]:
    """Train `network` in place on uint8 (N, H, W, C), by its own loss; returns one entry an epoch.

    Where several processes train together, each of `ranks` calls this with the same pictures and settings, the first
    one with the run: the steps are those of one process, up to rounding.

    An entry holds `epoch`, `train_mse` (mean over the epoch's batches while it learned, as Keras reports),
    `validation_mse` and `test_mse` (after the epoch, None where there is no such curve) and `learning_rate`. Curves are
    of clean pictures, but for a network that is there to remove noise (`removes_noise`): its are of pictures with the
    noise of an evaluation.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        Interrupted: Ctrl-C or SIGTERM; with a run, its state is saved.
    """
    ranks = ranks or Ranks()
    ranks.expect_same("pictures", fingerprint(pictures))
    settings = ranks.from_first(settings if run is None else _as_begun(settings, run))
    recipe, noise = settings.recipe, settings.noise
    fabric = ranks.fabric(settings.device, settings.way.precision)
    if settings.threads is not None and fabric.device.type == "cpu":
        torch.set_num_threads(settings.threads)

    # What must survive a restart
    made = optimizer_of(recipe, network, half=settings.way.precision == "bfloat16", each=ranks.each)
    wrapped, optimizer = ranks.set_up(fabric, network, made)
    steps = math.ceil(len(pictures) / recipe.batch_size)
    state = State(network, made, torch.zeros(steps, device=fabric.device))
    if run is not None:
        run.restore(state)
    ranks.take_first(state)

    shown_here = settings.progress and ranks.place.is_first
    with TrainingProgress(shown_here, recipe.epochs, len(pictures), state) as bar, ranks.stop_request() as stop:
        while state.epoch <= recipe.epochs:
            # One epoch of steps
            started, worked, first = time.perf_counter(), time.process_time(), state.step
            wrapped.train()
            epoch = Epoch(settings.seed, state.epoch, len(pictures), noise, sides_shown(pictures, recipe))
            batches = Batches(pictures, recipe, epoch, fabric.device)
            extras = {name: extra(epoch) for name, extra in network.extras.items()}
            for members, weight in ranks.parts(batches.members(state.step)):
                made.set_rate(recipe.rate_at((state.epoch - 1) * steps + state.step, recipe.epochs * steps))
                shown, given = batches.pictures(members)
                drawn = {name: torch.from_numpy(draw(members)).to(fabric.device) for name, draw in extras.items()}
                with fabric.autocast(), fused(settings.way.fused):
                    total, mse = wrapped.loss(shown, given, drawn)
                optimizer.zero_grad(set_to_none=True)
                fabric.backward(total * weight)
                optimizer.step()
                state.losses[state.step] = ranks.mean(torch.where(total.isfinite(), mse, total), weight)
                state.step += 1
                if state.step % CHECK_EVERY == 0:
                    _check_finite(state, recipe, run)
                bar.step(state)
                if ranks.any(stop.requested):
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
                entry[f"{name}_mse"] = measure_mse(network, aside, fabric.device, on, settings.seed, ranks)

            # Save and log
            state.history.append(entry)
            state.epoch, state.step = state.epoch + 1, 0
            if run is not None:
                run.save_epoch(state)
                timing = {"seconds": seconds, "cpu_seconds": cpu_seconds, "images": done}
                run.add_timing({"epoch": entry["epoch"], **timing})
            bar.epoch(entry)
            if ranks.any(stop.requested) and state.epoch <= recipe.epochs:
                raise _interrupted(state, run)
            ranks.take_first(state)  # as processors of two makes would drift apart by roundings

    if run is not None:
        run.write_metrics(state.history)  # anew, since a kill may have come between a checkpoint and its metrics
        run.draw_loss(state.history)
    return state.history


def measure_mse(
    network: nn.Module,
    pictures: Pixels,
    device: torch.device,
    noise: Noise | None = None,
    seed: int = 0,
    ranks: Ranks | None = None,
) -> float:
    """Mean squared error of the network's reconstructions of uint8 (N, H, W, C), over all pixels.

    With noise, the network is given what `Autoencoder.evaluate` gives it, and compared with the clean pictures. Several
    processes take some batches each, and all have the result.
    """
    ranks = ranks or Ranks()
    network.eval()
    sums = np.zeros(math.ceil(len(pictures) / MEASURE_BATCH))
    with torch.inference_mode():
        for number in ranks.mine(len(sums)):
            start = number * MEASURE_BATCH
            batch = as_batch(np.array(pictures[start : start + MEASURE_BATCH]), device)  # read-only where it is mapped
            given = batch
            if noise is not None:
                given = with_noise(batch, noise, seed, EVALUATION_EPOCH, range(start, start + len(batch)))
            errors = (network(given) - batch).square().mean(dim=(1, 2, 3))
            sums[number] = float(errors.double().sum())
    return float(np.add.accumulate(ranks.together(sums))[-1]) / len(pictures)


def _as_begun(settings: Settings, run: Run) -> Settings:
    """With the arithmetic and the threads that the run was begun with, so that it goes on with its bits."""
    threads = settings.threads if run.threads is None else run.threads
    return replace(settings, way=run.way, threads=threads)


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
