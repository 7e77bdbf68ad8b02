"""How cost grows with the side of pictures, the code, and the number of pictures, and with which power of each.

    python benchmarks/growth.py [--rounds 3] [--most 100000] [--out FOLDER]

A quantity x^p is a straight line of slope p where both axes are logarithmic; p is fitted by least squares over all
points, and once more between the last two, where what does not grow weighs least. Pictures are procedural faces,
repeated, jittered and enlarged, since time does not depend on what they show. A training step is the course recipe's,
of 32 pictures: the seconds of a long training less those of a short one, over the steps between them. With --out,
writes `growth.json`, `growth.md` and `growth.png`. Takes about three minutes on two cores.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import lookalike as la
import timing
from lookalike import files, plots
from lookalike.data.images import Pixels
from lookalike.models.encoding import search_codes
from lookalike.search.index import index_class

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = (32, 48, 64, 96, 128, 192, 256)
CODES = (8, 32, 128, 512)
COUNTS = (1_000, 3_000, 10_000, 30_000, 100_000)
TRAINED_UP_TO = 10_000
"""A training epoch is its steps: more pictures would only take longer."""
SIDE, CODE, BATCH, K, QUERIES = 32, 32, 32, 10, 1000
STORED = 40
"""Side of the pictures in a file, which are resized to 32 as they are loaded."""
REPEATED_UP_TO = 10_000
"""Whatever takes longer is measured once."""
WORK = 32 * 40
"""Steps of a training at 32 x 32 times its pixels, over 32 x 32: larger pictures get fewer steps, but 3."""
COLOURS = ("#2f6db3", "#d1782f", "#3f8f5b", "#8a93a0", "#8a5fb0", "#b84a62")


class Series(NamedTuple):
    """One quantity: where it was measured, seconds there (or seconds a picture), and what is expected of it."""

    name: str
    unit: str
    points: list[tuple[int, float]]
    meaning: str

    @property
    def slope(self) -> float:
        """The fitted power over all points."""
        x, y = np.log(np.array(self.points)).T
        return float(np.polyfit(x, y, 1)[0])

    @property
    def last_slope(self) -> float:
        """The power between the last two points."""
        x, y = np.log(np.array(self.points[-2:])).T
        return float((y[1] - y[0]) / (x[1] - x[0]))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def jittered(count: int, side: int, seed: int = 0) -> Pixels:
    """uint8 (count, side, side, 3): faces of 32 x 32, enlarged by repetition, each with noise of its own."""
    faces = la.load("synthetic:500", size=SIDE).pixels
    generator = np.random.default_rng(seed)
    times = -(-side // SIDE)
    made = np.empty((count, side, side, 3), np.uint8)
    for i, which in enumerate(generator.integers(0, len(faces), count)):
        large = faces[which].repeat(times, axis=0).repeat(times, axis=1)[:side, :side]
        made[i] = large ^ generator.integers(0, 16, large.shape, np.uint8)
    return made


def step_seconds(side: int, code: int, rounds: int) -> float:
    """Seconds of one step of the course recipe."""
    steps = max(3, round(WORK / BATCH * (SIDE / side) ** 2))
    pictures = jittered(BATCH * (1 + steps), side)

    def trained(count: int) -> Callable[[], float]:
        model = la.ConvAutoencoder(code)
        return lambda: timing.seconds_of(lambda: model.fit(pictures[: BATCH * count], epochs=1, progress=False))

    times = timing.take_turns({"short": trained(1), "long": trained(1 + steps)}, rounds)
    between = [long - short for long, short in zip(times["long"], times["short"], strict=True)]
    return max(statistics.median(between), 1e-9) / steps


def encoding_seconds(side: int, code: int, rounds: int) -> float:
    """Seconds a picture of `search_codes`."""
    count = int(np.clip(2000 * (SIDE / side) ** 2, 64, 2000))
    pictures, model = jittered(count, side), la.ConvAutoencoder(code).initialise((side, side, 3))
    times = timing.take_turns({"": lambda: timing.seconds_of(lambda: search_codes(model, pictures))}, rounds)
    return statistics.median(times[""]) / count


def over_sides(sides: Sequence[int], rounds: int) -> list[Series]:
    pixels = "2: as the pixels; the two dense layers grow as they do", "2: as the pixels"
    return over_shapes({side: (side, CODE) for side in sides}, "pictures of {0} x {0}", pixels, rounds)


def over_codes(codes: Sequence[int], rounds: int) -> list[Series]:
    nothing = "0: the convolutions, which do not know the code, are nearly all", "0: the same"
    return over_shapes({code: (SIDE, code) for code in codes}, "codes of {0}", nothing, rounds)


def over_shapes(shapes: dict[int, tuple[int, int]], named: str, meanings: tuple[str, str], rounds: int) -> list[Series]:
    """A training step and encoding for each (side, code), by what grows."""
    steps, encoding = [], []
    for place, shape in shapes.items():
        say(named.format(place))
        steps.append((place, step_seconds(*shape, rounds)))
        encoding.append((place, encoding_seconds(*shape, rounds)))
    return [
        Series("training step of 32", "s", steps, meanings[0]),
        Series("encoding a picture", "s", encoding, meanings[1]),
    ]


def costs_of(count: int) -> dict[str, float]:
    """Seconds of everything that is done with `count` pictures."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "pictures.npy"
        np.save(path, jittered(count, STORED))
        loaded: list[la.ImageSet] = []
        found["loading an .npy of 40 x 40"] = timing.seconds_of(
            lambda: loaded.append(la.load(path, size=SIDE, cache=False))
        )
        pictures = loaded[0]
        found["exact PCA"] = timing.seconds_of(lambda: la.PCAAutoencoder(CODE).fit(pictures))
        model = la.ConvAutoencoder(CODE)
        if count <= TRAINED_UP_TO:
            found["training epoch"] = timing.seconds_of(lambda: model.fit(pictures, epochs=1, progress=False))
        else:
            model.initialise(pictures.image_shape)
        codes = []
        found["encoding"] = timing.seconds_of(lambda: codes.append(search_codes(model, pictures)))
        index = index_class("exact")().fit(codes[0])
        index.query(codes[0][:QUERIES], K)
        found["an exact search"] = timing.seconds_of(lambda: index.query(codes[0][:QUERIES], K)) / QUERIES
        with la.Gallery.open(Path(place) / "gallery", model) as gallery:
            found["a gallery, exact index"] = timing.seconds_of(lambda: gallery.update(path, method="exact"))
    return found


