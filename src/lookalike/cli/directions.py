"""lookalike directions"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Attributes, Crop, Fit, Json, Run, Seed, answer, load_data, reading_shown
from lookalike.errors import OptionError


def directions(
    run: Run,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Pictures; without them, those of the run's training.")
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            help="An attribute of the table to learn; several are held against one another.", show_default="all"
        ),
    ] = None,
    these: Annotated[
        list[Path] | None,
        typer.Option(help="A folder or files; learns the way to them from --those.", show_default="none"),
    ] = None,
    those: Annotated[
        list[Path] | None,
        typer.Option(help="A folder or files; learns the way from them to --these.", show_default="none"),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call 'these minus those'.")] = "difference",
    count: Annotated[int, typer.Option(help="Principal directions to keep, 1 or more.", min=1)] = 10,
    crop: Crop = None,
    fit: Fit = None,
    attributes: Attributes = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Learn directions of a run's codes and keep them with the run, for 'lookalike edit'.

    Principal directions come from any pictures, attribute directions from pictures with a table of attributes, and
    'these minus those' from two groups of pictures, which adds to what the run has already. Each is scored on pictures
    it was not learned from, and said to mean something where the score is above chance by more than 3 standard errors
    and by more than 0.05. The seed cuts the pictures into parts.
    """
    from lookalike.editing.attributes import learn_directions
    from lookalike.editing.directions import difference_direction
    from lookalike.editing.pictures import read_group
    from lookalike.editing.store import keep_directions
    from lookalike.experiment import pictures_of
    from lookalike.models.loading import load_model
    from lookalike.models.pictures import picture_spec

    model = load_model(run)
    if these is not None and those is not None:
        _refuse(
            "--these and --those",
            **{"DATA": data, "--attribute": attribute, "--fit": fit, "--attributes": attributes},
        )
        first, second = (model.encode(read_group(model, paths, crop)) for paths in (these, those))
        learned = [difference_direction(first, second, name, seed=seed)]
    elif these is not None or those is not None:
        raise OptionError("--these and --those go together; give both")
    else:
        if data is None:
            _refuse("the run's own pictures", **{"--crop": crop, "--fit": fit, "--attributes": attributes})
            with reading_shown() as progress:
                pictures = pictures_of(model, progress)[0]
        else:
            spec = picture_spec(model, crop)
            pictures = load_data(data, spec.size, spec.crop, fit or spec.fit, attributes)
        learned = learn_directions(model, pictures, attributes=attribute, count=count, seed=seed)
    keep_directions(learned, model, run)
    payload = {"run": str(run), "directions": [one.as_json() for one in learned]}
    answer(payload, "\n".join(one.told() for one in learned), json)


def _refuse(beside: str, **given: object) -> None:
    for option, value in given.items():
        if value is not None:
            raise OptionError(f"{option} does not go with {beside}; leave it out")
