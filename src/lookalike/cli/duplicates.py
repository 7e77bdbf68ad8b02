"""lookalike duplicates"""

from __future__ import annotations

from typing import Annotated

import typer

from lookalike.cli.common import Json, Seed, answer
from lookalike.cli.search import Galleries

GROUPS_SHOWN = 20
NAMES_SHOWN = 8


def duplicates(
    gallery: Galleries,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="The distance up to which two pictures are near-duplicates, in the gallery's metric, 0 or more.",
            show_default="measured on slightly changed copies",
        ),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """List groups of near-duplicates: the largest group first, and in each the most central picture first.

    The seed draws the pictures whose slightly changed copies tell the threshold.
    """
    from lookalike.gallery import Gallery

    with Gallery.open(gallery, create=False) as held:
        found = held.duplicates(threshold, seed=seed)
        measured = held.duplicate_threshold(seed=seed) if threshold is None else None
    lines = []
    for group in found.groups[:GROUPS_SHOWN]:
        lines += [f"{len(group)} near-duplicates", *(f"  {name}" for name in group[:NAMES_SHOWN])]
        if len(group) > NAMES_SHOWN:
            lines.append(f"  and {len(group) - NAMES_SHOWN:,} more")
    if len(found.groups) > GROUPS_SHOWN:
        lines.append(f"and {len(found.groups) - GROUPS_SHOWN:,} more groups; --json lists all")
    lines.append(f"{len(found.groups):,} groups within a distance of {found.threshold:.4g}")
    if measured is not None:
        lines.append(f"(which finds {measured.true_match_rate:.1%} of slightly changed copies)")
    answer({"groups": found.groups, "threshold": found.threshold}, "\n".join(lines), json)
