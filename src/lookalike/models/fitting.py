"""Train a network of one of the models, with or without a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder, Pictures, as_pictures, describe_data, to_uint8
from lookalike.noise import Noise, parse_noise
from lookalike.training.loop import Curves, resolve_device, train
from lookalike.training.precision import resolve_precision
from lookalike.training.recipe import Recipe, named_recipe
from lookalike.training.run import Run


def fit_network(
    model: Autoencoder,
    network: nn.Module,
    X: Pictures,
    *,
    finish: Callable[[], None],
    validation: Pictures | None = None,
    test: Pictures | None = None,
    recipe: str | Recipe = "course",
    epochs: int | None = None,
    noise: str | Noise | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    device: str = "auto",
    seed: int = 0,
) -> None:
    """Train `network` in place; then `finish()`, `history_`, `data_` and, in the run's folder, the model's files.

    Raises:
        OptionError: an option is out of range, or the sets' shapes differ.
        RunError: the run's folder holds another training, or one that was not asked to be resumed.
        TrainingDiverged: the loss became NaN or infinite.
        Interrupted: Ctrl-C or SIGTERM; with a run, its state is saved.
    """
    settings = named_recipe(recipe, epochs=epochs)
    corruption = parse_noise(noise) if isinstance(noise, str) else noise
    pictures = to_uint8(as_pictures(X))
    if 0 < settings.piece < max(pictures.shape[1:3]) and model.reach is None:
        raise OptionError(
            f"the recipe shows pieces of {settings.piece} pixels, but {model.kind} learns from whole pictures; give "
            "another recipe, such as 'fast'"
        )
    if epochs is None:
        settings = settings.for_pictures(len(pictures))
    curves: Curves = {}
    for name, pictures_aside in (("validation", validation), ("test", test)):
        if pictures_aside is not None:
            curves[name] = to_uint8(as_pictures(pictures_aside))
            if curves[name].shape[1:] != pictures.shape[1:]:
                raise OptionError(
                    f"{name} pictures are of shape {curves[name].shape[1:]}, training ones of {pictures.shape[1:]}; "
                    "load both at one size"
                )
    if resume and run is None:
        raise OptionError("resume=True needs the run to go on with; give run='FOLDER'")
    data = describe_data(X)
    config = _config(model, data, settings)
    config["noise"] = None if corruption is None else str(corruption)
    config["curves"] = {name: describe_data(array)["digest"] for name, array in curves.items()}
    on = resolve_device(device)
    precision = resolve_precision(settings.precision, on)
    folder = nullcontext() if run is None else Run(Path(run), config, resume=resume, device=on, precision=precision)
    with folder as opened:
        model.history_ = train(
            network,
            pictures,
            settings,
            curves=curves,
            noise=corruption,
            seed=seed,
            device=device,
            precision=precision,
            run=opened,
            progress=progress,
        )
        model.data_ = data
        finish()
        if opened is not None:
            model.save(opened.folder)


def fit_at_once(
    model: Autoencoder, X: Pictures, fit: Callable[[], None], *, run: str | Path, resume: bool = False
) -> None:
    """Fit a closed form within a run's folder; a resumed one is fitted anew, which gives the same.

    Raises:
        RunError: the run's folder holds another training, or one that was not asked to be resumed.
    """
    with Run(Path(run), _config(model, describe_data(X), None), resume=resume) as opened:
        started, worked = time.perf_counter(), time.process_time()
        fit()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        images = len(as_pictures(X))
        opened.add_timing({"epoch": 0, "seconds": seconds, "cpu_seconds": cpu_seconds, "images": images})
        model.save(opened.folder)


def _config(model: Autoencoder, data: dict[str, Any], recipe: Recipe | None) -> dict[str, Any]:
    return {
        "model": {"kind": model.kind, "parameters": model.get_params()},
        "data": data,
        "recipe": None if recipe is None else recipe.as_json(),
        "noise": None,
        "curves": {},
    }
