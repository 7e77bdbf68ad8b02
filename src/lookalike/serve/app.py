"""The application: all routes, one wording for all refusals, and the layers around them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import lookalike
from lookalike.errors import GalleryError, PictureError, RunError, UserError
from lookalike.serve.answers import as_json
from lookalike.serve.heads import HeadAsGet
from lookalike.serve.limits import LimitedBodies
from lookalike.serve.lingering import Lingering
from lookalike.serve.metrics import API, Counted
from lookalike.serve.refusals import line, misfit, of_picture
from lookalike.serve.routes import cleaning, codes, gallery, maps, page, review, runs, search
from lookalike.serve.schemas import LARGEST_CODE
from lookalike.serve.security import Guard
from lookalike.serve.settings import StudioSettings
from lookalike.serve.state import Studio

TOPICS = [each.router for each in (gallery, search, codes, cleaning, maps, review, runs)]
_log = logging.getLogger(__name__)


def make_app(settings: StudioSettings) -> FastAPI:
    """The studio over a gallery; it comes up in the background once the application is started.

    Raises:
        GalleryError, RunError: the gallery or a run cannot be used.
    """
    studio = Studio(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        studio.start()
        try:
            yield
        finally:
            studio.stop()

    app = FastAPI(
        title="lookalike",
        version=lookalike.__version__,
        summary="Search, decode, morph and clean the pictures of a gallery.",
        description="Every refusal is 4xx, or 503 where too much waits, with one line in `detail`.",
        lifespan=lifespan,
        docs_url=None,  # both of FastAPI's pages fetch scripts from elsewhere
        redoc_url=None,
    )
    app.state.studio = studio
    code_size = int(studio.gallery.code_size)
    written = app.openapi
    app.openapi = lambda: _of_this_gallery(written(), code_size)  # type: ignore[method-assign]
    for router in TOPICS:
        app.include_router(router, prefix=API)
    app.include_router(page.router)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(UserError, _users_fault)
    app.add_exception_handler(Exception, _our_fault)
    # The last one added is the outermost.
    app.add_middleware(HeadAsGet)
    app.add_middleware(LimitedBodies, settings=settings)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Lingering, settings=settings)
    app.add_middleware(Counted, metrics=studio.metrics)
    return app


def _of_this_gallery(document: Any, code_size: int) -> Any:
    """The OpenAPI document with the length that this gallery's codes have, wherever it speaks of codes."""
    if isinstance(document, list):
        return [_of_this_gallery(part, code_size) for part in document]
    if not isinstance(document, dict):
        return document
    found = {name: _of_this_gallery(part, code_size) for name, part in document.items()}
    if found.get("type") == "array" and found.get("maxItems") == LARGEST_CODE:
        found |= {"minItems": code_size, "maxItems": code_size, "examples": [[0.0] * code_size]}
    return found


async def _misfit(request: Request, error: Exception) -> Response:
    """FastAPI's list of misfits as one line.

    Where an address was only taken for one that it looks like, it says that it is not asked so.
    """
    assert isinstance(error, RequestValidationError)
    if request.method not in _methods_of(request.url.path):
        return await _refused(request, HTTPException(405))
    return as_json({"detail": line(misfit(error.errors()))}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    methods = ", ".join(sorted(_methods_of(request.url.path)))
    of_frameworks = {
        "Not Found": "there is nothing at this address; /openapi.json lists all of the API",
        "Method Not Allowed": f"this address does not take {request.method}; use {methods}",
        "There was an error parsing the body": "the body cannot be read; send JSON in UTF-8 that is nested less deeply",
    }
    answer = as_json({"detail": line(of_frameworks.get(error.detail, str(error.detail)))}, error.status_code)
    answer.headers.update(error.headers or {})
    if error.status_code == 405:
        answer.headers["Allow"] = methods
    return answer


def _methods_of(path: str) -> set[str]:
    """Every method that an address takes: one route knows of its own alone.

    An address of its own, such as `/items/rows`, is none of those that it looks like, `/items/{id}`.
    """
    inner = path.removeprefix(API)
    routes = [*((one, path) for one in page.router.routes), *((one, inner) for each in TOPICS for one in each.routes)]
    fitting = [(one, own) for one, own in routes if isinstance(one, APIRoute) and one.path_regex.match(own)]
    named = [(one, own) for one, own in fitting if one.path == own]
    methods = {method for one, _ in named or fitting for method in one.methods or ()} or {"GET"}  # as FastAPI's own has
    return methods | {"HEAD"} if "GET" in methods else methods


async def _users_fault(_: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, RunError) else 422
    text = of_picture(str(error)) if isinstance(error, PictureError) else str(error)
    if isinstance(error, GalleryError) and "is no longer in" in text:
        status, text = 404, "this picture has just left the gallery; list them anew"
    return as_json({"detail": line(text)}, status)


async def _our_fault(request: Request, error: Exception) -> Response:
    _log.error("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, error)
    return as_json({"detail": "the server failed at this; its own output says why"}, 500)
