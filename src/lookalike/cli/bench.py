"""lookalike bench quality, lookalike bench machine"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Data, Device, Force, Json, Reading, Seed, answer, progress_shown, reads_data
from lookalike.outputs import Outputs

app = typer.Typer(
    help="Measure models against one another, and this machine.", add_completion=False, rich_markup_mode=None
)


@app.callback()
def _bench() -> None:
    """Measure models against one another, and this machine."""


@app.command()
@reads_data()
def quality(
    data: Data,
    out: Annotated[Path, typer.Option(help="The folder that takes quality.md, quality.csv and quality.png.")],
    run: Annotated[
        list[Path] | None,
        typer.Option(
            help="A run to judge as it is; give the option once for each. Its test split must be DATA's.",
            show_default="train every kind of model in OUT/runs",
        ),
    ] = None,
    code: Annotated[
        int, typer.Option(help="Numbers in a picture's code of the models that are trained here, 1 or more.")
    ] = 32,
    recipe: Annotated[str, typer.Option(help="The settings of the trainings here.")] = "course",
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training pictures.", show_default="the recipe's, 25")
    ] = None,
    denoiser: Annotated[
        bool,
        typer.Option(help="Also train the course's denoiser here (code 512, gaussian:0.1); doubles the time."),
    ] = True,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Pairs of pictures for verification, in the layout of LFW's pairs.txt.",
            show_default="drawn from the people by the seed",
        ),
    ] = None,
    pictures: Annotated[
        int, typer.Option(help="Test pictures that are denoised, 1 or more; the classical denoisers are slow.", min=1)
    ] = 200,
    queries: Annotated[
        int, typer.Option(help="Pictures asked for among all others, at most; each is compared with all.", min=1)
    ] = 20_000,
    reading: Reading = Reading(),
    device: Device = "auto",
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Judge models at equal code size: reconstruction, denoising, search and verification, in tables and a plot.

    Exact PCA of the same code size stands beside every model, raw pixels and a perceptual hash beside their search,
    classical denoisers beside their denoising. Nothing is tuned on the test split (10%). Given runs are read with
    their own size, crop and fit. Without runs the models are trained first, which takes most of the time; called
    again, it goes on where it was broken off. Whatever the layout of a table of attributes, no picture is dropped here:
    those it does not name are left out of the agreement of attributes alone.
    """
    from lookalike.yardstick.quality import judge
    from lookalike.yardstick.subjects import load_runs, read_data, train_subjects

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    Outputs().folder(out)
    subjects = load_runs(run or [])
    with progress_shown() as progress:
        faces = read_data(data, subjects, replace(reading, attributes=None, key=None).options(), progress)
    if not subjects:
        subjects = train_subjects(
            faces,
            out / "runs",
            code=code,
            recipe=recipe,
            epochs=epochs,
            denoiser=denoiser,
            device=device,
            seed=seed,
            say=say,
        )
    payload = judge(
        subjects,
        faces,
        out,
        source=data,
        pairs=pairs,
        attributes=reading.attributes,
        key=reading.key,
        pictures=pictures,
        queries=queries,
        force=force,
        seed=seed,
        say=say,
    )
    lines = [Path(payload["files"][0]).read_text().rstrip("\n"), "", *(f"wrote {path}" for path in payload["files"])]
    answer(payload, "\n".join(lines), json)


@app.command()
def machine(
    again: Annotated[
        bool, typer.Option("--again", help="Try anew what is known of this machine; later trainings follow that.")
    ] = False,
    json: Json = False,
) -> None:
    """Show how quickly this machine multiplies, and in which arithmetic it trains and encodes soonest."""
    from lookalike.yardstick.machine import as_text, judge_machine

    found = judge_machine(again=again)
    answer(found, as_text(found), json)
