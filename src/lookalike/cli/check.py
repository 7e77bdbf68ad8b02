"""lookalike check"""

from __future__ import annotations

import typer

from lookalike.cli.common import Json, Run, Seed, answer


def check(run: Run, seed: Seed = 0, json: Json = False) -> None:
    """Make the reference notebook's own assertions on a run's model and on the noise; leave with 1 if one fails."""
    from lookalike.checks import notebook_checks
    from lookalike.data import load
    from lookalike.models.loading import load_model

    checks = notebook_checks(load_model(run), load("synthetic:100").pixels, seed)
    width = max(len(check.name) for check in checks)
    lines = [f"{'passed' if check.passed else 'FAILED'}  {check.name:<{width}}  {check.detail}" for check in checks]
    answer({"checks": [check.as_json() for check in checks]}, lines, json)
    if not all(check.passed for check in checks):
        raise typer.Exit(1)
