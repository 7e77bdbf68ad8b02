"""What is known of the pictures that neighbours are judged by: who is on them, and what they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike import metrics
from lookalike.data import DataOptions, ImageSet
from lookalike.data.beside import Beside
from lookalike.data.columns import two_sided
from lookalike.data.lfw import portrait, read_attributes
from lookalike.errors import DataError
from lookalike.metrics import Floats, Ids
from lookalike.yardstick.verification import FOLDS, Pairs, draw_pairs, read_pairs

if TYPE_CHECKING:
    import pandas as pd

TOPS = (1, 5, 10)
NEIGHBOURS = max(TOPS)
MOST = 10
PREFERRED = (
    ("Male", "Smiling", "Eyeglasses", "Blond Hair", "Black Hair", "Bald", "Mustache", "Senior", "No Beard",
     "Wearing Hat"),
    ("skin", "hair_lightness", "hair_length", "bald", "curly", "beard", "wrinkles", "smile", "glasses", "hat"),
)  # fmt: skip
"""The ten attributes that are judged: of LFW's table, and of the synthetic faces; of other tables, the first ten."""


class Judged(NamedTuple):
    """A figure before it is known whose it is."""

    group: str
    measure: str
    level: str
    value: float


@dataclass(frozen=True)
class GroundTruth:
    """The truth that neighbours and distances are held against; a part that the data lacks is None.

    Attributes:
        queries: int64 (Q,): the pictures that are asked for.
        k: neighbours that are looked at: 10, or all others of a smaller set.
        people: int64 (N,): who is on each picture, as a number.
        has_mate: bool (Q,): whether another picture shows the query's person.
        attributes: names and labels float32 (N, A) of 1, 0 and NaN for unknown.
        pairs: pairs of pictures for verification.
        left_out: what cannot be measured on these pictures, and why.
    """

    queries: Ids
    k: int
    people: Ids | None
    has_mate: np.ndarray[Any, np.dtype[np.bool_]] | None
    attributes: tuple[list[str], Floats] | None
    pairs: Pairs | None
    left_out: list[str]


def survey(
    faces: ImageSet,
    *,
    pairs: Path | None = None,
    attributes: Path | None = None,
    key: str | None = None,
    queries: int,
    seed: int,
) -> GroundTruth:
    """Find out what these pictures can be judged by.

    Args:
        faces: all pictures, those of the training too.
        pairs: a table in the layout of LFW's pairs.txt; None draws pairs from the people.
        attributes: a table as `load` takes it, or in LFW's layout, for the pictures it names; None takes the set's own.
        key: the table's column that names pictures; None finds it.
        queries: at most so many pictures are asked for, drawn by `seed`.
        seed: of all that is drawn.

    Raises:
        DataError: a table is damaged, or names none of the pictures.
    """
    left_out: list[str] = []
    asked = np.arange(len(faces))
    if len(faces) > queries:
        asked = np.sort(np.random.default_rng(seed).choice(len(faces), queries, replace=False))
    people = has_mate = None
    if faces.people is None or len(set(faces.people)) < 2:
        left_out.append("retrieval: the pictures do not say who is on them")
    else:
        names, people = np.unique(np.asarray(faces.people), return_inverse=True)
        has_mate = (np.bincount(people)[people] > 1)[asked] & (names[people] != "")[asked]
        if not has_mate.any():
            left_out.append("retrieval: nobody is on two pictures")
            people = has_mate = None
    return GroundTruth(
        queries=asked,
        k=min(NEIGHBOURS, len(faces) - 1),
        people=people,
        has_mate=has_mate,
        attributes=_attributes(faces, attributes, key, left_out),
        pairs=_pairs(faces, pairs, seed, left_out),
        left_out=left_out,
    )


def judge_neighbours(ground: GroundTruth, neighbours: Ids, by_pixels: Ids) -> Iterator[Judged]:
    """All figures of int64 (Q, k) neighbours, and of those `by_pixels` beside them."""
    if ground.people is not None and ground.has_mate is not None:
        asked, found = ground.queries[ground.has_mate], neighbours[ground.has_mate]
        for top in TOPS:
            share = metrics.same_label_at_k(found, asked, ground.people, top)
            yield Judged("retrieval", "same person in the top", str(top), share)
    yield from _agreements(ground, lambda labels: attribute_agreement(neighbours, ground.queries, labels))
    yield Judged("pixel neighbours", "found among the neighbours", "", metrics.recall_at_k(neighbours, by_pixels))


def by_chance(ground: GroundTruth, tops: Sequence[int] = TOPS) -> Iterator[Judged]:
    """What neighbours drawn at random would give, on average: closed forms."""
    if ground.people is not None and ground.has_mate is not None:
        mates = np.bincount(ground.people)[ground.people[ground.queries[ground.has_mate]]] - 1
        others = len(ground.people) - 1
        for top in tops:
            # None of the first `top` is a mate: the first is not, nor the second of those left, and so on.
            strangers = np.arange(min(top, others))
            missed = np.prod(np.maximum(others - mates[:, None] - strangers, 0) / (others - strangers), axis=1)
            yield Judged("retrieval", "same person in the top", str(top), float(1 - missed.mean()))
    yield from _agreements(ground, lambda labels: chance_agreement(ground.queries, labels))


