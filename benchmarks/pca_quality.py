"""Exact PCA on LFW: test MSE and seconds at the code sizes of the published figures, beside scikit-learn's PCA.

python benchmarks/pca_quality.py lfw-deepfunneled.tgz
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

import lookalike as la

CODES = (8, 16, 32, 64, 128, 256, 512)


def main() -> None:
    parser = argparse.ArgumentParser(description="Exact PCA on LFW.")
    parser.add_argument("archive", type=Path)
    train, test = la.load(parser.parse_args().archive, size=32, crop=80).split(test_size=0.1, random_state=42)
    rows = [
        pictures.pixels.reshape(len(pictures), -1) / np.float32(255) - np.float32(0.5) for pictures in (train, test)
    ]
    print("| code | test MSE | seconds | scikit-learn: test MSE | seconds |")
    print("|---|---|---|---|---|")
    for code in CODES:
        started = time.perf_counter()
        ours = la.PCAAutoencoder(code).fit(train)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        theirs = PCA(code, svd_solver="covariance_eigh").fit(rows[0])
        their_seconds = time.perf_counter() - started
        their_mse = float(np.mean((theirs.inverse_transform(theirs.transform(rows[1])) - rows[1]) ** 2))
        print(f"| {code} | {-ours.score(test):.5f} | {seconds:.2f} | {their_mse:.5f} | {their_seconds:.2f} |")


if __name__ == "__main__":
    main()
