"""Who may ask, and what browsers are told they may do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lookalike.errors import OptionError
from lookalike.serve.security import cookie_of
from lookalike.serve.settings import StudioSettings, is_loopback
from pictures import waves
from studio import Served, build_gallery, png, serving

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("gallery")
    build_gallery(gallery, 12)
    return gallery


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder, hosts=("studio.example",)) as studio:
        yield studio


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Served]:
    with serving(folder, token=TOKEN) as studio:
        yield studio


def test_headers_on_every_answer(served: Served) -> None:
    for answer in (served.get("/"), served.get("/api/v1/gallery"), served.get("/nothing", 404), served.get("/healthz")):
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
        assert policy["style-src"] == policy["connect-src"] == "'self'"
        assert not any("http" in value or "*" in value or "unsafe-inline" in value for value in policy.values())
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "127.0.0.1.nip.io"]
)
def test_other_host_names_are_refused(served: Served, host: str) -> None:
    served.get("/api/v1/gallery", 421, headers={"host": host})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:8000", "[::1]:8000", "studio.example"])
def test_own_host_names_are_answered(served: Served, host: str) -> None:
    served.get("/api/v1/gallery", headers={"host": host})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_others_may_not_send(served: Served, headers: dict[str, str]) -> None:
    served.send("/api/v1/search", png(waves(1)[0]), status=403, headers=headers)
    served.post("/api/v1/decode", 403, json={"codes": [[0.0] * 6]}, headers=headers)


def test_the_own_page_may(served: Served) -> None:
    own = str(served.client.base_url).rstrip("/")
    served.send("/api/v1/search", png(waves(1)[0]), headers={"origin": own, "sec-fetch-site": "same-origin"})


def test_nothing_without_the_token(guarded: Served) -> None:
    guarded.client.cookies.clear()
    for address in ("/", "/api/v1/gallery", "/openapi.json", "/metrics", "/models/encoder.onnx", "/static/app.js"):
        answer = guarded.get(address, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in answer.text
    guarded.get("/healthz")
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer é"):
        guarded.get("/api/v1/gallery", 401, headers={"authorization": wrong.encode()})
    guarded.get(f"/api/v1/gallery?token={TOKEN}", 401)  # it would stay in logs and histories
    guarded.get("/", 401, params={"token": "wrong"})
    guarded.get("/api/v1/gallery", 401, headers={"cookie": "lookalike=" + "0" * 64})
    guarded.get("/api/v1/gallery", 401, headers={"cookie": f"lookalike={TOKEN}"})


def test_the_token_opens(guarded: Served) -> None:
    guarded.client.cookies.clear()
    guarded.get("/api/v1/gallery", headers={"authorization": f"Bearer {TOKEN}"})
    guarded.get("/api/v1/gallery", headers={"authorization": f"bearer {TOKEN}", "host": "my.machine"})
    answer = guarded.get("/", 303, params={"token": TOKEN, "tab": "map"})
    assert answer.headers["location"] == "./?tab=map"
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    assert cookie_of(TOKEN) in cookie
    guarded.get("/api/v1/gallery")  # with the cookie
    guarded.client.cookies.clear()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/models/..%2f..%2fcatalog.sqlite",
        "/api/v1/items/..%2f..%2fcatalog.sqlite/thumbnail",
        "/api/v1/runs/..%2f0",
        "/static/app.js%00.png",
    ],
)
def test_no_path_leads_out(served: Served, path: str) -> None:
    request = httpx.Request("GET", str(served.client.base_url).rstrip("/"))
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = served.client.send(request)
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"detail"}


def test_the_page_asks_nobody_else(served: Served) -> None:
    text = served.get("/").text
    assert "http://" not in text.replace("http://www.w3.org/", "")
    assert "https://" not in text
    served.get("/docs", 404)
    served.get("/redoc", 404)


def test_settings_refuse(folder: Path) -> None:
    with pytest.raises(OptionError, match="token"):
        StudioSettings(folder, host="0.0.0.0")
    with pytest.raises(OptionError, match="16 or more"):
        StudioSettings(folder, token="short")
    with pytest.raises(OptionError, match="ASCII"):
        StudioSettings(folder, token="with a space in the middle")
    assert StudioSettings(folder, host="0.0.0.0", token=TOKEN).token == TOKEN
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "[::1]", "localhost", "127.9.9.9")] == [True] * 5
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.x")] == [False] * 5


def test_too_much_at_once_is_refused(folder: Path) -> None:
    with serving(folder, waiting=0, slow_waiting=0, streams=0) as busy:
        answer = busy.send("/api/v1/search", png(waves(1)[0]), status=503)
        assert answer.headers["retry-after"] == "1"
        busy.get("/api/v1/duplicates?threshold=0.5", 503)
    with serving(folder, held_uploads=1000) as small:
        small.send("/api/v1/search", png(waves(1)[0]), status=503)
        assert small.send("/api/v1/search", b"x", status=415)
