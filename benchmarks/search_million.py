"""One million codes: the index that `choose` picks, against scikit-learn, FAISS by hand, and every other kind.

The codes are LFW's (exact PCA codes of 32 numbers), jittered: a face is drawn at random, and Gaussian noise is added
whose expected length is the mean distance of that face's code to its 10 nearest. The 10,000 queries are drawn the same
way and are never in the index. Recall is the share of the true 10 nearest, by exact search over all codes.

    python benchmarks/search_million.py lfw-deepfunneled.tgz --out FOLDER [--count 1000000]

Writes `search.md`, `search.json` and `search.png` into FOLDER. Takes 5 to 20 minutes on two cores, most of it for
exact answers and scikit-learn's; needs 4 GB of memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike import files, plots
from lookalike.search import INDEXES, Index, choose, keep_promise, make_metric
from lookalike.search.exact import ExactIndex
from lookalike.search.examination import Examination
from lookalike.search.inputs import Ids
from lookalike.search.metric import Floats

PROMISED, K, QUERIES, CODE = 0.95, 10, 10_000, 32
TABLE_QUERIES, ROUNDS = 1000, 7
TURNOVER = 0.05
ENOUGH = 0.995
Row = dict[str, Any]


def say(text: str) -> None:
    print(f"{time.perf_counter():8.1f} s  {text}", file=sys.stderr, flush=True)


class Jitter:
    """Draws codes about those of real faces."""

    def __init__(self, archive: Path) -> None:
        faces = la.load(archive, size=32, crop=80)
        self.codes = la.PCAAutoencoder(CODE).fit(faces).encode(faces)
        near = ExactIndex().fit(self.codes).query(self.codes, K + 1).distances[:, 1:]
        self.scale = near.mean(axis=1, keepdims=True) / np.sqrt(CODE)

    def draw(self, count: int, seed: int) -> Floats:
        """Float32 (count, 32)."""
        generator = np.random.default_rng(seed)
        chosen = generator.integers(0, len(self.codes), count)
        noise = generator.standard_normal((count, CODE), np.float32)
        drawn: Floats = (self.codes[chosen] + self.scale[chosen] * noise).astype(np.float32)
        return drawn


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def scikit_learn(codes: Floats, queries: Floats) -> Row:
    """The fastest of scikit-learn's algorithms on a few queries, then timed on more."""
    tried = {}
    for algorithm in ("brute", "kd_tree", "ball_tree"):
        say(f"scikit-learn: {algorithm}")
        fitted = NearestNeighbors(n_neighbors=K, algorithm=algorithm, n_jobs=-1).fit(codes)
        seconds = timed(lambda fitted=fitted: fitted.kneighbors(queries[:40]))  # type: ignore[misc]
        tried[algorithm] = 40 / seconds
    best = max(tried, key=lambda name: tried[name])
    fitted = NearestNeighbors(n_neighbors=K, algorithm=best, n_jobs=-1).fit(codes)
    count = int(min(len(queries), max(200, 15 * tried[best])))
    return {
        "algorithm": best,
        "tried": tried,
        "queries": count,
        "queries_per_second": count / timed(lambda: fitted.kneighbors(queries[:count])),
    }


def by_hand(index: Index, codes: Floats) -> Callable[[Floats], tuple[Any, Any]]:
    """FAISS called by hand, built with the same settings, as its own examples do."""
    import faiss

    library: Any = faiss
    s, width = index.settings, codes.shape[1]
    if index.kind == "hnsw":
        built = library.IndexHNSWFlat(width, s["links"])
        built.hnsw.efConstruction, built.hnsw.efSearch = s["ef_construction"], s["ef_search"]
    elif index.kind == "ivf":
        built = library.IndexIVFFlat(library.IndexFlatL2(width), width, s["lists"])
        built.cp.max_points_per_centroid = 64
        built.nprobe = s["probes"]
    elif index.kind == "ivfpq":
        lists = library.IndexIVFPQ(library.IndexFlatL2(width), width, s["lists"], s["segments"], 8)
        lists.nprobe, lists.cp.max_points_per_centroid = s["probes"], 64
        lists.pq.cp.niter, lists.pq.cp.max_points_per_centroid = 10, 64
        built = library.IndexRefineFlat(lists)
        built.k_factor = s["candidates"] / K
    elif index.kind == "lsh":
        built = library.IndexRefineFlat(library.IndexLSH(width, s["bits"], True, True))
        built.k_factor = s["candidates"] / K
    else:
        built = library.IndexFlatL2(width)
    built.train(codes)
    built.add(codes)
    return lambda queries: built.search(queries, K)


