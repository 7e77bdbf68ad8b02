"""A run from the outside: train in a folder, and come back to it later with the same pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike import plots
from lookalike.data import DataSpec, ImageSet, Rejected, load_spec
from lookalike.data.leaks import leaks_between
from lookalike.data.names import read_each, say_what_8_bits_lose
from lookalike.errors import OptionError, RunError
from lookalike.files import write_bytes
from lookalike.models import KINDS, note_of
from lookalike.models.base import Autoencoder
from lookalike.models.pca import exact_pca_beside, keep_beside
from lookalike.models.pictures import prepared
from lookalike.outputs import Outputs
from lookalike.pixels import to_uint8
from lookalike.report import write_report
from lookalike.report.card import Measured, RunPictures, write_card
from lookalike.report.page import figures_folder
from lookalike.report.sharp import measured_sharp, note_on_card
from lookalike.sharpening import sharpen
from lookalike.sharpening.fitting import training_folder
from lookalike.training.place import place_of

_log = logging.getLogger(__name__)
TEST_SIZE = 0.1
RANDOM_STATE = 42
"""The split of every run: scikit-learn's `train_test_split` with the notebook's arguments."""

SHEET_MOST = 12
"""Pictures on one side-by-side sheet."""


class Timing(NamedTuple):
    """Seconds of training, over all its sessions, and pictures a second; None where nothing was timed."""

    seconds: float | None
    images_per_second: float | None


class WrittenReport(NamedTuple):
    """The page, and the folder of its figures."""

    page: Path
    pictures: Path


class Reconstructed(NamedTuple):
    """Files that were written, and pictures that could not be read."""

    written: list[Path]
    skipped: list[Rejected]


def split_of_run(faces: ImageSet) -> tuple[ImageSet, ImageSet]:
    """The (training, test) pictures of every run on `faces`."""
    return faces.split(TEST_SIZE, RANDOM_STATE)


def train_run(
    model: Autoencoder,
    faces: ImageSet,
    run: str | Path,
    *,
    validation: float | None = None,
    resume: bool = False,
    **training: Any,
) -> dict[str, Any]:
    """Train on the training split of `faces`, keep the test split apart, and report what came of it.

    `validation` is the share of the training split that is held out to name the best epoch; `training` goes to the
    model's `fit`. Returns run, model, code_size (None where there is no code), epochs, train_mse, validation_mse,
    test_mse, noise (that of the training, None without), denoise_mse (of test pictures with that noise), seconds,
    images_per_second, leaks (the test pictures that are copies of training pictures, and these) and card, the path of
    the run's model card. Of several processes that train together and were started from outside, the first one does
    so, and the others return nothing.

    Raises:
        OptionError, RunError, TrainingDiverged, Interrupted: as the model's `fit`.
    """
    place = place_of(training.get("devices"), training.get("nodes"))
    train, test = split_of_run(faces)
    leaks = leaks_between(train, test) if place.is_first else []
    if leaks:
        _log.warning(
            "%s of %s test pictures are in the training too, pixel for pixel, such as %s as %s: test figures flatter",
            *(f"{len(leaks):,}", f"{len(test):,}", leaks[0].test, leaks[0].training),
        )
    held_out = None
    if validation:
        train, held_out = train.split(validation, RANDOM_STATE)
    if model.trains_in_epochs:
        training = {**training, "validation": held_out, "test": test}
        model.fit(train, run=run, resume=resume, **training)  # type: ignore[call-arg]
    else:
        unused = [name for name, value in training.items() if value is not None and name != "progress"]
        if unused:
            raise OptionError(f"{', '.join(unused)}: a closed form does not train in epochs; leave it out")
        if place.size > 1:
            raise OptionError(
                f"{place.size} processes were started, but {model.kind} is fitted by one, in closed form; start one"
            )
        model.fit(train, run=run, resume=resume)  # type: ignore[call-arg]
        keep_beside(model)
    if not place.is_first:
        return {}
    model.saved_in = Path(run)  # where a sharp decoder may lie that it was given before
    timing = timing_of(run)
    noise = noise_of(run)
    measured = Measured(
        train_mse=model.history_[-1]["train_mse"] if model.history_ else -model.score(train),
        validation_mse=None if held_out is None else -model.score(held_out),
        test=model.evaluate(test),
        noisy=None if noise is None else model.evaluate(test, noise),
    )
    card = write_card(model, run, RunPictures(train, held_out, test, len(leaks)), measured, timing.seconds)
    return {
        "run": str(run),
        "model": model.kind,
        "code_size": model.code_size if model.has_code else None,
        "epochs": len(model.history_),
        "train_mse": measured.train_mse,
        "validation_mse": measured.validation_mse,
        "test_mse": measured.test.mse,
        "noise": noise,
        "denoise_mse": None if measured.noisy is None else measured.noisy.mse,
        **timing._asdict(),
        "leaks": [leak._asdict() for leak in leaks],
        "card": str(card),
    }


def sharpen_run(
    model: Autoencoder,
    run: str | Path,
    train: ImageSet,
    test: ImageSet,
    **training: Any,
) -> dict[str, Any]:
    """Train a sharp decoder for a run's model, keep it with the run, and report what came of it.

    `train` are the pictures of the model's training, `test` those that were kept apart; `training` goes to `sharpen`.
    Returns run, model, code_size, epochs; test_mse and detail of the model's own decoder, sharp_mse and sharp_detail of
    the sharp one (see `measured_sharp`); seconds, images_per_second, and card, None where the run has none.

    Raises:
        OptionError, RunError, TrainingDiverged, Interrupted: as `sharpen`.
    """
    sharpen(model, train, test=test, run=run, **training)
    decoder = model.require_sharp()
    measured = measured_sharp(model, test)
    decoder.training["measured"] = measured
    decoder.save(run)
    card = note_on_card(model, run)
    return {
        "run": str(run),
        "model": model.kind,
        "code_size": model.code_size,
        "epochs": len(decoder.training["history"]),
        "test_mse": measured["plain"]["mse"],
        "sharp_mse": measured["sharp"]["mse"],
        "detail": measured["plain"]["detail"],
        "sharp_detail": measured["sharp"]["detail"],
        **timing_of(training_folder(run, model))._asdict(),
        "card": None if card is None else str(card),
    }


def timing_of(run: str | Path) -> Timing:
    """How long a run has trained, of its `timings.jsonl`."""
    try:
        rows = [json.loads(line) for line in (Path(run) / "timings.jsonl").read_text().splitlines()]
        seconds, images = (float(sum(row[key] for row in rows)) for key in ("seconds", "images"))
    except (OSError, ValueError, KeyError):
        return Timing(None, None)
    return Timing(seconds, images / seconds if seconds > 0 else None)


def training_part(faces: ImageSet, parts: Iterable[tuple[str, float, int]]) -> ImageSet:
    """What is left to learn from of `faces` after the splits that a model's `data_["parts"]` names."""
    for _, share, random_state in parts:
        faces = faces.split(share, random_state)[0]
    return faces


