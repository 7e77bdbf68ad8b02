"""README's first picture: test faces that turn into others, and some with their look-alikes, by the demonstration.

    lookalike demo --out demo
    python benchmarks/readme_faces.py demo docs/faces.png [--seed 0]

The seed draws the faces; nobody chooses them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

import lookalike as la
from lookalike import demo, files, plots
from lookalike.experiment import pictures_of

ROWS, STEPS, NEIGHBOURS = 4, 7, 5
GAP = 32
"""Pixels between morphs and look-alikes."""


def row(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    large: npt.NDArray[np.uint8] = np.concatenate(list(plots.enlarged(pictures)), axis=1)
    return large


def main() -> None:
    parser = argparse.ArgumentParser(description="README's first picture.")
    parser.add_argument("folder", type=Path, help="the demonstration's")
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("--seed", type=int, default=0, help="draws the faces")
    arguments = parser.parse_args()
    model = la.load_model(arguments.folder / demo.RUN)
    _, test = pictures_of(model)
    chosen = np.random.default_rng(arguments.seed).permutation(len(test))[: 3 * ROWS]
    rows = []
    with la.Gallery.open(arguments.folder / demo.GALLERY) as gallery:
        for first, second, asked in chosen.reshape(ROWS, 3):
            morph = la.to_uint8(la.morph(model, test[first], test[second], STEPS))
            names = gallery.search(test[asked], NEIGHBOURS).names
            found = np.stack([test[asked], *(gallery.picture(name) for name in names)])
            left, right = row(morph), row(found)
            rows.append(np.concatenate([left, np.full((len(left), GAP, 3), 255, np.uint8), right], axis=1))
    files.write_bytes(arguments.out, plots.picture_png(np.concatenate(rows)))


if __name__ == "__main__":
    main()
