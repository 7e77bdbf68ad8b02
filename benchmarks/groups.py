"""How well `lookalike.review.groups` finds people, what a subset covers, and how long both take.

    python benchmarks/groups.py lfw-deepfunneled.tgz --run RUN [--counts 10000 30000 100000]

People: the two thirds of LFW's people that no constant was chosen on. Pairs and B-cubed (Bagga and Baldwin, 1998) of
precision, recall and F, pictures in no group each alone; for the codes of RUN, of exact PCA with 128 numbers fitted to
the other third, and for the pixels themselves, by their cosine.

Subsets: mean and largest distance to the nearest chosen of the same pictures, and the share of people of ten pictures
or more who are among the chosen, by each way and by chance (mean of ten draws).

Time: RUN's codes, repeated with 0.3 standard deviations of noise.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import Counter
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from scipy import sparse

import lookalike as la
from lookalike.pixels import Floats
from lookalike.review.clusters import clusters
from lookalike.review.sampling import WAYS, chosen, nearest_squared
from lookalike.search.metric import make_metric

Ids = npt.NDArray[np.int64]
METRIC = "whitened-cosine"
CHOSEN = 200
OFTEN = 10


def labelled(points: Floats) -> Ids:
    """Groups with exact neighbours."""
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    return clusters(points, lambda start, stop, k: index.search(points[start:stop], k)[1])


def judged(labels: Ids, people: list[str]) -> dict[str, float]:
    """Pairs and B-cubed."""
    alone = labels < 0
    labels = np.where(alone, labels.max() + 1 + np.cumsum(alone), labels)
    true = np.unique(people, return_inverse=True)[1]
    both = sparse.coo_matrix((np.ones(len(labels)), (labels, true)))
    both.sum_duplicates()
    found, wanted = (np.bincount(one).astype(float) for one in (labels, true))
    pairs = [(one * (one - 1)).sum() for one in (both.data, found, wanted)]
    precision, recall = pairs[0] / max(pairs[1], 1), pairs[0] / pairs[2]
    own = [float((both.data**2 / by).sum() / len(labels)) for by in (found[both.row], wanted[both.col])]
    return {
        "groups": len(np.unique(labels[~alone])),
        "in groups": float((~alone).mean()),
        "pair precision": precision,
        "pair recall": recall,
        "pair F": 2 * precision * recall / max(precision + recall, 1e-12),
        "B-cubed precision": own[0],
        "B-cubed recall": own[1],
        "B-cubed F": 2 * own[0] * own[1] / sum(own),
    }


def covered(points: Floats, people: list[str], places: Ids) -> dict[str, float]:
    """How well some places stand for all."""
    distances = make_metric(METRIC).distances(nearest_squared(points, points[places]))
    often = {person for person, count in Counter(people).items() if count >= OFTEN}
    return {
        "mean distance": float(distances.mean()),
        "largest distance": float(distances.max()),
        "people": len(often & {people[place] for place in places.tolist()}) / len(often),
    }


def timed(codes: Floats, count: int) -> dict[str, float]:
    """Seconds, and the process's memory at its most."""
    draw = np.random.default_rng(0)
    more = codes[draw.integers(0, len(codes), count)]
    more = (more + 0.3 * codes.std(axis=0) * draw.normal(size=more.shape)).astype(np.float32)
    points = make_metric(METRIC).fit(more).transform(more)
    told: dict[str, float] = {}
    started = time.perf_counter()
    told["groups found"] = int(labelled(points).max()) + 1
    told["groups"] = time.perf_counter() - started
    for by in WAYS:
        started = time.perf_counter()
        chosen(points, CHOSEN, by, np.random.default_rng(0))
        told[f"subset of {CHOSEN}, {by}"] = time.perf_counter() - started
    told["GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return told


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("--run", required=True)
    parser.add_argument("--counts", type=int, nargs="*", default=[10_000, 30_000, 100_000])
    given = parser.parse_args()
    faces = la.load(given.archive, size=32)
    every = [str(person) for person in faces.people or ()]
    names = np.unique(every)
    np.random.default_rng(1).shuffle(names)
    is_held = np.isin(every, names[len(names) // 3 :])
    pixels, people = faces.pixels[is_held], [every[place] for place in np.flatnonzero(is_held)]
    model = la.load_model(given.run)
    sets = {
        "run": model.encode(pixels),
        "pca": la.PCAAutoencoder(128).fit(faces.pixels[~is_held]).encode(pixels),
        "pixels": pixels.reshape(len(pixels), -1).astype(np.float32),
    }
    told: dict[str, Any] = {"pictures": len(people), "people": len(set(people))}
    told["alone"] = judged(np.full(len(people), -1), people)
    for name, codes in sets.items():
        metric = make_metric("cosine" if name == "pixels" else METRIC).fit(codes)
        told[name] = judged(labelled(metric.transform(codes)), people)
    points = make_metric(METRIC).fit(sets["run"]).transform(sets["run"])
    for by in WAYS:
        told[by] = covered(points, people, chosen(points, CHOSEN, by, np.random.default_rng(0)))
    draws = [
        covered(points, people, np.random.default_rng(seed).choice(len(points), CHOSEN, replace=False))
        for seed in range(10)
    ]
    told["chance"] = {name: float(np.mean([one[name] for one in draws])) for name in draws[0]}
    print(json.dumps(told, indent=2), flush=True)
    for count in given.counts:
        print(json.dumps({f"{count:,}": timed(model.encode(faces.pixels), count)}, indent=2), flush=True)


if __name__ == "__main__":
    main()
