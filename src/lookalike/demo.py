"""The whole story on procedural faces, in a few minutes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from lookalike import files, plots
from lookalike.data import ImageSet, load
from lookalike.editing import write_morph
from lookalike.errors import OptionError
from lookalike.experiment import report_run, split_of_run, train_run
from lookalike.gallery import Gallery
from lookalike.gallery.sheet import write_sheet
from lookalike.models import KINDS
from lookalike.models.base import Autoencoder
from lookalike.models.conv import ConvAutoencoder
from lookalike.models.pca import PCAAutoencoder
from lookalike.models.unet import UNetDenoiser
from lookalike.outputs import Outputs

LEAST_IMAGES = 200
CODE = 32
MARK = "demo.json"
"""Tells the folder of a demonstration, which may be written into again."""
CLEANING, CLEANING_WIDTH = 0.3, 16
"""Epochs of the denoiser for one of the autoencoder's, and its channels: fewer than usual, as nobody likes to wait."""
SHOWN = 5


def run_demo(
    out: str | Path, *, images: int = 13_000, epochs: int = 10, force: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Draw faces, train, compare with exact PCA, denoise, index, search, morph, and write `report.html` into `out`.

    Each training goes on from its last checkpoint if the demonstration was broken off before. Returns mse, pca_mse,
    denoise_mse (all on the test split, the last of pictures with noise of sigma 0.1), gallery, recall, duplicates,
    report and seconds.

    Raises:
        OptionError: fewer than 200 images are asked for, or `out` holds what no demonstration wrote and `force` is not
            given.
    """
    if images < LEAST_IMAGES:
        raise OptionError(f"images is {images}; give {LEAST_IMAGES} or more")
    started = time.perf_counter()
    folder = Outputs(force=force).own_folder(out, MARK)
    files.write_json(folder / MARK, {"images": images, "epochs": epochs, "seed": seed})
    say(f"1/7  drawing {images:,} faces")
    faces = load(f"synthetic:{images}")
    train, test = split_of_run(faces)

    say("2/7  exact PCA")
    pca = train_run(PCAAutoencoder(CODE), faces, folder / "pca", resume=True)
    say(f"3/7  training a convolutional autoencoder, {epochs} epochs")
    model = ConvAutoencoder(CODE, seed=seed)
    conv = train_run(model, faces, folder / "conv", epochs=epochs, resume=True)
    cleaning_epochs = max(round(CLEANING * epochs), 1)
    say(f"4/7  training a denoiser, {cleaning_epochs} epochs")
    denoiser = UNetDenoiser(width=CLEANING_WIDTH, seed=seed)
    train_run(denoiser, faces, folder / "unet", epochs=cleaning_epochs, resume=True)

    say("5/7  indexing, searching")
    found = _search(model, train, test, folder, seed)
    say("6/7  morphing")
    write_morph(model, test[0], test[1], folder / "morph.gif")
    say("7/7  writing the report")
    report = report_run(model, folder / "conv", folder / "report.html", denoiser=denoiser, force=True, seed=seed)
    return {
        "mse": conv["test_mse"],
        "pca_mse": pca["test_mse"],
        "denoise_mse": denoiser.evaluate(test, KINDS["denoiser"].noise).mse,
        **found,
        "report": str(report.page),
        "seconds": time.perf_counter() - started,
    }


def _search(model: Autoencoder, train: ImageSet, test: ImageSet, folder: Path, seed: int) -> dict[str, Any]:
    """A gallery of the training pictures, and the look-alikes of one that it has never seen, as a picture."""
    with Gallery.open(folder / "gallery", model) as gallery:
        update = gallery.update(train, seed=seed)
        query = folder / "query.png"
        files.write_bytes(query, plots.picture_png(test[0]))
        write_sheet(gallery, [query], gallery.search(query, SHOWN), folder / "look-alikes.png")
        groups = gallery.duplicates(seed=seed).groups
        return {"gallery": str(gallery.folder), "recall": update.recall_measured, "duplicates": len(groups)}


def say(line: str) -> None:
    """One line of progress on stderr."""
    print(line, file=sys.stderr, flush=True)
