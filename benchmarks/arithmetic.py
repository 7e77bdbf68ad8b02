"""Whether precision "auto" is as quick as the better of float32 and bfloat16, on networks of several kinds and sizes.

    python benchmarks/arithmetic.py [--rounds 5] [--threads 1] [--out FILE.json]

For each setting, a trial chooses as `train` does, in an empty cache; then a training's step (or an encoding) in the way
that was chosen, and in each fixed precision that the processor multiplies, take turns. Figures are the processor's
seconds of all threads, the least of some steps in each round; medians of the rounds, and of the rounds' ratios, count.
A fixed precision uses the compiled kernels, as `train --precision` does; both without kernels stand beside.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import lookalike as la
import timing
from lookalike.kernels import Way, computing
from lookalike.kernels.machine import multiplies_bfloat16
from lookalike.models.encoding import trial_of_encoding
from lookalike.models.networked import NetworkAutoencoder
from lookalike.training.arithmetic import step_in, trial_of_training
from lookalike.training.recipe import RECIPES

STEPS = 3
"""In each round, of which the quickest counts."""
ALLOWED = 1.05


class Setting(NamedTuple):
    """Some work: its name, what makes its model, the side of its pictures, how many, and a recipe; None: encoding."""

    name: str
    model: Callable[..., NetworkAutoencoder]
    side: int
    pictures: int
    recipe: str | None


SETTINGS = [
    Setting("course network, course recipe, 32 x 32", la.ConvAutoencoder, 32, 32, "course"),
    Setting("course network, fast recipe, 32 x 32", la.ConvAutoencoder, 32, 32, "fast"),
    Setting("course network, course recipe, 64 x 64", la.ConvAutoencoder, 64, 32, "course"),
    Setting("residual, best recipe, 32 x 32", la.ResidualAutoencoder, 32, 16, "best"),
    Setting("unet, its recipe, 64 x 64", la.UNetDenoiser, 64, 8, "unet"),
    Setting("course network, encoding, 32 x 32", la.ConvAutoencoder, 32, 100, None),
    Setting("residual, encoding, 32 x 32", la.ResidualAutoencoder, 32, 50, None),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of PyTorch; all cores' by default")
    parser.add_argument("--only", help="settings whose name holds this")
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = [one for one in SETTINGS if (arguments.only or "") in one.name]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOOKALIKE_CACHE"] = folder
        found = [measure(setting, arguments.rounds) for setting in settings]
    timing.write_result(arguments.out, {"settings": found})
    print(page(found))


def measure(setting: Setting, rounds: int) -> dict[str, Any]:
    """Processor's seconds by way, those of each round, and the way that a trial chose."""
    model = setting.model(device="cpu").initialise((setting.side, setting.side, 3))
    pictures = np.random.default_rng(0).integers(0, 256, (setting.pictures, setting.side, setting.side, 3), np.uint8)
    precisions = ("float32", "bfloat16") if multiplies_bfloat16() else ("float32",)
    ways = [Way(precision, fused) for precision in precisions for fused in (True, False)]
    if setting.recipe is None:
        chosen = trial_of_encoding(model).way
        calls = {str(way): encoding_in(way, model, pictures) for way in ways}
    else:
        recipe = replace(RECIPES[setting.recipe], batch_size=setting.pictures)
        chosen = trial_of_training(recipe, model.network_, pictures, None, model.layers_described()).way
        calls = {str(way): step_in(way, model.network_, pictures, recipe, None) for way in ways}
    turns = {who: (lambda call=call: least_of(call)) for who, call in calls.items()}
    return {"name": setting.name, "chosen": str(chosen), "seconds": timing.take_turns(turns, rounds)}


def encoding_in(way: Way, model: NetworkAutoencoder, pictures: np.ndarray) -> Callable[[], object]:
    def encode() -> None:
        with computing(way):
            model.encode(pictures)

    return encode


def least_of(call: Callable[[], object]) -> float:
    times = []
    for _ in range(STEPS):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def page(found: list[dict[str, Any]]) -> str:
    """A row for each setting and way: its median, times the chosen one's, and whether "auto" is slower than allowed."""
    rows, worst = [], 0.0
    for one in found:
        chosen = one["seconds"][one["chosen"]]
        for way, times in one["seconds"].items():
            ratio = timing.times_quicker(chosen, times)
            worst = max(worst, ratio)
            mark = "auto" if way == one["chosen"] else ""
            rows.append((one["name"], way, f"{1e3 * statistics.median(times):.1f}", f"{ratio:.2f}", mark))
    head = "work", "way", "processor's ms", "times as quick as auto", ""
    verdict = f"auto is slower than another way by {max(worst - 1, 0):.0%} at worst; {ALLOWED - 1:.0%} are allowed"
    return f"{timing.table(head, rows)}\n\n{timing.described(timing.machine())}: {verdict}.\n"


if __name__ == "__main__":
    main()
