"""lookalike sample"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Force, Json, Reading, Run, Seed, answer, pictures_to_learn_from, reads_data
from lookalike.cli.drawing import Sharp, Sharpness, share_drawn_sharp
from lookalike.errors import OptionError
from lookalike.models import DRAWN_SHARP, NEW_PICTURE
from lookalike.outputs import Outputs


@reads_data("size", "attributes", "key", "exif")
def sample(
    run: Run,
    out: Annotated[
        Path,
        typer.Option(help="The folder that takes the pictures and sheet.png, or a name ending in .png for the sheet."),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="The pictures to learn from, less a tenth; without, those of the run's training."
        ),
    ] = None,
    count: Annotated[
        int,
        typer.Option("--count", "-n", help="How many pictures to draw, 1 to 10,000; a sheet shows the first 24."),
    ] = 16,
    parts: Annotated[
        str,
        typer.Option(
            help="Parts of the mixture that codes are drawn from: a number, or 'auto' as held-out codes want."
        ),
    ] = "auto",
    truncation: Annotated[
        float,
        typer.Option(
            help="How far codes stray from the middle of their part, as a share of how far the part's own do, 0 to 1: "
            "less is safer and more alike."
        ),
    ] = 1.0,
    sharp: Sharp = False,
    sharpness: Sharpness = None,
    reading: Reading = Reading(),
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Draw new pictures: codes from a mixture that is fitted to those of the training, decoded.

    The mixture is fitted at the first call, which takes up to two minutes, and kept with the run. The sheet has the
    nearest training picture beside each new one; whether the mixture only copies is tested on test pictures.
    """
    from lookalike.data.formats import SUFFIXES
    from lookalike.models.loading import open_model
    from lookalike.sampling.mixture import checked_parts, checked_truncation
    from lookalike.sampling.pictures import ON_A_SHEET, sample_beside, write_samples
    from lookalike.sampling.store import mixture_of_run

    wanted, within, share = checked_parts(parts), checked_truncation(truncation), share_drawn_sharp(sharp, sharpness)
    if not 1 <= count <= MOST:
        raise OptionError(f"--count is {count}; give 1 to {MOST:,}")
    is_sheet = out.suffix.lower() == ".png"
    if is_sheet and count > ON_A_SHEET:
        raise OptionError(f"--count is {count}; a sheet shows {ON_A_SHEET} at most: give a folder, which has each")
    if not is_sheet and out.suffix.lower() in SUFFIXES:
        raise OptionError(f"--out is {out.name!r}; a sheet is a PNG: give a name that ends in .png, or a folder")
    (Outputs(force=force).file if is_sheet else Outputs().folder)(out)
    model = open_model(run)
    model.require_code()
    model.require_decoder()
    if share:
        model.require_sharp()
    train, test = pictures_to_learn_from(model, data, reading)
    learned = model.encode(train)
    mixture = mixture_of_run(model, run, learned, train.digest, wanted)
    drawn = sample_beside(model, mixture, learned, model.encode(test), count, truncation=within, seed=seed, sharp=share)
    written = write_samples(drawn, train, out, force=force)
    nearest = [
        {"name": train.names[place], "distance": float(distance)}
        for place, distance in zip(*drawn.nearest, strict=True)
    ]
    payload = {
        "run": str(run),
        "parts": mixture.parts,
        "together": mixture.together,
        "covariance": mixture.covariance,
        "likelihood": mixture.likelihood,
        "truncation": within,
        "sharpness": share,
        "nearest": nearest,
        "copying": drawn.copying._asdict(),
        "written": [str(path) for path in written],
    }
    told = [mixture.told(), drawn.copying.told(), f"wrote {written[-1]}", *(f"and {one}" for one in written[:-1])]
    told += [NEW_PICTURE, *([DRAWN_SHARP] if share else [])]
    answer(payload, told, json)


MOST = 10_000
"""Pictures, each a file."""
