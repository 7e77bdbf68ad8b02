"""lookalike directions"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Json, Reading, Run, Seed, answer, load_data, progress_shown, reads_data
from lookalike.errors import OptionError


@reads_data("size")
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
    reading: Reading = Reading(),
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
    from lookalike.models.loading import open_model
    from lookalike.models.pictures import framing_of

    model = open_model(run)
    if these is not None and those is not None:
        for option, value in (("DATA", data), ("--attribute", attribute)):
            if value is not None:
                raise OptionError(f"{option} does not go with --these and --those; leave it out")
        replace(reading, crop=None).refuse("does not go with --these and --those; leave it out")
        first, second = (model.encode(read_group(model, paths, reading.crop)) for paths in (these, those))
        learned = [difference_direction(first, second, name, seed=seed)]
    elif these is not None or those is not None:
        raise OptionError("--these and --those go together; give both")
    else:
        if data is None:
            reading.refuse("does not go with the run's own pictures; leave it out")
            with progress_shown() as progress:
                pictures = pictures_of(model, progress)[0]
        else:
            pictures = load_data(data, reading.options().like(framing_of(model)))
        learned = learn_directions(model, pictures, attributes=attribute, count=count, seed=seed)
        if not learned:
            raise OptionError(
                f"all {len(pictures)} pictures have the same code, so that nothing leads from one to another; give "
                "pictures that differ"
            )
    keep_directions(learned, model, run)
    payload = {"run": str(run), "directions": [one.as_json() for one in learned]}
    answer(payload, [one.told() for one in learned], json)
