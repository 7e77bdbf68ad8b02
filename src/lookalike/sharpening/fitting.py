"""How a model gets its sharp decoder: by the training loop, over the model as it is."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.models.fitting import curves_of, run_config, way_for
from lookalike.models.graphed import LEARNS_NOTHING, Graphed
from lookalike.models.inputs import Pictures, as_pictures, describe_data, shape_of
from lookalike.models.sharp import SIDE, SharpDecoder, shapes_of
from lookalike.pixels import Floats, to_uint8
from lookalike.training.recipe import Recipe, named_recipe

if TYPE_CHECKING:
    from torch import Tensor

WIDTH, PULL = 32, 0.02
SHORT = 8
"""Digits of the model's digest in the name of the training's folder: a model that learned on gets another decoder."""
BEGIN_ANEW = "begin anew with --force (force=True)"
LEAST_DEVIATION = 1e-3
"""Of the largest number's, what a code's number is divided by at least: one that hardly varies is noise."""

Model = TypeVar("Model", bound=Autoencoder)


def sharpen(
    model: Model,
    X: Pictures,
    *,
    validation: Pictures | None = None,
    test: Pictures | None = None,
    recipe: str | Recipe = "sharp",
    epochs: int | None = None,
    width: int = WIDTH,
    pull: float = PULL,
    seed: int = 0,
    device: str = "auto",
    run: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: bool = True,
) -> Model:
    """Train a second decoder on a model's codes, which draws plausible detail; `model.decode(codes, sharp=True)`.

    That detail is invented, not seen. The model itself stays as it is, to the bit. Returns the model, whose `sharp_` is
    the decoder.

    Args:
        model: fitted, with a code and a decoder.
        X: pictures of the model's shape (N, H, W, C): those of its training, never those it is judged by.
        validation, test: pictures whose MSE is measured each epoch; neither decides anything.
        recipe: the training's settings, by name or as a `Recipe`.
        epochs: passes over the pictures instead of the recipe's.
        width: channels at half the picture's sides, 1 to 512; twice and four times as many at a quarter and an eighth.
        pull: weight of what asks for detail, distances of patches and a critic, beside the mean absolute error, 0 to 1:
            more draws more of it, further from the originals; 0 draws what absolute errors alone want.
        seed: of the initial weights, of the order of pictures and of how they are shown.
        device: where to train, "auto", "cpu" or "cuda".
        run: the folder that the model is saved in, which takes the decoder (`sharp.safetensors`, `sharp.json`) and, in
            a folder of its own, checkpoints, metrics and curve.
        resume: go on from the last checkpoint, or begin where there is none.
        force: begin anew where the run has such a training already. The decoder that it has stays until the new one is
            done.
        progress: show a progress bar on stderr.

    Raises:
        OptionError: the model has no code or no decoder, pictures are of another shape, or an option is out of range.
        RunError: the folder holds such a training already, and neither `resume` nor `force` is True, or it was begun
            differently than is resumed.
        TrainingDiverged: the loss became NaN or infinite.
        Interrupted: Ctrl-C or SIGTERM, after the state was saved.
    """
    model.require_code()
    model.require_decoder()
    if isinstance(model, Graphed):
        raise OptionError(LEARNS_NOTHING)
    if not 0 <= pull <= 1:
        raise OptionError(f"pull is {pull:g}; give 0 to 1")
    shapes_of(model.image_shape_, model.code_size, width)
    given = as_pictures(X)
    pictures = to_uint8(given)
    if shape_of(pictures) != model.image_shape_:
        raise OptionError(f"pictures of shape {shape_of(pictures)}; this model takes {model.image_shape_}")
    if resume and run is None:
        raise OptionError("resume=True needs the run to go on with; give run='FOLDER'")
    if resume and force:
        raise OptionError("resume goes on with a training and force begins anew; give one of them")

    from lookalike.sharpening.network import Sharpening, weights_of
    from lookalike.training.device import check_device, resolve_device
    from lookalike.training.loop import Settings, train
    from lookalike.training.run import Run, environment_of, read_config

    check_device(device)
    chosen = named_recipe(recipe, epochs=epochs)
    chosen = chosen.for_pictures(len(pictures)) if epochs is None else chosen
    curves = curves_of(pictures, validation=validation, test=test)
    settings = Settings(chosen, seed=seed, device=device, progress=progress)
    steps = chosen.epochs * math.ceil(len(pictures) / chosen.batch_size)
    network = Sharpening(model, width, pull, seed, steps)
    network.scale_codes(*_spread(model.encode(given)))
    of = {"model": model.digest, "width": width, "pull": pull, "seed": seed}
    folder = None if run is None else training_folder(run, model)
    about = {"kind": SIDE, "width": width, "of": model.kind, "code_size": model.code_size}
    before = read_config(folder, BEGIN_ANEW) if resume and folder is not None else None
    way = way_for(network, pictures, settings, before, about)
    settings = replace(settings, way=way)
    config = run_config({"kind": SIDE, "parameters": of}, describe_data(X), chosen, None, curves)
    now = environment_of(resolve_device(device), way)
    with (
        nullcontext()
        if folder is None
        else Run(folder, config, resume=resume, anew=force, otherwise=BEGIN_ANEW, environment=now) as opened
    ):
        history = train(network, pictures, settings, curves=curves, run=opened)
    model.sharp_ = SharpDecoder(
        model.image_shape_,
        model.code_size,
        width,
        model.digest,
        {name: tensor.numpy() for name, tensor in weights_of(network.averaged).items()},
        {"recipe": chosen.as_json(), "pull": pull, "seed": seed, "data": config["data"]["digest"], "history": history},
        model.get_params().get("device", "auto"),
    )
    if run is not None:
        model.sharp_.save(run)
    return model


def training_folder(run: str | Path, model: Autoencoder) -> Path:
    """Where in a run's folder its sharp decoder is trained."""
    return Path(run) / f"{SIDE}-{model.digest[:SHORT]}"


def _spread(codes: Floats) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each number of codes (N, K)."""
    import torch

    deviation = codes.std(axis=0, dtype=np.float64)
    least = LEAST_DEVIATION * float(deviation.max()) or 1.0
    spread: tuple[Any, Any] = codes.mean(axis=0, dtype=np.float64), np.maximum(deviation, least)
    return torch.from_numpy(spread[0].astype(np.float32)), torch.from_numpy(spread[1].astype(np.float32))
