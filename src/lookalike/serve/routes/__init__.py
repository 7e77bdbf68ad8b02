"""The addresses of the API, by topic. Each asks the studio's state and words the answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import HTTPException, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.serve.answers import as_json
from lookalike.serve.limits import FIELD
from lookalike.serve.schemas import LARGEST_ID, Refusal
from lookalike.serve.state import Studio

REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Refusal, "description": "Refused: the text says why."},
    503: {"model": Refusal, "description": "Busy: try again after the seconds in Retry-After."},
}
"""Of every address of the API."""

ItemId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="A picture's id.", examples=[1])]
K = Annotated[int, Query(ge=1, le=1000, description="How many neighbours.")]
Where = Annotated[
    list[str],
    Query(
        max_length=8,
        description="Conditions on columns; a picture must meet all.",
        examples=[["smile > 0.5"], ["person = 'Mira Tolan'"]],
    ),
]
Version = Annotated[
    str | None, Query(max_length=64, description="The gallery's digest: the answer may then be kept for a year.")
]
NoiseText = Annotated[
    str, Query(max_length=100, description="A corruption, as gaussian:0.1.", examples=["gaussian:0.1"])
]
SeedNumber = Annotated[int, Query(ge=0, le=2**32 - 1, description="The seed of what is drawn at random.")]


def studio_of(request: Request) -> Studio:
    """The state that the application was made with."""
    studio: Studio = request.app.state.studio
    return studio


def being_made(studio: Studio, kind: str, waiting: dict[str, Any]) -> Response:
    """The answer until what was asked for is made by the process beside, which is told to.

    Raises:
        HTTPException: it cannot be made of this gallery; the text says why.
    """
    failed = studio.preparer.failed
    if kind in failed:
        raise HTTPException(422, failed[kind])
    studio.preparer.want(kind)
    answer = as_json(waiting, 202)
    answer.headers["Retry-After"] = "5"
    return answer


def takes_pictures(several: bool = False) -> dict[str, Any]:
    """The body of an upload for the OpenAPI document; it is read by `limits.uploads`."""
    binary = {"type": "string", "format": "binary"}
    field: dict[str, Any] = {"type": "array", "items": binary, "minItems": 1, "maxItems": 16} if several else binary
    schema = {"type": "object", "required": [FIELD], "properties": {FIELD: field}, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
