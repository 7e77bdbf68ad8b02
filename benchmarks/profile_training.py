"""Where each millisecond of a training step goes, by PyTorch's profiler, and the least it could take.

    python benchmarks/profile_training.py lfw-deepfunneled.tgz [--steps 60] [--out FILE.json]

Trains the course network (code 32) by the course recipe and by the fast one, in float32 and, where the processor
multiplies it, in bfloat16, lets the first steps pass, and profiles
the next ones. Instead of an archive, DATA may be `synthetic` or anything else that `lookalike.load` reads. A group's
floor is what this machine would need for its multiplications at the rate that it reaches in one large matrix product,
or for its bytes at the rate of copying 8 MB, whichever is longer; the profiler itself costs time, so the step's time
without it stands beside. What is left of the step outside of all operators is Python and PyTorch's way to them.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

import lookalike as la
import timing
from lookalike import kernels
from lookalike.data.images import Pixels
from lookalike.kernels.machine import multiplies_bfloat16, rates
from lookalike.kernels.use import Way
from lookalike.training import loop
from lookalike.training.batches import Batches, Places
from lookalike.training.recipe import Recipe, named_recipe

WARM = 20
CODE = 32
PREPARATION = "data preparation"
CONVOLUTION, CONVOLUTION_BACK = "convolutions, forward", "convolutions, backward"
PRODUCTS, POOLING, FOLD = "matrix products", "pooling and ELU", "fold (transposed convolutions)"
OPTIMISER, COPIES, LOSS = "optimiser", "casts, copies, new memory", "loss"
OTHER, PYTHON = "other operators", "Python outside operators"
GROUPS = (
    CONVOLUTION, CONVOLUTION_BACK, PRODUCTS, POOLING, FOLD, OPTIMISER, COPIES, LOSS, PREPARATION, OTHER, PYTHON,
)  # fmt: skip

# Parts of an operator's name, the first that fits decides.
NAMES = (
    ("PoolElu", POOLING),
    ("SameTranspose", FOLD),
    ("mse_loss", LOSS),
    ("MseLoss", LOSS),
    ("_ConvolutionBackward", CONVOLUTION_BACK),
    ("_Convolution", CONVOLUTION),
    ("convolution_backward", CONVOLUTION_BACK),
    ("ConvolutionBackward", CONVOLUTION_BACK),
    ("conv", CONVOLUTION),
    ("pool", POOLING),
    ("Pool", POOLING),
    ("elu", POOLING),
    ("Elu", POOLING),
    ("mm", PRODUCTS),
    ("Mm", PRODUCTS),
    ("matmul", PRODUCTS),
    ("linear", PRODUCTS),
    ("copy", COPIES),
    ("Copy", COPIES),
    ("aten::to", COPIES),
    ("clone", COPIES),
    ("contiguous", COPIES),
    ("empty", COPIES),
    ("zeros", COPIES),
    ("fill_", COPIES),
    ("AccumulateGrad", COPIES),
)


class Watch:
    """Stands in for the training's `Batches`: names its work for the profiler, and profiles steps WARM to WARM + n."""

    def __init__(self, steps: int, profiler: profile | None) -> None:
        self.steps = steps
        self.profiler = profiler
        self.seconds = 0.0

    def __enter__(self) -> Watch:
        watch = self

        class Watched(Batches):
            def members(self, done: int = 0) -> Iterator[Places]:
                yield from watch.between(super().members(done))

            def pictures(self, members: Places) -> tuple[torch.Tensor, torch.Tensor]:
                with record_function(PREPARATION):
                    return super().pictures(members)

        vars(loop)["Batches"] = Watched
        return self

    def __exit__(self, *_: object) -> None:
        vars(loop)["Batches"] = Batches

    def between(self, batches: Iterator[Places]) -> Iterator[Places]:
        """The batches, up to the last step that is watched."""
        started = 0.0
        for step, members in enumerate(batches):
            if step == WARM:
                if self.profiler is not None:
                    self.profiler.start()
                started = time.perf_counter()
            if step == WARM + self.steps:
                self.seconds = time.perf_counter() - started
                if self.profiler is not None:
                    self.profiler.stop()
                return
            yield members


