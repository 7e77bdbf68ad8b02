"""Test MSE over code size: exact PCA, the course's network and the residual model, each by its own recipe.

python benchmarks/rate_distortion.py lfw-deepfunneled.tgz --out rates
python benchmarks/rate_distortion.py lfw-deepfunneled.tgz --codes 32 --seeds 0 --models pca,residual --out rates

Each (model, code, seed) is a run in OUT, such as OUT/residual-code32-seed0; exact PCA has no seed: OUT/pca-code32. A
run that is there is gone on with, or taken as it is where it has ended, so that this can be broken off, called again
and extended, and takes what was trained elsewhere, such as by

lookalike train lfw-deepfunneled.tgz --run rates/residual-code32-seed0 --model residual --code 32 --seed 0

A run of other pictures or parameters is refused, and one of other epochs where --epochs gives them; without it a run
that is there keeps its own. Figures are those of `lookalike train`: of the test split (10%, random_state 42), which
decides nothing. CPU seconds are of the training alone, over all its threads.

Writes OUT/rate_distortion.md (table), .json (every run) and .png (curves).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import lookalike as la
import timing
from lookalike import files, plots
from lookalike.errors import LookalikeError, OptionError, TrainingDiverged
from lookalike.experiment import split_of_run, train_run
from lookalike.models import kind_named, new_model
from lookalike.training.run import read_config

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"pca": "exact PCA", "conv": "course network", "residual": "residual model"}
STYLES = {"pca": ("#7d8794", "o", "--"), "conv": ("#d1782f", "s", "-"), "residual": ("#2f6db3", "D", "-")}
"""Colour, marker and line."""
WORST_SHOWN = 1.3
"""MSE as a share of exact PCA's."""


class Point(NamedTuple):
    """One run: `seed` is None for exact PCA, `cpu_seconds` where the run did not note them."""

    model: str
    code: int
    seed: int | None
    epochs: int
    test_mse: float
    seconds: float | None
    cpu_seconds: float | None
    run: str


class Row(NamedTuple):
    """All seeds of a model at a code size; `under_pca` is 1 - mean / exact PCA's, None where that is not there."""

    code: int
    model: str
    seeds: int
    mean: float
    least: float
    most: float
    under_pca: float | None
    cpu_seconds: float | None


def main() -> int:
    options = _options()
    try:
        return measure(options)
    except LookalikeError as error:
        print(f"rate_distortion: {error}", file=sys.stderr)
        return error.exit_code


def measure(options: argparse.Namespace) -> int:
    """Train what is missing, then write the table of what there is, whatever stopped it."""
    faces = la.load(options.archive, size=options.size, crop=options.crop)
    _check_codes(options.codes, faces)
    points: list[Point] = []
    failed: list[str] = []
    try:
        for model, code, seed in _wanted(options):
            try:
                points.append(one_run(faces, options.out, model, code, seed, options.epochs))
            except TrainingDiverged as error:
                failed.append(f"{_folder(model, code, seed)}: {error}")
                print(f"rate_distortion: {failed[-1]}", file=sys.stderr)
    finally:
        if points:
            write(options.out, points, failed, faces, options.archive)
    print("\n".join(results(summary(points), points)))
    return 1 if failed else 0


def one_run(faces: la.ImageSet, out: Path, model: str, code: int, seed: int | None, epochs: int | None) -> Point:
    """Train a run, go on with it, or take it as it is."""
    run, own = out / _folder(model, code, seed), kind_named(model)
    learner = new_model(model, code_size=code, seed=seed)
    training: dict[str, Any] = {}
    if learner.trains_in_epochs:
        begun = read_config(run) if epochs is None else None
        training = {"recipe": own.recipe, "epochs": begun["recipe"]["epochs"] if begun else epochs}
    print(run.name, file=sys.stderr, flush=True)
    told = train_run(learner, faces, run, resume=True, **training)
    shown = len(split_of_run(faces)[0]) * max(told["epochs"], 1)
    rates = [of_training(run, what) for what in ("seconds", "cpu_seconds")]
    seconds, cpu_seconds = (None if rate is None else shown * rate for rate in rates)
    return Point(model, code, seed, told["epochs"], told["test_mse"], seconds, cpu_seconds, str(run))


