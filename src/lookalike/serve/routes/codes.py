"""Codes at work: pictures become codes, codes pictures, and what lies between and beside them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, HTTPException, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from lookalike import plots
from lookalike.models import INVENTED, note_of
from lookalike.pixels import centre, to_uint8
from lookalike.sampling.mixture import LEAST_CODES
from lookalike.serve import schemas
from lookalike.serve.answers import NEVER, PNG, as_json, encoded, kept_json, picture
from lookalike.serve.limits import upload
from lookalike.serve.refusals import shown
from lookalike.serve.routes import REFUSALS, SeedNumber, being_made, studio_of, takes_pictures
from lookalike.serve.routes.gallery import found
from lookalike.serve.state import Search, Studio

router = APIRouter(tags=["codes"], responses=REFUSALS)
Doubles = npt.NDArray[np.float64]

Sharp = Annotated[
    Annotated[float, Field(ge=0, le=1)] | bool,
    Query(
        description="How far to draw towards the picture of the model's sharp decoder: 0 (false) is the model's own, "
        f"1 (true) all the way. It is plausible, but {INVENTED}. GET /gallery says if there is such a decoder."
    ),
]

DRAWN: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "image/gif": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"$ref": "#/components/schemas/Pictures"}},
        },
        "description": "A PNG, a GIF, or JSON with PNGs in base64.",
    }
}


@router.post("/encode", response_model=schemas.OneCode, openapi_extra=takes_pictures())
async def encode(request: Request) -> Response:
    """The code of a picture."""
    return as_json({"code": (await _code_of_upload(request))[0].tolist()})


@router.post("/decode", responses={**DRAWN}, response_model=schemas.Pictures)
async def decode(
    request: Request,
    body: schemas.Codes,
    format: Annotated[Literal["png", "json"], Query(description="One PNG, or JSON for several pictures.")] = "png",
    sharp: Sharp = False,
) -> Response:
    """Draw codes: one as PNG, or up to 64 in JSON."""
    studio = studio_of(request)
    if format == "png" and len(body.codes) != 1:
        raise HTTPException(422, f"{len(body.codes)} codes make no single PNG; send one, or ask for format=json")
    codes = np.stack([_checked(studio, code) for code in body.codes])
    drawn, note = to_uint8(await _draw(studio, codes, sharp)), note_of(sharp)
    return picture(drawn[0], note=note) if format == "png" else as_json({"pictures": encoded(list(drawn), note)})


@router.post("/reconstruct", responses=PNG, response_class=Response, openapi_extra=takes_pictures())
async def reconstruct(request: Request, sharp: Sharp = False) -> Response:
    """A picture as the model draws it from its code."""
    codes = await _code_of_upload(request)
    return picture(to_uint8(await _draw(studio_of(request), codes, sharp))[0], note=note_of(sharp))


@router.post("/morph", responses={**DRAWN}, response_model=schemas.Pictures)
async def morph(request: Request, body: schemas.Morph, sharp: Sharp = False) -> Response:
    """What lies between two pictures, as a strip, an animation there and back, or single pictures."""
    from lookalike.editing.morph import between

    studio = studio_of(request)
    a, b = (_code_of(studio, given) for given in (body.a, body.b))
    drawn, note = to_uint8(await _draw(studio, between(a, b, body.steps, body.kind), sharp)), note_of(sharp)
    if body.format == "json":
        return as_json({"pictures": encoded(list(drawn), note)})
    if body.format == "gif":
        animation = await studio.slowly(lambda: plots.there_and_back_gif(drawn, note=note))
        return Response(animation, 200, {"Cache-Control": NEVER}, "image/gif")
    return picture(await studio.slowly(lambda: plots.strip([drawn])), note=note)


@router.get(
    "/sample",
    response_model=schemas.Drawn,
    responses={202: {"model": schemas.Drawn, "description": "Being made."}},
)
async def sample(
    request: Request,
    count: Annotated[int, Query(ge=1, le=64, description="How many codes.")] = 1,
    truncation: Annotated[
        float, Query(ge=0, le=1, description="How far codes stray from the middle of their part of the mixture.")
    ] = 1.0,
    seed: SeedNumber = 0,
) -> Response:
    """Codes of new pictures, drawn from a mixture of the gallery's codes that is fitted in the background."""
    studio = studio_of(request)
    if not studio.draws:
        raise HTTPException(
            422, "this gallery's model finds pictures and draws none; serve one of a model with a decoder, such as pca"
        )
    if len(studio.snapshot.view.codes) < LEAST_CODES:
        held = f"this gallery holds {len(studio.snapshot.view.codes)} pictures"
        raise HTTPException(422, f"{held}; new ones are drawn from {LEAST_CODES} or more")
    told = studio.made("sampler")
    if told is None:
        return being_made(studio, "sampler", {"codes": [], "ready": False, "parts": None})

    def draw() -> list[list[float]]:
        from lookalike.sampling.mixture import Mixture

        codes: list[list[float]] = Mixture.from_json(told).draw(count, truncation=truncation, seed=seed).tolist()
        return codes

    return as_json({"codes": await studio.slowly(draw), "ready": True, "parts": told["parts"]})


@router.get("/directions", response_model=schemas.Directions)
async def directions(request: Request) -> Response:
    """Directions to edit along: the leading ones of the gallery's codes, and those of its attributes."""
    known, ready = await _directions(studio_of(request))
    return kept_json(request, {"directions": known, "ready": ready})


