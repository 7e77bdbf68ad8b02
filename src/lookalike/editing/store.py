"""Directions on disk, beside the model: vectors in safetensors, what is known of them in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from lookalike import files
from lookalike.editing.directions import Direction, Score
from lookalike.errors import OptionError, RunError, WeightsError
from lookalike.models.base import Autoencoder
from lookalike.tensors import declared, misfit

FORMAT = 1
VECTORS, DESCRIPTION = "directions.safetensors", "directions.json"
NUMBERS = "F64"
"""What vectors are kept in, as safetensors calls it."""


def save_directions(directions: Sequence[Direction], model: Autoencoder, folder: str | Path) -> None:
    """Write `directions.safetensors` and, last, `directions.json`, which binds it and the model by their digests.

    Raises:
        OptionError: two directions have one name.
    """
    names = [direction.name for direction in directions]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"two directions are called {name!r}; give each a name of its own")
    size = model.code_size
    vectors = np.stack([direction.vector for direction in directions]) if directions else np.empty((0, size))
    content = safetensors.numpy.save({"vectors": np.ascontiguousarray(vectors, np.float64)})
    files.write_bytes(Path(folder) / VECTORS, content)
    described = [direction.as_json() for direction in directions]
    bound = {"format": FORMAT, "model": model.digest, "vectors": files.sha256(content)}
    files.write_json(Path(folder) / DESCRIPTION, {**bound, "directions": described})


def load_directions(model: Autoencoder, folder: str | Path) -> dict[str, Direction]:
    """Read what `save_directions` wrote, by name, in its order.

    Raises:
        RunError: there are none, they are damaged, or of another model.
    """
    folder = Path(folder)
    remedy = f"learn them with: lookalike directions {folder}"
    if not (folder / DESCRIPTION).is_file():
        raise RunError(f"{folder} holds no directions ({DESCRIPTION} is missing); {remedy}")
    try:
        described = files.read_json(folder / DESCRIPTION)
        if described["format"] != FORMAT:
            raise RunError(
                f"{folder / DESCRIPTION} is of format {described['format']}, this version reads {FORMAT}; "
                "update lookalike"
            )
        if described["model"] != model.digest:
            raise RunError(f"the directions in {folder} are of another model than the one there now; {remedy}")
        shape = len(described["directions"]), model.code_size
        wrong = misfit(declared(folder / VECTORS), {"vectors": shape}, VECTORS, NUMBERS)
        if wrong is not None:
            raise ValueError(wrong)
        content = (folder / VECTORS).read_bytes()
        if described["vectors"] != files.sha256(content):
            raise RunError(f"{folder / VECTORS} is not the file that {DESCRIPTION} describes; {remedy}")
        vectors = safetensors.numpy.load(content)["vectors"]
        found = [_restored(one, vector) for one, vector in zip(described["directions"], vectors, strict=True)]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, WeightsError) as error:
        raise RunError(f"the directions in {folder} are damaged ({error}); {remedy}") from error
    return {direction.name: direction for direction in found}


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
