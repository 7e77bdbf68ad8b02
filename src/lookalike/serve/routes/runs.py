"""Runs that are followed: their curves as they grow, and what they make of some pictures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lookalike.serve import schemas
from lookalike.serve.answers import PNG, kept, kept_json
from lookalike.serve.refusals import busy
from lookalike.serve.routes import REFUSALS, studio_of
from lookalike.serve.state import Studio
from lookalike.studio.runs import FollowedRun

router = APIRouter(prefix="/runs", tags=["runs"], responses=REFUSALS)
Number = Annotated[int, Path(ge=0, le=10_000, description="Which run, counted from 0.", examples=[0])]

LOOK_EVERY = 0.5
"""Seconds between two looks at a run's metrics."""
QUIET = 15.0
"""Seconds after which a comment keeps the connection open."""
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}
}


@router.get("", response_model=schemas.Runs)
async def runs(request: Request) -> Response:
    """The runs that are followed."""
    followed = studio_of(request).runs
    return kept_json(
        request, {"runs": await asyncio.to_thread(lambda: [{"n": n, **run.facts()} for n, run in enumerate(followed)])}
    )


@router.get("/{number}", response_model=schemas.Curve)
async def run(request: Request, number: Number) -> Response:
    """A run's epochs so far."""
    one = _run(studio_of(request), number)
    return kept_json(request, await asyncio.to_thread(lambda: {"n": number, **one.facts(), "history": one.history()}))


@router.get("/{number}/reconstructions", responses=PNG, response_class=Response)
async def reconstructions(request: Request, number: Number) -> Response:
    """Test pictures above what the run's last checkpoint makes of them."""
    studio = studio_of(request)
    one = _run(studio, number)
    body = await studio.kept(("run", number, one.version), one.reconstructions)
    return kept(request, body, "image/png")


@router.get("/{number}/events", responses=STREAM, response_class=StreamingResponse)
async def events(request: Request, number: Number) -> Response:
    """An `epoch` event for each epoch, those done already first, and `end` once all are done."""
    studio = studio_of(request)
    one = _run(studio, number)
    if studio.streams >= studio.settings.streams:
        raise busy(f"{studio.streams:,} connections follow trainings already, and no more may")
    last = request.headers.get("last-event-id", "")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _events(studio, one, int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0)
    return StreamingResponse(stream, 200, headers, "text/event-stream")


async def _events(studio: Studio, one: FollowedRun, after: int) -> AsyncIterator[str]:
    studio.streams += 1
    quiet = 0.0
    try:
        yield "retry: 2000\n\n"
        while not studio.stopping.is_set():
            facts, history = await asyncio.to_thread(lambda: (one.facts(), one.history()))
            new = [row for row in history if int(row["epoch"]) > after]
            for row in new:
                after = int(row["epoch"])
                yield f"event: epoch\nid: {after}\ndata: {json.dumps(row)}\n\n"
            if not facts["running"]:
                yield f"event: end\ndata: {json.dumps(facts)}\n\n"
                return
            quiet = 0.0 if new else quiet + LOOK_EVERY
            if quiet >= QUIET:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(LOOK_EVERY)
    finally:
        studio.streams -= 1


def _run(studio: Studio, number: int) -> FollowedRun:
    if number >= len(studio.runs):
        raise HTTPException(404, f"there is no run {number}; GET /api/v1/runs lists those that are followed")
    return studio.runs[number]