def watched(pictures: Pixels, recipe: Recipe, steps: int, profiler: profile | None) -> float:
    """Seconds of a step."""
    with Watch(steps, profiler) as watch:
        la.ConvAutoencoder(CODE).fit(pictures, recipe=recipe, epochs=1, progress=False)
    return watch.seconds / steps


def group_of(event: FunctionEvent) -> str:
    """What an operator counts as: data preparation and the optimiser with all within them, else by its name."""
    above: Any = event
    while above is not None:
        if above.name == PREPARATION:
            return PREPARATION
        if above.name.startswith("Optimizer."):
            return OPTIMISER
        above = above.cpu_parent
    return next((group for part, group in NAMES if part in event.name), OTHER)


def grouped(profiler: profile, steps: int, seconds: float) -> dict[str, float]:
    """Seconds of a step by group; `seconds` are those of a whole step."""
    sums: dict[str, float] = defaultdict(float)
    for event in profiler.events() or []:  # type: ignore[no-untyped-call]
        sums[group_of(event)] += event.self_cpu_time_total / 1e6 / steps
    sums[PYTHON] = seconds - sum(sums.values())
    return {group: sums[group] for group in GROUPS}


WINOGRAD = 36 / 16
"""Times fewer multiplications of a convolution by the kernels in float32: 16 for a tile of 2 x 2 instead of 36."""


class Needs:
    """Multiplications (FLOP, times two) and bytes that a step cannot do without, by group."""

    def __init__(self, side: int, colours: int, recipe: Recipe, way: Way) -> None:
        self.flop: dict[str, float] = defaultdict(float)
        self.bytes: dict[str, float] = defaultdict(float)
        self.batch, self.width = recipe.batch_size, 2 if way.precision == "bfloat16" else 4
        self.fused = way.fused
        self.spared = WINOGRAD if way == Way("float32", fused=True) else 1.0
        channels = (colours, *la.ConvAutoencoder().channels)
        for i in range(4):
            self._convolution(side >> i, channels[i], channels[i + 1], is_first=i == 0)
            self._transposed(side >> (i + 1), channels[i + 1], channels[i])
        grid = (side >> 4) ** 2 * channels[-1]
        self.flop[PRODUCTS] += 2 * 3 * 2 * self.batch * grid * CODE
        model = la.ConvAutoencoder(CODE).initialise((side, side, colours))
        self._optimiser(recipe.optimizer, [tuple(p.shape) for p in model.network_.parameters()])
        values = self.batch * side * side * colours
        self.bytes[LOSS] = values * (3 * 4 + 2 * self.width)
        self.bytes[PREPARATION] = values * (1 + 1 + 1 + 4)
        if way.precision == "bfloat16":
            self.bytes[COPIES] = model.n_parameters * 2 * (4 + 2) + values * (4 + 2)

    def _convolution(self, side: int, inputs: int, outputs: int, *, is_first: bool) -> None:
        forward = 2 * self.batch * side * side * inputs * outputs * 9 / (1 if is_first else self.spared)
        self.flop[CONVOLUTION] += forward
        self.flop[CONVOLUTION_BACK] += forward * (1 if is_first else 2)  # nobody asks for the pictures' gradient
        # The convolution's result in, its gradient out; a quarter: result out and in, gradient in, which one was
        # greatest (two bytes) out and in
        values = self.batch * side * side * outputs
        self.bytes[POOLING] += values * self.width * 2 + values / 4 * (self.width * 3 + 2 * 2)

    def _transposed(self, side: int, inputs: int, outputs: int) -> None:
        forward = 2 * self.batch * side * side * inputs * outputs * 9
        if not self.fused:
            self.flop[CONVOLUTION] += forward
            self.flop[CONVOLUTION_BACK] += 2 * forward
            return
        self.flop[PRODUCTS] += 3 * forward
        # There: nine contributions a pixel in, four pixels out; back: gradient and result in, slopes out and in for
        # the bias, nine contributions out
        values = self.batch * side * side * outputs
        self.bytes[FOLD] += values * self.width * (9 + 4 + 4 + 4 + 4 + 4 + 9)

    def _optimiser(self, name: str, shapes: list[tuple[int, ...]]) -> None:
        weights = sum(torch.Size(shape).numel() for shape in shapes)
        if name == "adamax":
            self.bytes[OPTIMISER] = 7 * 4 * weights  # weight, gradient and two means in, all but the gradient out
            return
        self.bytes[OPTIMISER] = 5 * 4 * weights
        for shape in shapes:
            if len(shape) > 1:
                short = min(shape[0], torch.Size(shape[1:]).numel())
                long = torch.Size(shape).numel() // short
                self.flop[OPTIMISER] += 3 * (2 * short * short * long * 2 + 2 * short**3)

    def floor(self, group: str, rates: dict[str, float], precision: str) -> float:
        """Seconds of a step that a group needs at least."""
        return max(self.flop[group] / rates[precision], self.bytes[group] / rates["bytes"])


