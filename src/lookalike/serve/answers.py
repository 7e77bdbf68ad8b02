"""How answers leave: JSON, pictures, and what browsers may keep of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response

from lookalike import plots

SHORT = "private, max-age=60"
YEAR = "private, max-age=31536000, immutable"
ASK = "private, no-cache"
"""Kept, but asked about each time."""
NEVER = "no-store"

PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}, "description": "A PNG."}
}


def as_json(value: Any, status: int = 200, cache: str = NEVER) -> Response:
    """A JSON answer; what is not finite is a fault of ours and raises ValueError."""
    body = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status, {"Cache-Control": cache}, "application/json")


def kept_json(request: Request, value: Any, cache: str = ASK) -> Response:
    """A JSON answer that browsers may keep, by its content's digest."""
    answer = as_json(value, cache=cache)
    return kept(request, bytes(answer.body), "application/json", cache)


def kept(request: Request, body: bytes, kind: str, cache: str = ASK, headers: dict[str, str] | None = None) -> Response:
    """An answer that browsers may keep; 304 without a body where they have it already."""
    return tagged(request, body, tag_of(body), kind, cache, headers)


def kept_file(request: Request, path: Path, kind: str, cache: str = ASK) -> Response:
    """A file's content as such an answer, text compressed; read, and its digest taken, when the file has changed."""
    facts = path.stat()
    if not kind.startswith("text/"):
        return tagged(request, *_content(path, facts.st_mtime_ns, facts.st_size), kind, cache)
    packed = _takes_gzip(request)
    content = _content(path, facts.st_mtime_ns, facts.st_size, packed)
    encoding = {"Content-Encoding": "gzip"} if packed else {}
    return tagged(request, *content, kind, cache, {"Vary": "Accept-Encoding", **encoding})


@lru_cache(maxsize=128)
def _content(path: Path, _modified: int, _size: int, packed: bool = False) -> tuple[bytes, str]:
    body = path.read_bytes()
    body = gzip.compress(body, mtime=0) if packed else body
    return body, tag_of(body)


def _takes_gzip(request: Request) -> bool:
    """Whether the client reads gzip (RFC 9110, Accept-Encoding)."""
    for one in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = one.partition(";")
        if name.strip() == "gzip":
            return quality.strip().removeprefix("q=").strip("0.") != "" if quality else True
    return False


def tag_of(body: bytes) -> str:
    """The entity tag of an answer: its content's digest."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def tagged(
    request: Request, body: bytes, tag: str, kind: str, cache: str = ASK, headers: dict[str, str] | None = None
) -> Response:
    """As `kept`, with a tag that is known."""
    sent = {"ETag": tag, "Cache-Control": cache, "Accept-Ranges": "bytes", **(headers or {})}
    if is_held(request, tag):
        return Response(None, 304, sent)
    asked = _range_of(request, tag, len(body))
    if asked is None:
        return Response(body, 200, sent, kind)
    if not asked:
        refusal = as_json({"detail": f"the answer has {len(body):,} bytes; ask for a range within them"}, 416)
        refusal.headers["Content-Range"] = f"bytes */{len(body)}"
        return refusal
    sent["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{len(body)}"
    return Response(body[asked.start : asked.stop], 206, sent, kind)


def _range_of(request: Request, tag: str, size: int) -> range | None:
    """The one range of bytes that is asked for (RFC 9110, Range), empty beyond the end; None: all of them.

    Several ranges, and one of an older state (If-Range), are answered by all, as the standard allows.
    """
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("range", "").replace(" ", ""))
    if found is None or found[0] == "bytes=-" or request.headers.get("if-range", tag) != tag:
        return None
    first, last = found[1], found[2]
    if not first:
        return range(max(size - int(last), 0), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last else size, size))


def is_held(request: Request, tag: str) -> bool:
    """Whether the request says that this very answer is there already (RFC 9110, If-None-Match)."""
    given = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return tag in given or "*" in given


def cache_of(version: str | None, digest: str) -> str:
    """A year for an address that names the very state it is of, a minute otherwise."""
    return YEAR if version == digest else SHORT


def picture(pixels: npt.NDArray[np.uint8], headers: dict[str, str] | None = None, note: str | None = None) -> Response:
    """One uint8 picture (H, W, C) as PNG, made for this request alone; with a note in it."""
    return Response(plots.picture_png(pixels, note), 200, {"Cache-Control": NEVER, **(headers or {})}, "image/png")


def encoded(pictures: Sequence[npt.NDArray[np.uint8]], note: str | None = None) -> list[str]:
    """Pictures as PNG in base64, for JSON; with a note in each."""
    return [base64.b64encode(plots.picture_png(one, note)).decode() for one in pictures]
