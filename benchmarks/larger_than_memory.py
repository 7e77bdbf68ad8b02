"""Training on sets, and galleries, that are larger than memory: seconds, bounds, and memory that is no page of a file.

    python benchmarks/larger_than_memory.py make big.npy --count 100000 --side 128
    python benchmarks/larger_than_memory.py pca big.npy --code 128
    python benchmarks/larger_than_memory.py parts big.npy --code 128
    python benchmarks/larger_than_memory.py train big.npy --model residual --code 32 --steps 20
    python benchmarks/larger_than_memory.py near --count 3000 --side 32 --code 32
    python benchmarks/larger_than_memory.py codes codes.npy --count 10000000 --code 32
    python benchmarks/larger_than_memory.py index codes.npy --gallery gallery
    python benchmarks/larger_than_memory.py search codes.npy --gallery gallery

`make` blends procedural faces by twos, one of them shifted, each blend with light and noise of its own, since cost does
not depend on what pictures show. `pca` fits PCA to all of them, `parts` by `partial_fit` of 1,000 pictures at a time;
`train` takes some steps on the training split of 90%, then stops as Ctrl-C does. `near` compares PCA by passes and in
parts with scikit-learn's exact one. `codes` draws from a mixture of 2,000 Gaussians, each of 8 dimensions and some
noise in all; a larger number begins with the codes of a smaller one. `index` builds or updates a gallery of them.
`search` opens it in this process, and measures its recall by 1,000 codes drawn alike, which it does not hold, beside
exact search. Memory is the most of RssAnon of /proc/self/status, looked at fifty times a second: pages of mapped
files, which the system takes back whenever it wants them, are not in it; VmHWM has them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
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
GAUSSIANS, DIMENSIONS, SPREAD, NOISE = 2000, 8, np.float32(0.1), np.float32(0.02)
DRAWN_AT_ONCE, QUERIES, K = 50_000, 1000, 10


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
    with timing.watched(found):
        model.fit(pictures)
    return {**of_pca(model, pictures), **found}


def parts(given: argparse.Namespace) -> dict[str, Any]:
    pictures = mapped(given)
    found: dict[str, Any] = {}
    model = la.PCAAutoencoder(given.code)
    with timing.watched(found):
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
    with timing.watched(found):
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


def drawn(count: int, size: int, seed: int) -> Any:
    """Codes float32 (count, size) of the mixture; the mixture is the same for every seed."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((GAUSSIANS, size), np.float32) * np.exp(-np.arange(size) / 8, dtype=np.float32)
    spreads = generator.standard_normal((GAUSSIANS, DIMENSIONS, size), np.float32) * SPREAD
    generator = np.random.default_rng((1, seed))
    which = np.sort(generator.integers(0, GAUSSIANS, count))
    inner = generator.standard_normal((count, DIMENSIONS), np.float32)
    found = NOISE * generator.standard_normal((count, size), np.float32)
    for start in range(0, count, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        found[some] += centres[which[some]] + np.einsum("nd,ndk->nk", inner[some], spreads[which[some]])
    return found[generator.permutation(count)]


def codes(given: argparse.Namespace) -> None:
    file = np.lib.format.open_memmap(given.file, "w+", np.float32, (given.count, given.code))
    for start in range(0, given.count, DRAWN_AT_ONCE):
        file[start : start + DRAWN_AT_ONCE] = drawn(DRAWN_AT_ONCE, given.code, start)[: given.count - start]
    file.flush()


def say(text: str) -> None:
    print(f"{time.process_time():8.1f} s  {text}", file=sys.stderr, flush=True)


def index(given: argparse.Namespace) -> dict[str, Any]:
    """A gallery of a file's codes, built or brought up to date."""
    from lookalike.gallery.given import read_codes
    from lookalike.models.given_codes import GivenCodes

    found: dict[str, Any] = {}
    with timing.watched(found):
        source = read_codes(given.file)
        model = GivenCodes(source.codes.shape[1]).initialise()
        with la.Gallery.open(given.gallery, model) as gallery:
            done = gallery.update(source, method=given.method, say=say)
    sizes = {path.name: path.stat().st_size for path in given.gallery.rglob("*") if path.is_file()}
    told = {name: getattr(done, name) for name in ("images", "added", "removed", "method", "recall_measured", "kept")}
    return {**told, **found, "bytes": sum(sizes.values()), "files": sizes}


def search(given: argparse.Namespace) -> dict[str, Any]:
    """A gallery that is opened in this process: the first searches, then many, and their recall."""
    from lookalike.search.examination import Examination

    asked = drawn(QUERIES, np.load(given.file, mmap_mode="r").shape[1], 2**32 - 1)
    found: dict[str, Any] = {}
    started = time.perf_counter(), time.process_time()
    gallery = la.Gallery.open(given.gallery, create=False)
    for what in ("opened and searched by a code", "searched by a name"):
        gallery.search(asked[0] if "code" in what else f"{len(gallery) // 2:05d}", K)
        found[what] = {"seconds": time.perf_counter() - started[0], "cpu_seconds": time.process_time() - started[1]}
    found["pictures"] = len(gallery)
    found["opened"] = {name: timing.status(name) for name in ("RssAnon", "RssFile")}
    held, alone = gallery.snapshot(), []
    for code in asked:
        started_one = time.perf_counter()
        gallery.search(code, K)
        alone.append(time.perf_counter() - started_one)
    found["milliseconds_alone"] = 1000 * float(np.median(alone))
    worked = time.process_time()
    held.index.query(asked, K)
    found["queries_per_cpu_second"] = len(asked) / (time.process_time() - worked)
    found["after_searches"] = {name: timing.status(name) for name in ("RssAnon", "RssFile")}
    found["settings"] = dict(held.index.settings)
    examined = Examination.like(held.index, held.view.codes, held.view.ids, asked, K)
    found["exact_queries_per_second"] = len(asked) / examined.seconds
    found["recall"] = float(examined.shares(held.index).mean())
    return found


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
    parser.add_argument("what", choices=("make", "pca", "parts", "train", "near", "codes", "index", "search"))
    parser.add_argument("file", nargs="?", type=Path, default=Path("big.npy"))
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--code", type=int, default=128)
    parser.add_argument("--model", default="residual")
    parser.add_argument("--solver", default="auto")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--gallery", type=Path, default=Path("gallery"))
    parser.add_argument("--method", default=None, help="of the index; as the gallery's, auto at first")
    given = parser.parse_args()
    makers = {"make": make, "codes": codes}
    if given.what in makers:
        makers[given.what](given)
        return
    calls: dict[str, Callable[[argparse.Namespace], Any]] = {
        **{"pca": pca, "parts": parts, "train": train, "near": near},
        **{"index": index, "search": search},
    }
    json.dump(calls[given.what](given), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
