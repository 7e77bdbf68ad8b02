"""lookalike sharpen"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lookalike.cli.common import (
    Device,
    Json,
    Reading,
    Resume,
    Run,
    Seed,
    answer,
    counted,
    pictures_to_learn_from,
    reads_data,
)
from lookalike.models import INVENTED
from lookalike.training.recipe import RECIPES

EPOCHS = f"{RECIPES['sharp'].epochs}, more of few pictures"


@reads_data("size", "attributes", "key", "exif")
def sharpen(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="The pictures to learn from, less a tenth; without, those of the run's training."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training pictures.", show_default=EPOCHS)] = None,
    pull: Annotated[
        float | None,
        typer.Option(
            help="Weight of what asks for detail, 0 to 1: more draws more of it, further from the originals.",
            show_default="0.02",
        ),
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Channels of the decoder at half the sides, 1 to 512.", show_default="32")
    ] = None,
    resume: Resume = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Begin anew where such a decoder was trained or begun; the one that is there stays until the new one "
            "is done.",
        ),
    ] = False,
    reading: Reading = Reading(),
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a second decoder for a run's codes, which draws plausible detail where the first one blurs.

    That detail is invented, not seen. The model itself stays as it is, and with it search, directions and galleries;
    --sharp of reconstruct, morph, edit and sample draws by the new decoder. The run's test split stays apart.
    """
    from lookalike.experiment import sharpen_run
    from lookalike.models.loading import load_model

    model = load_model(run)
    model.require_code()
    model.require_decoder()
    train, test = pictures_to_learn_from(model, data, reading)
    given = {"epochs": epochs, "pull": pull, "width": width}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    payload = sharpen_run(model, run, train, test, resume=resume, force=force, device=device, seed=seed, **options)
    answer(payload, told(payload), json)


def told(payload: dict[str, Any]) -> list[str]:
    """What came of it, line by line."""
    lines = [
        f"a sharp decoder, {counted(payload['epochs'], 'epoch')}, in {payload['run']}",
        f"test MSE    {payload['sharp_mse']:.5f} (the model's own decoder: {payload['test_mse']:.5f})",
        f"fine detail {payload['sharp_detail']:.0%} of the real pictures' (the model's own: {payload['detail']:.0%})",
    ]
    if payload["seconds"] is not None:
        lines.append(f"{payload['seconds']:.1f} s, {payload['images_per_second']:,.0f} images a second")
    return [*lines, f"of what --sharp draws with it: {INVENTED}"]
