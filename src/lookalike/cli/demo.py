"""lookalike demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Force, Json, Seed, answer


def demo(
    out: Annotated[Path, typer.Option(help="The folder that takes the runs and the report.")] = Path("demo"),
    images: Annotated[int, typer.Option(help="Procedural faces to draw, 200 or more.")] = 4_000,
    epochs: Annotated[int, typer.Option(help="Passes over the training pictures, 1 or more.")] = 6,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Do the whole story on procedural faces: train, compare, index, search, morph, denoise, and a report to look at.

    Takes some minutes on two cores, and says at first how many here. Called again, it goes on where it was broken off.
    """
    from lookalike.demo import run_demo

    payload = run_demo(out, images=images, epochs=epochs, force=force, seed=seed)
    lines = [
        f"test MSE {payload['mse']:.5f} with a code of 128; exact PCA gives {payload['pca_mse']:.5f}",
        f"denoising leaves an MSE of {payload['denoise_mse']:.5f} of 0.01000",
        f"search finds {payload['recall']:.0%} of the nearest; {payload['duplicates']} groups of near-duplicates",
        f"took {payload['seconds']:.0f} s; now open {payload['report']}, or look for look-alikes yourself:",
        f"  lookalike search {payload['gallery']} {out / 'query.png'}",
        "or on a page, at http://127.0.0.1:8000/ once this runs:",
        f"  lookalike serve {payload['gallery']} --run {out / 'residual'}",
    ]
    answer(payload, lines, json)
