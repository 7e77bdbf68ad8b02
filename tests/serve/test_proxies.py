"""The studio behind nginx and Caddy as docs/serving.md sets them up; skipped where they are not installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest

from fronts import BEHIND, DOCS, NAME, PROXIES, TOLD, front, skip_without
from pictures import waves
from proxy import PREFIX
from studio import Served, build_gallery, png, prepare_here, serving
from waiting import PATIENCE

TOKEN = "a-token-of-some-length"


def without_prefix(told: str) -> str:
    """The same at the root of the name: the line that leads to the prefix goes, and the prefix with it."""
    lines = [line for line in told.splitlines() if not line.strip().startswith(("location = ", "redir "))]
    return "\n".join(lines).replace(f"{PREFIX}/", "/") + "\n"


@contextmanager
def proxied(name: str, told: str, studio: Served, folder: Path) -> Iterator[httpx.Client]:
    """Who asks the proxy by its name, as a browser does."""
    with front(name, told, studio.client.base_url.netloc.decode(), folder) as port:
        address, host = f"http://127.0.0.1:{port}", {"host": f"{NAME}:{port}"}
        with httpx.Client(base_url=address, headers=host, timeout=PATIENCE, trust_env=False) as client:
            yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("gallery")
    build_gallery(gallery, 12)
    prepare_here(gallery)
    return gallery


@pytest.fixture(params=sorted(PROXIES))
def name(request: pytest.FixtureRequest) -> str:
    skip_without(request.param)
    return str(request.param)


def test_the_docs_have_a_configuration_for_each() -> None:
    assert set(TOLD) == set(PROXIES)
    assert all(BEHIND in told and f"{PREFIX}/" in told for told in TOLD.values())
    assert f"--allow-host {NAME}" in DOCS


def test_what_a_browser_asks_passes(name: str, folder: Path, tmp_path: Path) -> None:
    with serving(folder, hosts=(NAME,)) as studio:
        studio.wait_until_prepared()
        for told, prefix in ((TOLD[name], PREFIX), (without_prefix(TOLD[name]), "")):
            with proxied(name, told, studio, tmp_path / f"at{prefix.replace('/', '-')}") as client:
                all_passes(client, studio, prefix)


def all_passes(client: httpx.Client, studio: Served, prefix: str) -> None:
    page = client.get(f"{prefix}/")
    assert page.status_code == 200
    assert page.content == studio.get("/").content
    if prefix:
        moved = client.get(prefix)
        assert moved.is_redirect
        assert urljoin(str(moved.url), moved.headers["location"]).endswith(f"{prefix}/")
        assert client.get(f"{prefix}{prefix}/").status_code == 404
    for script in re.findall(rb'(?:src|href)="(?!data:)([^"#]+)"', page.content):
        assert client.get(urljoin(str(page.url), script.decode())).status_code == 200

    model = client.get(f"{prefix}/api/v1/gallery").json()["onnx"]["encoder"]
    assert client.get(urljoin(str(page.url), model)).content == studio.get("/models/encoder.onnx").content

    picture = next(iter(studio.ids().values()))
    for address in (f"{prefix}/api/v1/items/{picture}/thumbnail", f"{prefix}/models/encoder.onnx"):
        whole = client.get(address)
        part = client.get(address, headers={"range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, whole.content[3:10])
        held = client.get(address, headers={"if-none-match": whole.headers["etag"]})
        assert (held.status_code, held.content) == (304, b"")
        assert client.head(address).headers["content-length"] == str(len(whole.content))

    own = {"origin": f"https://{NAME}", "sec-fetch-site": "same-origin"}
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), np.uint8)
    for pixels in (waves(1)[0], noise):  # the second is more than nginx takes unless told otherwise
        form = {"image": ("a.png", png(pixels), "image/png")}
        assert client.post(f"{prefix}/api/v1/search", files=form, headers=own).status_code == 200
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert client.post(f"{prefix}/api/v1/search", files=form, headers=foreign).status_code == 403
    large = client.post(f"{prefix}/api/v1/decode", content=b" " * 2_000_000, headers=own)
    assert (large.status_code, "more than the limit allows" in large.text) == (413, True)


def test_the_token_is_taken_at_the_prefix(name: str, folder: Path, tmp_path: Path) -> None:
    with (
        serving(folder, token=TOKEN, hosts=(NAME,)) as studio,
        proxied(name, TOLD[name], studio, tmp_path / "proxy") as client,
    ):
        assert client.get(f"{PREFIX}/api/v1/gallery").status_code == 401
        sent_on = client.get(f"{PREFIX}/?token={TOKEN}&tab=map")
        assert sent_on.status_code == 303
        assert urljoin(f"https://{NAME}{PREFIX}/", sent_on.headers["location"]) == f"https://{NAME}{PREFIX}/?tab=map"
        assert client.get(f"{PREFIX}/api/v1/gallery").status_code == 200  # by the cookie
