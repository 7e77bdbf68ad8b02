"""The gallery and its pictures, as they are."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike import plots
from lookalike.data.formats import readable_suffixes
from lookalike.errors import GalleryError, PictureError
from lookalike.gallery.snapshot import Snapshot
from lookalike.interop.onnx_runtime import DECODER, DENOISER, ENCODER, SHARP, OnnxCodec, OnnxRestorer
from lookalike.serve import schemas
from lookalike.serve.answers import PNG, as_json, cache_of, kept, kept_json, picture
from lookalike.serve.routes import REFUSALS, ItemId, Version, Where, studio_of
from lookalike.serve.state import Studio
from lookalike.studio.descriptions import (
    denoiser_facts,
    denoiser_name,
    gallery_facts,
    item_facts,
    item_row,
    space_facts,
)

MOST_PAIRS = 2_000_000
"""Of near-duplicates: a threshold that joins more means everything, and takes minutes to say so."""

router = APIRouter(tags=["gallery"], responses=REFUSALS)


@router.get("/gallery", response_model=schemas.Gallery)
async def gallery(request: Request) -> Response:
    """What is served: how many pictures, by which model, searched how, and what is still being prepared."""
    # Beside the event loop: it asks the gallery, which may be reading a newer state for a while.
    return kept_json(request, await asyncio.to_thread(_facts, studio_of(request)))


def _facts(studio: Studio) -> dict[str, Any]:
    return {
        **gallery_facts(studio.snapshot, studio.gallery.known_threshold(seed=studio.settings.seed)),
        "draws": studio.draws,
        "sharp": studio.sharp is not None,
        "words": studio.takes_words,
        "denoiser": studio.denoiser_key is not None,
        "takes": {"suffixes": readable_suffixes(), "bytes": studio.settings.largest_upload},
        "onnx": onnx_addresses(studio),
        "preparing": studio.pending(),
        "runs": len(studio.runs),
    }


def onnx_addresses(studio: Studio) -> dict[str, Any] | None:
    """Where the exported models are, seen from the page, which a proxy may give a prefix; None until they are there."""
    digest = str(studio.snapshot.catalog.fact("model"))
    if studio.prepared.models(digest) is None:
        return None
    version = f"?v={digest[:16]}"
    return {
        "encoder": f"models/encoder.onnx{version}",
        "decoder": f"models/decoder.onnx{version}",
        "sharp": None if studio.sharp is None else f"models/{SHARP}?v={studio.sharp[:16]}",
        "denoiser": _onnx_denoiser(studio),
    }


def _onnx_denoiser(studio: Studio) -> dict[str, Any] | None:
    denoiser = studio.denoiser
    if not isinstance(denoiser, (OnnxCodec, OnnxRestorer)):  # none, or one that runs on PyTorch and stays here
        return None
    names = (ENCODER, DECODER) if isinstance(denoiser, OnnxCodec) else (DENOISER,)
    return denoiser_facts(denoiser, [f"models/{denoiser_name(name)}?v={studio.denoiser_key}" for name in names])


@router.get("/space", response_model=schemas.Space)
async def space(request: Request) -> Response:
    """How distances come about from codes, for whoever computes them elsewhere."""
    return kept_json(request, space_facts(studio_of(request).snapshot.index.metric))


@router.get("/items", response_model=schemas.Rows)
async def items(
    request: Request,
    where: Where = [],  # noqa: B006
    offset: Annotated[int, Query(ge=0, le=2**31, description="Pictures to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Pictures to list at most.")] = 60,
    person: Annotated[str | None, Query(max_length=200, description="Only pictures of this person.")] = None,
    q: Annotated[
        str | None, Query(max_length=200, description="Only pictures whose name or person holds this text.")
    ] = None,
) -> Response:
    """List pictures by name."""
    snapshot = studio_of(request).snapshot
    places = await asyncio.to_thread(_listed, snapshot, tuple(where), person, q)
    rows = [item_row(snapshot, int(place)) for place in places[offset : offset + limit]]
    return kept_json(request, {"total": len(places), "items": rows})


@router.post("/items/rows", response_model=schemas.Rows)
async def rows(request: Request, body: schemas.Some) -> Response:
    """The rows of these pictures, in their order; those that have left the gallery are passed over."""
    snapshot = studio_of(request).snapshot
    places = snapshot.view.places(body.ids)
    return as_json({"total": len(places), "items": [item_row(snapshot, int(place)) for place in places]})


def _listed(snapshot: Snapshot, filters: tuple[str, ...], person: str | None, q: str | None) -> Any:
    view = snapshot.view
    chosen = snapshot.chosen(filters)
    places = np.arange(len(view.ids)) if chosen is None else chosen
    if person is not None:
        places = np.array([place for place in places if view.people[place] == person], np.int64)
    if q:
        text = q.casefold()
        held = [place for place in places if text in f"{view.names[place]}\0{view.people[place] or ''}".casefold()]
        places = np.array(held, np.int64)
    return places


@router.get("/items/{id}", response_model=schemas.Item)
async def item(request: Request, id: ItemId) -> Response:
    """All about one picture: name, person, attributes and code."""
    snapshot = studio_of(request).snapshot
    return kept_json(request, found(snapshot, id, lambda: item_facts(snapshot, id)))


@router.get("/items/{id}/thumbnail", responses=PNG, response_class=Response)
async def thumbnail(request: Request, id: ItemId, v: Version = None) -> Response:
    """A picture as the model sees it, as PNG."""
    snapshot = studio_of(request).snapshot
    place = found(snapshot, id, lambda: snapshot.place(id))
    body = plots.picture_png(snapshot.picture(place))
    return kept(request, body, "image/png", cache_of(v, snapshot.digest))


@router.get("/items/{id}/photo", responses=PNG, response_class=Response)
async def photo(request: Request, id: ItemId) -> Response:
    """The whole photo that a face is of, with a frame around the face, as PNG; 404 where there is none to show."""
    studio = studio_of(request)
    snapshot = studio.snapshot
    name = found(snapshot, id, lambda: snapshot.view.names[snapshot.place(id)])
    try:
        return picture(await asyncio.to_thread(studio.gallery.photo, name))
    except (GalleryError, PictureError) as error:
        raise HTTPException(404, str(error)) from error


@router.get("/duplicates", response_model=schemas.Duplicates)
async def duplicates(
    request: Request,
    threshold: Annotated[
        float | None,
        Query(ge=0, le=1e6, allow_inf_nan=False, description="The distance that joins; none: the measured one."),
    ] = None,
) -> Response:
    """Groups of near-duplicates: the largest first, and in each the most central picture first."""
    studio = studio_of(request)
    snapshot = studio.snapshot
    key = ("duplicates", snapshot.digest, studio.gallery.decisions.newest, threshold)
    return kept_json(request, await studio.kept(key, lambda: _duplicates(studio, snapshot, threshold)))


def _duplicates(studio: Studio, snapshot: Snapshot, threshold: float | None) -> dict[str, Any]:
    if threshold is not None and (pairs := snapshot.pairs_within(threshold)) > MOST_PAIRS:
        found = f"a threshold of {threshold:g} joins about {pairs:,.0f} pairs of pictures"
        raise HTTPException(422, f"{found}; the limit is {MOST_PAIRS:,}: give a smaller one")
    grouped, levels, threshold = _grouped(studio, threshold)
    metric, view = snapshot.index.metric, snapshot.view
    groups, kept = [], []
    for names, level in zip(grouped, levels, strict=True):
        places = [view.numbers[name] for name in names if name in view.numbers]
        if len(places) < 2:
            continue
        kept.append(level)
        points = metric.transform(view.codes[places]).astype(np.float64)
        apart = metric.distances(np.square(points - points[0]).sum(axis=1))
        groups.append(
            [
                {"id": int(view.ids[place]), "name": view.names[place], "distance": float(distance)}
                for place, distance in zip(places, apart, strict=True)
            ]
        )
    return {"threshold": threshold, "groups": groups, "levels": kept}


def _grouped(studio: Studio, threshold: float | None) -> tuple[list[list[str]], list[str], float]:
    """Groups with their levels, by a look at the pictures, or by codes alone up to a threshold; and what codes take."""
    gallery, seed = studio.gallery, studio.settings.seed
    if threshold is not None:
        from lookalike.review.keeping import by_decisions

        groups = by_decisions(gallery.duplicates(threshold, seed=seed).groups, gallery.decisions.in_force())
        return groups, ["codes"] * len(groups), threshold
    from lookalike.review import find_copies

    found = find_copies(gallery, seed=seed)
    return found.groups, found.levels, gallery.duplicate_threshold(seed=seed).distance or 0.0


def found(snapshot: Snapshot, id: int, ask: Any) -> Any:
    """What `ask` gives; HTTP 404 where the item is not, or no longer, in the gallery."""
    if not len(snapshot.view.places([id])):
        raise HTTPException(404, f"no picture has the id {id} in this gallery; list them anew")
    return ask()
