"""lookalike train"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import (
    Data,
    Device,
    Json,
    Reading,
    Resume,
    Seed,
    answer,
    counted,
    load_data,
    reads_data,
    run_named,
)
from lookalike.cli.sharpen import told
from lookalike.errors import OptionError
from lookalike.models import KINDS, learners, usual
from lookalike.noise import noise_help, parse_noise
from lookalike.training.recipe import RECIPES, RECIPES_IN_WORDS, Recipe, named_recipe


def _in_words(about: dict[str, str]) -> str:
    return "; ".join(f"'{name}' ({words})" for name, words in about.items())


def _usual_epochs() -> str:
    of_recipes = [f"{recipe.epochs} for {name}" for name, recipe in RECIPES.items()]
    return "; ".join([*of_recipes, *(f"{kind.epochs} for {name}" for name, kind in learners().items() if kind.epochs)])


FRESH = Path("fresh")
FROM_NOISY = " (what it takes away: there are no clean pictures to compare with)"


@reads_data()
def train(
    data: Data,
    run: Annotated[Path, typer.Option(help="The run's folder, for checkpoints, metrics and the model.")],
    model: Annotated[
        str | None,
        typer.Option(
            help=f"The model: {_in_words({name: kind.about for name, kind in learners().items()})}.",
            show_default="conv; that of --begin-with; unet with --noisy-only",
        ),
    ] = None,
    code: Annotated[
        int | None,
        typer.Option(help="Numbers in a picture's code, 1 or more; unet has none.", show_default=usual("code_size")),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"The training's settings: {_in_words(RECIPES_IN_WORDS)}.",
            show_default=usual("recipe"),
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the training pictures.", show_default=_usual_epochs()),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="The arithmetic between float32 weights: 'float32', 'bfloat16', or 'auto', what a trial finds "
            "quickest on this machine.",
            show_default="the recipe's, auto",
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            help=f"Noise on the input only, drawn afresh each epoch: {noise_help()}",
            show_default=usual("noise"),
        ),
    ] = None,
    begin_with: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Begin with the weights of this run, of 'ready', the denoiser of the package, or with 'fresh' ones. "
            "The model's kind and form are then those of the run, and the training's steps a fifth as long.",
            show_default="fresh; ready with --noisy-only, unless --set asks for another form",
            callback=run_named,
        ),
    ] = None,
    noisy_only: Annotated[
        bool,
        typer.Option(
            "--noisy-only",
            help="Train a unet on pictures that are noisy themselves, of which there are no clean ones. Their "
            "noise has to be independent from pixel to pixel, as it is before JPEG or a change of size.",
        ),
    ] = False,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of the training pictures held out to name the best epoch.", show_default="none"),
    ] = None,
    solver: Annotated[
        str | None,
        typer.Option(
            help="For pca: 'auto' (exact where that has room), 'covariance' or 'svd' (exact), 'randomised' (by passes "
            "over the pictures) or 'gradient' (as the notebook).",
            show_default="auto",
        ),
    ] = None,
    dense_activation: Annotated[
        str | None,
        typer.Option(
            help="For conv: what follows the decoder's first Dense, 'linear' or 'elu'.", show_default="linear"
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A parameter of the model's class in Python, such as width=96 or channels=16,32,64,128; may be given "
            "several times.",
            show_default="those of the class",
        ),
    ] = None,
    sharp: Annotated[
        bool,
        typer.Option(
            "--sharp", help="Train a second decoder afterwards, which draws detail, as 'lookalike sharpen RUN' does."
        ),
    ] = False,
    devices: Annotated[
        int | None,
        typer.Option(
            help="Processes on this machine that train together, each on a GPU, or on a share of the cores: the steps "
            "are those of one.",
            show_default="1, or as torchrun, SLURM or Kubernetes have started them",
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            help="Machines that train together, each of which gives this command.",
            show_default="1, or as torchrun, SLURM or Kubernetes have started them",
        ),
    ] = None,
    resume: Resume = False,
    reading: Reading = Reading(),
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a model, with a checkpoint after every epoch; a test split (10%) is kept apart and measured."""
    from lookalike.denoising.ready import ready_run
    from lookalike.experiment import sharpen_run, split_of_run, train_run, training_part
    from lookalike.models import new_model, parameters_of_words
    from lookalike.models.loading import load_model
    from lookalike.training.place import one_after_another, place_of

    given = {"code_size": code, "solver": solver, "dense_activation": dense_activation, "seed": seed, "device": device}
    given |= {"noisy_only": noisy_only or None}
    begin = None
    if begin_with is not None and (begin_with != FRESH or FRESH.exists()):
        begin = load_model(begin_with)
    elif begin_with is None and noisy_only and model in (None, "unet") and not parameter:
        begin = None if (ready := ready_run()) is None else load_model(ready)
    model = model or ("unet" if noisy_only else "conv" if begin is None else begin.kind)
    learner = new_model(model, begin, **{**given, **parameters_of_words(model, parameter or [])})
    noise = KINDS[model].noise if noise is None and not noisy_only else noise
    if noise is not None:
        parse_noise(noise)  # a mistake in it shows before all pictures are read
    if validation is not None and not 0 < validation < 1:
        raise OptionError(f"validation is {validation:g}; give a share between 0 and 1, such as 0.05")
    settings: str | Recipe | None = recipe
    if precision is not None:
        settings = named_recipe(recipe or KINDS[model].recipe or "course", precision=precision)
    place = place_of(devices, nodes)
    if sharp:
        learner.require_code()
        if place.size > 1:
            raise OptionError(f"--sharp trains in one process, not in {place.size}; train first, then sharpen the run")
    if place.size > 1:
        from lookalike.training.device import check_room, resolve_device

        check_room(place, resolve_device(device))
    with one_after_another(place):
        faces = load_data(data, reading.options())
    if begin is not None and begin_with is None and begin.image_shape_[2] != faces.image_shape[2]:
        begin, learner = None, new_model(model, None, **given)  # grey ones, by arrays alone
    if begin is not None and isinstance(settings, Recipe):
        settings = settings.going_on()
    options = {"epochs": epochs, "noise": noise, "recipe": settings, "devices": devices, "nodes": nodes}
    payload = train_run(
        learner,
        faces,
        run,
        validation=validation,
        resume=resume,
        begin_with=begin,
        **{k: v for k, v in options.items() if v is not None},
    )
    if not place.is_first:
        return  # the first of the processes says what came of it
    code_words = "without a code" if payload["code_size"] is None else f"with a code of {payload['code_size']}"
    lines = [
        f"{payload['model']} {code_words}, {counted(payload['epochs'], 'epoch')}, in {run}",
        f"training MSE {payload['train_mse']:.5f}",
        f"test MSE     {payload['test_mse']:.5f}{FROM_NOISY if noisy_only else ''}",
    ]
    if begin is not None:
        lines.insert(1, f"begun with  the weights of {begin_with or 'the denoiser of the package'}")
    if payload["validation_mse"] is not None:
        lines.insert(-1, f"validation   {payload['validation_mse']:.5f}")
    if payload["denoise_mse"] is not None:
        lines.append(f"denoise MSE  {payload['denoise_mse']:.5f} (test pictures with {payload['noise']})")
    if payload["seconds"] is not None:
        lines.append(f"{payload['seconds']:.1f} s, {payload['images_per_second']:,.0f} images a second")
    if sharp:
        train_part, test = training_part(faces, learner.data_["parts"]), split_of_run(faces)[1]
        done = sharpen_run(learner, run, train_part, test, resume=resume, device=device, seed=seed)
        payload["sharp"] = done
        lines += told(done)
    lines.append(f"what it is, and what was measured: {payload['card']}")
    answer(payload, lines, json)