def pictures_of(
    model: Autoencoder, progress: Callable[[int, int | None], None] | None = None
) -> tuple[ImageSet, ImageSet]:
    """The (training, test) pictures a model was trained with, read again from their source.

    Raises:
        RunError: the model does not know its source, or the source no longer gives the same pictures.
        DataError: the source is gone.
    """
    data = model.data_
    if data["source"] is None or not data["parts"]:
        raise RunError("this model does not know its pictures (it was imported, or fitted on arrays); name DATA")
    faces = load_spec(DataSpec.from_json(data["source"]), progress=progress)
    _, share, random_state = data["parts"][0]
    train, test = training_part(faces, data["parts"]), faces.split(share, random_state)[1]
    if train.digest != data["digest"]:
        raise RunError(
            f"{data['source']['source']} no longer gives the {data['images']:,} pictures of the training, so the "
            "test split may hold some of them; restore the source, or name DATA"
        )
    return train, test


def report_run(
    model: Autoencoder,
    run: str | Path,
    out: str | Path,
    *,
    denoiser: Autoencoder | None = None,
    noise: str | None = None,
    force: bool = False,
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> WrittenReport:
    """Write the page about a run, with an exact PCA of the same code size beside it, and its figures beside the page.

    `denoiser` removes noise on it, the course's where `noise` names no other. A run that was itself trained with noise
    shows how it removes that. With `force` a page and figures that are there are written over.

    Raises:
        OptionError: `out` is there already.
    """
    outputs = Outputs(force=force)
    page = outputs.file(out)
    pictures = outputs.folder_for(figures_folder(page))
    train, test = pictures_of(model, progress)
    pca, _ = exact_pca_beside(model, train)
    trained_with = noise_of(run)
    if denoiser is None and trained_with is not None:
        denoiser, noise = model, trained_with
    write_report(
        model,
        test,
        page,
        pictures=pictures,
        train=train,
        compare=[] if pca is None else [("exact PCA", pca)],
        denoiser=denoiser,
        noise=noise or KINDS["denoiser"].noise,
        timings=timing_of(run)._asdict(),
        seed=seed,
    )
    return WrittenReport(page, pictures)


def noise_of(run: str | Path) -> str | None:
    """The noise that a run was trained with, None where there was none or nobody can tell."""
    from lookalike.training.run import read_config

    noise: str | None = (read_config(Path(run)) or {}).get("noise")
    return noise


def reconstruct_files(
    model: Autoencoder,
    images: Iterable[Path],
    out: str | Path,
    *,
    crop: int | None = None,
    sharp: float = False,
    force: bool = False,
) -> Reconstructed:
    """Write each picture's reconstruction as PNG into `out`, and `sheet.png` with original, code and reconstruction.

    Names that are taken make way to free ones, with `force` only those of pictures that are read (`Outputs`). With
    `sharp` (see `model.decode`), sheet and files say that detail is invented.

    Raises:
        OptionError: `out` is a file.
        DataError: none of the pictures can be read.
    """
    model.require_decoder()
    if sharp:
        model.require_sharp()
    paths = list(images)
    outputs = Outputs(paths, force=force)
    folder = outputs.folder(out)
    say_what_8_bits_lose(paths)
    skipped: list[Rejected] = []
    read = list(read_each(paths, lambda path: prepared(model, path, crop), skipped))
    pictures = np.stack([picture for _, picture in read])
    codes = model.encode(pictures)
    backs, note = model.decode(codes, sharp=sharp), note_of(sharp)
    written: list[Path] = []
    for (path, _), back in zip(read, to_uint8(backs), strict=True):
        target = outputs.free(folder / f"{path.stem}.png")
        write_bytes(target, plots.picture_png(back, note))
        written.append(target)
    shown = slice(SHEET_MOST)
    names = [path.stem for path, _ in read[shown]]
    sheet = outputs.free(folder / "sheet.png")
    figure = plots.reconstruction_sheet(pictures[shown], codes[shown], backs[shown], names, note)
    plots.save_figure(figure, sheet, note)
    return Reconstructed([*written, sheet], skipped)
