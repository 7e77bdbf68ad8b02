"""The whole story on procedural faces, in a few minutes."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lookalike import files, plots
from lookalike.data import ImageSet, load
from lookalike.data.synthetic import synthetic_faces
from lookalike.denoising.ready import load_ready
from lookalike.editing import write_morph
from lookalike.errors import Interrupted, OptionError
from lookalike.experiment import TEST_SIZE, report_run, split_of_run, train_run
from lookalike.gallery import Gallery
from lookalike.gallery.sheet import write_sheet
from lookalike.kernels.use import Way
from lookalike.models import KINDS
from lookalike.models.base import Autoencoder
from lookalike.models.pca import PCAAutoencoder
from lookalike.models.residual import ResidualAutoencoder
from lookalike.outputs import Outputs
from lookalike.training.arithmetic import step_in
from lookalike.training.recipe import RECIPES

LEAST_IMAGES = 200
DRAWN = "portraits"
SIZE, CODE = 64, 128
"""A side at which a face is worth looking at, and numbers enough for a morph to keep its eyes."""
MARK = "demo.json"
"""Tells the folder of a demonstration, which may be written into again."""
RUN, GALLERY = "residual", "gallery"
"""Folders of what is kept, in the demonstration's."""
RECIPE = "best"
SHOWN = 5
TRIED, TRIED_STEPS = 16, 3
"""Faces that are drawn, and steps that are made, to tell how long all will take."""
ALL_ELSE = 170
"""How many steps of the training exact PCA, the gallery and the report take together, as two processors had it."""


def run_demo(
    out: str | Path, *, images: int = 4_000, epochs: int = 6, force: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Draw faces, train, compare with exact PCA, denoise, index, search, morph, and write `report.html` into `out`.

    Noise is removed by the denoiser that comes with the package. Each training goes on from its last checkpoint if the
    demonstration was broken off before. Returns mse, pca_mse, denoise_mse (all on the test split, the last of pictures
    with noise of sigma 0.1), gallery, recall, duplicates, report and seconds.

    Raises:
        OptionError: fewer than 200 images are asked for, `out` holds what no demonstration wrote and `force` is not
            given, or another one was begun there.
        Interrupted: Ctrl-C or SIGTERM in the training, after its state was saved.
    """
    if images < LEAST_IMAGES:
        raise OptionError(f"images is {images}; give {LEAST_IMAGES} or more")
    started = time.perf_counter()
    folder = Outputs(force=force).own_folder(out, MARK)
    _begin(folder, {"images": images, "epochs": epochs, "seed": seed})
    say(f"this takes about {_readable(_seconds_expected(images, epochs))} here")
    say(f"1/6  drawing {images:,} faces of {SIZE} x {SIZE}")
    faces = load(f"{DRAWN}:{images}", size=SIZE)
    train, test = split_of_run(faces)

    say("2/6  exact PCA")
    pca = train_run(PCAAutoencoder(CODE), faces, folder / "pca", resume=True)
    say(f"3/6  training a residual autoencoder, which begins there, {epochs} epochs")
    model, run = ResidualAutoencoder(CODE, seed=seed), folder / RUN
    try:
        trained = train_run(model, faces, run, recipe=RECIPE, epochs=epochs, resume=True)
    except Interrupted as error:
        raise Interrupted(f"stopped in the training; all is saved in {folder}: call it again to go on") from error

    say("4/6  indexing, searching")
    found = _search(model, train, test, folder, seed)
    say("5/6  morphing")
    write_morph(model, test[0], test[1], folder / "morph.gif")
    say("6/6  removing noise, writing the report")
    denoiser = load_ready()
    report = report_run(model, run, folder / "report.html", denoiser=denoiser, force=True, seed=seed)
    return {
        "mse": trained["test_mse"],
        "pca_mse": pca["test_mse"],
        "denoise_mse": denoiser.evaluate(test, KINDS["denoiser"].noise).mse,
        **found,
        "report": str(report.page),
        "seconds": time.perf_counter() - started,
    }


def _begin(folder: Path, asked: dict[str, int]) -> None:
    """Mark the folder as this demonstration's, unless another one was begun there."""
    begun = asked
    with suppress(OSError, ValueError):  # there is none, or it tells nothing: then what is there decides
        held = files.read_json(folder / MARK)
        begun = held if isinstance(held, dict) and held.keys() == asked.keys() else asked
    for name, value in asked.items():
        if begun[name] != value:
            one = f"--{name} {begun[name]}"
            raise OptionError(f"{name} is {value}, and {folder} was begun with {one}; give that, or another --out")
    files.write_json(folder / MARK, asked)


def _seconds_expected(images: int, epochs: int) -> float:
    """Of the whole demonstration on this machine, from some faces that are drawn and some steps that are made."""
    started = time.perf_counter()
    few = synthetic_faces(TRIED, SIZE, aligned=True).pixels
    drawing = (time.perf_counter() - started) / TRIED
    recipe = RECIPES[RECIPE]
    network = ResidualAutoencoder(CODE).initialise(few.shape[1:]).network_
    step = step_in(Way(fused=True), network, np.resize(few, (recipe.batch_size, *few.shape[1:])), recipe, None)
    a_step = min(_seconds_of(step) for _ in range(TRIED_STEPS))
    steps = epochs * math.ceil(images * (1 - TEST_SIZE) / recipe.batch_size)
    return images * drawing + (steps + ALL_ELSE * images / 4_000) * a_step


def _seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _readable(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{max(seconds / 10, 1):.0f}0 seconds"


def _search(model: Autoencoder, train: ImageSet, test: ImageSet, folder: Path, seed: int) -> dict[str, Any]:
    """A gallery of the training pictures, and the look-alikes of one that it has never seen, as a picture."""
    with Gallery.open(folder / GALLERY, model) as gallery:
        update = gallery.update(train, seed=seed)
        query = folder / "query.png"
        files.write_bytes(query, plots.picture_png(test[0]))
        write_sheet(gallery, [query], gallery.search(query, SHOWN), folder / "look-alikes.png")
        groups = gallery.duplicates(seed=seed).groups
        return {"gallery": str(gallery.folder), "recall": update.recall_measured, "duplicates": len(groups)}


def say(line: str) -> None:
    """One line of progress on stderr."""
    print(line, file=sys.stderr, flush=True)
