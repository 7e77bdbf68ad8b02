"""In which arithmetic a training computes: what its user says, or what is quickest for its network on this machine."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lookalike import kernels
from lookalike.kernels.machine import multiplies_bfloat16
from lookalike.kernels.trial import ENOUGH, Trial, trial_of
from lookalike.kernels.use import Way, computing
from lookalike.noise import Noise
from lookalike.pixels import Pixels
from lookalike.training.batches import Batches, Epoch, sides_shown
from lookalike.training.objective import Trainable
from lookalike.training.optimizer import optimizer_of
from lookalike.training.recipe import Recipe

WORTH_A_TRIAL = 20_000 * 32 * 32
"""Pixels that a training must show, over all epochs, for a trial of a second or two to be little beside it."""
STEPS = 600
"""Of a training: from so many on whole steps are tried, in fewer those of smaller batches, to stay little beside it."""
_log = logging.getLogger(__name__)


def way_of(
    recipe: Recipe,
    device: str,
    network: Trainable,
    pictures: Pixels,
    noise: Noise | None,
    about: Mapping[str, Any],
    *,
    processes: int = 1,
    threads: int | None = None,
) -> Way:
    """The way of computing for a training of uint8 (N, H, W, C) on "cpu" or "cuda".

    A recipe's "auto" is what a trial of the network's own steps finds quickest, which is kept by `about`, JSON values
    that say what network it is. Trainings too short for a trial compute in float32, whatever other ones have found, so
    that each gives the same again. Nothing of the network or of any stream of random numbers changes.

    Of several `processes`, each takes its share of a batch, on so many `threads`; None: as PyTorch takes them.
    """
    if recipe.precision != "auto":
        return Way(recipe.precision, fused=device == "cpu")
    if device == "cuda":
        return on_gpu()
    if not is_worth_a_trial(recipe, pictures):
        return Way("float32", fused=True)
    batch = min(recipe.batch_size, len(pictures))
    steps = recipe.epochs * math.ceil(len(pictures) / recipe.batch_size)
    tried = replace(recipe, batch_size=max(1, batch * min(steps, STEPS) // (STEPS * processes)))
    with _on_threads(threads):
        return trial_of_training(tried, network, pictures, noise, about).way


def on_gpu() -> Way:
    """bfloat16 where the GPU multiplies it."""
    return Way("bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32")


def is_worth_a_trial(recipe: Recipe, pictures: Pixels) -> bool:
    """Whether a training takes so long that a trial is little beside it."""
    height, width = sides_shown(pictures, recipe)
    return recipe.epochs * len(pictures) * height * width >= WORTH_A_TRIAL


def trial_of_training(
    recipe: Recipe,
    network: Trainable,
    pictures: Pixels,
    noise: Noise | None,
    about: Mapping[str, Any],
    *,
    again: bool = False,
) -> Trial:
    """What is known of a step of the network by the recipe, or is found now; see `kernels.trial.trial_of`."""
    name = {
        "work": "training",
        "network": dict(about),
        "sides": [*sides_shown(pictures, recipe)],
        "batch": min(recipe.batch_size, len(pictures)),
        "optimizer": recipe.optimizer,
        "threads": torch.get_num_threads(),
        "tries": ENOUGH,  # what fewer have found is not heeded
    }
    return trial_of(name, lambda way: step_in(way, network, pictures, recipe, noise), again=again)


@contextmanager
def _on_threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def step_in(
    way: Way, network: Trainable, pictures: Pixels, recipe: Recipe, noise: Noise | None
) -> Callable[[], object]:
    """A training's step in that way, on a copy of the network: the first batch of the pictures, optimiser and all."""
    trained = copy.deepcopy(network).train()
    optimizer = optimizer_of(recipe, trained, half=way.precision == "bfloat16")
    few = np.array(pictures[: recipe.batch_size])
    epoch = Epoch(0, 1, len(few), noise, sides_shown(few, recipe))
    batches = Batches(few, recipe, epoch, torch.device("cpu"))
    members = np.arange(len(few))
    shown, given = batches.pictures(members)
    drawn = {name: torch.from_numpy(extra(epoch)(members)) for name, extra in trained.extras.items()}

    def step() -> None:
        with computing(way):
            loss = trained.loss(shown, given, drawn).total
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def warn_where_slow(way: Way) -> None:
    """Say of a training that goes on in the arithmetic it was begun in where this machine is slow in it."""
    if way.precision == "bfloat16" and not multiplies_bfloat16():
        _log.warning(
            "the training goes on in bfloat16, as it was begun, for the same bits; this processor does not multiply "
            "it and takes many times as long: go on where it was begun, or train anew with --precision float32"
        )
    elif way.fused and not kernels.available():
        _log.warning("the training was begun with the compiled kernels, which are not here: it takes longer without")
