"""The section of the page that pulls a picture's attributes to and fro."""

from __future__ import annotations

from lookalike.data import ImageSet
from lookalike.editing import Direction, edit, learn_directions
from lookalike.models.base import Autoencoder
from lookalike.report import markup
from lookalike.report.pictures import Album

EDITS = 6
AMOUNTS = (-2, -1, 0, 1, 2)


def edits(model: Autoencoder, test: ImageSet, train: ImageSet, album: Album, seed: int) -> str:
    """A test picture along the attributes that are best told from the codes; "" where none is known or can be told."""
    if train.attribute_values is None:
        return ""
    learned = [one for one in learn_directions(model, train, count=1, seed=seed) if one.kind == "attribute"]
    best = sorted((one for one in learned if one.meaningful), key=_certainty, reverse=True)[:EDITS]
    if not best:
        return ""
    (chosen,) = markup.choose(len(test), 1, seed + 3)
    rows, strips = [], []
    for direction in best:
        strip = edit(model, test[chosen], direction, AMOUNTS)
        strips.append(strip)
        cells = [
            album.picture(picture, f"{direction.name} at {amount:+d}")
            for picture, amount in zip(strip, AMOUNTS, strict=True)
        ]
        rows.append(markup.row(direction.name.replace("_", " "), cells))
    album.keep_strip("edits", strips)
    return markup.section(
        "Sliders",
        f"One picture, {test.names[chosen]}, in the middle, and the same with a single attribute changed by way of its "
        f"code, so many standard deviations to either side. Of {len(learned)} attributes in the table these can "
        "be told best from the codes of pictures kept out.",
        markup.table(rows, ["", *(f"{amount:+d} σ" if amount else "as it is" for amount in AMOUNTS)]),
    )


def _certainty(direction: Direction) -> float:
    """The share of the way from guessing to perfect."""
    score = direction.score
    return 0.0 if score is None else (score.value - score.chance) / (1 - score.chance)