def over_counts(counts: Sequence[int], rounds: int) -> list[Series]:
    meanings = {
        "loading an .npy of 40 x 40": "1: every picture is resized",
        "exact PCA": "1, once the covariance of 3,072 values weighs more than its eigenvectors, which are fixed cost",
        "training epoch": "1: every picture is shown once",
        "encoding": "1: every picture is encoded",
        "an exact search": "1: every code is compared, 1,000 queries at once",
        "a gallery, exact index": "1: resized, hashed, encoded, written, named in the database",
    }
    points: dict[str, list[tuple[int, float]]] = {name: [] for name in meanings}
    costs_of(counts[0])  # what is imported and compiled once
    for count in counts:
        say(f"{count:,} pictures")
        found = [costs_of(count) for _ in range(rounds if count <= REPEATED_UP_TO else 1)]
        for name in found[0]:
            points[name].append((count, statistics.median(one[name] for one in found)))
    return [Series(name, "s", points[name], meaning) for name, meaning in meanings.items()]


def page(groups: dict[str, list[Series]]) -> str:
    """A table for each thing that grows."""
    parts = []
    for along, series in groups.items():
        places = sorted({x for one in series for x, _ in one.points})
        head = [along, *(f"{x:,}" for x in places), "slope", "between the last two", "expected"]
        rows = []
        for one in series:
            values = dict(one.points)
            cells = [shown(values[x]) if x in values else "" for x in places]
            rows.append([one.name, *cells, f"{one.slope:.2f}", f"{one.last_slope:.2f}", one.meaning])
        parts.append(timing.table(head, rows))
    return "\n\n".join(parts) + "\n"


def shown(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def plot(groups: dict[str, list[Series]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 4.4), layout="constrained")
    for axes, (along, series) in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups.items(), strict=True):
        _panel(axes, along, series)
    return figure


def _panel(axes: Axes, along: str, series: list[Series]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    for one, colour in zip(series, COLOURS, strict=False):
        x, y = zip(*one.points, strict=True)
        axes.plot(x, y, marker="o", markersize=4, color=colour, label=f"{one.name}: slope {one.slope:.2f}")
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel(along, color=plots.INK)
    axes.set_ylabel("seconds", color=plots.INK)
    places = sorted({x for one in series for x, _ in one.points})
    axes.set_xticks(places)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", which="major", color="#e4e7eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** (0.07 * len(series)))  # room for the legend
    axes.legend(frameon=False, fontsize=8, labelcolor=plots.INK, loc="upper left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of all but what takes long")
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="leave out larger numbers of pictures")
    parser.add_argument("--largest", type=int, default=SIDES[-1], help="leave out larger pictures")
    parser.add_argument("--out", type=Path, help="a folder for growth.json, growth.md and growth.png")
    arguments = parser.parse_args()
    if arguments.most < COUNTS[1] or arguments.largest < SIDES[1]:
        parser.error(f"a slope needs two points: give --most {COUNTS[1]} and --largest {SIDES[1]}, or more")
    groups = {
        "side in pixels": over_sides([side for side in SIDES if side <= arguments.largest], arguments.rounds),
        "numbers of the code": over_codes(CODES, arguments.rounds),
        "pictures": over_counts([count for count in COUNTS if count <= arguments.most], arguments.rounds),
    }
    if arguments.out is not None:
        result = {
            along: {one.name: {**one._asdict(), "slope": one.slope, "last_slope": one.last_slope} for one in series}
            for along, series in groups.items()
        }
        timing.write_result(arguments.out / "growth.json", result)
        files.write_text(arguments.out / "growth.md", page(groups))
        plots.save_figure(plot(groups), arguments.out / "growth.png")
    print(page(groups))


if __name__ == "__main__":
    main()
