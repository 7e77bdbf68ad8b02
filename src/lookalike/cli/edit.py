"""lookalike edit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Crop, Force, Json, Run, Seed, answer
from lookalike.cli.drawing import Sharp, Sharpness, share_drawn_sharp
from lookalike.models import DRAWN_SHARP
from lookalike.outputs import Outputs


def edit(
    run: Run,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to edit.")],
    along: Annotated[
        list[str],
        typer.Option(help="A direction by its name, such as principal-1; several are walked at once."),
    ],
    out: Annotated[Path, typer.Option(help="The PNG to write: the picture itself, then its edits.")],
    amount: Annotated[
        list[float] | None,
        typer.Option(
            help="How far to walk, in standard deviations of the codes along the direction (for 'these minus those', "
            "in distances between the two groups). Several amounts give several pictures; with several directions, "
            "give one amount for each.",
            show_default="-2 -1 0 1 2",
        ),
    ] = None,
    residual: Annotated[
        bool,
        typer.Option(
            help="Change the picture itself, so that its detail stays; without, show what the moved code draws alone."
        ),
    ] = True,
    sharp: Sharp = False,
    sharpness: Sharpness = None,
    crop: Crop = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Change a picture along directions of its code, which 'lookalike directions' has learned.

    Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.data.names import say_what_8_bits_lose
    from lookalike.editing.edit import amount_rows
    from lookalike.editing.pictures import read_for, write_edit
    from lookalike.editing.store import directions_named
    from lookalike.models.loading import open_model

    share = share_drawn_sharp(sharp, sharpness)
    out = Outputs((image,), force=force).file(out)
    model = open_model(run)
    directions = directions_named(along, model, run)
    amounts = amount_rows(len(directions), amount or [])
    say_what_8_bits_lose((image,))
    picture = read_for(model, image, crop)
    write_edit(model, picture, directions, amounts, out, keep_residual=residual, sharp=share)
    doubtful = [one.name for one in directions if not one.meaningful]
    payload = {"along": along, "amounts": amounts, "doubtful": doubtful, "sharpness": share, "out": str(out)}
    lines = [f"{name} cannot be told from these codes: this edit may mean nothing" for name in doubtful]
    answer(payload, [*lines, f"wrote {out}", *([DRAWN_SHARP] if share else [])], json)
