"""The scores of a gallery's pictures in its catalog, kept by content: a file that moves or is copied has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.gallery.catalog import Catalog
from lookalike.gallery.columns import SCORES

KEY = "coalesce(items.content, items.pixels)"
"""What scores are kept by: the SHA-256 of a file, or where the source has no files, of the framed pixels."""
_OWN = [score.name for score in SCORES if score.name != "odd_size"]
_COLUMNS = ", ".join(score.name for score in SCORES)

Sizes = Callable[[Sequence[int], Sequence[int]], npt.NDArray[np.float64]]
"""Makes scores of how odd each of these heights and widths is among the others."""


class Scored(NamedTuple):
    """The scores of one content, but for that of its size, which the others tell."""

    content: str
    height: int
    width: int
    scores: dict[str, float]


class Held(NamedTuple):
    """A stored picture: its name, its file's in the source (a face's photo's), and what its scores are kept by.

    `is_file` says that the latter is the SHA-256 of a file.
    """

    name: str
    file: str
    content: str
    is_file: bool


def held(catalog: Catalog) -> list[Held]:
    """The stored pictures, by name."""
    rows = catalog.ask(
        f"SELECT name, coalesce(photo, name), {KEY}, content IS NOT NULL FROM items WHERE state = 'stored' "
        "ORDER BY name, id"
    )
    return [Held(name, file, content, bool(is_file)) for name, file, content, is_file in rows]


def known_contents(catalog: Catalog, rules: int) -> set[str]:
    """What has scores by these rules."""
    return {content for (content,) in catalog.ask("SELECT content FROM scores WHERE rules = ?", (rules,))}


def keep(catalog: Catalog, rules: int, found: Iterable[Scored]) -> None:
    """Write scores, in a transaction of their own."""
    rows = [(one.content, rules, one.height, one.width, *(one.scores[name] for name in _OWN)) for one in found]
    marks = ", ".join("?" * (4 + len(_OWN)))
    with catalog.transaction():
        catalog.tell(
            f"INSERT OR REPLACE INTO scores (content, rules, height, width, {', '.join(_OWN)}) VALUES ({marks})", rows
        )


def settle(catalog: Catalog, rules: int, sizes: Sizes, is_other: bool) -> None:
    """Forget what no picture has any more or was made by other rules, and say anew how odd the size of each is.

    `is_other`: whether scores were written before, so that readers are to look again.
    """
    with catalog.transaction():
        catalog.tell(
            f"DELETE FROM scores WHERE rules <> ? OR content NOT IN (SELECT {KEY} FROM items WHERE {KEY} IS NOT NULL)",
            [(rules,)],
        )
        rows = catalog.ask(
            f"SELECT scores.content, scores.height, scores.width, scores.odd_size FROM items "
            f"JOIN scores ON scores.content = {KEY} WHERE items.state = 'stored'"
        )
        found = sizes([row[1] for row in rows], [row[2] for row in rows])
        changed = {row[0]: float(score) for row, score in zip(rows, found, strict=True) if row[3] != score}
        catalog.tell("UPDATE scores SET odd_size = ? WHERE content = ?", ((v, k) for k, v in changed.items()))
        if is_other or changed:
            catalog.next_generation(same_items=True)


def scores_by_name(catalog: Catalog) -> tuple[list[str], dict[str, npt.NDArray[np.float32]]]:
    """The names of the stored pictures, and a column for each score, NaN where a picture has none."""
    rows = catalog.ask(
        f"SELECT items.name, {_COLUMNS} FROM items LEFT JOIN scores ON scores.content = {KEY} "
        "WHERE items.state = 'stored' ORDER BY items.name, items.id"
    )
    values = np.array([row[1:] for row in rows], np.float32).reshape(len(rows), len(SCORES))
    return [row[0] for row in rows], {score.name: values[:, place] for place, score in enumerate(SCORES)}
