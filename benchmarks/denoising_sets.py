"""Denoisers by the literature's protocol, on the sets that it judges by.

    python benchmarks/denoising_sets.py --runs runs/unet --out bench/denoising
    python benchmarks/denoising_sets.py --only cbsd68 --pictures 8 --out bench/quick

Gaussian noise of sigma 15, 25 and 50 of 255, not clipped, of seed 0 for every picture, on BSD68 (grey), CBSD68 and
Kodak24; JPEG of quality 10, 20, 30 and 40 (Pillow's encoder, grey) on Classic5. What comes out is rounded to 8 bits;
PSNR and SSIM are means over the pictures. Judged are the denoiser that comes with the package and the runs given,
blind and told the level (with `--self-ensemble` in their four quarter turns too), and two of scikit-image's, told the
level, as its documentation sets them; beside them stand the rows that others have published. The sets lie in the
folder that `--sets` names, one folder each.

Every figure goes to `figures.jsonl` in `--out` as soon as it is there, and is not computed again; `table.md` and
`denoising.png` are made of all of them. Seconds are of one thread's processor time.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from lookalike import plots
from lookalike.data.images import Pixels
from lookalike.denoising import TunedDenoiser, denoise, judging
from lookalike.denoising.ready import NAME, load_ready, ready_folder
from lookalike.files import write_text
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model
from lookalike.pixels import Floats, centre, to_uint8
from timing import lfw_folder, table

SIGMAS, QUALITIES = (15, 25, 50), (10, 20, 30, 40)
SETS = {"bsd68": SIGMAS, "cbsd68": SIGMAS, "kodak24": SIGMAS, "classic5": QUALITIES}
TITLES = {"bsd68": "BSD68 (grey)", "cbsd68": "CBSD68", "kodak24": "Kodak24", "classic5": "Classic5, JPEG quality"}
NOISY = "as given"
Judged = Callable[[Floats, float | None], Pixels]
"""(centred float32 (H, W, C), the level on the scale where a picture spans 1, or None) -> uint8 of the same shape."""


class Published(NamedTuple):
    """A row of others: weights of the network that is used at one level, and PSNR by set."""

    weights: int | None
    decibels: dict[str, tuple[float, ...]]


PUBLISHED = {
    "BM3D": Published(
        None, {"bsd68": (31.08, 28.57, 25.60), "cbsd68": (33.52, 30.71, 27.38), "kodak24": (34.28, 31.68, 28.46)}
    ),
    "IRCNN, a network a level": Published(
        186_000, {"bsd68": (31.63, 29.15, 26.19), "cbsd68": (33.86, 31.16, 27.86), "kodak24": (34.69, 32.18, 28.93)}
    ),
    "FFDNet, told": Published(
        852_000, {"bsd68": (31.63, 29.19, 26.29), "cbsd68": (33.87, 31.21, 27.96), "kodak24": (34.63, 32.13, 28.98)}
    ),
    "DnCNN-B, blind": Published(668_000, {"bsd68": (31.61, 29.16, 26.23)}),
    "DRUNet, told": Published(
        32_600_000, {"bsd68": (31.91, 29.48, 26.59), "cbsd68": (34.30, 31.69, 28.51), "kodak24": (35.31, 32.89, 29.86)}
    ),
    "DnCNN-3": Published(668_000, {"classic5": (29.40, 31.63, 32.91, 33.77)}),
    "AR-CNN": Published(106_000, {"classic5": (29.03, 31.15, 32.51, 33.34)}),
}
"""From the repositories DPIR, FFDNet and DnCNN by cszn. FFDNet has 485,000 weights for grey pictures."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Denoisers by the literature's protocol.")
    parser.add_argument("--sets", type=Path, default=lfw_folder() / "denoising", help="folder with a folder a set")
    parser.add_argument("--only", nargs="+", choices=list(SETS), default=list(SETS), help="sets to judge on")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="runs of U-Nets beside the package's own")
    parser.add_argument("--pictures", type=int, help="judge on so many of each set, by default on all")
    parser.add_argument("--without-classical", action="store_true", help="leave out scikit-image's, which are slow")
    parser.add_argument("--blind-only", action="store_true", help="tell no model the level")
    parser.add_argument("--self-ensemble", action="store_true", help="models in all four quarter turns as well")
    parser.add_argument("--out", type=Path, required=True, help="folder of the figures, the table and the plot")
    options = parser.parse_args()

    models = {str(run): load_model(run) for run in options.runs}
    if (ready_folder() / "model.json").exists():
        models = {NAME: load_ready(), **models}
    judges = judged(
        models, classical=not options.without_classical, told=not options.blind_only, turned=options.self_ensemble
    )
    figures = Figures(options.out / "figures.jsonl")
    for name in options.only:
        for number, (path, clean) in enumerate(pictures_of(options.sets / name)):
            if options.pictures is None or number < options.pictures:
                judge(figures, judges, name, path.name, clean)
    known = Rows(figures.rows, {name: model.n_parameters for name, model in models.items()}, options.only)
    text = "\n\n".join(known.table_of(name) for name in options.only)
    write_text(options.out / "table.md", text + "\n")
    print(text)
    if "cbsd68" in options.only:
        plots.save_figure(known.plot("cbsd68", 25), options.out / "denoising.png")


