"""lookalike evaluate"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.common import Json, Reading, Run, Seed, answer, load_data, progress_shown, reads_data

if TYPE_CHECKING:
    from lookalike.models.evaluation import Evaluation


@reads_data()
def evaluate(
    run: Run,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Pictures; without them, the run's own test split.")
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="Noise on the input only, as gaussian:0.1; 'lookalike train --help' names them all. Given several "
            "times, it makes a table of levels.",
            show_default="none",
        ),
    ] = None,
    reading: Reading = Reading(),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Measure MSE, PSNR and SSIM of a run's reconstructions, on its own test split or on all of DATA."""
    from lookalike.experiment import pictures_of
    from lookalike.models.loading import load_model
    from lookalike.models.pictures import framing_of
    from lookalike.noise import parse_noise

    levels = [parse_noise(text) for text in noise or ()]
    model = load_model(run)  # whose figures are those of the training, to the last digit
    if data is None:
        reading.refuse("needs DATA; the run's own test split is read as it was trained")
        with progress_shown() as progress:
            pictures = pictures_of(model, progress)[1]
    else:
        pictures = load_data(data, reading.options().like(framing_of(model)))
    if len(levels) > 1:
        clean = model.evaluate(pictures, seed=seed)
        noisy = [model.evaluate(pictures, level, seed) for level in levels]
        payload = {**clean.as_json(), "levels": [result.as_json() for result in noisy]}
        answer(payload, f"{clean.images:,} pictures\n{_table([clean, *noisy])}", json)
        return
    result = model.evaluate(pictures, levels[0] if levels else None, seed)
    lines = [
        f"{result.images:,} pictures",
        f"MSE  {result.mse:.5f}",
        f"PSNR {result.psnr:.2f} dB",
        f"SSIM {result.ssim:.4f}",
    ]
    if result.noise is not None:
        lines.append(f"the noise itself ({result.noise}): MSE {result.noisy_mse:.5f}, PSNR {result.noisy_psnr:.2f} dB")
    answer(result.as_json(), lines, json)


def _table(results: list[Evaluation]) -> str:
    width = max(len(result.noise or "noise") for result in results)
    lines = [f"{'noise':<{width}}      MSE  PSNR dB    SSIM  noisy MSE  noisy PSNR dB"]
    for result in results:
        line = f"{result.noise or 'none':<{width}}  {result.mse:.5f}  {result.psnr:7.2f}  {result.ssim:.4f}"
        if result.noise is not None:
            line += f"    {result.noisy_mse:.5f}  {result.noisy_psnr:13.2f}"
        lines.append(line)
    return "\n".join(lines)
