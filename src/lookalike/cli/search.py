"""lookalike search"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.common import Detector, Faces, Force, Json, Seed, answer
from lookalike.errors import OptionError
from lookalike.outputs import Outputs

if TYPE_CHECKING:
    from lookalike.gallery.calibration import Threshold
    from lookalike.gallery.gallery import Gallery

Galleries = Annotated[Path, typer.Argument(metavar="GALLERY", help="The folder of a gallery.")]
NAME_WIDTH = 60
SAME = {"people": "pairs of one person", "copies": "pictures and slightly changed copies"}


def search(
    gallery: Galleries,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE|WORDS",
            help="A picture file; several stand for the mean of their codes. Of a photo with faces the largest is "
            "meant, or PHOTO#face-2. What is no file, and does not end as one of a picture, is words, where the "
            "gallery's model takes them.",
        ),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(help="The name of a stored picture to search for, instead of a file.", metavar="NAME"),
    ] = None,
    k: Annotated[int, typer.Option("-k", "--neighbours", help="How many neighbours to find, 1 or more.")] = 5,
    where: Annotated[
        str | None,
        typer.Option(
            help="Only pictures that meet a condition on what is known of them, such as "
            "\"taken >= '2024-05' and camera like 'Pixel%' and rating > 3\".",
            show_default="all",
        ),
    ] = None,
    matches: Annotated[
        float | None,
        typer.Option(
            help="Also say which neighbours are matches, at this many false matches in a search, on average (0.1).",
            show_default="not said",
        ),
    ] = None,
    faces: Faces = None,
    detector: Detector = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A PNG file that takes the query and its neighbours, with distances.", show_default="none"),
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Find the stored pictures nearest to a picture, or to words, with their distances in the gallery's metric.

    Pictures are prepared as those of the gallery. The seed draws the pairs that tell a match.
    """
    from lookalike.data import DataOptions
    from lookalike.gallery import Gallery

    if out is not None:
        out = Outputs(images or (), force=force).file(out)
    asked: list[Path | str] = [*(images or []), *(item or [])]
    if not asked:
        raise OptionError("nothing is searched for; give a picture file, or --item with the name of a stored picture")
    with Gallery.open(gallery, create=False) as held:
        threshold = None if matches is None else held.threshold(matches, seed=seed)
        said = [one for one in images or [] if is_said(one, held)]
        if said and out is not None:
            raise OptionError(f"--out shows the pictures searched for, and {str(said[0])!r} is words; leave it out")
        query = [held.encode_text(str(one)) if one in said else one for one in asked]
        framing = DataOptions.checked(faces=faces, detector=detector).framing(held.framing)
        found = held.search(query if len(query) > 1 else query[0], k, where=where, framing=framing)
        if out is not None:
            from lookalike.gallery.sheet import write_sheet

            write_sheet(held, asked, found, out, framing)
    neighbours = [
        {"name": one.name, "distance": one.distance}
        | ({} if threshold is None else {"match": threshold.covers(one.distance)})
        for one in found.items
    ]
    payload = {"neighbours": neighbours, "milliseconds": found.milliseconds}
    width = min(max((len(str(one["name"])) for one in neighbours), default=0), NAME_WIDTH)
    lines = [
        f"{one['name']:<{width}}  {one['distance']:9.4f}{'  match' if one.get('match') else ''}" for one in neighbours
    ]
    if threshold is not None:
        payload["threshold"] = threshold.as_json()
        lines.append(told(threshold, matches or 0))
    if out is not None:
        payload["out"] = str(out)
        lines.append(f"wrote {out}")
    answer(payload, lines or "no stored picture meets the condition", json)


def is_said(given: Path, gallery: Gallery) -> bool:
    """Whether a query is words: no file, nor what may be a mistyped one, in a gallery whose model takes words."""
    from lookalike.data.formats import SUFFIXES

    path = Path(str(given).partition("#")[0])
    return not path.exists() and path.suffix.lower() not in SUFFIXES and gallery.model.has_text


def told(line: Threshold, asked: float) -> str:
    """What a line between matches and others was measured to do."""
    if line.distance is None:
        return (
            f"codes of this model cannot tell matches among {line.images:,} pictures at {asked:g} false ones a search; "
            "no line is drawn"
        )
    return (
        f"{line.true_match_rate:.1%} of {SAME[line.basis]}, and {line.false_matches:.2g} others a search, are within "
        f"{line.distance:.4f}"
    )
