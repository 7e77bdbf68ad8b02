"""One figure a row: what was measured of whom; and all that is written of figures: CSV, tables, one plot."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lookalike.plots import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Plot

TITLES = {
    "reconstruction": "Reconstruction of the test pictures",
    "looking": "Reconstructions, as they look",
    "samples": "New pictures, drawn from a mixture of codes",
    "denoising": "Denoising of test pictures",
    "retrieval": "Search: the same person among the nearest",
    "agreement": "Search: attributes shared with the ten nearest",
    "pixel neighbours": "Search: the ten nearest by pixels, found by codes",
    "verification": "Verification: one person or two",
}
DIGITS = {"MSE": 5, "PSNR (dB)": 2, "patches apart (SWD x1000)": 1}
OTHER_DIGITS = 3
WITHOUT_CODE = "–"
COLOURS = ("#2f6db3", "#d1782f", "#3a8f6f", "#8c5fa8", "#b8a038", "#5aa7c7", "#a8484e")
"""Told apart by colour-blind eyes, for the models in their order."""
GREYS = ("#33383f", "#7d8794", "#8d6e63", "#a3acb8", "#607d8b")
"""For what has no code of its own learning: noisy input, classical denoisers, raw pixels, hash."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GRID = "#e4e7eb"
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": INK}


class Figure(NamedTuple):
    """One measured number.

    Attributes:
        model: who was measured: a run, exact PCA, raw pixels, a classical denoiser.
        code: numbers a picture, None for what has no code.
        metric: how codes were compared, "" where nothing was compared.
        group: one of `TITLES`.
        measure: what the number is, with its unit where it has one.
        level: a noise level, a number of neighbours, an attribute or a size; "" where there is one level only.
        value: the number.
    """

    model: str
    code: int | None
    metric: str
    group: str
    measure: str
    level: str
    value: float


def as_csv(figures: Iterable[Figure]) -> str:
    """The figures as CSV, every digit kept; an empty cell stands for no code."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Figure._fields)
    writer.writerows(figures)
    return stream.getvalue()


def as_markdown(title: str, notes: Sequence[str], figures: Sequence[Figure]) -> str:
    """A page: the title, the notes as a list, and a table for every group of figures."""
    lines = [f"# {title}", "", *(f"- {note}" for note in notes)]
    for group, heading in TITLES.items():
        rows = [figure for figure in figures if figure.group == group]
        if rows:
            lines += ["", f"## {heading}"]
            for caption, columns in _tables(rows):
                lines += ["", *([f"{caption}:", ""] if caption else []), *_table(rows, columns)]
    return "\n".join(lines) + "\n"


def shown(measure: str, value: float) -> str:
    """A figure as the page prints it: 5 digits after the point for MSE, 2 for PSNR, else 3."""
    return f"{value:.{DIGITS.get(measure, OTHER_DIGITS)}f}" if math.isfinite(value) else str(value)


def _tables(rows: Sequence[Figure]) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each table its caption and its columns (measure, level); measures without levels share the first one."""
    columns = list(dict.fromkeys((row.measure, row.level) for row in rows))
    plain = [column for column in columns if not column[1]]
    measures = dict.fromkeys(measure for measure, level in columns if level)
    tables = [(measure, [column for column in columns if column[0] == measure]) for measure in measures]
    return [("", plain), *tables] if plain else tables


