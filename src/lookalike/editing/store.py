"""Directions on disk, beside the model: vectors in safetensors, what is known of them in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.editing.directions import Direction, Score
from lookalike.errors import OptionError, RunError
from lookalike.models.base import Autoencoder
from lookalike.models.bound import Arrays, Bound

DIRECTIONS = Bound(
    *("directions", ("directions", "are"), "learn them with: lookalike directions FOLDER"),
    entry="vectors",
    number="F64",
)


def save_directions(directions: Sequence[Direction], model: Autoencoder, folder: str | Path) -> None:
    """Write `directions.safetensors` and, last, `directions.json`.

    Raises:
        OptionError: two directions have one name.
    """
    names = [direction.name for direction in directions]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"two directions are called {name!r}; give each a name of its own")
    size = model.code_size
    vectors = np.stack([direction.vector for direction in directions]) if directions else np.empty((0, size))
    DIRECTIONS.save(folder, model, {"vectors": vectors}, {"directions": [one.as_json() for one in directions]})


def load_directions(model: Autoencoder, folder: str | Path) -> dict[str, Direction]:
    """Read what `save_directions` wrote, by name, in its order.

    Raises:
        RunError: there are none, they are damaged, or of another model.
    """

    def shapes(told: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        return {"vectors": (len(told["directions"]), model.code_size)}

    def restored(told: dict[str, Any], kept: Arrays) -> list[Direction]:
        return [_restored(one, vector) for one, vector in zip(told["directions"], kept["vectors"], strict=True)]

    return {direction.name: direction for direction in DIRECTIONS.load(folder, model, shapes, restored)}


def keep_directions(new: Sequence[Direction], model: Autoencoder, folder: str | Path) -> list[Direction]:
    """Save `new` ones with those that the folder holds; returns all that are there now.

    One of the same name is replaced. Where `new` was learned from a whole set (principal and attribute directions), it
    replaces what was learned so before, and differences between groups stay. What belongs to another model goes.

    Raises:
        OptionError: two of the new directions have one name.
    """
    try:
        held = list(load_directions(model, folder).values())
    except RunError:
        held = []
    names, whole = {one.name for one in new}, any(one.kind != "difference" for one in new)
    kept = [one for one in held if one.name not in names and not (whole and one.kind != "difference")]
    directions = [*new, *kept] if whole else [*kept, *new]
    save_directions(directions, model, folder)
    return directions


def directions_named(names: Sequence[str], model: Autoencoder, folder: str | Path) -> list[Direction]:
    """The directions of these names; the errors of `load_directions`, and OptionError for a name that is not there."""
    held = load_directions(model, folder)
    for name in names:
        if name not in held:
            raise OptionError(f"direction {name!r} is not among those of {folder}: {', '.join(held)}")
    return [held[name] for name in names]


def _restored(described: dict[str, object], vector: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Direction:
    told = {name: described[name] for name in ("measure", "value", "chance", "error")}
    score = None if told["measure"] is None else Score(**told)  # type: ignore[arg-type]
    unit = float(described["unit"])  # type: ignore[arg-type]
    return Direction(str(described["name"]), str(described["kind"]), vector, unit, score)
