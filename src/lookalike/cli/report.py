"""lookalike report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Force, Json, Run, Seed, answer, progress_shown


def report(
    run: Run,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")],
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write one self-contained HTML page about a run: figures, loss curve, reconstructions, codes, neighbours, morphs.

    The seed chooses the pictures that are shown.
    """
    from lookalike.experiment import report_run
    from lookalike.models.loading import load_model

    with progress_shown() as progress:
        written = report_run(load_model(run), run, out, force=force, seed=seed, progress=progress)
    payload = {"out": str(written.page), "pictures": str(written.pictures)}
    answer(payload, f"wrote {written.page}, and its figures into {written.pictures}", json)
