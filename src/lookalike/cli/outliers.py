"""lookalike outliers"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.common import Force, Json, Seed, answer
from lookalike.cli.search import Galleries
from lookalike.outputs import Outputs

if TYPE_CHECKING:
    from lookalike.review import Outliers

SHOWN = 20
NAME_WIDTH = 44
WHY = {
    "error": "drawn wrongly",
    "repair": "unlike what was expected",
    "density": "codes far away",
    "detail": "much or little detail",
}


def outliers(
    gallery: Galleries,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            "--oddest",
            help="How many of the oddest to list, 1 or more, whether beyond the line or not.",
            show_default="those beyond the line",
        ),
    ] = None,
    false_alarms: Annotated[
        float,
        typer.Option(help="Of pictures that are like the rest, the share that may be called odd: above 0, below 1."),
    ] = 0.01,
    out: Annotated[
        Path | None,
        typer.Option(help="A PNG file that takes the twelve oddest, with where they are odd.", show_default="none"),
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """List the pictures that are unlike the rest, the oddest first.

    They are told by what the gallery's model draws wrongly, seen and hidden, by how far away the next codes are, and
    by their amount of detail. Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.gallery import Gallery
    from lookalike.review import outliers as find
    from lookalike.review import write_outliers

    if out is not None:
        out = Outputs(force=force).file(out)
    with Gallery.open(gallery, create=False) as held:
        found = find(held, k, false_alarms=false_alarms)
        if out is not None:
            write_outliers(held, found, out)
    payload, lines = found.as_json(), _told(found)
    if out is not None:
        payload["out"] = str(out)
        lines.append(f"wrote {out}")
    answer(payload, lines, json)


def _told(found: Outliers) -> list[str]:
    shown = found.outliers[:SHOWN]
    width = min(max((len(one.name) for one in shown), default=0), NAME_WIDTH)
    lines = [f"{one.name:<{width}}  {one.score:6.2f}  {WHY[one.why]}" for one in shown]
    if len(found.outliers) > SHOWN:
        lines.append(f"and {len(found.outliers) - SHOWN:,} more; --json lists all")
    if found.threshold is not None:
        beyond = sum(one.score >= found.threshold for one in found.outliers)
        lines.append(
            f"{beyond:,} of {found.images:,} pictures score {found.threshold:.2f} or more: a line that at most "
            f"{found.false_alarms:.3g} of pictures like the rest would pass"
        )
    elif found.images == 1:
        lines.append("1 picture has no others that it could be unlike")
    elif found.images * found.false_alarms < 1:
        lines.append(
            f"{found.images:,} pictures are too few to promise a share of {found.false_alarms:g} false alarms; give "
            f"--false-alarms {_least(found.images):g} or more, or -k for the oddest"
        )
    else:
        lines.append(f"none of {found.images:,} pictures stands out from the others")
    return lines


def _least(images: int) -> float:
    """The least share of so many pictures, rounded up to two figures."""
    unit = 10.0 ** (math.floor(-math.log10(images)) - 1)
    return math.ceil(1 / images / unit - 1e-9) * unit
