"""lookalike subset"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lookalike.cli.common import Json, Seed, answer, counted
from lookalike.cli.search import Galleries


def subset(
    gallery: Galleries,
    n: Annotated[int, typer.Option("-n", "--count", help="How many pictures, 1 or more.")],
    by: Annotated[
        str,
        typer.Option(
            help="How they are chosen: 'diverse' (typical ones, then what is not stood for yet), 'medoids' (typical "
            "ones) or 'far' (as unlike each other as can be, the odd ones among them).",
            metavar="diverse|medoids|far",
        ),
    ] = "diverse",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Choose pictures that stand for the whole gallery: their names, one a line."""
    from lookalike.gallery import Gallery
    from lookalike.review import subset as choose

    with Gallery.open(gallery, create=False) as held:
        found = choose(held, n, by=by, seed=seed)
    if len(found.names) < n:
        print(f"lookalike: the gallery holds {counted(len(found.names), 'picture')}, not {n:,}", file=sys.stderr)
    answer(found.as_json(), found.names, json)
