"""The page with its files, the models it computes with, and what watches the server asks for."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lookalike.interop.onnx_runtime import DECODER, DENOISER, ENCODER, SHARP
from lookalike.serve import schemas
from lookalike.serve.answers import ASK, YEAR, as_json, kept_file
from lookalike.serve.refusals import busy, shown
from lookalike.serve.routes import REFUSALS, studio_of
from lookalike.studio.descriptions import denoiser_name

router = APIRouter(tags=["page"], responses=REFUSALS)

PAGE = Path(__file__).parents[1] / "page"
INDEX = "index.html"
TEXTS = ("text/", "application/json", "application/manifest+json")
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".webmanifest": "application/manifest+json",
}
"""Kinds that browsers insist on; the system's own table may lack them."""


@router.get("/healthz", response_model=schemas.Health)
async def healthz(request: Request) -> Response:
    """200 once searches are answered, 503 until then."""
    studio = studio_of(request)
    if studio.failure is not None:
        raise HTTPException(503, studio.failure)
    if not studio.ready.is_set():
        raise busy("searches are not answered yet")
    return as_json({"status": "ok"})


@router.get("/metrics", response_class=Response, include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Counters in Prometheus's text format."""
    body, kind = studio_of(request).metrics.text()
    return Response(body, 200, {"Content-Type": kind, "Cache-Control": "no-store"})


@router.get("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """The page."""
    return _file(request, INDEX)


@router.get("/static/{name:path}", include_in_schema=False)
async def static(request: Request, name: str, v: str | None = None) -> Response:
    """A file of the page."""
    return _file(request, name, YEAR if v else ASK)


@router.get("/models/{name}", include_in_schema=False)
async def models(request: Request, name: str, v: str | None = None) -> Response:
    """The gallery's model, or the denoiser, as ONNX."""
    studio = studio_of(request)
    keys: dict[str, tuple[str | None, str]] = {
        file: (str(studio.snapshot.catalog.fact("model")), file) for file in (ENCODER, DECODER, SHARP)
    }
    keys |= {denoiser_name(file): (studio.denoiser_key, file) for file in (ENCODER, DECODER, DENOISER)}
    if name not in keys:
        raise HTTPException(404, f"there is no model {shown(name)}; GET /api/v1/gallery names them")
    key, file = keys[name]
    folder = None if key is None else studio.prepared.models(key)
    if folder is None or not (folder / file).is_file():
        raise HTTPException(404, f"{name} is not there, or not yet; GET /api/v1/gallery names the models that are")
    version = studio.sharp if file == SHARP else key
    return kept_file(request, folder / file, KINDS[".onnx"], YEAR if version and v == version[:16] else ASK)


def _file(request: Request, name: str, cache: str = ASK) -> Response:
    """A file of the page by a name that was found by walking the page's folder: no other name leads anywhere."""
    path = _files().get(name)
    if path is None:
        raise HTTPException(404, f"the page has no file {shown(name)}; open the page itself anew")
    kind = KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith(TEXTS):
        kind += "; charset=utf-8"
    return kept_file(request, path, kind, cache)


def _files() -> dict[str, Path]:
    return {path.relative_to(PAGE).as_posix(): path for path in PAGE.rglob("*") if path.is_file()}
