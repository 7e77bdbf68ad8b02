"""lookalike gallery move"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import STORES, Json, Seed, answer, progress_shown
from lookalike.cli.index import WIDTH

app = typer.Typer(help="Look after a gallery.", add_completion=False, rich_markup_mode=None)


@app.callback()
def _gallery() -> None:
    """Look after a gallery."""


@app.command()
def move(
    gallery: Annotated[Path, typer.Argument(metavar="GALLERY", help="The gallery's folder.")],
    store: Annotated[str, typer.Option(help=f"Where the codes are to be: {STORES}.")],
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Bring a gallery's codes to another store, as they are: nothing is encoded again.

    The index is built there, and its recall measured with pictures that the seed draws. Pictures, names and decisions
    stay in the gallery's folder.
    """
    from lookalike.gallery import Gallery

    with Gallery.open(gallery, create=False) as held, progress_shown("copying codes") as progress:
        done = held.move(store, progress=progress, say=_say if sys.stderr.isatty() else None, seed=seed)
        promised = held.promised_recall
    lines = [
        f"{done.codes:,} codes brought from {done.before} to {done.store}",
        f"{done.method} search finds {done.recall_measured:.1%} of the 10 nearest ({promised:.0%} promised)",
        *textwrap.wrap(done.why, WIDTH),
        f"{done.seconds:.1f} s",
    ]
    answer(done.as_json(), lines, json)


def _say(line: str) -> None:
    print(line, file=sys.stderr)
