"""lookalike export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Json, Run, Seed, answer
from lookalike.errors import OptionError


def export(
    run: Run,
    out: Annotated[Path, typer.Option(help="The folder that takes the files.")],
    format: Annotated[str, typer.Option(help="The program to write for: 'keras'.")] = "keras",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a run's encoder and decoder for another program, and compare what both compute on random pictures."""
    from lookalike.models.loading import load_model

    if format != "keras":
        raise OptionError(f"format {format!r} is unknown; give keras")
    from lookalike.interop.keras_export import export_keras

    payload = export_keras(load_model(run), out, seed=seed)
    lines = [f"wrote {name}" for name in payload["files"]]
    lines.append(f"largest difference between the two programs' outputs: {payload['max_abs_difference']:.2e}")
    answer(payload, "\n".join(lines), json)