@router.post("/directions", response_model=schemas.Direction)
async def difference(request: Request, body: schemas.Groups) -> Response:
    """ "These minus those": the direction from the mean of one group of stored pictures to that of another."""
    from lookalike.editing.directions import difference_direction
    from lookalike.studio.descriptions import direction_facts

    studio = studio_of(request)
    snapshot = studio.snapshot
    these, those = (
        snapshot.view.codes[[found(snapshot, id, lambda id=id: snapshot.place(id)) for id in ids]]
        for ids in (body.these, body.those)
    )
    direction = await studio.slowly(lambda: difference_direction(these, those, seed=studio.settings.seed))
    return as_json(direction_facts(direction))


@router.post(
    "/edit",
    response_model=schemas.OneCode,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def edit(
    request: Request,
    body: schemas.Edit,
    format: Annotated[Literal["json", "png"], Query(description="The new code, or its picture.")] = "json",
    sharp: Sharp = False,
) -> Response:
    """Move a code along directions, and give the new code or what it draws."""
    studio = studio_of(request)
    if (body.id is None) == (body.code is None):
        raise HTTPException(422, f"the body has {_neither_or_both(body.id, 'id', 'code')}; give one of them")
    if body.keep_residual and (body.id is None or format != "png"):
        raise HTTPException(
            422, "keep_residual is true, but only pictures have detail to keep; give id and format=png, or leave it out"
        )
    start = _code_of(studio, body.id if body.id is not None else body.code)
    moved = start + await _steps(studio, body.changes)
    if not (largest := np.abs(moved).max()) <= schemas.LARGEST_NUMBER:
        limit = f"{schemas.LARGEST_NUMBER:,.0f}"
        raise HTTPException(422, f"the code goes as far as {largest:,.0f}; the limit is {limit}: give smaller amounts")
    if format == "json":
        return as_json({"code": moved.tolist()})
    if not body.keep_residual:
        return picture(to_uint8(await _draw(studio, moved[None], sharp))[0], note=note_of(sharp))
    assert body.id is not None
    snapshot = studio.snapshot
    own = centre(snapshot.picture(snapshot.place(body.id)))
    from lookalike.editing.detail import with_detail

    after, before = await _draw(studio, np.stack([moved, start]), sharp)
    edited = to_uint8(with_detail(own, before, after[None], drop_what_changed=sharp))[0]
    return picture(edited, note=note_of(sharp))


async def _draw(studio: Studio, codes: npt.NDArray[Any], sharp: float) -> npt.NDArray[np.float32]:
    """Centred pictures of codes (n, K)."""
    if sharp and studio.sharp is None:
        raise HTTPException(
            422,
            "this gallery's model has no sharp decoder; train one with: lookalike sharpen RUN, and index the gallery "
            "with that run again",
        )
    return await studio.draw(codes.astype(np.float32), sharp=sharp)


def _neither_or_both(first: object, name: str, other: str) -> str:
    return f"neither {name} nor {other}" if first is None else f"both {name} and {other}"


async def _steps(studio: Studio, changes: list[schemas.Change]) -> Doubles:
    """What all changes add to a code."""
    total = np.zeros(studio.codec.code_size)
    known: dict[str, Any] | None = None
    for change in changes:
        if (change.name is None) == (change.vector is None):
            raise HTTPException(
                422, f"a change has {_neither_or_both(change.name, 'name', 'vector')}; give each one of them"
            )
        if change.vector is not None:
            total += change.amount * _checked(studio, change.vector)
            continue
        if known is None:
            known = {one["name"]: one for one in (await _directions(studio))[0]}
        if change.name not in known:
            raise HTTPException(
                422, f"no direction is called {shown(str(change.name))}; GET /api/v1/directions lists them"
            )
        direction = known[change.name]
        total += change.amount * direction["scale"] * np.array(direction["vector"])
    return total


async def _directions(studio: Studio) -> tuple[list[dict[str, Any]], bool]:
    """All directions that are learned, or the leading ones until then; whether these are all."""
    snapshot = studio.snapshot
    known = studio.prepared.known("directions", snapshot.digest)
    if known is not None:
        return known, True

    def leading() -> list[dict[str, Any]]:
        from lookalike.editing.directions import principal_directions
        from lookalike.studio.descriptions import direction_facts
        from lookalike.studio.preparing import PRINCIPAL

        if len(snapshot.view.ids) < 2:
            return []
        return [direction_facts(one) for one in principal_directions(snapshot.view.codes, PRINCIPAL)]

    still = "directions" in await asyncio.to_thread(studio.pending)
    return await studio.kept(("directions", snapshot.digest), leading), not still


async def _code_of_upload(request: Request) -> npt.NDArray[np.float32]:
    studio = studio_of(request)
    pictures = await studio.framed([await upload(request, studio.settings)])
    return (await studio.search(Search(pictures, [], 0, ()))).codes


def _code_of(studio: Studio, given: int | list[float] | None) -> Doubles:
    """A code that was sent, or that of the stored picture whose id was."""
    if isinstance(given, int):
        snapshot = studio.snapshot
        place = found(snapshot, given, lambda: snapshot.place(given))
        return snapshot.of_place(place).code.astype(np.float64)
    return _checked(studio, given or [])


def _checked(studio: Studio, code: list[float]) -> Doubles:
    if len(code) != studio.codec.code_size:
        raise HTTPException(422, f"the code has {len(code):,} numbers; give one of {studio.codec.code_size:,}")
    return np.array(code, np.float64)
