"""lookalike morph"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Crop, Force, Json, Run, Seed, answer
from lookalike.cli.drawing import Sharp, Sharpness, share_drawn_sharp
from lookalike.models import DRAWN_SHARP
from lookalike.outputs import Outputs


def morph(
    run: Run,
    a: Annotated[Path, typer.Argument(metavar="A", help="The picture to begin with.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The picture to end with.")],
    out: Annotated[
        Path, typer.Option(help="The file to write: a strip (.png), or an animation, there and back (.gif).")
    ],
    steps: Annotated[int, typer.Option(help="Pictures from A to B, both counted, 2 to 1000.")] = 7,
    kind: Annotated[
        str,
        typer.Option(help="The way between the codes: 'linear', or 'spherical' where codes are of one length."),
    ] = "linear",
    sharp: Sharp = False,
    sharpness: Sharpness = None,
    crop: Crop = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Turn one picture into another by way of their codes, as a strip or an animation.

    The strip begins and ends with the pictures themselves, prepared as those of the run. Nothing here is random; the
    seed is taken for uniformity.
    """
    from lookalike.data.names import say_what_8_bits_lose
    from lookalike.editing.pictures import read_for, write_morph
    from lookalike.models.loading import open_model

    share = share_drawn_sharp(sharp, sharpness)
    out = Outputs((a, b), force=force).file(out)
    model = open_model(run)
    say_what_8_bits_lose((a, b))
    write_morph(model, read_for(model, a, crop), read_for(model, b, crop), out, steps=steps, kind=kind, sharp=share)
    lines = [f"wrote {out}", *([DRAWN_SHARP] if share else [])]
    answer({"steps": steps, "sharpness": share, "out": str(out)}, lines, json)