def against_faiss(index: Index, codes: Floats, queries: Floats) -> Row:
    """Queries a second of both, in turns; medians, and the median of the rounds' ratios."""
    say(f"building {index.kind} by hand in FAISS")
    hand = by_hand(index, codes)
    hand(queries)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(ROUNDS):
        pair = [(ours, lambda: index.query(queries, K)), (theirs, lambda: hand(queries))]
        for seconds, call in pair if turn % 2 else pair[::-1]:
            seconds.append(timed(call))
    return {
        "ours": len(queries) / statistics.median(ours),
        "by_hand": len(queries) / statistics.median(theirs),
        "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
    }


def size_of(index: Index) -> int:
    """Bytes that the index takes when it is saved, which are those that it holds in memory."""
    with tempfile.TemporaryDirectory() as folder:
        index.save(folder)
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def curves(examination: Examination, codes: Floats, ids: Ids) -> list[Row]:
    """Every kind over a range of efforts: recall, queries a second, memory, build time."""
    rows: list[Row] = []
    metric = make_metric("euclidean")
    for kind, make in INDEXES.items():
        say(f"the table: {kind}")
        index = make()
        seconds = timed(lambda index=index: index.hold(metric, codes, ids))  # type: ignore[misc]
        megabytes = size_of(index) / 1e6
        for settings in efforts(index):
            index.tune(**settings)
            taken = examination.seconds_of(index, 1 if kind in ("exact", "lsh") else 3)
            recall = float(examination.shares(index).mean())
            speed = len(examination.queries) / taken
            rows.append({
                "kind": kind, "settings": dict(index.settings), "recall": recall, "queries_per_second": speed,
                "megabytes": megabytes, "build_seconds": seconds,
            })  # fmt: skip
            say(f"{kind} {settings}: recall {recall:.4f}, {speed:,.0f} queries/s")
            if recall >= ENOUGH:
                break
    return rows


def efforts(index: Index) -> list[dict[str, int]]:
    if index.effort is None:
        return [{}]
    if index.kind == "lsh":
        return [{"candidates": 250 * 4**step} for step in range(4)]
    if index.kind == "ivfpq":
        return [{"probes": 4 * 2**step, "candidates": 16 * 2**step} for step in range(7)]
    first = index.options[index.effort].least if index.kind == "ivf" else K
    return [{index.effort: first * 2**step} for step in range(9)]


def turned_over(index: Index, report: Any, codes: Floats, queries: Floats, jitter: Jitter) -> Row:
    """5% deleted, 5% added: the promise measured again, on queries that played no part in the choice."""
    generator = np.random.default_rng(7)
    count = int(TURNOVER * len(codes))
    gone = generator.choice(len(codes), count, replace=False)
    fresh, fresh_ids = jitter.draw(count, seed=4), np.arange(len(codes), len(codes) + count)
    say(f"{count:,} deleted, {count:,} added")
    removing = timed(lambda: index.remove(gone))
    adding = timed(lambda: index.add(fresh, fresh_ids))
    kept = np.setdiff1d(np.arange(len(codes)), gone)
    now, ids = np.concatenate([codes[kept], fresh]), np.concatenate([kept, fresh_ids])
    index, again = keep_promise(index, now, ids, jitter.draw(2000, seed=5), report, progress=say)
    say(f"{again}")
    examination = Examination.like(index, now, ids, queries, K)
    found = index.query(np.concatenate([queries, codes[gone[:QUERIES]]]), K).ids
    return {
        "deleted": count, "added": count, "remove_seconds": removing, "add_seconds": adding,
        "recall": float(examination.shares(index).mean()), "report": again.as_json() | {"trials": []},
        "deleted_that_came_back": int(np.isin(found, gone).sum()),
    }  # fmt: skip


