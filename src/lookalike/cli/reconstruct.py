"""lookalike reconstruct"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Crop, Force, Json, Run, Seed, answer, names_from
from lookalike.cli.drawing import Sharp, Sharpness, share_drawn_sharp
from lookalike.models import DRAWN_SHARP


def reconstruct(
    run: Run,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Picture files; '-' reads names from stdin.")],
    out: Annotated[Path, typer.Option(help="The folder that takes the reconstructions and sheet.png.")],
    sharp: Sharp = False,
    sharpness: Sharpness = None,
    crop: Crop = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Send pictures through a run's model and write what comes back, with a side-by-side sheet.

    Pictures are prepared as those of the run. Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.experiment import reconstruct_files
    from lookalike.models.loading import open_model

    share = share_drawn_sharp(sharp, sharpness)
    result = reconstruct_files(open_model(run), names_from(images), out, crop=crop, sharp=share, force=force)
    written = [str(path) for path in result.written]
    payload = {"written": written, "skipped": [skipped._asdict() for skipped in result.skipped], "sharpness": share}
    lines = [f"wrote {path}" for path in written]
    lines += [f"skipped {name}: {reason}" for name, reason in result.skipped]
    lines += [DRAWN_SHARP] if share else []
    answer(payload, lines, json)
