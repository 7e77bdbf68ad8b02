"""The studio behind nginx and Caddy as docs/serving.md sets them up; skipped where they are not installed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest

from pictures import waves
from places import ROOT
from studio import Served, build_gallery, png, prepare_here, serving
from waiting import PATIENCE, until

NAME, BEHIND, PREFIX = "photos.example.org", "127.0.0.1:8000", "/pics"
"""What the page of the docs calls the proxy and the studio, and where it puts the studio."""
TOKEN = "a-token-of-some-length"
DOCS = (ROOT / "docs" / "serving.md").read_text()
TOLD = dict(re.findall(r"^(nginx|Caddy)\b[^\n]*:\n\n```\n(.*?)```", DOCS, re.MULTILINE | re.DOTALL))


def nginx(told: str, port: int, folder: Path) -> list[str]:
    """The locations of the docs in a server of their own, which writes into one folder only."""
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = "".join(f"    {place}_temp_path {folder}/{place};\n" for place in places)
    user = "user root;\n" if os.getuid() == 0 else ""
    server = f"    server {{\n    listen 127.0.0.1:{port};\n    server_name {NAME};\n{told}    }}\n"
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\n"
        f"http {{\n    access_log off;\n{kept}{server}}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]


def caddy(told: str, port: int, folder: Path) -> list[str]:
    """The site of the docs, without certificates, which nobody gives a name that is an example."""
    site = re.sub(rf"^{re.escape(NAME)}", f"http://{NAME}:{port}", told)
    (folder / "Caddyfile").write_text(f"{{\n    admin off\n    auto_https off\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


PROXIES: dict[str, Callable[[str, int, Path], list[str]]] = {"nginx": nginx, "Caddy": caddy}


def without_prefix(told: str) -> str:
    """The same at the root of the name: the line that leads to the prefix goes, and the prefix with it."""
    lines = [line for line in told.splitlines() if not line.strip().startswith(("location = ", "redir "))]
    return "\n".join(lines).replace(f"{PREFIX}/", "/") + "\n"


@contextmanager
def proxied(name: str, told: str, studio: Served, folder: Path) -> Iterator[httpx.Client]:
    """Who asks the proxy by its name, as a browser does; the proxy ends with the block."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = told.replace(BEHIND, studio.client.base_url.netloc.decode())
    surroundings = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(PROXIES[name](told, port, folder), stdout=said, stderr=said, env=surroundings)
        address, host = f"http://127.0.0.1:{port}", {"host": f"{NAME}:{port}"}
        try:
            with httpx.Client(base_url=address, headers=host, timeout=PATIENCE, trust_env=False) as client:

                def answers() -> bool:
                    assert process.poll() is None, (folder / "said").read_text()
                    with socket.socket() as asked:
                        return asked.connect_ex(("127.0.0.1", port)) == 0

                until(answers, f"{name} listens")
                yield client
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("gallery")
    build_gallery(gallery, 12)
    prepare_here(gallery)
    return gallery


@pytest.fixture(params=sorted(PROXIES))
def name(request: pytest.FixtureRequest) -> str:
    if which(PROXIES[request.param]("", 0, request.getfixturevalue("tmp_path"))[0]) is None:
        pytest.skip(f"{request.param} is not installed")
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
