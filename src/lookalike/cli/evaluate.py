"""lookalike evaluate"""

from __future__ import annotations

from typing import Annotated

import typer

from lookalike.cli.common import Attributes, Crop, Fit, Json, Run, Seed, Size, answer, load_data, reading_shown
from lookalike.errors import OptionError


def evaluate(
    run: Run,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Pictures; without them, the run's own test split.")
    ] = None,
    noise: Annotated[
        str | None, typer.Option(help="Noise on the input only, as gaussian:0.1.", show_default="none")
    ] = None,
    size: Size = None,
    crop: Crop = None,
    fit: Fit = None,
    attributes: Attributes = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Measure MSE, PSNR and SSIM of a run's reconstructions, on its own test split or on all of DATA."""
    from lookalike.experiment import picture_spec, pictures_of
    from lookalike.models.loading import load_model

    model = load_model(run)
    if data is None:
        given = {"--size": size, "--crop": crop, "--fit": fit, "--attributes": attributes}
        for name, value in given.items():
            if value is not None:
                raise OptionError(f"{name} needs DATA; the run's own test split is read as it was trained")
        with reading_shown() as progress:
            pictures = pictures_of(model, progress)[1]
    else:
        spec = picture_spec(model, crop)
        pictures = load_data(data, spec.size if size is None else size, spec.crop, fit or spec.fit, attributes)
    result = model.evaluate(pictures, noise, seed)
    lines = [
        f"{result.images:,} pictures",
        f"MSE  {result.mse:.5f}",
        f"PSNR {result.psnr:.2f} dB",
        f"SSIM {result.ssim:.4f}",
    ]
    if result.noise is not None:
        lines.append(f"the noise itself ({result.noise}): MSE {result.noisy_mse:.5f}, PSNR {result.noisy_psnr:.2f} dB")
    answer(result.as_json(), "\n".join(lines), json)
