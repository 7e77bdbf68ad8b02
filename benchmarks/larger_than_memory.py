"""Training on sets that are larger than memory: seconds, passes, bounds, and memory that is no page of a file.

    python benchmarks/larger_than_memory.py make big.npy --count 100000 --side 128
    python benchmarks/larger_than_memory.py pca big.npy --code 128
    python benchmarks/larger_than_memory.py parts big.npy --code 128
    python benchmarks/larger_than_memory.py train big.npy --model residual --code 32 --steps 20
    python benchmarks/larger_than_memory.py near --count 3000 --side 32 --code 32

`make` blends procedural faces by twos, one of them shifted, each blend with light and noise of its own, since cost does
not depend on what pictures show. `pca` fits PCA to all of them, `parts` by `partial_fit` of 1,000 pictures at a time;
`train` takes some steps on the training split of 90%, then stops as Ctrl-C does. `near` compares PCA by passes and in
parts with scikit-learn's exact one. Memory is the most of RssAnon of /proc/self/status, looked at fifty times a second:
pages of mapped files, which the system takes back whenever it wants them, are not in it; VmHWM has them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import lookalike as la
import timing
from lookalike.data.images import Pixels
from lookalike.errors import Interrupted
from lookalike.models import new_model
from lookalike.models import pca as pca_module

AT_ONCE = 1000
FACES = 400
LOOKS = 0.02
"""Seconds between looks at the memory."""


def status(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024


@contextmanager
def watched(found: dict[str, Any]) -> Iterator[None]:
    """Put seconds, processor seconds, load and memory of what is done within into `found`."""
    over, most = threading.Event(), [status("RssAnon")]

    def look() -> None:
        while not over.wait(LOOKS):
            most[0] = max(most[0], status("RssAnon"))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    started, worked = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        found["seconds"], found["cpu_seconds"] = time.perf_counter() - started, time.process_time() - worked
        over.set()
        looking.join()
        found.update(rss_anon_mb=most[0], vm_hwm_mb=timing.peak_memory(), load=os.getloadavg()[0])


def blends(count: int, side: int, seed: int) -> Pixels:
    """uint8 (count, side, side, 3)."""
    generator = np.random.default_rng(seed)
    faces = la.load(f"synthetic:{FACES}", size=side).pixels
    noise = generator.integers(0, 9, 2 * side * side * 3, np.uint16)
    made = np.empty((count, side, side, 3), np.uint8)
    for i, (one, other) in enumerate(generator.integers(0, len(faces), (count, 2))):
        share, light = generator.integers((50, 180), (150, 230))
        shift = generator.integers(-side // 16, side // 16 + 1, 2)
        mixed = faces[one] * np.uint16(share) + np.roll(faces[other], shift, (0, 1)) * np.uint16(200 - share)
        mixed //= 256  # of 0 to 199
        mixed *= np.uint16(light)
        mixed //= 200
        start = generator.integers(mixed.size)
        made[i] = mixed + noise[start : start + mixed.size].reshape(mixed.shape)
    return made


def make(given: argparse.Namespace) -> None:
    shape = (given.count, given.side, given.side, 3)
    file = np.lib.format.open_memmap(given.file, "w+", np.uint8, shape)
    for start in range(0, given.count, AT_ONCE):
        file[start : start + AT_ONCE] = blends(min(AT_ONCE, given.count - start), given.side, start)
    file.flush()


def mapped(given: argparse.Namespace) -> la.ImageSet:
    pixels = np.load(given.file, mmap_mode="r")
    return la.ImageSet(pixels, [f"{i}" for i in range(len(pixels))])


def of_pca(model: la.PCAAutoencoder, pictures: la.ImageSet) -> dict[str, Any]:
    """What a fitted PCA says of itself."""
    known = model.data_.get("approximation", {})
    return {"pictures": len(pictures), "captured": float(model.explained_variance_ratio_.sum()), **known}


def pca(given: argparse.Namespace) -> dict[str, Any]:
    pictures = mapped(given)
    found: dict[str, Any] = {}
    model = la.PCAAutoencoder(given.code, solver=given.solver)
    with watched(found):
        model.fit(pictures)
    return {**of_pca(model, pictures), **found}


def parts(given: argparse.Namespace) -> dict[str, Any]:
    pictures = mapped(given)
    found: dict[str, Any] = {}
    model = la.PCAAutoencoder(given.code)
    with watched(found):
        for start in range(0, len(pictures), AT_ONCE):
            model.partial_fit(pictures.pixels[start : start + AT_ONCE])
        model.encode(pictures.pixels[:1])
    return {**of_pca(model, pictures), **found}


def train(given: argparse.Namespace) -> dict[str, Any]:
    """Some steps; the seconds of a step are those between the first and the last."""
    from lookalike.training import progress

    found: dict[str, Any] = {}
    times: list[float] = []
    step = progress.TrainingProgress.step

    def timed(self: Any, state: Any) -> None:
        step(self, state)
        times.append(time.perf_counter())
        if len(times) == given.steps:
            os.kill(os.getpid(), signal.SIGINT)

    progress.TrainingProgress.step = timed  # type: ignore[method-assign]
    with watched(found):
        training, _ = mapped(given).split()
        model: Any = new_model(given.model, code_size=given.code)
        with suppress(Interrupted):
            model.fit(training, progress=False)
    return {
        "pictures": len(training),
        "steps": len(times),
        "seconds_a_step": (times[-1] - times[0]) / max(len(times) - 1, 1),
        "started_with": dict(getattr(model, "_start", {})),
        **found,
    }


def near(given: argparse.Namespace) -> dict[str, Any]:
    """Against scikit-learn's exact PCA."""
    from sklearn.decomposition import PCA

    pictures = blends(given.count, given.side, 0)
    rows = pictures.reshape(given.count, -1) / 255 - 0.5
    theirs = PCA(given.code, svd_solver="full").fit(rows)
    least = float(np.square(rows - theirs.inverse_transform(theirs.transform(rows))).mean())
    by_passes = la.PCAAutoencoder(given.code, solver="randomised").fit(pictures)
    vars(pca_module)["COVARIANCE_UP_TO"] = 0  # else so small pictures would have their whole covariance kept
    in_parts = la.PCAAutoencoder(given.code)
    for start in range(0, given.count, AT_ONCE):
        in_parts.partial_fit(pictures[start : start + AT_ONCE])
    in_parts.encode(pictures[:1])
    return {
        "by passes": compared(by_passes, theirs, pictures, least),
        "in parts": compared(in_parts, theirs, pictures, least),
    }


def compared(model: la.PCAAutoencoder, theirs: Any, pictures: Pixels, least: float) -> dict[str, Any]:
    cosines = np.linalg.svd(model.components_.astype(np.float64) @ theirs.components_.T, compute_uv=False)
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return {
        "mse_above_exact": -model.score(pictures) / least - 1,
        "largest_angle_degrees": float(angles.max()),
        "median_angle_degrees": float(np.median(angles)),
        **model.data_["approximation"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "pca", "parts", "train", "near"))
    parser.add_argument("file", nargs="?", type=Path, default=Path("big.npy"))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--code", type=int, default=128)
    parser.add_argument("--model", default="residual")
    parser.add_argument("--solver", default="auto")
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    calls: dict[str, Callable[[argparse.Namespace], Any]] = {"pca": pca, "parts": parts, "train": train, "near": near}
    if given.what == "make":
        make(given)
        return
    json.dump(calls[given.what](given), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
