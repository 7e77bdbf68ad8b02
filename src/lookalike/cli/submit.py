"""lookalike submit"""

from __future__ import annotations

from typing import Annotated

import typer

from lookalike.cli.common import Json, Run, Seed, answer, progress_shown
from lookalike.errors import SubmissionError


def submit(
    run: Run,
    email: Annotated[str, typer.Option(help="The e-mail address of your course account.")],
    token: Annotated[str, typer.Option(help="The token from the assignment's page.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    address: Annotated[
        str | None, typer.Option(help="The grader's address.", show_default="Coursera's submissions address")
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Send code size, image shape and test MSE of a run to the course's grader.

    Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.experiment import pictures_of
    from lookalike.interop import coursera
    from lookalike.models.loading import load_model

    model = load_model(run)
    with progress_shown() as progress:
        test = pictures_of(model, progress)[1]
    payload = coursera.submission(model, -model.score(test), email, token)
    if dry_run:
        parts = "\n".join(f"  {name}: {part['output']}" for name, part in payload["parts"].items())
        answer({"status": None, "message": "nothing was sent", "payload": payload}, f"would send:\n{parts}", json)
        return
    verdict = coursera.submit(payload, address or coursera.ADDRESS)
    if not verdict.accepted:
        raise SubmissionError(f"the grader refused (status {verdict.status}): {verdict.message}")
    answer({"status": verdict.status, "message": verdict.message}, verdict.message, json)
