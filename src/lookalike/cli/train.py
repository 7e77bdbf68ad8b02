"""lookalike train"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Attributes, Crop, Data, Device, Fit, Json, Seed, Size, answer, load_data
from lookalike.errors import OptionError


def train(
    data: Data,
    run: Annotated[Path, typer.Option(help="The run's folder, for checkpoints, metrics and the model.")],
    model: Annotated[
        str,
        typer.Option(
            help="The model: 'conv' (convolutional), 'residual' (gives pictures back best), 'pca', 'search' (codes "
            "made for finding the same person, fitted in seconds), 'unet' (removes noise best, and has no code), or "
            "'denoiser': conv with the course's code size and noise for removing noise."
        ),
    ] = "conv",
    code: Annotated[
        int | None,
        typer.Option(
            help="Numbers in a picture's code, 1 or more; unet has none.", show_default="32; 512 for denoiser"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="The training's settings: 'course' is the reference notebook's; 'fast' reaches its quality in about a "
            "quarter of the time; 'best' takes longer and goes further; 'unet' is for the model of that name.",
            show_default="course; best for residual; unet for unet",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the training pictures.",
            show_default="25; 15 for pca by gradient; 3 for fast; 20 for best; 10 for unet",
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            help="Noise on the input only, drawn afresh each epoch: gaussian:SIGMA (a picture spans 1), "
            "occlude:SHARE (a black rectangle), saltpepper:SHARE, poisson:PHOTONS, blur:PIXELS or jpeg:QUALITY; "
            "LOW-HIGH draws the number anew for every picture, as gaussian:0-0.25; + joins several, as "
            "occlude:0.25+gaussian:0.1.",
            show_default="none; gaussian:0.1 for denoiser; gaussian:0-0.25 for unet",
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of the training pictures held out to name the best epoch.", show_default="none"),
    ] = None,
    solver: Annotated[
        str, typer.Option(help="For pca: 'auto', 'covariance' or 'svd' (exact), or 'gradient' (as the notebook).")
    ] = "auto",
    dense_activation: Annotated[
        str, typer.Option(help="For conv: what follows the decoder's first Dense, 'linear' or 'elu'.")
    ] = "linear",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint, if any.")] = False,
    size: Size = None,
    crop: Crop = None,
    fit: Fit = None,
    attributes: Attributes = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a model, with a checkpoint after every epoch; a test split (10%) is kept apart and measured."""
    from lookalike.experiment import train_run
    from lookalike.models import model_class
    from lookalike.models.presets import preset
    from lookalike.noise import parse_noise

    chosen = preset(model)
    code = chosen.code_size if code is None else code
    noise = chosen.noise if noise is None else noise
    if noise is not None:
        parse_noise(noise)  # a mistake in it shows before all pictures are read
    kind = model_class(chosen.kind)
    if kind.kind == "pca":
        _only("conv", dense_activation=dense_activation != "linear", device=device != "auto")
        learner = kind(code_size=code, solver=solver, seed=seed)
    elif kind.kind == "search":
        _only("pca", solver=solver != "auto")
        _only("conv", dense_activation=dense_activation != "linear", device=device != "auto")
        learner = kind(code_size=code)
    elif not kind.has_code:
        _only("conv or pca", code=code is not None)
        _only("pca", solver=solver != "auto")
        _only("conv", dense_activation=dense_activation != "linear")
        learner = kind(seed=seed, device=device)
    elif kind.kind == "residual":
        _only("pca", solver=solver != "auto")
        _only("conv", dense_activation=dense_activation != "linear")
        learner = kind(code_size=code, seed=seed, device=device)
    else:
        _only("pca", solver=solver != "auto")
        learner = kind(code_size=code, dense_activation=dense_activation, seed=seed, device=device)
    if validation is not None and not 0 < validation < 1:
        raise OptionError(f"validation is {validation:g}; give a share between 0 and 1, such as 0.05")
    recipe = chosen.recipe if recipe is None else recipe
    options = {"epochs": epochs, "noise": noise, "recipe": recipe if learner.trains_in_epochs else None}
    faces = load_data(data, size, crop, fit, attributes)
    payload = train_run(
        learner, faces, run, validation=validation, resume=resume, **{k: v for k, v in options.items() if v is not None}
    )
    code_words = "without a code" if payload["code_size"] is None else f"with a code of {payload['code_size']}"
    lines = [
        f"{payload['model']} {code_words}, {payload['epochs']} epochs, in {run}",
        f"training MSE {payload['train_mse']:.5f}",
        f"test MSE     {payload['test_mse']:.5f}",
    ]
    if payload["validation_mse"] is not None:
        lines.insert(2, f"validation   {payload['validation_mse']:.5f}")
    if payload["denoise_mse"] is not None:
        lines.append(f"denoise MSE  {payload['denoise_mse']:.5f} (test pictures with {payload['noise']})")
    if payload["seconds"] is not None:
        lines.append(f"{payload['seconds']:.1f} s, {payload['images_per_second']:,.0f} images a second")
    lines.append(f"what it is, and what was measured: {payload['card']}")
    answer(payload, "\n".join(lines), json)


def _only(kind: str, **given: bool) -> None:
    for name, is_given in given.items():
        if is_given:
            raise OptionError(f"--{name.replace('_', '-')} belongs to --model {kind}; leave it out")
