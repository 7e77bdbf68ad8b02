"""What a stranger reads where a request is refused: whole sentences, with what was found, the limit and the remedy."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pictures import waves
from studio import Served, build_gallery, png, serving

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=e"}
ZEROS = [0.0] * 6
TAKEN = "send multipart/form-data, with its boundary, and a picture file in the field 'image'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("gallery")
    build_gallery(gallery, 12)
    return gallery


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as studio:
        yield studio


def part(name: str, content: bytes) -> bytes:
    return f'--e\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"


def claiming(width: int, height: int) -> bytes:
    """A PNG of which nothing but its head is there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


def image(*contents: bytes) -> dict[str, Any]:
    return {"files": [("image", (f"{place}.png", content)) for place, content in enumerate(contents)]}


SMALL = png(waves(1)[0])
REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    # What FastAPI finds amiss.
    ("POST", "search/code", {"json": {"code": ZEROS, "k": 0}}, 422,
     "body.k is 0; it should be greater than or equal to 1"),
    ("POST", "search/code", {"json": {"code": ZEROS, "k": "3"}}, 422, "body.k is '3'; it should be a valid integer"),
    ("POST", "search/code", {"json": {"code": [*ZEROS[1:], True]}}, 422,
     "body.code.5 is true; it should be a valid number"),
    ("POST", "search/code", {"json": {"code": ZEROS, "kk": 1}}, 422,
     "body.kk is not permitted; leave it out, or see its spelling in /openapi.json"),
    ("POST", "search/code", {"json": {}}, 422,
     "body.code is missing, and is required; give it as /openapi.json describes it"),
    ("POST", "search/code", {"content": b"", "headers": JSON}, 422,
     "the body is missing, and is required; give it as /openapi.json describes it"),
    ("POST", "search/code", {"json": [1, 2]}, 422, "the body is a list of 2; it should be an object"),
    ("POST", "search/code", {"content": b'{"code": []}'}, 422,
     "the body has 12 bytes that are not marked as JSON; send Content-Type: application/json"),
    ("POST", "search/code", {"content": b'{"code": [1,]}', "headers": JSON}, 422,
     "the body is no JSON at its character 13 ("),
    ("POST", "search/code", {"content": b"[" * 100_000, "headers": JSON}, 400,
     "the body cannot be read; send JSON in UTF-8 that is nested less deeply"),
    ("POST", "morph", {"json": {"a": "x", "b": 2}}, 422,
     "body.a is 'x'; it should be a valid integer or a valid list"),
    ("POST", "morph", {"json": {"a": 0, "b": 2}}, 422, "body.a is 0; it should be greater than or equal to 1"),
    ("POST", "morph", {"json": {"a": [1, "x"], "b": 2}}, 422, "body.a.1 is 'x'; it should be a valid number"),
    ("POST", "morph", {"json": {"a": [], "b": 2}}, 422, "body.a has 0 items; give at least 1"),
    ("POST", "morph", {"json": {"a": 1, "b": 2, "kind": "straight"}}, 422,
     "body.kind is 'straight'; it should be 'linear' or 'spherical'"),
    ("GET", "items?limit=5000", {}, 422, "query.limit is '5000'; it should be less than or equal to 1000"),
    ("GET", "items?q=" + "a" * 201, {}, 422, "query.q has 201 characters; give at most 200"),
    ("GET", "items?" + "&".join(["where=id>0"] * 9), {}, 422, "query.where has 9 items; give at most 8"),
    ("GET", "items/none", {}, 422, "path.id is 'none'; it should be a valid integer"),
    # Addresses.
    ("GET", "nothing", {}, 404, "there is nothing at this address; /openapi.json lists all of the API"),
    ("GET", "morph", {}, 405, "this address does not take GET; use POST"),
    ("PUT", "items", {}, 405, "this address does not take PUT; use GET, HEAD"),
    ("GET", "/static/none.js", {}, 404, "the page has no file 'none.js'; open the page itself anew"),
    ("GET", "atlas/7", {}, 404, "there is no sheet 7; the last one is 0, as GET /api/v1/atlas says"),
    ("GET", "runs/0", {}, 404, "there is no run 0; GET /api/v1/runs lists those that are followed"),
    # Uploads.
    ("POST", "search", {"json": {}}, 415,
     f"the request's Content-Type is 'application/json'; {TAKEN}"),
    ("POST", "search", {"content": part("image", SMALL), "headers": FORM}, 422,
     "the form is cut off: its last boundary is missing; send it whole"),
    ("POST", "search", {"content": b"--f\r\n", "headers": FORM}, 422, "); send it as RFC 7578 has it"),
    ("POST", "search", {"content": part("file", SMALL) + b"--e--\r\n", "headers": FORM}, 422,
     "the form has a field 'file'; send pictures in fields named 'image'"),
    ("POST", "search", image(claiming(6000, 5000)), 413,
     "the picture has 6000 x 5000 pixels, 30,000,000 in all; the limit is 25,000,000: send a smaller one"),
    ("POST", "search", image(SMALL[: len(SMALL) // 2]), 422, "; send another, or this one saved anew"),
    ("POST", "encode", image(SMALL, SMALL), 422, "the form has 2 pictures; send one"),
    # Codes.
    ("POST", "search/code", {"json": {"code": [1, 2]}}, 422,
     "the codes have shape (1, 2); give finite codes of 6 numbers"),
    ("POST", "decode", {"json": {"codes": [[1, 2]]}}, 422, "the code has 2 numbers; give one of 6"),
    ("POST", "edit", {"json": {"changes": []}}, 422, "the body has neither id nor code; give one of them"),
    ("POST", "edit", {"json": {"id": 1, "code": ZEROS, "changes": []}}, 422,
     "the body has both id and code; give one of them"),
    ("POST", "edit", {"json": {"id": 1, "changes": [{"amount": 1.0}]}}, 422,
     "a change has neither name nor vector; give each one of them"),
    ("POST", "edit", {"json": {"code": ZEROS, "changes": [{"amount": 2.0, "vector": [1e6] * 6}]}}, 422,
     "the code goes as far as 2,000,000; the limit is 1,000,000: give smaller amounts"),
    ("POST", "edit", {"json": {"code": ZEROS, "changes": [], "keep_residual": True}}, 422,
     "keep_residual is true, but only pictures have detail to keep; give id and format=png, or leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "address", "sent", "status", "sentence"),
    REFUSED,
    ids=[f"{one[1][:20]}-{one[4][:40]}" for one in REFUSED],
)
def test_sentences(served: Served, method: str, address: str, sent: dict[str, Any], status: int, sentence: str) -> None:
    answer = served.client.request(method, address if address.startswith("/") else f"/api/v1/{address}", **sent)
    detail = answer.json()["detail"]
    assert answer.status_code == status, detail
    if sentence.startswith((";", ")")):
        assert detail.endswith(sentence)
    elif sentence.endswith("("):
        assert detail.startswith(sentence)
    else:
        assert detail == sentence


def test_a_page_of_elsewhere_is_named(served: Served) -> None:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert served.post("/api/v1/decode", 403, json={"codes": [ZEROS]}, headers=headers).json()["detail"] == (
        "a page of https://evil.example sent this; if that is a proxy's name, allow it with --allow-host"
    )


def test_what_is_busy_says_with_what(folder: Path) -> None:
    with serving(folder, waiting=0, slow_waiting=0, held_uploads=100) as studio:
        for address, sent, sentence in (
            ("search/code", {"json": {"code": ZEROS}}, "0 requests wait already, and no more may"),
            ("decode", {"content": b" " * 101, "headers": JSON}, "hold 0 of at most 100 bytes"),
        ):
            answer = studio.post(f"/api/v1/{address}", 503, **sent)
            assert f"{sentence}; try again in a second" in answer.json()["detail"]
            assert answer.headers["retry-after"] == "1"


def test_long_texts_end_in_an_ellipsis(served: Served) -> None:
    told = served.get("/api/v1/items", 422, params={"where": "x" * 600 + " > 1"}).json()["detail"]
    assert (len(told), told[-1]) == (500, "…")
