"""What is hidden under a rectangle, drawn by runs of ours and by OpenCV's two classical ways.

    python benchmarks/inpainting.py RUN... [--pictures 300] [--shares 0.1 0.25] [--sheet holes.png]

Judged on the first pictures of the runs' own test split, which all must share, by the MSE within the rectangle alone (a
picture spans 1; what is drawn is clipped and in 8 bits). Each picture has the rectangle that `occlude:SHARE` covers in
an evaluation. Runs are told where it is; a U-Net also judges for itself, from black. Beside them: the mean of what is
seen, Telea's marching and the fluid equations of Bertalmio and others, both by OpenCV over 3 pixels, as its
documentation sets them. Seconds are processor time for all pictures.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from lookalike.denoising.inpainting import Mask, can_fill, inpaint
from lookalike.denoising.pictures import SheetRow, denoising_sheet
from lookalike.experiment import noise_of, pictures_of
from lookalike.models.base import Autoencoder
from lookalike.models.loading import open_model
from lookalike.noise import EVALUATION_EPOCH, levels_of, parse_noise
from lookalike.pixels import Pixels, to_uint8
from lookalike.plots import save_figure
from timing import table

RADIUS = 3
SHOWN = 6
Way = Callable[[Pixels, Mask], Pixels]


def main() -> None:
    """Measure, and print a table a share."""
    parser = argparse.ArgumentParser(description="Hidden parts of pictures, drawn.")
    parser.add_argument("runs", nargs="+", type=Path, help="runs with a code, or U-Nets trained with occlude")
    parser.add_argument("--pictures", type=int, default=300, help="of the test split")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.25], help="of a picture that is hidden")
    parser.add_argument("--sheet", type=Path, help="a picture of the first ones, as PNG")
    options = parser.parse_args()
    models = {run: open_model(run) for run in options.runs}
    splits = [pictures_of(model)[1] for model in models.values()]
    if len({split.digest for split in splits}) > 1:
        parser.error("these runs have kept different test splits apart")
    test = splits[0].pixels[: options.pictures]
    ways = {"mean of what is seen": mean, "Telea": by_opencv(cv2.INPAINT_TELEA), "fluid": by_opencv(cv2.INPAINT_NS)}
    for run, model in models.items():
        ways |= ways_of(run, model)
    for share in options.shares:
        noise = parse_noise(f"occlude:{share}")
        hidden = levels_of(noise, test.shape[1:3], seed=0, epoch=EVALUATION_EPOCH, indices=range(len(test))) > 0
        rows, drawn = [], {}
        for name, way in ways.items():
            start = time.process_time()
            drawn[name] = [way(picture, mask) for picture, mask in zip(test, hidden, strict=True)]
            seconds = time.process_time() - start
            errors = ((np.stack(drawn[name])[hidden].astype(float) - test[hidden]) / 255) ** 2
            rows.append([name, f"{errors.mean():.5f}", f"{seconds:.1f}"])
        print(f"\n{share:.0%} hidden, {len(test)} pictures of {test.shape[1]} x {test.shape[2]}\n")
        print(table(["way", "MSE within", "CPU s"], rows))
        if options.sheet:
            shown = [
                SheetRow(
                    splits[0].names[i].rpartition("/")[2],
                    [("original", test[i]), ("given", np.where(hidden[i][..., None], np.uint8(0), test[i]))]
                    + [(name, pictures[i]) for name, pictures in drawn.items()],
                )
                for i in range(SHOWN)
            ]
            save_figure(denoising_sheet(shown), options.sheet.with_stem(f"{options.sheet.stem}-{share:g}"))


def ways_of(run: Path, model: Autoencoder) -> dict[str, Way]:
    """Those of one run: told, and blind where it is a U-Net that has learned it."""
    ways: dict[str, Way] = {run.name: lambda picture, hidden: inpaint(model, picture, hidden)}
    noise = noise_of(run)
    if noise and can_fill(parse_noise(noise)) and not model.has_code:

        def blind(picture: Pixels, hidden: Mask) -> Pixels:
            restored: Pixels = to_uint8(model.reconstruct(np.where(hidden[..., None], np.uint8(0), picture)[None]))[0]
            return restored

        ways[f"{run.name}, blind"] = blind
    return ways


def mean(picture: Pixels, hidden: Mask) -> Pixels:
    """Each hidden pixel the mean of all that is seen."""
    filled = picture.copy()
    filled[hidden] = np.rint(picture[~hidden].mean(axis=0))
    return filled


def by_opencv(method: int) -> Way:
    """One of OpenCV's two."""

    def way(picture: Pixels, hidden: Mask) -> Pixels:
        filled = cv2.inpaint(picture, hidden.astype(np.uint8), RADIUS, method)
        return np.asarray(filled, np.uint8)

    return way


if __name__ == "__main__":
    main()