def of_training(run: Path, what: str) -> float | None:
    """Seconds a picture in a run's training, over all its sessions; None where one did not note them.

    A sum would leave out the steps before a stop, and count a closed form again that was taken up again.
    """
    rows = [json.loads(line) for line in (run / "timings.jsonl").read_text().splitlines()]
    if not rows or not all(what in row for row in rows):
        return None
    return float(sum(row[what] for row in rows) / sum(row["images"] for row in rows))


def summary(points: Sequence[Point]) -> list[Row]:
    """One row for each code size and model, over the seeds."""
    exact = {point.code: point.test_mse for point in points if point.model == "pca"}
    rows = []
    for code in sorted({point.code for point in points}):
        for model in dict.fromkeys(point.model for point in points):
            own = [point for point in points if (point.code, point.model) == (code, model)]
            if not own:
                continue
            values = [point.test_mse for point in own]
            mean = float(np.mean(values))
            under = 1 - mean / exact[code] if model != "pca" and code in exact else None
            times = [point.cpu_seconds for point in own if point.cpu_seconds is not None]
            cpu_seconds = float(np.mean(times)) if len(times) == len(own) else None
            rows.append(Row(code, model, len(own), mean, min(values), max(values), under, cpu_seconds))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown: a line for each code size, a block of columns for each model."""
    models = list(dict.fromkeys(row.model for row in rows))
    heads = ["code"]
    for model in models:
        heads += [TITLES.get(model, model), *([] if model == "pca" else ["under PCA"]), "CPU s"]
    lines = []
    by_place = {(row.code, row.model): row for row in rows}
    for code in dict.fromkeys(row.code for row in rows):
        cells = [str(code)]
        for model in models:
            cells += _cells(by_place.get((code, model)), model)
        lines.append(cells)
    return timing.table(heads, lines)


def results(rows: Sequence[Row], points: Sequence[Point]) -> list[str]:
    """The table, and a line for each model that trains in epochs: how many, and at which codes where that differs."""
    lines = [table(rows), ""]
    for model in dict.fromkeys(point.model for point in points if point.epochs):
        places = sorted({(point.epochs, point.code) for point in points if point.model == model})
        codes = {epochs: [str(code) for _, code in own] for epochs, own in groupby(places, key=itemgetter(0))}
        told = [f"{epochs} (code {', '.join(own)})" if len(codes) > 1 else str(epochs) for epochs, own in codes.items()]
        lines.append(f"Epochs of the {TITLES[model]}: {'; '.join(told)}.")
    return lines


def curves(rows: Sequence[Row]) -> Figure:
    """Left: MSE over code size, both logarithmic, bars from the least to the most of the seeds. Right: against PCA.

    The right one is there with exact PCA only, and shows what is not far worse than that.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    exact = {row.code: row.mean for row in rows if row.model == "pca"}
    codes = sorted({row.code for row in rows})
    figure = Figure(figsize=(11 if exact else 6, 4.6), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, 2 if exact else 1, squeeze=False).ravel())
    scales = [dict.fromkeys(codes, 1.0), {code: 1 / mse for code, mse in exact.items()}]
    for axes, scale in zip(panels, scales, strict=False):
        for place, model in enumerate(dict.fromkeys(row.model for row in rows)):
            _curve(axes, model, place, [row for row in rows if row.model == model and row.code in scale], scale)
    left, *others = panels
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.set_ylabel("mean squared error of test pictures", color=plots.INK)
    for right in others:
        right.set_ylabel("the same, as a share of exact PCA's", color=plots.INK)
        right.set_ylim(top=min(right.get_ylim()[1], WORST_SHOWN))
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_xticks(codes, [str(code) for code in codes])
        axes.minorticks_off()
        axes.set_xlabel("numbers in a code", color=plots.INK)
        axes.grid(which="major", color="#e4e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, labelcolor=plots.INK)
    return figure


def write(out: Path, points: Sequence[Point], failed: Sequence[str], faces: la.ImageSet, source: str) -> None:
    """The table, every run, and the curves."""
    rows = summary(points)
    train, test = split_of_run(faces)
    height, width, channels = faces.image_shape
    notes = [
        f"{len(train):,} training and {len(test):,} test pictures of {height} x {width} x {channels}. MSE of the test",
        "pictures on the scale where a picture spans 1: the mean over seeds, and the least and the most of them.",
    ]
    diverged = [f"Diverged: {line}" for line in failed]
    lines = ["# Rate and distortion", "", *notes, "", *results(rows, points), *diverged]
    files.write_text(out / "rate_distortion.md", "\n".join(lines).rstrip() + "\n")
    content: dict[str, Any] = {
        "source": source,
        "train_images": len(train),
        "test_images": len(test),
        "image_shape": list(faces.image_shape),
        "rows": [row._asdict() for row in rows],
        "runs": [point._asdict() for point in points],
        "failed": list(failed),
    }
    files.write_json(out / "rate_distortion.json", content)
    plots.save_figure(curves(rows), out / "rate_distortion.png")


def _curve(axes: Axes, model: str, place: int, rows: Sequence[Row], scale: dict[int, float]) -> None:
    colour, marker, line = STYLES.get(model, (plots.INK, "^", "-"))
    factors = np.array([scale[row.code] for row in rows])
    means, least, most = (np.array([getattr(row, name) for row in rows]) for name in ("mean", "least", "most"))
    axes.errorbar(
        [row.code for row in rows],
        means * factors,
        yerr=[(means - least) * factors, (most - means) * factors],
        color=colour,
        marker=marker,
        linestyle=line,
        markersize=5,
        capsize=3,
        label=TITLES.get(model, model),
        zorder=2 + place,
    )


def _cells(row: Row | None, model: str) -> list[str]:
    blank = "–"
    if row is None:
        return [blank] * (2 if model == "pca" else 3)
    spread = "" if row.seeds == 1 else f" ({row.least:.5f} to {row.most:.5f})"
    share = blank if row.under_pca is None else f"{row.under_pca:.1%}"
    seconds = blank if row.cpu_seconds is None else f"{row.cpu_seconds:,.{1 if row.cpu_seconds < 10 else 0}f}"
    return [f"{row.mean:.5f}{spread}", *([] if model == "pca" else [share]), seconds]


def _wanted(options: argparse.Namespace) -> list[tuple[str, int, int | None]]:
    """What is to be there, the whole curves of the first seed first."""
    wanted: list[tuple[str, int, int | None]] = []
    for seed in options.seeds:
        for code in options.codes:
            wanted += [(model, code, None if model == "pca" else seed) for model in options.models]
    return list(dict.fromkeys(wanted))


def _folder(model: str, code: int, seed: int | None) -> str:
    return f"{model}-code{code}" + ("" if seed is None else f"-seed{seed}")


def _check_codes(codes: Sequence[int], faces: la.ImageSet) -> None:
    most = min(len(split_of_run(faces)[0]), int(np.prod(faces.image_shape)))
    if not 1 <= min(codes) <= max(codes) <= most:
        raise OptionError(f"codes are {', '.join(map(str, codes))}; these pictures allow 1 to {most:,}")


def _numbers(text: str) -> list[int]:
    return list(dict.fromkeys(int(part) for part in text.split(",")))


def _models(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in TITLES:
            raise argparse.ArgumentTypeError(f"model {name!r} is unknown; give some of {','.join(TITLES)}")
    return names


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Test MSE over code size for every model that gives pictures back.")
    parser.add_argument("archive", metavar="ARCHIVE", help="the pictures, as every command of lookalike takes them")
    parser.add_argument("--codes", type=_numbers, default="8,16,32,64,128,256,512", help="numbers in a code")
    parser.add_argument("--seeds", type=_numbers, default="0,1,2", help="a training for each")
    parser.add_argument("--epochs", type=int, help="instead of a run's own, or its recipe's")
    parser.add_argument("--models", type=_models, default=",".join(TITLES), help=f"some of {','.join(TITLES)}")
    parser.add_argument("--size", type=int, default=32, help="height and width in pixels")
    parser.add_argument("--crop", type=int, help="pixels cut from each side before; 80 for LFW, else 0")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the runs and of what comes of them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
