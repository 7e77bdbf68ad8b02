"""The whole story on procedural faces, in a few minutes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from lookalike.data import load
from lookalike.errors import OptionError
from lookalike.experiment import report_run, train_run
from lookalike.models.conv import ConvAutoencoder
from lookalike.models.loading import load_model
from lookalike.models.pca import PCAAutoencoder

CODE_SIZE = 32
DENOISER_CODE_SIZE = 512
NOISE = "gaussian:0.1"
LEAST_IMAGES = 200


def run_demo(out: str | Path, *, images: int = 13_000, epochs: int = 10, seed: int = 0) -> dict[str, Any]:
    """Draw faces, train, compare with exact PCA, train a denoiser, and write `report.html` into `out`.

    Each training goes on from its last checkpoint if the demonstration was broken off before. Returns mse, pca_mse,
    denoise_mse (all on the test split, the last of pictures with noise of sigma 0.1), report and seconds.

    Raises:
        OptionError: fewer than 200 images are asked for.
    """
    if images < LEAST_IMAGES:
        raise OptionError(f"images is {images}; give {LEAST_IMAGES} or more")
    started = time.perf_counter()
    folder = Path(out)
    say(f"1/5  drawing {images:,} faces")
    faces = load(f"synthetic:{images}")
    say("2/5  exact PCA")
    pca = train_run(PCAAutoencoder(CODE_SIZE), faces, folder / "pca", resume=True)
    say(f"3/5  training a convolutional autoencoder, {epochs} epochs")
    conv = train_run(ConvAutoencoder(CODE_SIZE, seed=seed), faces, folder / "conv", epochs=epochs, resume=True)
    say(f"4/5  training a denoiser, {max(epochs // 2, 1)} epochs")
    denoiser = ConvAutoencoder(DENOISER_CODE_SIZE, seed=seed)
    train_run(denoiser, faces, folder / "denoiser", epochs=max(epochs // 2, 1), noise=NOISE, resume=True)
    denoised = denoiser.evaluate(faces.split()[1], NOISE)
    say("5/5  writing the report")
    report = report_run(load_model(folder / "conv"), folder / "conv", folder / "report.html", seed=seed)
    return {
        "mse": conv["test_mse"],
        "pca_mse": pca["test_mse"],
        "denoise_mse": denoised.mse,
        "report": str(report),
        "seconds": time.perf_counter() - started,
    }


def say(line: str) -> None:
    """One line of progress on stderr."""
    print(line, file=sys.stderr, flush=True)