def measure(pictures: Pixels, name: str, precision: str, steps: int, rates: dict[str, float]) -> dict[str, Any]:
    """A recipe's step: seconds with and without the profiler, and those of each group beside its floor."""
    recipe = named_recipe(name, precision=precision)
    enough = pictures[: recipe.batch_size * (WARM + steps + 1)]
    plain = watched(enough, recipe, steps, None)
    profiler = profile(activities=[ProfilerActivity.CPU])
    seconds = watched(enough, recipe, steps, profiler)
    needs = Needs(pictures.shape[1], pictures.shape[3], recipe, Way(precision, kernels.available()))
    return {
        "recipe": name,
        "precision": precision,
        "batch": recipe.batch_size,
        "seconds": plain,
        "profiled_seconds": seconds,
        "groups": {
            group: {"seconds": taken, "floor": needs.floor(group, rates, precision), "flop": needs.flop[group]}
            for group, taken in grouped(profiler, steps, seconds).items()
        },
    }


def page(results: list[dict[str, Any]], rates: dict[str, float]) -> str:
    """Milliseconds by group, a column for each recipe and its floor."""
    head = ["milliseconds of a step"]
    for one in results:
        head += [f"{one['recipe']} ({one['precision']})", "floor"]
    rows = []
    for group in GROUPS:
        found = [one["groups"][group] for one in results]
        rows.append([group, *(f"{1e3 * each[key]:.2f}" for each in found for key in ("seconds", "floor"))])
    whole = [
        (one["profiled_seconds"], sum(group["floor"] for group in one["groups"].values()), one["seconds"])
        for one in results
    ]
    rows.append(["**all, under the profiler**", *(f"**{1e3 * x:.2f}**" for found in whole for x in found[:2])])
    rows.append(["all, without it", *(x for *_, plain in whole for x in (f"{1e3 * plain:.2f}", ""))])
    single, half, speed = rates["float32"] / 1e9, rates["bfloat16"] / 1e9, rates["bytes"] / 1e9
    return (
        f"{timing.table(head, rows)}\n\nFloors are at {single:,.0f} GFLOP/s in float32, {half:,.0f} in bfloat16, and "
        f"{speed:,.0f} GB/s, measured just before.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="LFW's archive, `synthetic`, or any other pictures")
    parser.add_argument("--steps", type=int, default=60, help="that are profiled, after 20 that are not")
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    arguments = parser.parse_args()
    pictures = la.load(arguments.data).pixels
    found = rates()
    precisions = ("float32", "bfloat16") if multiplies_bfloat16() else ("float32",)
    results = [
        measure(pictures, name, precision, arguments.steps, found)
        for name in ("course", "fast")
        for precision in precisions
    ]
    timing.write_result(arguments.out, {"rates": found, "recipes": results})
    print(page(results, found))


if __name__ == "__main__":
    main()
