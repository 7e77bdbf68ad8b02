"""All directions that pictures can teach: the leading ones, and those of their attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.data.images import ImageSet
from lookalike.editing.attributes import LEAST_CODES, attribute_directions
from lookalike.editing.directions import FOLDS, Direction, principal_directions
from lookalike.editing.scoring import numbered_groups
from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder

COUNT = 10


def learn_directions(
    model: Autoencoder,
    pictures: ImageSet,
    *,
    attributes: Sequence[str] | None = None,
    count: int = COUNT,
    seed: int = 0,
) -> list[Direction]:
    """`count` principal directions of the pictures' codes and, where there is a table, a direction for each attribute.

    Args:
        model: a fitted model.
        pictures: N pictures, such as those of its training.
        attributes: the attributes to learn, each held against the others; None for all of the table.
        count: of principal directions.
        seed: of the parts that scores are measured on.

    Raises:
        OptionError: an attribute is not in the table, or there are too few pictures.
    """
    if len(pictures) < 2:
        raise OptionError(f"{len(pictures)} pictures; directions need 2 or more")
    codes = model.encode(pictures)
    directions = principal_directions(codes, count)
    known = pictures.attribute_names if pictures.attribute_values is not None else ()
    for name in attributes or ():
        if name not in known:
            listed = f"it has {', '.join(known)}" if known else "there is no table"
            raise OptionError(f"attribute {name!r} is not in the table of these pictures; {listed}")
    wanted = known if attributes is None else tuple(dict.fromkeys(attributes))
    values = pictures.attribute_values
    folds = min(FOLDS, int(numbered_groups(pictures.people, len(pictures)).max()) + 1)
    if values is None or not wanted or (attributes is None and (len(pictures) < LEAST_CODES or folds < 2)):
        return directions
    table = {name: np.asarray(values[:, known.index(name)]) for name in wanted}
    if attributes is None:  # a table may hold columns that nobody filled in
        table = {name: column for name, column in table.items() if _usable(column)}
    if not table:
        return directions
    return [*directions, *attribute_directions(codes, table, people=pictures.people, folds=folds, seed=seed)]


def _usable(column: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bool:
    return bool(np.isfinite(column).all() and column.min() < column.max())