def _agreements(ground: GroundTruth, judge: Callable[[Floats], Agreement | None]) -> Iterator[Judged]:
    if ground.attributes is None:
        return
    names, labels = ground.attributes
    judged = {name: found for name, own in zip(names, labels.T, strict=True) if (found := judge(own)) is not None}
    if not judged:
        return
    for measure, column in (("balanced agreement", "balanced"), ("agreement", "share")):
        values = {name: float(getattr(found, column)) for name, found in judged.items()}
        yield Judged("agreement", measure, "mean", float(np.mean(list(values.values()))))
        for name, value in values.items():
            yield Judged("agreement", measure, name, value)


def _attributes(
    faces: ImageSet, table: Path | None, key: str | None, left_out: list[str]
) -> tuple[list[str], Floats] | None:
    if table is not None:
        names, values = _of_table(faces, table, key)
    elif faces.attributes is None:
        left_out.append("agreement: the pictures have no attributes")
        return None
    else:
        names, values = _numbers(faces.attributes)
    labels = yes_or_no(values)
    chosen = choose_attributes(names, labels)
    if not chosen:
        left_out.append("agreement: no attribute tells some pictures from others")
        return None
    return [names[i] for i in chosen], labels[:, chosen]


def _numbers(table: pd.DataFrame) -> tuple[list[str], Floats]:
    sides = two_sided(table)
    return list(sides.columns), sides.to_numpy(np.float32)


def _of_table(faces: ImageSet, table: Path, key: str | None) -> tuple[list[str], Floats]:
    """What the table says of the pictures it names, NaN for the others."""
    beside = Beside.asked(DataOptions(attributes=table, key=key), files=False)
    if beside.table is not None:
        bare = ImageSet(faces.pixels, faces.names)
        beside.join(bare)
        return ([], np.empty((len(faces), 0), np.float32)) if bare.attributes is None else _numbers(bare.attributes)
    read = read_attributes(table)
    values = np.full((len(faces), len(read.names)), np.nan, np.float32)
    for i, name in enumerate(faces.names):
        row = read.rows.get(who) if (who := portrait(name)) is not None else None
        if row is not None:
            values[i] = read.values[row]
    if np.isnan(values).all():
        raise DataError(f"attribute table {table} names none of the pictures; give the table of these pictures")
    return read.names, values


def _pairs(faces: ImageSet, table: Path | None, seed: int, left_out: list[str]) -> Pairs | None:
    if table is not None:
        read, missing = read_pairs(table, faces.names)
        if missing:
            left_out.append(f"verification: {missing:,} pairs of {table.name} that name pictures which are not here")
        return read
    if faces.people is None:
        left_out.append("verification: the pictures do not say who is on them")
        return None
    drawn = draw_pairs(faces.people, seed)
    if drawn is None:
        left_out.append(f"verification: too few people for {FOLDS} folds, each with two people and one of them twice")
    return drawn


class Agreement(NamedTuple):
    """How often a neighbour has the query's value.

    Attributes:
        share: mean over the queries; of a rare attribute near 1 by chance.
        balanced: mean of the queries with and those without the attribute, so that rare ones count; by chance 0.5.
    """

    share: float
    balanced: float


def yes_or_no(values: Floats) -> Floats:
    """Attributes (N, A) as 1 (yes), 0 (no) and NaN (unknown, as in `values`), float32 (N, A).

    A column of two values says yes at the larger; one that crosses 0 above 0; any other above its median.
    """
    result = np.full(values.shape, np.nan, np.float32)
    for column in range(values.shape[1]):
        known = ~np.isnan(values[:, column])
        given = values[known, column]
        if given.size:
            result[known, column] = given > _border(given)
    return result


def choose_attributes(names: Sequence[str], labels: Floats) -> list[int]:
    """Places of up to ten attributes with both a yes and a no: the preferred ones where a table has them."""
    usable = [i for i in range(len(names)) if np.unique(labels[~np.isnan(labels[:, i]), i]).size == 2]
    for preferred in PREFERRED:
        chosen = [names.index(name) for name in preferred if name in names and names.index(name) in usable]
        if chosen:
            return chosen
    return usable[:MOST]


def attribute_agreement(neighbours: Ids, queries: Ids, labels: Floats) -> Agreement | None:
    """How often the neighbours share one attribute with the query; None where only one value is asked for.

    Args:
        neighbours: int (Q, K): places of the neighbours.
        queries: int (Q,): places of the queries.
        labels: float32 (N,): 1, 0 or NaN for unknown. Queries and neighbours of unknown value are left out.
    """
    of_neighbours, of_queries = labels[neighbours], labels[queries]
    known = ~np.isnan(of_neighbours)
    asked = ~np.isnan(of_queries) & known.any(axis=1)
    alike = ((of_neighbours == of_queries[:, None]) & known).sum(axis=1)[asked] / known.sum(axis=1)[asked]
    yes = of_queries[asked] == 1
    if yes.all() or not yes.any():
        return None
    return Agreement(float(alike.mean()), float((alike[yes].mean() + alike[~yes].mean()) / 2))


def chance_agreement(queries: Ids, labels: Floats) -> Agreement | None:
    """What `attribute_agreement` gives on average where neighbours are drawn at random from all others."""
    asked = labels[queries][~np.isnan(labels[queries])]
    others = np.count_nonzero(~np.isnan(labels)) - 1
    no, yes = ((np.count_nonzero(labels == value) - 1) / others for value in (0, 1))
    if (asked == 1).all() or (asked == 0).all():
        return None
    return Agreement(float(np.where(asked == 1, yes, no).mean()), (no + yes) / 2)


def _border(given: npt.NDArray[np.float32]) -> float:
    low, high = float(given.min()), float(given.max())
    if np.unique(given).size == 2:
        return low
    return 0.0 if low < 0 < high else float(np.median(given))
