"""The review: what there is to go through, decisions, and what becomes of the pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike import plots
from lookalike.choosing import USUAL
from lookalike.serve import schemas_of_review as schemas
from lookalike.serve.answers import as_json, kept
from lookalike.serve.routes import REFUSALS, ItemId, studio_of
from lookalike.serve.routes.gallery import found
from lookalike.serve.state import Studio

router = APIRouter(tags=["review"], responses=REFUSALS)

ORIGINAL: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}, "description": "A picture."}
}
MADE = ("copies", "screening", "outliers")
Rules = Annotated[
    str | None, Query(max_length=1000, description="Which of copies to keep, as pixels,oldest.", examples=["pixels"])
]


@router.get("/review", response_model=schemas.Review)
async def review(request: Request) -> Response:
    """What there is to go through; what is not found yet is looked for from now on."""
    studio = studio_of(request)
    missing = [kind for kind in MADE if studio.made(kind) is None]
    pending = studio.preparer.pending
    studio.preparer.want(*(kind for kind in missing if kind not in pending))
    told = await asyncio.to_thread(lambda: studio.desk.facts(studio.made))
    progress = [(kind, studio.prepared.progress(kind) or (None, None)) for kind in missing]
    failed = studio.preparer.failed
    told["failed"] = [{"kind": kind, "reason": failed[kind]} for kind in missing if kind in failed]
    told["preparing"] = [
        {"kind": kind, "done": done, "total": total} for kind, (done, total) in progress if kind not in failed
    ]
    return as_json({**told, "may_apply": studio.settings.may_apply})


@router.get("/review/{queue}", response_model=schemas.ReviewEntries)
async def queue(
    request: Request,
    queue: Annotated[str, Path(max_length=100, examples=["odd"])],
    number: Annotated[int | None, Query(ge=0, le=2**31, description="Only this one, counted from 0.")] = None,
    rules: Rules = None,
) -> Response:
    """What is in a queue, with the choice for each picture and its reason."""
    studio = studio_of(request)
    return as_json({"entries": await asyncio.to_thread(lambda: _entries(studio, queue, number, rules))})


def _entries(studio: Studio, queue: str, number: int | None, rules: str | None) -> list[dict[str, Any]]:
    view = studio.snapshot.view
    told = []
    for entry in studio.desk.entries(queue, studio.made, rules or USUAL, number):
        places = [(one, view.numbers.get(one.name)) for one in entry.choices]
        pictures = [
            {"id": int(view.ids[place]), "person": view.people[place], **one._asdict()}
            for one, place in places
            if place is not None  # else it has left the gallery
        ]
        told.append({"pictures": pictures, "done": entry.done})
    return told


@router.get("/items/{id}/original", responses=ORIGINAL, response_class=Response)
async def original(request: Request, id: ItemId) -> Response:
    """A picture's own file, at its full size; as it is stored where that cannot be read again: see `X-Picture`."""
    from lookalike.studio.reviewing import original_of

    studio = studio_of(request)
    snapshot = studio.snapshot
    name = found(snapshot, id, lambda: snapshot.view.names[snapshot.place(id)])
    own = await asyncio.to_thread(original_of, studio.gallery, name)
    if own is None:
        body = plots.picture_png(snapshot.picture(snapshot.place(id)))
        return kept(request, body, "image/png", headers={"X-Picture": "stored"})
    return kept(request, *own, headers={"X-Picture": "original"})


@router.post("/review/decisions", response_model=schemas.Sequences)
async def decide(request: Request, body: schemas.Decided) -> Response:
    """Decide; what is answered is on disk."""
    studio = studio_of(request)
    snapshot = studio.snapshot
    named = [
        (one.kind, [found(snapshot, id, lambda id=id: snapshot.view.names[snapshot.place(id)]) for id in one.ids])
        for one in body.decisions
    ]
    return as_json({"sequences": await asyncio.to_thread(studio.desk.decide, named)})


@router.post("/review/decisions/undo", response_model=schemas.Undecided)
async def undo_decisions(request: Request, body: schemas.Sequences) -> Response:
    """Take decisions back."""
    return as_json({"names": await asyncio.to_thread(studio_of(request).desk.take_back, body.sequences)})


@router.post("/review/apply", response_model=schemas.WasApplied)
async def apply(request: Request, body: schemas.Apply) -> Response:
    """Say what would become of the pictures or, where the number that this said is confirmed, do it."""
    studio = studio_of(request)
    if body.how != "list" or body.confirmed is not None:
        _check_may_apply(studio)
    return as_json(await studio.slowly(lambda: _applied(studio, body)))


def _applied(studio: Studio, body: schemas.Apply) -> dict[str, Any]:
    from lookalike.review.applying import rows_of

    due = studio.desk.plan(studio.made, body.rules or USUAL, body.level, only_decided=body.only_decided)
    told = studio.desk.apply(due.plan, body.how, body.out, body.confirmed)
    as_decided, as_proposed = due.shares(told)
    return {
        "how": told.how,
        "dry_run": told.dry_run,
        "done": len(told.done),
        "already": len(told.already),
        "failed": [one._asdict() for one in told.failed],
        "out": told.out,
        "left_out": len(told.left_out),
        "as_decided": as_decided,
        "as_proposed": as_proposed,
        "plan": rows_of(due.plan),
    }


@router.post("/review/apply/undo", response_model=schemas.WasUndone)
async def undo_applied(request: Request, body: schemas.UndoApplied) -> Response:
    """Say what of something applied would be taken back or, confirmed, take it back."""
    studio = studio_of(request)
    _check_may_apply(studio)
    undo: Callable[[], Any] = lambda: studio.desk.undo(body.number, dry_run=not body.confirmed)  # noqa: E731
    told = await studio.slowly(undo)
    failed = [one._asdict() for one in told.failed]
    return as_json({"how": told.how, "dry_run": told.dry_run, "undone": len(told.undone), "failed": failed})


def _check_may_apply(studio: Studio) -> None:
    if not studio.settings.may_apply:
        raise HTTPException(
            403, "other machines may reach this studio, so it touches no files; allow it with: lookalike serve --apply"
        )