def _table(rows: Sequence[Figure], columns: Sequence[tuple[str, str]]) -> list[str]:
    values = {(row[:3], row.measure, row.level): row.value for row in rows}
    has_metric = any(row.metric for row in rows)
    heads = ["model", "code", *(["metric"] if has_metric else []), *(level or measure for measure, level in columns)]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for who in dict.fromkeys(row[:3] for row in rows):
        model, code, metric = who
        cells = [
            "" if (value := values.get((who, measure, level))) is None else shown(measure, value)
            for measure, level in columns
        ]
        names = [model, WITHOUT_CODE if code is None else str(code), *([metric] if has_metric else [])]
        lines.append(_line([*names, *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


Who = tuple[str, int | None]


def quality_figure(figures: Sequence[Figure]) -> Plot:
    """Four panels: reconstruction MSE, denoising PSNR by level, same person at the first place, verification."""
    from matplotlib.figure import Figure as Plot

    plot = Plot(figsize=(13, 9), layout="constrained")
    panels = plot.subplots(2, 2)
    models = list(dict.fromkeys((f.model, f.code) for f in figures if f.group == "reconstruction"))
    colours = {who: COLOURS[i % len(COLOURS)] for i, who in enumerate(models)}
    others = [who for who in dict.fromkeys((f.model, f.code) for f in figures) if who not in colours]
    colours |= {who: GREYS[i % len(GREYS)] for i, who in enumerate(others)}
    _reconstruction(panels[0, 0], figures, colours)
    _denoising(panels[0, 1], figures, colours)
    by_metric = (
        (panels[1, 0], "retrieval", "same person in the top", "1", "Same person at the first place (share of queries)"),
        (panels[1, 1], "verification", "accuracy", "", "One person or two: accuracy (0.5 by chance)"),
    )
    for axes, group, measure, level, label in by_metric:
        chosen = [f for f in figures if (f.group, f.measure, f.level) == (group, measure, level)]
        _by_metric(axes, chosen, label, colours, 0.5 if group == "verification" else 0.0)
    lines, names = panels[0, 1].get_legend_handles_labels()  # all models stand in this panel
    plot.legend(lines, names, loc="outside lower center", ncols=4, **LEGEND)
    return plot


def _reconstruction(axes: Axes, figures: Sequence[Figure], colours: dict[Who, str]) -> None:
    rows = [f for f in figures if (f.group, f.measure) == ("reconstruction", "MSE")][::-1]
    bars = axes.barh([_name(f.model, f.code) for f in rows], [f.value for f in rows], color=_colours(rows, colours))
    axes.bar_label(bars, fmt="%.5f", padding=3, fontsize=8, color=INK)
    axes.margins(x=0.18)
    _dress(axes, "Reconstruction of test pictures", axis="x")
    axes.set_xlabel("mean squared error (less is better)", color=INK)


def _denoising(axes: Axes, figures: Sequence[Figure], colours: dict[Who, str]) -> None:
    rows = [f for f in figures if (f.group, f.measure) == ("denoising", "PSNR (dB)")]
    levels = list(dict.fromkeys(f.level for f in rows))
    for i, who in enumerate(dict.fromkeys((f.model, f.code) for f in rows)):
        values = [next(f.value for f in rows if (f.model, f.code, f.level) == (*who, level)) for level in levels]
        style: dict[str, Any] = {"color": colours[who], "marker": MARKERS[i % len(MARKERS)], "markersize": 6}
        axes.plot(levels[:-1], values[:-1], linestyle="--" if who[1] is None else "-", label=_name(*who), **style)
        axes.plot(levels[-1:], values[-1:], linestyle="none", **style)
    _dress(axes, "Denoising of test pictures", axis="y")
    axes.set_xlabel("sigma of the noise (blind: 0 to 0.25, unknown)", color=INK)
    axes.set_ylabel("PSNR in dB (more is better)", color=INK)


def _by_metric(axes: Axes, rows: Sequence[Figure], label: str, colours: dict[Who, str], least: float) -> None:
    if not rows:
        axes.axis("off")
        axes.text(0.5, 0.5, f"{label}:\nnot measured on these pictures", ha="center", va="center", color=INK)
        return
    models = list(dict.fromkeys((f.model, f.code) for f in rows))
    metrics = list(dict.fromkeys(f.metric for f in rows if sum(o.metric == f.metric for o in rows) > 1)) or [""]
    alone = [who for who in models if len([f for f in rows if (f.model, f.code) == who]) == 1]
    judged = [who for who in models if who not in alone]
    width = 0.8 / max(len(judged), 1)
    for i, who in enumerate(judged):
        own = {f.metric: f.value for f in rows if (f.model, f.code) == who}
        places = np.arange(len(metrics)) + (i - (len(judged) - 1) / 2) * width
        bars = axes.bar(places, [own[m] for m in metrics], width * 0.92, color=colours[who])
        axes.bar_label(bars, fmt="%.3f", padding=2, fontsize=7, color=INK, rotation=90 if len(judged) > 3 else 0)
    for who, style in zip(alone, ("--", ":", "-."), strict=False):
        value = next(f.value for f in rows if (f.model, f.code) == who)
        axes.axhline(value, color=INK, linestyle=style, linewidth=1, zorder=0.9, label=f"{who[0]} {value:.3f}")
    axes.set_xticks(np.arange(len(metrics)), [metric.replace("-", "-\n") for metric in metrics])
    axes.margins(y=0.1)
    axes.set_ylim(bottom=least)  # after the margins, which it ends
    _dress(axes, label, axis="y")
    if alone:  # below, as bars may stand anywhere in the panel
        axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.13), ncols=3, **LEGEND)


def _name(model: str, code: int | None) -> str:
    return model if code is None else f"{model} ({code})"


def _colours(rows: Sequence[Figure], colours: dict[Who, str]) -> list[str]:
    return [colours[f.model, f.code] for f in rows]


def _dress(axes: Any, title: str, *, axis: str) -> None:
    axes.set_title(title, color=INK, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=axis, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
