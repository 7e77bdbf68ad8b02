"""All pictures at once: places in the plane, and sheets of thumbnails."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.serve import schemas
from lookalike.serve.answers import cache_of, kept, kept_json
from lookalike.serve.routes import REFUSALS, Version, being_made, studio_of
from lookalike.studio.descriptions import column_values
from lookalike.studio.maps import Atlas

router = APIRouter(tags=["map"], responses=REFUSALS)

JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}, "description": "A JPEG."}
}


@router.get("/map", response_model=schemas.Map, responses={202: {"model": schemas.Map, "description": "Being made."}})
async def map(
    request: Request,
    method: Annotated[
        Literal["pca", "tsne"], Query(description="Leading principal axes, at once; or t-SNE, in the background.")
    ] = "pca",
) -> Response:
    """Places of all pictures in the plane, in the order of their names."""
    studio = studio_of(request)
    snapshot = studio.snapshot
    ids = snapshot.view.ids.tolist()
    if method == "pca":
        points = await studio.kept(("pca", snapshot.digest), lambda: _pca(snapshot.view.codes))
        return kept_json(request, {"method": method, "ready": True, "points": points, "ids": ids})
    points = studio.prepared.known("tsne", snapshot.digest)
    if points is None:
        return being_made(studio, "tsne", {"method": method, "ready": False, "points": [], "ids": []})
    return kept_json(request, {"method": method, "ready": True, "points": points, "ids": ids})


@router.get("/map/values", response_model=schemas.ColumnValues)
async def values(
    request: Request,
    column: Annotated[str, Query(max_length=200, description="A column of GET /gallery.", examples=["size"])],
) -> Response:
    """What a column says of all pictures, in the order of the map."""
    studio = studio_of(request)
    snapshot = studio.snapshot
    found = await studio.slowly(lambda: column_values(snapshot, column))
    return kept_json(request, {"column": column, "values": found})


@router.get(
    "/map/groups",
    response_model=schemas.MapGroups,
    responses={202: {"model": schemas.MapGroups, "description": "Being made."}},
)
async def groups(request: Request) -> Response:
    """The groups of look-alikes: the name of each picture's, in the order of the map; made in the background."""
    studio = studio_of(request)
    found = studio.prepared.known("groups", studio.snapshot.digest)
    if found is None:
        return being_made(studio, "groups", {"ready": False, "values": [], "medoids": {}})
    return kept_json(request, {"ready": True, **found})


def _pca(codes: Any) -> list[list[float]]:
    from lookalike.studio.maps import layout

    return [[round(float(x), 4), round(float(y), 4)] for x, y in layout(codes, "pca")]


@router.get("/atlas", response_model=schemas.Atlas)
async def atlas(request: Request) -> Response:
    """How thumbnails lie on the sheets, in the order of the map."""
    snapshot = studio_of(request).snapshot
    return kept_json(request, _atlas(snapshot).as_json(snapshot.view.ids.tolist()))


@router.get("/atlas/{number}", responses=JPEG, response_class=Response)
async def sheet(
    request: Request, number: Annotated[int, Path(ge=0, le=2**31, examples=[0])], v: Version = None
) -> Response:
    """One sheet of thumbnails."""
    studio = studio_of(request)
    snapshot = studio.snapshot
    plan = _atlas(snapshot)
    if number >= plan.sheets:
        raise HTTPException(
            404, f"there is no sheet {number}; the last one is {plan.sheets - 1}, as GET /api/v1/atlas says"
        )

    def draw() -> bytes:
        rows = snapshot.view.rows[number * plan.per_sheet : (number + 1) * plan.per_sheet]
        return plan.sheet(np.array(snapshot.view.all_pixels[rows]))

    body = await studio.kept(("sheet", snapshot.digest, number), draw)
    return kept(request, body, "image/jpeg", cache_of(v, snapshot.digest))


def _atlas(snapshot: Any) -> Atlas:
    return Atlas.for_pictures(len(snapshot.view.ids), snapshot.view.all_pixels.shape[1:])
