"""Train a network of one of the models, with or without a run folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from torch import nn

from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder, Pictures, as_pictures, describe_data, to_uint8
from lookalike.noise import Noise, parse_noise
from lookalike.training.loop import Curves, train
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
    config = {
        "model": {"kind": model.kind, "parameters": model.get_params()},
        "data": data,
        "recipe": settings.as_json(),
        "noise": None if corruption is None else str(corruption),
        "curves": {name: describe_data(array)["digest"] for name, array in curves.items()},
    }
    with nullcontext() if run is None else Run(Path(run), config, resume=resume) as opened:
        model.history_ = train(
            network,
            pictures,
            settings,
            curves=curves,
            noise=corruption,
            seed=seed,
            device=device,
            run=opened,
            progress=progress,
        )
        model.data_ = data
        finish()
        if opened is not None:
            model.save(opened.folder)
