"""One table and plots of what the benchmarks wrote into a folder: run_all.py."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import timing
from lookalike import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KERAS, PLAIN, OURS = "Keras on TensorFlow", "plain PyTorch", "lookalike"
COURSE_EPOCHS = 25
HEAD = ("what", OURS, KERAS, PLAIN, "others", "ratio", "floor")
COLOURS = {OURS: "#2f6db3", "lookalike, float32": "#7fa6d1", PLAIN: "#d1782f", KERAS: "#8a93a0", "floor": "#33383f"}
PROCESSORS = (
    *("AMD Zen 3 (AVX2, float32 only)", "AMD Zen 4 (AVX-512, bfloat16)"),
    "an Intel Xeon (AVX-512 with bfloat16, no AMX)",
)
CLAIMS = (
    ("an epoch, times as quick as Keras", (2.9, 2.4, 1.25), ("epoch", OURS)),
    ("encoding, times as quick as Keras", (2.5, 3.2, 1.3), ("encode", OURS)),
    ("the course's quality, times sooner than Keras", (16, 8.3, 12.7), ("fast", OURS)),
)
"""What the docs say of each of `PROCESSORS`, and where it is found in what `training_speed.py` measures."""
Row = tuple[str, str, str, str, str, str, str]


def page(out: Path, names: list[str]) -> str:
    """The table, the plots, and below them what every part said; draws the plots into `out`."""
    found = {name: json.loads(path.read_text()) for name in names if (path := out / f"{name}.json").exists()}
    machines = [one["machine"] for one in found.values() if "machine" in one]
    parts = ["# Benchmarks\n"]
    if machines:
        parts.append(f"{timing.described(machines[-1])}.\n")
    parts.append(timing.table(HEAD, rows_of(found)) + "\n")
    if KERAS in found.get("training", {}).get("seconds", {}).get("epoch", {}):
        parts.append(claims(found["training"], timing.processor_of(machines[-1]) if machines else "this machine"))
    parts.append(
        "Seconds are medians of interleaved rounds; a ratio is the median of the rounds' ratios, lookalike against "
        "Keras where it was measured, else against the others named. Floors: reading, the inflating of the archive; "
        "training and encoding, the multiplications at the rate of one large matrix product; folder to codes, decoding "
        "plus encoding, each of which keeps all cores busy; PCA, half of the covariance's products in float32.\n"
    )
    if "training" in found:
        plots.save_figure(speeds(found["training"]), out / "training.png")
    if "profile" in found:
        plots.save_figure(steps(found["profile"]), out / "profile.png")
    parts += [f"![{path.stem}]({path.name})\n" for path in sorted(out.glob("*.png"))]
    for name in names:
        said = out / f"{name}.txt"
        if name in found and said.exists():
            parts.append(f"## {name}\n\n{said.read_text().strip()}\n")
    return "\n".join(parts)


def claims(one: dict[str, Any], here: str) -> str:
    """What the docs claim of some kinds of processor, and which of it holds on this one."""
    seconds = one["seconds"]
    rows = []
    for what, claimed, (word, who) in CLAIMS:
        if word != "fast":
            found = timing.times_quicker(seconds[word][KERAS], seconds[word][who])
        elif "fast" in one:
            whole = COURSE_EPOCHS * statistics.median(seconds["epoch"][KERAS])
            found = whole / statistics.median(row["seconds"] for row in one["fast"])
        else:
            continue
        holds = [f"{claim:g}: {'holds' if found >= claim else 'does not hold'}" for claim in claimed]
        rows.append((what, f"{found:.2f}", *holds))
    head = "claim", f"here: {here}", *(f"docs, of {processor}" for processor in PROCESSORS)
    return f"Which claims hold on this processor:\n\n{timing.table(head, rows)}\n"


def rows_of(found: dict[str, Any]) -> Iterator[Row]:
    """What was measured, in the order of HEAD."""
    if "data" in found:
        yield from _reading(found["data"])
    if "training" in found:
        yield from _training(found["training"])
    if "profile" in found:
        for one in found["profile"]["recipes"]:
            floor = sum(group["floor"] for group in one["groups"].values())
            name = f"a training step, {one['recipe']} recipe, batch {one['batch']}"
            yield name, f"{1e3 * one['seconds']:.1f} ms", "", "", "", "", f"{1e3 * floor:.1f} ms"
    if "folder" in found:
        yield from _folder(found["folder"])
    if "pca" in found:
        yield _pca(found["pca"], found.get("profile"))
    if "search" in found:
        yield from _search(found["search"])


def _reading(one: dict[str, Any]) -> Iterator[Row]:
    seconds = one["seconds"]
    others = f"the notebook's way {seconds['notebook']:.2f} s"
    floor = f"{seconds['inflating']:.2f} s"
    yield "reading LFW, first call", f"{seconds['first']:.2f} s", "", "", others, f"{one['ratio']:.2f}", floor
    yield "reading LFW, second call", f"{seconds['second_load']:.3f} s", "", "", "", "", ""


def _training(one: dict[str, Any]) -> Iterator[Row]:
    count, seconds, floors = one["images"], one["seconds"], one["floors"]
    first = KERAS if KERAS in seconds["epoch"] else PLAIN
    titles = {"epoch": f"training epoch, {count:,} pictures", "encode": f"encoding {count:,} pictures"}
    for word, title in titles.items():
        for who in (name for name in seconds[word] if name.startswith(OURS)):
            middle = {name: f"{statistics.median(times):.2f} s" for name, times in seconds[word].items()}
            ratio = timing.times_quicker(seconds[word][first], seconds[word][who])
            what = title + who.removeprefix(OURS)
            yield what, middle[who], middle.get(KERAS, ""), middle[PLAIN], "", f"{ratio:.2f}", f"{floors[word]:.2f} s"
    if "fast" in one:
        taken = statistics.median(row["seconds"] for row in one["fast"])
        mse = statistics.mean(row["test_mse"] for row in one["fast"])
        whole = {
            who: COURSE_EPOCHS * statistics.median(seconds["epoch"][who]) for who in (KERAS, PLAIN)
            if who in seconds["epoch"]
        }  # fmt: skip
        theirs = {who: f"{value:.0f} s ({COURSE_EPOCHS} epochs)" for who, value in whole.items()}
        ours = f"{taken:.1f} s (test MSE {mse:.5f})"
        sooner = f"{whole[first] / taken:.1f}"
        yield "the course's quality: recipe `fast`", ours, theirs.get(KERAS, ""), theirs[PLAIN], "", sooner, ""
    peak = f"{one['peak_memory_mb']:,.0f} MB"
    yield "peak memory of reading LFW and training on it", peak, "", "", "", "", ""


def _folder(one: dict[str, Any]) -> Iterator[Row]:
    seconds = one["seconds"]
    alone, encoding = seconds["decoding alone"], seconds["encoding alone"]
    what = f"a folder of {one['images']:,} JPEGs to codes in a gallery"
    others = f"decoding alone {alone:.2f} s, encoding alone {encoding:.2f} s"
    ratio = f"{one['of_the_slower_alone']:.0%} of the slower"
    yield what, f"{seconds['files to codes']:.2f} s", "", "", others, ratio, f"{alone + encoding:.2f} s"
    least, most = one["memory"][0], one["memory"][-1]
    peaks = [f"{row['peak_mb'] - row['before_mb']:,.0f} MB" for row in (least, most)]
    what = f"memory of that beside the program's, {least['images']:,} and {most['images']:,} JPEGs"
    yield what, " and ".join(peaks), "", "", "", "", ""


def _pca(one: dict[str, Any], profile: dict[str, Any] | None) -> Row:
    chosen = next(row for row in one["codes"] if row["code"] == 32)
    theirs, ours = chosen["scikit_learn_seconds"], chosen["seconds"]
    floor = ""
    if profile is not None:  # half of the covariance's products: it is symmetric
        floor = f"{one['images'] * one['values'] ** 2 / profile['rates']['float32']:.2f} s"
    return "exact PCA, code 32", f"{ours:.2f} s", "", "", f"scikit-learn {theirs:.2f} s", f"{theirs / ours:.1f}", floor


def _search(one: dict[str, Any]) -> Iterator[Row]:
    hand, learn = one["faiss"], one["scikit_learn"]
    what = f"searching {one['count']:,} codes, {one['chosen']['kind']}, recall {one['recall']:.3f}"
    others = f"FAISS by hand {hand['by_hand']:,.0f}/s, scikit-learn {learn['queries_per_second']:,.0f}/s"
    ratio = f"{hand['ratio']:.2f} of FAISS, {hand['ours'] / learn['queries_per_second']:,.0f} times scikit-learn"
    yield what, f"{hand['ours']:,.0f} queries/s", "", "", others, ratio, ""


def speeds(one: dict[str, Any]) -> Figure:
    """Pictures a second of training and encoding, a bar for each, the floor as a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3), layout="constrained")
    for axes, (word, title) in zip(figure.subplots(1, 2), (("epoch", "training"), ("encode", "encoding")), strict=True):
        rates = {who: one["images"] / statistics.median(times) for who, times in one["seconds"][word].items()}
        bars = axes.barh(list(rates), list(rates.values()), color=[COLOURS[who] for who in rates], height=0.6)
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # a figure may lie on the floor's line
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8, color=plots.INK, bbox=behind)
        limit = one["images"] / one["floors"][word]
        axes.axvline(limit, color=COLOURS["floor"], linestyle=":", label="multiplications alone")
        axes.set_xlim(0, 1.08 * limit)
        axes.set_xlabel(f"{title}, pictures a second", color=plots.INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.legend(frameon=False, fontsize=8, labelcolor=plots.INK, loc="lower right", bbox_to_anchor=(1, 0.98))
    return figure


def steps(one: dict[str, Any]) -> Figure:
    """Milliseconds of a training step by group, the floor within each bar, a panel for each recipe."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, len(one["recipes"]), squeeze=False, sharey=True)[0]
    for axes, recipe in zip(panels, one["recipes"], strict=True):
        groups = dict(reversed(recipe["groups"].items()))
        taken = [1e3 * group["seconds"] for group in groups.values()]
        least = [1e3 * group["floor"] for group in groups.values()]
        axes.barh(list(groups), taken, color="#b7cbe2", height=0.7, label="measured")
        for place, (one_taken, floor) in enumerate(zip(taken, least, strict=True)):
            axes.annotate(
                f"{one_taken:.2f}", (max(one_taken, floor), place), (4, 0), textcoords="offset points", va="center",
                fontsize=8, color=plots.INK,
            )  # fmt: skip
        axes.barh(list(groups), least, color=COLOURS[OURS], height=0.3, label="floor")
        axes.margins(x=0.15)
        axes.set_title(f"recipe {recipe['recipe']}, {recipe['precision']}", fontsize=10, loc="left", color=plots.INK)
        axes.set_xlabel("milliseconds of a step", color=plots.INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, labelcolor=plots.INK, loc="lower right")
    return figure
