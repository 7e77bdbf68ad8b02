"""What this machine is quick at: its rates, and in which arithmetic the course network trains and encodes here."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from lookalike.kernels.build import lack
from lookalike.kernels.machine import facts, rates
from lookalike.kernels.trial import Trial
from lookalike.models.conv import ConvAutoencoder
from lookalike.models.encoding import TRIED, trial_of_encoding
from lookalike.training.arithmetic import trial_of_training
from lookalike.training.recipe import RECIPES

CODE, SIDE = 32, 32
"""Of the course network."""


def judge_machine(*, again: bool = False) -> dict[str, Any]:
    """The machine, its rates, and the trials of the course network's work, as JSON values.

    `rates` are FLOP/s of a large matrix product by precision, and bytes/s of copying. A trial has `work`, `flop` (those
    of the direct way, whatever a kernel spares), `tried` with `way` and `seconds`, and the way `chosen`. What is known
    is taken as it is kept; `again`: it is tried anew, and later trainings follow that. `no_kernels` says why the
    machine has no compiled kernels, and is None where it has.
    """
    reason = lack()
    model = ConvAutoencoder(CODE, device="cpu").initialise((SIDE, SIDE, 3))
    trials = []
    for name in ("course", "fast"):
        recipe = RECIPES[name]
        pictures = np.random.default_rng(0).integers(0, 256, (recipe.batch_size, SIDE, SIDE, 3), np.uint8)
        found = trial_of_training(recipe, model.network_, pictures, None, model.layers_described(), again=again)
        work = f"a training step of {len(pictures)} pictures, recipe {name}"
        trials.append(_told(work, found, _flop(model, len(pictures), trains=True)))
    count = TRIED // SIDE**2
    encoding = trial_of_encoding(model, again=again)
    trials.append(_told(f"encoding {count} pictures, one thread", encoding, _flop(model, count, trains=False)))
    known = facts()
    told = {
        **known,
        "kernels": known["kernels"] if reason is None else None,
        "no_kernels": reason,
        "threads": torch.get_num_threads(),
    }
    return {"machine": told, "rates": rates(), "trials": trials}


def as_text(found: dict[str, Any]) -> str:
    """`judge_machine` in lines."""
    machine, speed = found["machine"], found["rates"]
    reason = machine["no_kernels"]
    kernels = "compiled kernels" if reason is None else f"no compiled kernels: {reason}"
    cores, threads = (f"{machine[name]} {name[:-1] if machine[name] == 1 else name}" for name in ("cores", "threads"))
    lines = [f"{machine['processor']}, {cores}, {threads}, PyTorch {machine['torch']}, {kernels}"]
    lines += [f"{name} is {value}" for name, value in machine["settings"].items()]
    products = ", ".join(f"{speed[name] / 1e9:,.3g} GFLOP/s in {name}" for name in ("float32", "bfloat16"))
    lines.append(f"matrix products {products}; copying {speed['bytes'] / 1e9:,.3g} GB/s")
    for one in found["trials"]:
        lines += ["", one["work"]]
        for tried in one["tried"]:
            mark = "  taken by precision 'auto'" if tried["way"] == one["chosen"] else ""
            rate = one["flop"] / tried["seconds"] / 1e9
            lines.append(f"  {tried['way']:<26}{1e3 * tried['seconds']:8.1f} ms {rate:7.0f} GFLOP/s{mark}")
    if reason is None:
        lines += ["", "GFLOP/s are those of the direct way; the kernels need fewer in float32."]
    return "\n".join(lines)


def _told(work: str, found: Trial, flop: int) -> dict[str, Any]:
    tried = [{"way": str(way), "seconds": seconds} for way, seconds in found.seconds.items()]
    return {"work": work, "flop": flop, "tried": tried, "chosen": str(found.way)}


def _flop(model: ConvAutoencoder, count: int, *, trains: bool) -> int:
    """Multiplications and additions of so many pictures."""
    pictures = torch.zeros(count, 3, SIDE, SIDE)
    with FlopCounterMode(display=False) as counter:
        if trains:
            torch.autograd.backward(model.network_(pictures).square().mean())
        else:
            model.network_.encoder(pictures)
    model.network_.zero_grad(set_to_none=True)
    return int(counter.get_total_flops())
