"""lookalike denoise"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Force, Json, Seed, answer, names_from, progress_shown
from lookalike.noise import noise_help


def denoise(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] IMAGE...",
            help="Picture files, and folders of which all pictures are taken; '-' reads names from stdin. Where the "
            "first is the folder of a run or of a saved model (it holds config.json or model.json), that model does "
            "the work; else the denoiser that comes with the package does.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder that takes the denoised pictures and sheet.png.")],
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="The folder of the run whose model is to do the work; then every IMAGE is one.",
            show_default="the first argument, else the package's own denoiser",
        ),
    ] = None,
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
    photons: Annotated[
        float | None,
        typer.Option(
            help="How many photons the camera counted at white, where noise rises with the signal: its variance is "
            "value / photons, and that of --level beside. Only for a unet.",
            show_default="noise alike at every value",
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(
            help="The share of what the model takes away that stays taken away: 0 leaves the picture as it is, less "
            "than 1 leaves some grain.",
        ),
    ] = 1.0,
    self_ensemble: Annotated[
        bool,
        typer.Option(
            "--self-ensemble",
            help="Clean each picture in its four quarter turns and give the mean, in four times the time: better for "
            "pictures unlike those of the training, worse for pictures like them. Only for a unet.",
        ),
    ] = False,
    quality: Annotated[
        int | None,
        typer.Option(
            help="Of JPEG, WebP, AVIF and JPEG XL, from 1 (worst) to 100.",
            show_default="a JPEG's own tables, else 90; what was lossless stays so",
        ),
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Remove noise from pictures, and write them as they were (size, format, depth, notes), with a side-by-side sheet.

    Without a run, the denoiser that comes with the package does it, which was trained for photographs. Of runs, one
    trained with --model unet is meant, which takes pictures of any size and noise of any strength. One trained with
    --model denoiser or --noise works too: pictures larger than its own go through in overlapping tiles that blend into
    one another, so they should show things at the scale of the training pictures.
    """
    from lookalike.denoising.choosing import chosen_model, run_and_images
    from lookalike.denoising.pictures import denoise_files

    run, pictures = run_and_images(run, names_from(images))
    model = chosen_model(run)
    with progress_shown("cleaning pictures") as progress:
        result = denoise_files(
            model,
            pictures,
            out,
            noise=noise,
            level=level,
            photons=photons,
            self_ensemble=self_ensemble,
            strength=strength,
            quality=quality,
            force=force,
            seed=seed,
            progress=progress,
        )
    written = [str(path) for path in result.written]
    skipped = [one._asdict() for one in result.skipped]
    answer({"written": written, "skipped": skipped, "level": result.levels}, result.told(), json)