class Figures:
    """What was measured, one JSON object a line, kept across runs of this program."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.known = {self._key(row) for row in self.rows}

    def has(self, **key: object) -> bool:
        """Whether that figure is there."""
        return self._key(key) in self.known

    def add(self, **row: object) -> None:
        """Keep a figure."""
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
        self.known.add(self._key(row))

    @staticmethod
    def _key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["set"], row["picture"], row["level"], row["denoiser"], row["weights"]


def judged(
    models: dict[str, Autoencoder], *, classical: bool, told: bool, turned: bool
) -> dict[str, tuple[str, Judged]]:
    """By name: what tells one set of weights from another, and the denoiser."""
    judges: dict[str, tuple[str, Judged]] = {NOISY: ("", lambda noisy, level: to_uint8(noisy))}
    for name, model in models.items():
        judges[f"{name}, blind"] = model.digest[:12], partial(_blind, model)
        if turned:
            judges[f"{name}, self-ensemble"] = model.digest[:12], partial(_blind, model, turned=True)
        if told and model.takes_level:
            judges[f"{name}, told"] = model.digest[:12], partial(denoise, model)
    if classical:
        for name, settings in (
            ("non-local means", {"h": 0.6, "patch": 5}),
            ("wavelet", {"strength": 1.0, "wavelet": "haar"}),
        ):
            one = TunedDenoiser(name, "gaussian:0.1", settings, None)
            judges[f"{name}, told"] = "", partial(_classical, one)
    return judges


def _blind(model: Autoencoder, noisy: Floats, level: float | None, *, turned: bool = False) -> Pixels:
    return denoise(model, noisy, self_ensemble=turned)


def _classical(one: TunedDenoiser, noisy: Floats, level: float | None) -> Pixels:
    return to_uint8(one.denoise(noisy[None], level)[0])


def pictures_of(folder: Path) -> Iterator[tuple[Path, Pixels]]:
    """The pictures of a set in the order of their names: uint8 (H, W, C) as their files have them."""
    for path in sorted(folder.iterdir()):
        picture = np.asarray(Image.open(path))
        yield path, picture[..., None] if picture.ndim == 2 else picture


def judge(figures: Figures, judges: dict[str, tuple[str, Judged]], name: str, picture: str, clean: Pixels) -> None:
    """Measure what is not known yet of one picture."""
    for level in SETS[name]:
        given, told = spoilt(name, clean, level)
        for denoiser, (weights, restore) in judges.items():
            key = {"set": name, "picture": picture, "level": level, "denoiser": denoiser, "weights": weights}
            if figures.has(**key) or (told is None and denoiser.endswith("told")):
                continue
            started = time.process_time()
            restored = restore(given.copy(), told)
            seconds = time.process_time() - started
            _, psnr, ssim = judging.figures(clean, restored)
            figures.add(**key, psnr=psnr, ssim=ssim, seconds=seconds, megapixels=clean[..., 0].size / 1e6)


def spoilt(name: str, clean: Pixels, level: int) -> tuple[Floats, float | None]:
    """A picture of a set as it is given to the denoisers, and the level of its noise where it is Gaussian."""
    if name != "classic5":
        return judging.with_noise(clean, level / 255), level / 255
    held = io.BytesIO()
    Image.fromarray(clean[..., 0]).save(held, "JPEG", quality=level)
    return centre(np.asarray(Image.open(held))[..., None]), None


class Rows:
    """Means over the pictures of each set, as a table and a plot; rows of other weights of that name are left out."""

    def __init__(self, rows: list[dict[str, Any]], weights: dict[str, int], sets: list[str]) -> None:
        self.weights = weights
        self.groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
        newest = {row["denoiser"]: row["weights"] for row in rows}
        for row in rows:
            if row["set"] in sets and row["weights"] == newest[row["denoiser"]]:
                self.groups.setdefault((row["denoiser"], row["set"], row["level"]), []).append(row)

    def mean(self, denoiser: str, name: str, level: int, what: str) -> float:
        """Over the pictures of a set at a level."""
        return float(np.mean([row[what] for row in self.groups[denoiser, name, level]]))

    def seconds(self, denoiser: str, name: str) -> float:
        """Processor time of a megapixel."""
        rows = [row for level in SETS[name] for row in self.groups.get((denoiser, name, level), ())]
        return float(sum(row["seconds"] for row in rows) / sum(row["megapixels"] for row in rows))

    def own(self, name: str) -> list[str]:
        """Denoisers with figures of a set."""
        return list(dict.fromkeys(denoiser for denoiser, of, _ in self.groups if of == name))

    def size_of(self, denoiser: str) -> int | None:
        """How many weights a denoiser of ours has."""
        return self.weights.get(denoiser.rpartition(", ")[0])

    def table_of(self, name: str) -> str:
        """A set's figures and the published ones."""
        levels = SETS[name]
        rows = []
        for denoiser in self.own(name):
            cells = [
                f"{self.mean(denoiser, name, at, 'psnr'):.2f} / {self.mean(denoiser, name, at, 'ssim'):.4f}"
                for at in levels
            ]
            size = self.size_of(denoiser)
            rows.append([denoiser, "" if size is None else f"{size:,}", *cells, f"{self.seconds(denoiser, name):.2f}"])
        for other, about in PUBLISHED.items():
            if name in about.decibels:
                size_of = "" if about.weights is None else f"{about.weights:,}"
                rows.append([f"{other}, published", size_of, *(f"{one:.2f}" for one in about.decibels[name]), ""])
        count = max(len(group) for (_, of, _), group in self.groups.items() if of == name)
        head = ["denoiser", "weights", *map(str, levels), "CPU s / megapixel"]
        return f"{TITLES[name]}, {count} pictures, PSNR in dB / SSIM:\n\n{table(head, rows)}"

    def plot(self, name: str, level: int) -> Any:
        """PSNR over weights, and over seconds a megapixel; the best first in the legend."""
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogFormatter

        at = SETS[name].index(level)
        ours = {one: self.mean(one, name, level, "psnr") for one in self.own(name) if one != NOISY}
        theirs = {one: about.decibels[name][at] for one, about in PUBLISHED.items() if name in about.decibels}
        bm3d = theirs.pop("BM3D")
        figure = Figure(figsize=(10, 4), layout="constrained")
        by_size, by_time = figure.subplots(1, 2, sharey=True)
        for place, (denoiser, decibels) in enumerate(sorted({**ours, **theirs}.items(), key=lambda one: -one[1])):
            is_ours = denoiser in ours
            size = self.size_of(denoiser) if is_ours else PUBLISHED[denoiser].weights
            look = {"marker": MARKERS[place % len(MARKERS)], "linestyle": "", "markersize": 7}
            look |= {"color": "#2f6db3" if is_ours else "#8a93a0"}
            label = denoiser if is_ours else f"{denoiser}, published"
            by_size.plot([size] if size else [], [decibels] if size else [], label=label, **look)
            if is_ours:
                by_time.plot([self.seconds(denoiser, name)], [decibels], **look)
        for axes in (by_size, by_time):
            line = axes.axhline(bm3d, color=plots.INK, linewidth=0.8, linestyle="--")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:,.10g}")
            axes.xaxis.set_minor_formatter("")
            axes.margins(x=0.12, y=0.08)
            axes.spines[["top", "right"]].set_visible(False)
        by_time.xaxis.set_minor_formatter(LogFormatter())  # which names them where there is room
        line.set_label("BM3D, published")
        by_size.set_ylabel(f"PSNR in dB, {TITLES[name]}, sigma {level}", fontsize=8)
        by_size.set_xlabel("weights", fontsize=8)
        by_time.set_xlabel("CPU seconds a megapixel, one thread", fontsize=8)
        figure.legend(loc="outside right center", fontsize=8, frameon=False)
        return figure


MARKERS = "osD^vP*X<>"


if __name__ == "__main__":
    main()