def page(result: Row) -> str:
    chosen, learn, hand, turned = (result[name] for name in ("chosen", "scikit_learn", "faiss", "turned_over"))
    tried = ", ".join(f"{name} {speed:,.1f}" for name, speed in learn["tried"].items())
    times = hand["ours"] / learn["queries_per_second"]
    lines = [
        f"| {result['count']:,} codes of {CODE}, k = {K}, {QUERIES:,} fresh queries | |",
        "|---|---|",
        f"| chosen for a recall of {PROMISED} | {chosen['kind']}, {shown(chosen['settings'])} |",
        f"| recall on the fresh queries | {result['recall']:.4f} |",
        f"| queries a second | {hand['ours']:,.0f} |",
        f"| FAISS by hand, same settings, in turns | {hand['by_hand']:,.0f}: ours is {hand['ratio']:.1%} of it |",
        f"| scikit-learn, {learn['algorithm']} (of {tried}) | {learn['queries_per_second']:,.1f}: {times:,.0f} x |",
        f"| choosing took | {result['choose_seconds']:,.0f} s |",
        f"| {turned['deleted']:,} deleted, {turned['added']:,} added: recall | {turned['recall']:.4f} |",
        f"| deleted items that came back | {turned['deleted_that_came_back']} |",
        "",
        f"| kind | settings | recall@{K} | queries/s | memory, MB | build, s |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['kind']} | {shown(row['settings'])} | {row['recall']:.4f} | {row['queries_per_second']:,.0f} "
        f"| {row['megabytes']:,.0f} | {row['build_seconds']:,.1f} |"
        for row in result["table"]
    ]
    return "\n".join(lines) + "\n"


def shown(settings: dict[str, int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in settings.items()) or "none"


def plot(rows: list[Row]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for kind in INDEXES:
        points = [(row["recall"], row["queries_per_second"]) for row in rows if row["kind"] == kind]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=kind)
    axes.axvline(PROMISED, color="#b8bec6", linestyle=":")
    axes.set(xlabel=f"recall@{K}", ylabel="queries a second, in batches", yscale="log", xlim=(0.4, 1.005))
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--method", default="auto", help="let 'auto' choose among all kinds, or tune one")
    parser.add_argument(
        "--without-table", action="store_true", help="leave out the table of all kinds, half of the time"
    )
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    jitter = Jitter(arguments.archive)
    codes, queries = jitter.draw(arguments.count, seed=1), jitter.draw(QUERIES, seed=2)
    ids: npt.NDArray[np.int64] = np.arange(len(codes))
    started = time.perf_counter()
    index, report = choose(codes, ids, recall=PROMISED, k=K, method=arguments.method, progress=say)
    result: Row = {"count": len(codes), "choose_seconds": time.perf_counter() - started, "chosen": report.as_json()}
    say(f"{report}")
    say("the true neighbours of the fresh queries")
    result["recall"] = float(Examination.like(index, codes, ids, queries, K).shares(index).mean())
    say(f"recall on {QUERIES:,} fresh queries: {result['recall']:.4f}")
    result["faiss"] = against_faiss(index, codes, queries)
    say(f"{result['faiss']}")
    result["scikit_learn"] = scikit_learn(codes, queries)
    say(f"{result['scikit_learn']}")
    result["turned_over"] = turned_over(index, report, codes, queries, jitter)
    result["table"] = []
    if not arguments.without_table:
        exact = ExactIndex().fit(codes, ids)
        result["table"] = curves(Examination(exact, queries[:TABLE_QUERIES], K), codes, ids)
    files.write_json(arguments.out / "search.json", result)
    files.write_text(arguments.out / "search.md", page(result))
    if result["table"]:
        plots.save_figure(plot(result["table"]), arguments.out / "search.png")
    print(page(result))


if __name__ == "__main__":
    main()
