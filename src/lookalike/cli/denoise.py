"""lookalike denoise"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Force, Json, Run, Seed, answer, names_from
from lookalike.noise import noise_help


def denoise(
    run: Run,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Picture files; '-' reads names from stdin.")],
    out: Annotated[Path, typer.Option(help="The folder that takes the denoised pictures and sheet.png.")],
    noise: Annotated[
        str | None,
        typer.Option(
            help=f"Noise to add first, so that one can see the model work: {noise_help()}",
            show_default="none",
        ),
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(
            help="The noise's standard deviation, from 0 to 1, where it is known (a picture spans 1: 25 of 255 levels "
            "are 0.098). Only a unet takes it, and knows the levels it was trained with, 0 to 0.25 unless told others.",
            show_default="the model judges for itself",
        ),
    ] = None,
    self_ensemble: Annotated[
        bool,
        typer.Option(
            "--self-ensemble",
            help="Clean each picture in its four quarter turns and give the mean, in four times the time: better for "
            "pictures unlike those of the training, worse for pictures like them. Only for a unet.",
        ),
    ] = False,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Remove noise from pictures with a run's model, and write them at their own size, with a side-by-side sheet.

    A run trained with --model unet is meant, which takes pictures of any size and noise of any strength. One trained
    with --model denoiser or --noise works too: pictures larger than its own go through in overlapping tiles that blend
    into one another, so they should show things at the scale of the training pictures.
    """
    from lookalike.denoising.pictures import denoise_files
    from lookalike.models.loading import open_model

    model = open_model(run)
    result = denoise_files(
        model, names_from(images), out, noise=noise, level=level, self_ensemble=self_ensemble, force=force, seed=seed
    )
    written = [str(path) for path in result.written]
    payload = {"written": written, "skipped": [skipped._asdict() for skipped in result.skipped]}
    lines = [f"wrote {path}" for path in written]
    lines += [f"skipped {name}: {reason}" for name, reason in result.skipped]
    answer(payload, "\n".join(lines), json)
