"""Do neighbours share attributes, and are they the neighbours that pixels give?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.metrics import Floats, Ids

MOST = 10
PREFERRED = (
    ("Male", "Smiling", "Eyeglasses", "Blond Hair", "Black Hair", "Bald", "Mustache", "Senior", "No Beard",
     "Wearing Hat"),
    ("skin", "hair_lightness", "hair_length", "bald", "curly", "beard", "wrinkles", "smile", "glasses", "hat"),
)  # fmt: skip
"""The ten attributes that are judged: of LFW's table, and of the synthetic faces; of other tables, the first ten."""


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


def choose_attributes(names: tuple[str, ...], labels: Floats) -> list[int]:
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
