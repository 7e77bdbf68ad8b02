"""What a page must know of a gallery, as plain JSON values: the same with a server and without one."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lookalike.data.columns import Value
from lookalike.gallery.columns import Listed
from lookalike.interop.onnx_runtime import DENOISER
from lookalike.noise import NOISES
from lookalike.search.metric import Cosine, Metric, Whitened, WhitenedCosine

if TYPE_CHECKING:
    from lookalike.editing.directions import Direction
    from lookalike.gallery.calibration import Threshold
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.snapshot import Snapshot
    from lookalike.review.lookalikes import Group


def gallery_facts(snapshot: Snapshot, threshold: Threshold | None = None) -> dict[str, Any]:
    """What the gallery holds, by which model, and how it is searched.

    `threshold` is that of a match, where it has been measured.
    """
    view, index = snapshot.view, snapshot.index
    report = (snapshot.catalog.fact("index") or {}).get("report", {})
    return {
        "images": len(view.ids),
        "model": snapshot.catalog.fact("kind"),
        "code_size": int(view.all_codes.shape[1]),
        "image_shape": [int(side) for side in view.all_pixels.shape[1:]],
        "metric": index.metric.name,
        "method": index.kind,
        "recall_measured": finite(report.get("recall")),
        "match_threshold": None if threshold is None else threshold.distance,
        "match_rate": None if threshold is None else threshold.true_match_rate,
        "false_match_rate": None if threshold is None else threshold.false_match_rate,
        "false_matches": None if threshold is None else threshold.false_matches,
        "match_basis": None if threshold is None else threshold.basis,
        "people": view.listing.people.are_known,
        "attributes": [column.name for column in snapshot.catalog.given],
        "columns": column_facts(snapshot.catalog.listed),
        "noises": noise_facts(),
        "digest": snapshot.digest,
    }


def noise_facts() -> list[dict[str, Any]]:
    """The noises that the page offers: name, whether the page draws it itself, and its slider (see `Slider`)."""
    return [
        {"name": name, "in_browser": kind.in_browser, **asdict(kind.slider)}
        for name, kind in NOISES.items()
        if kind.slider is not None
    ]


def column_facts(columns: list[Listed]) -> list[dict[str, Any]]:
    """The columns by their declarations, for whoever filters or shows them.

    `place` says where a column's value stands among the `values` of an item in a static export; None where every row
    of a list has it by the column's name.
    """
    places = iter(range(len(columns)))
    return [{**one.column.as_json(), "place": None if one.in_row else next(places)} for one in columns]


def space_facts(metric: Metric) -> dict[str, Any]:
    """How distances come about: y = (code - mean) @ matrix, divided by its length where `unit` is true.

    A distance is then |a - b| or, where `squared_half` is true, |a - b|^2 / 2, which is 1 - cosine. `mean` (K numbers)
    and `matrix` (K rows of K) are None where codes are neither moved nor turned.
    """
    mean = matrix = None
    if isinstance(metric, Whitened) and metric.mean is not None:
        mean = metric.mean.tolist()
        matrix = (metric.axes * metric.scale).tolist()
    by_angle = isinstance(metric, (Cosine, WhitenedCosine))
    return {
        "mean": mean,
        "matrix": matrix,
        "unit": by_angle,
        "squared_half": by_angle,
    }


def denoiser_name(file: str) -> str:
    """What a file of an exported denoiser is called beside those of the gallery's own model."""
    return file if file == DENOISER else f"denoiser-{file}"


def denoiser_facts(denoiser: Any, addresses: list[str]) -> dict[str, Any]:
    """What a browser must know of a denoiser to run its graphs, which lie at these addresses, one after the other.

    Pictures are of `image_shape` where `reach` is None; else they are of any size, and `reach` pixels to each side of a
    piece are all that can change it. With `takes_level`, the graph's second input is the noise's level.
    """
    return {
        "models": addresses,
        "image_shape": [int(side) for side in denoiser.image_shape_],
        "reach": getattr(denoiser, "reach", None),
        "takes_level": getattr(denoiser, "takes_level", False),
    }


def item_row(snapshot: Snapshot, place: int) -> dict[str, Any]:
    """One picture of a list: its id, name and person."""
    view = snapshot.view
    return {"id": int(view.ids[place]), "name": view.names[place], "person": view.people[place]}


def item_facts(snapshot: Snapshot, id: int) -> dict[str, Any]:
    """All about one picture.

    Raises:
        GalleryError: it is not in the gallery.
    """
    place = snapshot.place(id)
    height, width = snapshot.view.all_pixels.shape[1:3]
    known = {name: plain_value(value) for name, value in snapshot.catalog.values_of([id]).get(id, {}).items()}
    return {
        **item_row(snapshot, place),
        "attributes": {column.name: known.get(column.name) for column in snapshot.catalog.given},
        "columns": known,
        "code": snapshot.of_place(place).code.tolist(),
        "width": int(width),
        "height": int(height),
    }


def column_values(snapshot: Snapshot, name: str) -> list[Value]:
    """What a column says of each picture, in the order of the names; None where nothing is known.

    Raises:
        GalleryError: there is no such column.
    """
    known = snapshot.catalog.values_in(name)
    return [plain_value(known.get(id)) for id in snapshot.view.ids.tolist()]


def group_name(number: int, group: Group) -> str:
    """A group's name on the map: its number, and what of its columns sets it apart most."""
    for one in group.apart:
        if one.value is not None:
            return f"{number} · {one.value}"
        if one.direction is None:
            return f"{number} · {'more' if one.effect > 0 else 'less'} {one.column.replace('_', ' ')}"
    return f"{number} · {short_name(group.medoid)}"


def short_name(name: str) -> str:
    """A picture's name without its folders and ending."""
    return name.rpartition("/")[2].rpartition(".")[0] or name


def groups_found(gallery: Gallery, snapshot: Snapshot) -> dict[str, Any]:
    """The groups of look-alikes: the name of each picture's, in the order of the names; the medoids' ids by these."""
    from lookalike.review.lookalikes import groups

    view = snapshot.view
    values: list[str | None] = [None] * len(view.names)
    medoids: dict[str, int] = {}
    for number, group in enumerate(groups(gallery).groups, 1):
        told = group_name(number, group)
        medoids[told] = int(view.ids[view.numbers[group.medoid]])
        for name in group.members:
            values[view.numbers[name]] = told
    return {"values": values, "medoids": medoids}


def direction_facts(direction: Direction) -> dict[str, Any]:
    """A direction with its vector: an amount of 1 adds `scale` times `vector` to a code."""
    score = direction.score
    return {
        "name": direction.name,
        "kind": direction.kind,
        "vector": [float(value) for value in direction.vector],
        "scale": direction.unit,
        "measure": None if score is None else score.measure,
        "accuracy": None if score is None else finite(score.value),
        "chance": None if score is None else score.chance,
        "meaningful": direction.meaningful,
    }


def plain_value(value: Value) -> Value:
    """A column's value for JSON, which knows neither NaN nor infinity: None instead."""
    return value if isinstance(value, str) else finite(value)


def finite(value: float | None) -> float | None:
    """The number, None where it is none: JSON knows neither NaN nor infinity."""
    return float(value) if value is not None and math.isfinite(value) else None
