"""Two pictures: one person or two? Judged by a threshold on the distance, in ten folds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import DataError
from lookalike.metrics import Floats, Ids

FOLDS = 10
PAIRS_A_FOLD = 300
"""Pairs of one person, and as many of two, in each fold: LFW's own numbers."""
PEOPLE_A_FOLD = 1000
PHOTOS_A_PERSON = 100
"""At most so many enter the draw, so that all their pairs can be listed."""
BLOCK = 1024
"""Pairs whose rows are held at once."""


class Pairs(NamedTuple):
    """Pairs of pictures by their places: first, second int64 (P,); same bool (P,); fold int64 (P,)."""

    first: Ids
    second: Ids
    same: npt.NDArray[np.bool_]
    fold: Ids


class Accuracy(NamedTuple):
    """Mean over the folds of the share of pairs judged rightly, and the standard error of that mean."""

    mean: float
    standard_error: float


def verify(distances: npt.NDArray[np.floating], pairs: Pairs) -> Accuracy:
    """Judge each fold by the threshold that is best on all other folds.

    Args:
        distances: float (P,): of each pair; a pair at or under the threshold is called the same person.
        pairs: two folds or more.
    """
    shares = []
    for fold in np.unique(pairs.fold):
        own = pairs.fold == fold
        threshold = best_threshold(distances[~own], pairs.same[~own])
        shares.append(np.mean((distances[own] <= threshold) == pairs.same[own]))
    return Accuracy(float(np.mean(shares)), float(np.std(shares, ddof=1) / np.sqrt(len(shares))))


def best_threshold(distances: npt.NDArray[np.floating], same: npt.NDArray[np.bool_]) -> float:
    """The threshold with the most right answers; half-way between two distances, the lowest of equally good ones."""
    order = np.argsort(distances, kind="stable")
    ordered = np.asarray(distances, np.float64)[order]
    between = np.concatenate([[ordered[0] - 1], (ordered[1:] + ordered[:-1]) / 2, [ordered[-1] + 1]])
    rights = np.concatenate([[0], np.cumsum(np.where(same[order], 1, -1))])
    # Between equal distances there is no threshold.
    rights[1:-1][ordered[1:] == ordered[:-1]] = -len(ordered)
    return float(between[int(np.argmax(rights))])


def pair_distances(rows: Floats, pairs: Pairs) -> npt.NDArray[np.float64]:
    """Euclidean distances of the pairs' rows: float32 (N, D) -> float64 (P,)."""
    squared = []
    for start in range(0, len(pairs.first), BLOCK):
        block = slice(start, start + BLOCK)
        difference = rows[pairs.first[block]] - rows[pairs.second[block]]
        squared.append(np.einsum("pd,pd->p", difference, difference, dtype=np.float64))
    distances: npt.NDArray[np.float64] = np.sqrt(np.concatenate(squared))
    return distances


def read_pairs(path: Path, names: list[str]) -> tuple[Pairs, int]:
    """Read pairs in the layout of LFW's `pairs.txt`, and count those that name a picture which is not in `names`.

    First line: folds, pairs a fold; then for each fold so many lines "person, number, number" and as many lines
    "person, number, person, number", all tab-separated.

    Raises:
        DataError: the file cannot be read, a line is of another layout (the text names it), or fewer than two folds
            have pairs of pictures that are there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"table of pairs {path} cannot be read: {error}") from error
    header = lines[0].split() if lines else []
    if len(header) != 2 or not all(number.isdigit() and int(number) for number in header):
        raise DataError(f"line 1 of {path} is not 'folds<TAB>pairs'; give a table in the layout of LFW's pairs.txt")
    folds, count = map(int, header)
    if len(lines) - 1 != 2 * folds * count:
        raise DataError(f"{path} has {len(lines) - 1:,} pairs, its first line promises {2 * folds * count:,}")
    places = {name: i for i, name in enumerate(names)}
    found: list[tuple[int, int, bool, int]] = []
    for number, line in enumerate(lines[1:]):
        fold, same = number // (2 * count), number % (2 * count) < count
        first, second = _pictures_of(line, same, f"line {number + 2} of {path}")
        if first in places and second in places:
            found.append((places[first], places[second], same, fold))
    if len({fold for *_, fold in found}) < 2:
        raise DataError(
            f"{len(found):,} of the {len(lines) - 1:,} pairs in {path} name pictures that are here, in fewer than two "
            "folds; give the pairs of these pictures, or leave --pairs out"
        )
    return _as_pairs(found), len(lines) - 1 - len(found)


def draw_pairs(people: list[str], seed: int) -> Pairs | None:
    """Ten folds of pairs from the people on the pictures ("" is nobody), nobody in two folds.

    Each fold has as many pairs of one person, taken from its people in turn, as of two people, drawn evenly; at most
    300 of each. None where the people are too few: each fold needs two, one of them with two pictures.
    """
    generator = np.random.default_rng(seed)
    names, who = np.unique(np.asarray(people), return_inverse=True)
    photos = [generator.permutation(np.flatnonzero(who == i))[:PHOTOS_A_PERSON] for i in range(len(names)) if names[i]]
    # Those with pictures to spare are dealt first, so that every fold gets its share of them.
    dealt = sorted((photos[i] for i in generator.permutation(len(photos))), key=lambda own: len(own) < 2)
    found: list[tuple[int, int, bool, int]] = []
    for fold in range(FOLDS):
        own = dealt[fold::FOLDS][:PEOPLE_A_FOLD]
        same, different = _same_pairs(own, generator), _different_pairs(own, generator)
        count = min(len(same), len(different), PAIRS_A_FOLD)
        if not count:
            return None
        found += [(a, b, True, fold) for a, b in same[:count]] + [(a, b, False, fold) for a, b in different[:count]]
    return _as_pairs(found)


def _same_pairs(photos: list[Ids], generator: np.random.Generator) -> list[tuple[int, int]]:
    """All pairs within a person, round after round one of each person."""
    rounds: list[tuple[int, int, int]] = []
    for own in photos:
        first, second = np.triu_indices(len(own), 1)
        order = generator.permutation(len(first))
        rounds += [(turn, int(own[first[i]]), int(own[second[i]])) for turn, i in enumerate(order)]
    return [(a, b) for _, a, b in sorted(rounds, key=lambda pair: pair[0])]


def _different_pairs(photos: list[Ids], generator: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of two persons in random order, one picture of each drawn."""
    first, second = np.triu_indices(len(photos), 1)
    order = generator.permutation(len(first))[:PAIRS_A_FOLD]
    return [(int(generator.choice(photos[first[i]])), int(generator.choice(photos[second[i]]))) for i in order]


def _pictures_of(line: str, same: bool, where: str) -> tuple[str, str]:
    fields = line.split("\t")
    if len(fields) == 3 and same and fields[1].isdigit() and fields[2].isdigit():
        person, first, second = fields
        return _name(person, first), _name(person, second)
    if len(fields) == 4 and not same and fields[1].isdigit() and fields[3].isdigit():
        return _name(fields[0], fields[1]), _name(fields[2], fields[3])
    expected = "a person and two numbers" if same else "a person, a number, a person and a number"
    raise DataError(f"{where} is not {expected}, tab-separated")


def _name(person: str, number: str) -> str:
    return f"{person}/{person}_{int(number):04d}.jpg"


def _as_pairs(found: list[tuple[int, int, bool, int]]) -> Pairs:
    first, second, same, fold = zip(*found, strict=True)
    return Pairs(
        np.array(first, np.int64), np.array(second, np.int64), np.array(same, np.bool_), np.array(fold, np.int64)
    )
