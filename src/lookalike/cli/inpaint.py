"""lookalike inpaint"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Crop, Force, Json, Run, Seed, answer, progress_shown


def inpaint(
    run: Run,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture of which something is hidden.")],
    mask: Annotated[
        Path,
        typer.Option(
            help="A picture of the same size: what is white in it is drawn anew, what is black or transparent stays."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="The file to write: .png, or by a unet also of the picture's own format."),
    ],
    crop: Crop = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Draw what is hidden of a picture, from what is left to be seen of it.

    A unet that was trained with --noise occlude:LOW-HIGH does it on pictures of any size; a model with a code on
    pictures of its own size, which are prepared as those of the run. What is not hidden stays as it is. Nothing here is
    random; the seed is taken for uniformity.
    """
    from lookalike.denoising.filling import inpaint_file
    from lookalike.experiment import noise_of
    from lookalike.models.loading import open_model

    model = open_model(run)
    with progress_shown("drawing") as progress:
        written = inpaint_file(
            model,
            image,
            mask,
            out,
            noise=noise_of(run),
            crop=crop,
            force=force,
            told=lambda share: progress(share, 1),
        )
    answer({"written": [str(written)]}, f"wrote {written}", json)
