"""What is said where a request is refused: whole sentences with what was found, the limit, and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException

LONGEST = 500
"""Characters of a refusal; what is longer ends in an ellipsis."""
LONGEST_VALUE = 60
"""Characters of what was sent that a refusal repeats."""
_ALTERNATIVE = re.compile(r"constrained-.+|list\[.+|int|float|str")
"""What pydantic adds to a place where several kinds of value may stand."""

Misfit = Mapping[str, Any]


def line(text: str) -> str:
    """One line of a length that can be shown."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def shown(value: str) -> str:
    """What a client sent, in quotes; of a long text its beginning."""
    return repr(value) if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]!r}…"


def busy(why: str) -> HTTPException:
    """What is answered where too much waits, or something is not there yet; `why` is the sentence's beginning."""
    return HTTPException(503, f"{why}; try again in a second", {"Retry-After": "1"})


def too_many_wait(most: int) -> HTTPException:
    """What is answered to a request beyond those that may wait."""
    return busy(f"{most:,} requests wait already, and no more may")


def too_large(length: int | None, most: int) -> HTTPException:
    """What is answered to a body beyond the limit."""
    found = "more bytes" if length is None else f"{length:,} bytes, more"
    return HTTPException(413, f"the request has {found} than the limit allows; send at most {most:,} bytes")


def of_picture(reason: str) -> str:
    """Why a picture cannot be read, as a sentence; reasons that know a remedy end in it."""
    return f"the picture {reason}" if ";" in reason else f"the picture {reason}; send another, or this one saved anew"


def misfit(errors: Sequence[Misfit]) -> str:
    """One of FastAPI's misfits; where several kinds of value may stand at one place, of the kind that comes nearest."""
    chosen = max(errors, key=lambda one: (not _is_of_kind(one), len(one["loc"])))
    beside = [one for one in errors if _place(one) == _place(chosen)] if _is_of_kind(chosen) else [chosen]
    return _sentence(chosen, " or ".join(_told(one) for one in beside))


def _is_of_kind(error: Misfit) -> bool:
    """Whether a value is of another kind altogether."""
    return str(error["type"]).endswith("_type")


def _place(error: Misfit) -> str:
    return ".".join(str(part) for part in error["loc"] if not _ALTERNATIVE.fullmatch(str(part)))


def _told(error: Misfit) -> str:
    """What belongs there."""
    if error["type"] == "model_attributes_type":
        return "an object"
    return str(error["msg"]).removeprefix("Input should be ").partition(", unable")[0]


def _sentence(error: Misfit, wanted: str) -> str:
    where = _place(error) if len(error["loc"]) > 1 else f"the {error['loc'][0]}"
    kind, context = error["type"], error.get("ctx", {})
    value: Any = error.get("input")
    if kind == "json_invalid":
        place = int(error["loc"][-1]) + 1
        return f"the body is no JSON at its character {place:,} ({context['error']}); send JSON in UTF-8"
    if kind == "missing":
        return f"{where} is missing, and is required; give it as /openapi.json describes it"
    if kind == "extra_forbidden":
        return f"{where} is not permitted; leave it out, or see its spelling in /openapi.json"
    if isinstance(value, bytes):
        return f"{where} has {len(value):,} bytes that are not marked as JSON; send Content-Type: application/json"
    for bound, text in (("max_length", "at most"), ("min_length", "at least")):
        if bound in context:
            unit = "characters" if isinstance(value, str) else "items"
            return f"{where} has {len(value):,} {unit}; give {text} {context[bound]:,}"
    return f"{where} is {_value(value)}; it should be {wanted}"


def _value(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value):,}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return shown(value) if isinstance(value, str) else str(value)[:LONGEST_VALUE]
