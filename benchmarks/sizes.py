"""What `conv`, `residual` and `unet` cost at each size: a step, an epoch of LFW's training pictures, encoding, memory.

    OMP_NUM_THREADS=1 python benchmarks/sizes.py [--sides 32,64,128] [--code 128] [--out FILE.json]

Each model and side is measured in a process of its own, on random pictures; of larger ones the U-Net's training sees
pieces of 64 x 64, and what counts as encoding is cleaning them whole. Seconds are the processor's, the least of
some turns, in float32 with the compiled kernels, as `train` and `index` compute where that is quickest. The memory is
the most that is no page of a file, with the pictures of a step and none else.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import lookalike as la
import timing
from lookalike.kernels import Way, computing
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.residual_shape import FOLDS
from lookalike.noise import parse_noise
from lookalike.training.arithmetic import step_in
from lookalike.training.recipe import RECIPES

TURNS = 2
"""After one that warms up."""
TRAINING = 11_909
"""LFW's training pictures."""
WAY = Way("float32", fused=True)
WHOLE = "residual, whole grid"
UNGUIDED = "residual, not guided"
SQUARES = (WHOLE, UNGUIDED)
"""What differs only where pictures are seen in squares."""
MODELS: dict[str, tuple[Callable[[int], NetworkAutoencoder], str]] = {
    "conv": (partial(la.ConvAutoencoder, device="cpu"), "course"),
    "residual": (partial(la.ResidualAutoencoder, device="cpu"), "best"),
    UNGUIDED: (partial(la.ResidualAutoencoder, device="cpu", guided=False), "best"),
    WHOLE: (partial(la.ResidualAutoencoder, device="cpu", fold=1), "best"),
    "unet": (lambda code: la.UNetDenoiser(device="cpu"), "unet"),
}
"""By name: what makes it of a code's size, and its recipe."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="32,64,128")
    parser.add_argument("--code", type=int, default=128)
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "SIDE"), help="measure this alone, as JSON")
    given = parser.parse_args()
    if given.one:
        json.dump(measured(given.one[0], int(given.one[1]), given.code), sys.stdout)
        return
    sides = given.sides.split(",")
    settings = [(name, side) for name in MODELS for side in sides if name not in SQUARES or int(side) >= FOLDS[-1][0]]
    found = [in_own_process(name, side, given.code) for name, side in settings]
    timing.write_result(given.out, {"settings": found})
    print(page(found))


def in_own_process(name: str, side: str, code: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--code", str(code), "--one", name, side]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measured(name: str, side: int, code: int) -> dict[str, Any]:
    """Of a model by its name in `MODELS`, on pictures of side x side in colour."""
    new, recipe = MODELS[name]
    model = new(code).initialise((side, side, 3))
    count = RECIPES[recipe].batch_size
    pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    noise = None if model.has_code else parse_noise("gaussian:0.1")

    def encode() -> None:
        with computing(WAY):
            (model.encode if model.has_code else model.reconstruct)(pictures)

    found: dict[str, Any] = {}
    with timing.watched(found):
        encoding = least_of(encode)
        step = least_of(step_in(WAY, model.network_, pictures, RECIPES[recipe], noise))
    return {
        "model": name,
        "side": side,
        "parameters": model.n_parameters,
        "step": step,
        "epoch": step * math.ceil(TRAINING / count),
        "encoded": count / encoding,
        "rss_anon_mb": found["rss_anon_mb"],
    }


def least_of(call: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    times = []
    for _ in range(1 + TURNS):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times[1:])


def page(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            *(one["model"], f"{one['side']}", f"{one['parameters']:,}", f"{1e3 * one['step']:.0f}"),
            *(f"{one['epoch']:.0f}", f"{one['encoded']:,.0f}", f"{one['rss_anon_mb']:,.0f}"),
        )
        for one in found
    ]
    head = "model", "side", "weights", "step, ms", "epoch, s", "encoded a second", "memory, MB"
    return f"{timing.table(head, rows)}\n\n{timing.described(timing.machine())}\n"


if __name__ == "__main__":
    main()
