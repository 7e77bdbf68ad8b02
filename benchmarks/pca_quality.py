"""Exact PCA on LFW: test MSE and seconds at the code sizes of the published figures, beside scikit-learn's PCA.

python benchmarks/pca_quality.py lfw-deepfunneled.tgz [--out FILE.json]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

import lookalike as la
import timing

CODES = (8, 16, 32, 64, 128, 256, 512)


def main() -> None:
    parser = argparse.ArgumentParser(description="Exact PCA on LFW.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    arguments = parser.parse_args()
    train, test = la.load(arguments.archive, size=32, crop=80).split(test_size=0.1, random_state=42)
    rows = [
        pictures.pixels.reshape(len(pictures), -1) / np.float32(255) - np.float32(0.5) for pictures in (train, test)
    ]
    found = []
    for code in CODES:
        ours, theirs = la.PCAAutoencoder(code), PCA(code, svd_solver="covariance_eigh")
        seconds = timing.seconds_of(lambda ours=ours: ours.fit(train))  # type: ignore[misc]
        their_seconds = timing.seconds_of(lambda theirs=theirs: theirs.fit(rows[0]))  # type: ignore[misc]
        their_mse = float(np.mean((theirs.inverse_transform(theirs.transform(rows[1])) - rows[1]) ** 2))
        found.append({
            "code": code, "mse": -ours.score(test), "seconds": seconds,
            "scikit_learn_mse": their_mse, "scikit_learn_seconds": their_seconds,
        })  # fmt: skip
    timing.write_result(arguments.out, {"images": len(train), "values": rows[0].shape[1], "codes": found})
    head = "code", "test MSE", "seconds", "scikit-learn: test MSE", "seconds"
    lines = [(f"{code}", f"{mse:.5f}", f"{s:.2f}", f"{their_mse:.5f}", f"{their_s:.2f}")
             for code, mse, s, their_mse, their_s in (row.values() for row in found)]  # fmt: skip
    print(timing.table(head, lines))


if __name__ == "__main__":
    main()
