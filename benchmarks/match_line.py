"""What the match line is worth: false matches a search, and true ones found, beside what was asked for.

    python benchmarks/match_line.py lfw-deepfunneled.tgz [--run RUN] [--asked 0.1] [--searches 2000]

The gallery holds all pictures, whose names tell who is on them. The line is measured as `gallery.threshold` does it, by
searches for up to 500 of them; it is judged by searches for others, each compared with every picture of the gallery by
NumPy in float64: how many of another person lie within the line, and how many of the same. Models are exact PCA of 32
and 128 numbers, and that of each RUN.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import lookalike as la
from lookalike.gallery.calibration import SAMPLE


def judged(gallery: la.Gallery, asked: float, searches: int) -> dict[str, Any]:
    """The line, and what searches that it was not measured by meet within it."""
    line = gallery.threshold(asked)
    snapshot = gallery.snapshot()
    view, metric = snapshot.view, snapshot.index.metric
    told: dict[str, Any] = {"line": line.distance, "false_told": line.false_matches, "found_told": line.true_match_rate}
    if line.distance is None:
        return told
    points = metric.transform(view.codes).astype(np.float64)
    people = np.unique(np.array(view.people), return_inverse=True)[1]
    # The searches that the line was measured by are drawn so from all places; these are left out.
    measured_by = np.random.default_rng(0).choice(len(points), SAMPLE, replace=False)
    left = np.setdiff1d(np.arange(len(points)), measured_by)
    false, found, same = [], 0, 0
    for place in np.random.default_rng(1).choice(left, searches, replace=False):
        within = metric.distances(np.square(points - points[place]).sum(axis=1)) <= line.distance
        own = people == people[place]
        false.append(int((within & ~own).sum()))
        found += int((within & own).sum()) - 1
        same += int(own.sum()) - 1
    error = float(np.std(false) / np.sqrt(searches))
    return told | {"false": float(np.mean(false)), "standard_error": error, "found": found / same, "pairs": same}


def main() -> None:
    """Measure and print as JSON, one line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("--run", nargs="*", default=[])
    parser.add_argument("--asked", type=float, default=0.1)
    parser.add_argument("--searches", type=int, default=2000)
    given = parser.parse_args()
    images = la.load(given.pictures, size=32)
    models: dict[str, la.Autoencoder] = {f"pca-{code}": la.PCAAutoencoder(code).fit(images) for code in (32, 128)}
    models |= {str(run): la.load_model(run) for run in given.run}
    for name, model in models.items():
        with tempfile.TemporaryDirectory() as place, la.Gallery.open(Path(place) / "gallery", model) as gallery:
            gallery.update(images)
            told = judged(gallery, given.asked, given.searches)
        print(json.dumps({"model": name, "pictures": len(images.names), **told}), flush=True)


if __name__ == "__main__":
    main()
