"""Directions of known attributes: smile, glasses, the colour of hair; and all that pictures can teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.columns import two_sided
from lookalike.data.images import ImageSet
from lookalike.editing.directions import (
    FOLDS,
    Direction,
    Score,
    checked_codes,
    folds_of,
    numbered_groups,
    principal_directions,
    score,
)
from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.pixels import Floats

if TYPE_CHECKING:
    import pandas as pd

LEAST_CODES = 10
KNOWN = 0.5
"""The least share of the pictures that must have an attribute, unless it is asked for."""
SOFTNESS = 0.01
"""Added to the squared lengths (1) of the read-outs before each is freed of the others: two attributes that are read
from almost the same part of the code would otherwise leave each other nothing but noise."""
COUNT = 10

Doubles = npt.NDArray[np.float64]


def attribute_directions(
    codes: npt.ArrayLike,
    attributes: Mapping[str, npt.ArrayLike] | pd.DataFrame,
    *,
    people: Sequence[str] | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> list[Direction]:
    """For each attribute the direction that changes it and, as far as the codes can tell, none of the others.

    Each attribute is first read from the codes by a linear model: ridge regression for real values, logistic
    regression for two values, both on whitened codes, whose penalty is the shrinkage of Ledoit and Wolf (2004). Of all
    changes of a code that raise one read-out and keep the others where they are, the direction is the least in
    Mahalanobis distance: the one that leads least out of the data. In whitened codes that is the read-out's weights
    without what the others' weights span. So it matters which attributes come in one call.

    An amount of 1 is one standard deviation of the codes along the direction. The score comes from five parts of the
    pictures, each read by models of the four others; with `people` all pictures of a person stay in one part.

    Args:
        codes: (N, K), N of 10 or more.
        attributes: N numbers for each name, or a pandas DataFrame of N rows. Two words become 0 and 1, the second of
            the alphabet being 1, which the direction's name says: `camera: Pixel 7`. What never changes is left out, as
            are times and columns of more words, which have no two sides.
        people: N names, "" where unknown.
        folds: into how many parts pictures are cut for the scores, 2 or more.
        seed: of the parts.

    Raises:
        OptionError: the table does not fit the codes, holds values that are not finite, or has nothing that changes.
    """
    given = checked_codes(codes, LEAST_CODES)
    names, table = _checked_table(attributes, len(given))
    groups = numbered_groups(people, len(given))
    if len(groups) != len(given):
        raise OptionError(f"{len(groups)} people for {len(given)} codes; give one for each")
    most = int(groups.max()) + 1
    if not 2 <= folds <= most:
        raise OptionError(f"folds is {folds}; give 2 to {most}, the number of people")
    predicted = np.empty_like(table)
    fold = folds_of(groups, folds, seed)
    for number in range(folds):
        held = fold == number
        whitening = _whiten(given[~held])
        weights = _read_outs(whitening.forth(given[~held]), table[~held])
        predicted[held] = whitening.forth(given[held]) @ weights.T
    whitening = _whiten(given)
    steps = whitening.back(_freed(_read_outs(whitening.forth(given), table)))
    return [
        _direction(name, step, given, score(predicted[:, i], table[:, i], groups))
        for i, (name, step) in enumerate(zip(names, steps, strict=True))
    ]


class _Whitening(NamedTuple):
    """Codes seen so that their (shrunk) covariance is the identity."""

    mean: Doubles
    axes: Doubles
    deviations: Doubles

    def forth(self, codes: Doubles) -> Doubles:
        whitened: Doubles = (codes - self.mean) @ self.axes / self.deviations
        return whitened

    def back(self, changes: Doubles) -> Doubles:
        codes: Doubles = (changes * self.deviations) @ self.axes.T
        return codes


def _whiten(codes: Doubles) -> _Whitening:
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(codes)
    variances, axes = np.linalg.eigh(covariance)
    floor = max(float(variances[-1]) * 1e-12, np.finfo(np.float64).tiny)  # codes that never change have no variance
    return _Whitening(codes.mean(axis=0), axes, np.sqrt(np.maximum(variances, floor)))


def _read_outs(whitened: Doubles, table: Doubles) -> Doubles:
    """The weights (A, K) that read A attributes from whitened codes (N, K)."""
    from sklearn.linear_model import LogisticRegression

    # Least squares on codes of unit covariance is the covariance with the attribute; shrinking it makes it ridge.
    weights: Doubles = (table - table.mean(axis=0)).T @ whitened / len(whitened)
    for i, column in enumerate(table.T):
        values = np.unique(column)
        if len(values) == 2:
            # newton-cholesky takes few steps of K x K each: the quickest for many pictures of few numbers.
            model = LogisticRegression(solver="newton-cholesky", max_iter=100)
            weights[i] = model.fit(whitened, column == values[1]).coef_[0]
    return weights


def _freed(weights: Doubles) -> Doubles:
    """Each row without what the other rows span."""
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    unit = weights / np.maximum(lengths, np.finfo(np.float64).tiny)
    freed: Doubles = np.linalg.solve(unit @ unit.T + SOFTNESS * np.eye(len(unit)), unit)
    return freed


def _direction(name: str, step: Doubles, codes: Doubles, told: Score) -> Direction:
    vector = step / (float(np.linalg.norm(step)) or 1.0)
    return Direction(name, "attribute", vector, float((codes @ vector).std(ddof=1)), told)


def _sides(attributes: Mapping[str, npt.ArrayLike] | pd.DataFrame) -> dict[str, Doubles]:
    """Numbers as they are, two words as 0 and 1."""
    found: dict[str, Doubles] = {}
    for name, values in attributes.items():
        try:
            found[str(name)] = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            import pandas as pd

            sides = two_sided(pd.DataFrame({str(name): pd.Series(list(np.asarray(values, object)), dtype=object)}))
            found |= {str(side): column.to_numpy(np.float64) for side, column in sides.items()}
    return found


def _checked_table(attributes: Mapping[str, npt.ArrayLike] | pd.DataFrame, count: int) -> tuple[list[str], Doubles]:
    names, columns = [], []
    for name, column in _sides(attributes).items():
        if column.shape != (count,):
            raise OptionError(f"attribute {name!r} has values of shape {column.shape}; give {count}, one for each code")
        if not np.isfinite(column).all():
            raise OptionError(
                f"attribute {name!r} holds {int((~np.isfinite(column)).sum())} values that are not finite; "
                "leave it out, or the pictures without it"
            )
        if column.min() < column.max():
            names.append(name)
            columns.append(column)
    if not columns:
        raise OptionError("no attribute has two sides that change from picture to picture; there is nothing to learn")
    return names, np.stack(columns, axis=1)


def learn_directions(
    model: Autoencoder,
    pictures: ImageSet,
    *,
    codes: Floats | None = None,
    attributes: Sequence[str] | None = None,
    count: int = COUNT,
    seed: int = 0,
) -> list[Direction]:
    """`count` principal directions of the pictures' codes and, where there is a table, a direction for each attribute.

    Args:
        model: a fitted model.
        pictures: N pictures, such as those of its training.
        codes: theirs by the model, float32 (N, K), where they are known already.
        attributes: the attributes to learn, each held against the others; None for all of the table that have two
            sides and that half of the pictures have. They are learned from the pictures that have all of them.
        count: of principal directions.
        seed: of the parts that scores are measured on.

    Raises:
        OptionError: an attribute is not in the table, or has no two sides, or there are too few pictures.
    """
    if len(pictures) < 2:
        raise OptionError(f"{len(pictures)} picture(s) given; directions need 2 or more: give more as DATA")
    codes = model.encode(pictures) if codes is None else codes
    directions = principal_directions(codes, count)
    chosen = _chosen(pictures, attributes)
    if pictures.attributes is None or not len(chosen.columns):
        return directions
    places = chosen.index.to_numpy()
    people = None if pictures.people is None else [pictures.people[place] for place in places]
    folds = min(FOLDS, int(numbered_groups(people, len(places)).max(initial=-1)) + 1)
    if attributes is None and (len(places) < LEAST_CODES or folds < 2):
        return directions
    return [*directions, *attribute_directions(codes[places], chosen, people=people, folds=folds, seed=seed)]


def complete_sides(table: pd.DataFrame, names: Sequence[str] | None = None) -> pd.DataFrame:
    """What directions can be learned from: columns of two sides, of the rows that have all of them, by their places.

    Columns that few rows have are left out, but for `names`, as `two_sided` has them, of which all are taken; and so is
    what never changes.
    """
    sides = two_sided(table.reset_index(drop=True)).replace([np.inf, -np.inf], np.nan)
    wanted = sides.loc[:, sides.notna().mean() >= KNOWN] if names is None else sides[list(names)]
    known = wanted.dropna(axis=0)
    return known.loc[:, known.nunique() > 1]


def _chosen(pictures: ImageSet, attributes: Sequence[str] | None) -> pd.DataFrame:
    """`complete_sides` of a set: of the attributes that are asked for, or of all."""
    import pandas as pd

    table = pictures.attributes
    if attributes is None:
        return pd.DataFrame() if table is None else complete_sides(table)
    sides = [] if table is None else list(two_sided(table).columns)
    names = []
    for name in dict.fromkeys(attributes):
        side = next((side for side in sides if side == name or side.startswith(f"{name}: ")), None)
        if table is None or (side is None and name not in table):
            listed = "there is no table" if table is None else f"it has {', '.join(map(str, table))}"
            raise OptionError(f"attribute {name!r} is not in the table of these pictures; {listed}")
        if side is None:
            raise OptionError(
                f"attribute {name!r} has {table[name].nunique()} different words; directions are learned of numbers, "
                "of yes and no, and of two words"
            )
        names.append(side)
    found = pd.DataFrame() if table is None else complete_sides(table, names)
    if len(found) < LEAST_CODES or not len(found.columns):
        raise OptionError(
            f"{len(found)} pictures have all of {', '.join(names)}; give attributes that differ, and that "
            f"{LEAST_CODES} or more pictures have"
        )
    return found
