"""Searches: by uploaded picture, by stored picture, by code."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.models.encoder_graphs import LARGEST_TEXT
from lookalike.serve import schemas
from lookalike.serve.answers import as_json
from lookalike.serve.limits import uploads
from lookalike.serve.routes import REFUSALS, ItemId, K, Where, studio_of, takes_pictures
from lookalike.serve.routes.gallery import found
from lookalike.serve.state import Answered, Search

router = APIRouter(tags=["search"], responses=REFUSALS)

Words = Annotated[
    str, Query(min_length=1, max_length=LARGEST_TEXT, description="What is looked for.", examples=["a red bicycle"])
]
USUAL = 24
"""Neighbours where nothing is asked."""


@router.post("/search", response_model=schemas.Neighbours, openapi_extra=takes_pictures(several=True))
async def search(request: Request, where: Where = [], k: K = USUAL) -> Response:  # noqa: B006
    """Find the stored pictures nearest to a picture; several are searched for by the mean of their codes."""
    studio = studio_of(request)
    contents = await uploads(request, studio.settings)
    started = time.perf_counter()
    pictures = await studio.framed(contents)
    return _worded(await studio.search(Search(pictures, [], k, tuple(where))), started)


@router.get("/search", response_model=schemas.Neighbours)
async def search_words(request: Request, text: Words, where: Where = [], k: K = USUAL) -> Response:  # noqa: B006
    """Find the stored pictures nearest to words, where the gallery's model has an encoder of texts."""
    started = time.perf_counter()
    studio = studio_of(request)
    asked = await studio.of_words(text)
    return _worded(await studio.search(Search(None, asked, k, tuple(where))), started)


@router.post("/search/code", response_model=schemas.Neighbours)
async def search_code(request: Request, body: schemas.ByCode, where: Where = [], k: K = USUAL) -> Response:  # noqa: B006
    """Find the stored pictures nearest to a code."""
    started = time.perf_counter()
    studio = studio_of(request)
    asked = studio.snapshot.of_codes(np.array([body.code], np.float64))
    filters = (*where, *body.where)
    return _worded(await studio.search(Search(None, asked, body.k or k, filters)), started)


@router.post("/search/items", response_model=schemas.Neighbours)
async def search_items(request: Request, body: schemas.ByItems, where: Where = [], k: K = USUAL) -> Response:  # noqa: B006
    """Find the stored pictures nearest to stored ones; several are searched for by the mean of their codes."""
    started = time.perf_counter()
    studio = studio_of(request)
    snapshot = studio.snapshot
    asked = [snapshot.of_place(found(snapshot, id, lambda id=id: snapshot.place(id))) for id in body.ids]
    filters = (*where, *body.where)
    return _worded(await studio.search(Search(None, asked, body.k or k, filters)), started)


@router.get("/items/{id}/neighbours", response_model=schemas.Neighbours)
async def neighbours(request: Request, id: ItemId, where: Where = [], k: K = USUAL) -> Response:  # noqa: B006
    """Find the stored pictures nearest to a stored one, which comes first itself."""
    started = time.perf_counter()
    studio = studio_of(request)
    snapshot = studio.snapshot
    asked = [snapshot.of_place(found(snapshot, id, lambda: snapshot.place(id)))]
    return _worded(await studio.search(Search(None, asked, k, tuple(where))), started)


def _worded(answer: Answered, started: float) -> Response:
    rows: list[dict[str, Any]] = [
        {"id": one.id, "name": one.name, "person": one.person, "distance": one.distance} for one in answer.found.items
    ]
    code = answer.codes.mean(axis=0, dtype=np.float64)
    milliseconds = round(1000 * (time.perf_counter() - started), 3)
    return as_json({"neighbours": rows, "milliseconds": milliseconds, "code": code.tolist()})
