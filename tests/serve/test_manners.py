"""What proxies, browsers and download programs expect of a server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from pictures import waves
from proxy import proxy
from studio import Served, build_gallery, png, prepare_here, serving
from waiting import PATIENCE

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gallery = tmp_path_factory.mktemp("gallery")
    build_gallery(gallery, 12)
    prepare_here(gallery)
    return gallery


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder, hosts=("photos.example", "pictures.example:8443")) as studio:
        studio.wait_until_prepared()
        yield studio


# Behind a proxy


def test_models_are_found_at_a_prefix(folder: Path) -> None:
    with proxy() as front, serving(folder, hosts=(front.name,)) as studio, httpx.Client(trust_env=False) as client:
        front.target = str(studio.client.base_url)
        studio.wait_until_prepared()
        page = f"{front.address}/"
        told = client.get(f"{page}api/v1/gallery").json()["onnx"]
        for side in ("encoder", "decoder"):
            answer = client.get(urljoin(page, told[side]))
            assert answer.status_code == 200
            assert answer.content == studio.get(f"/models/{side}.onnx").content
        picture = {"image": ("a.png", png(waves(1)[0]), "image/png")}
        own = {"origin": f"http://{front.name}", "sec-fetch-site": "same-origin"}
        assert client.post(f"{page}api/v1/search", files=picture, headers=own).status_code == 200


def test_the_token_leads_back_to_the_prefix(folder: Path) -> None:
    with proxy() as front, serving(folder, token=TOKEN) as studio, httpx.Client(trust_env=False) as client:
        front.target = str(studio.client.base_url)
        answer = client.get(f"{front.address}/?token={TOKEN}&tab=map")
        assert answer.status_code == 303
        assert urljoin(str(answer.url), answer.headers["location"]) == f"{front.address}/?tab=map"
        assert "path=" not in answer.headers["set-cookie"].lower()
        assert client.get(f"{front.address}/api/v1/gallery").status_code == 200  # by the cookie


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://photos.example", 200),
        ("https://photos.example:444", 200),
        ("https://pictures.example:8443", 200),
        ("https://pictures.example", 403),
        ("https://photos.example.evil.example", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
def test_a_name_that_is_allowed_may_be_the_origin(served: Served, origin: str, status: int) -> None:
    """The Host is what nginx sends unless told otherwise: the studio's own address."""
    headers = {"origin": origin, "sec-fetch-site": "same-origin"}
    served.post("/api/v1/decode", status, json={"codes": [[0.0] * 6]}, headers=headers)
    served.post("/api/v1/decode", 403, json={"codes": [[0.0] * 6]}, headers={**headers, "sec-fetch-site": "cross-site"})


# HEAD, ranges, and what is held already


def addresses(served: Served) -> list[str]:
    first = next(iter(served.ids().values()))
    plain = [
        path.format(id=first, number=0, queue="odd")
        for path, methods in served.get("/openapi.json").json()["paths"].items()
        if "get" in methods and "/runs/" not in path and "/directions" not in path
    ]
    return [*plain, "/", "/metrics", "/openapi.json", "/models/encoder.onnx", "/static/app.js", "/nothing"]


def test_head_works_wherever_get_does(served: Served) -> None:
    served.wait_until_prepared()  # what is still being made may be there at the second asking
    found = addresses(served)
    assert len(found) > 15
    for address in found:
        got, told = served.client.get(address), served.client.head(address)
        assert (address, told.status_code, told.content) == (address, got.status_code, b"")
        assert told.headers["content-type"] == got.headers["content-type"]
        if address != "/metrics" and b"seconds" not in got.content:  # as many digits as the time has that it took
            assert told.headers["content-length"] == got.headers["content-length"]
    assert served.client.head("/api/v1/search/code").headers["allow"] == "POST"


@pytest.mark.parametrize("address", ["/items/rows", "/review/apply", "/review/decisions"])
def test_an_address_of_its_own_is_none_that_it_looks_like(served: Served, address: str) -> None:
    for method in ("OPTIONS", "PUT", "DELETE"):
        answer = served.client.request(method, f"/api/v1{address}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    if address == "/items/rows":
        served.get("/api/v1/items/rows", 405)
        served.get("/api/v1/items/none", 422)


@pytest.mark.parametrize("address", ["/models/encoder.onnx", "/api/v1/items/{id}/thumbnail"])
def test_parts_of_models_and_pictures(served: Served, address: str) -> None:
    address = address.format(id=next(iter(served.ids().values())))
    whole = served.get(address)
    size = len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, first, last in (
        ("0-9", 0, 9),
        ("5-", 5, size - 1),
        ("-7", size - 7, size - 1),
        (f"3-{size * 9}", 3, size - 1),
    ):
        part = served.get(address, 206, headers={"range": f"bytes={asked}"})
        assert part.content == whole.content[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["etag"] == whole.headers["etag"]
    beyond = served.get(address, 416, headers={"range": f"bytes={size}-"})
    assert beyond.headers["content-range"] == f"bytes */{size}"
    for asked in ("bytes=0-1,4-5", "bytes=9-2", "lines=0-1", "bytes=-", "bytes=a-b"):
        assert served.get(address, headers={"range": asked}).content == whole.content
    older = {"range": "bytes=0-9", "if-range": '"another"'}
    assert served.get(address, headers=older).content == whole.content
    same = {"range": "bytes=0-9", "if-range": whole.headers["etag"]}
    assert served.get(address, 206, headers=same).content == whole.content[:10]
    held = served.client.get(address, headers={"if-none-match": whole.headers["etag"]})
    assert (held.status_code, held.content) == (304, b"")


def test_too_long_a_body_is_named_in_a_whole_sentence(served: Served) -> None:
    answer = served.post("/api/v1/decode", 413, content=b" " * 2_000_000, headers={"content-type": "application/json"})
    assert answer.json()["detail"] == (
        "the request has 2,000,000 bytes, more than the limit allows; send at most 1,048,576 bytes"
    )


@pytest.mark.parametrize("expects", [False, True], ids=["at once", "when asked to"])
@pytest.mark.parametrize("address", ["/api/v1/decode", "/nothing"])
def test_who_sends_on_reads_the_refusal(served: Served, address: str, expects: bool) -> None:
    """As proxies do, which pass a whole body on before they look for an answer: none of it is lost to a reset."""
    base = served.client.base_url
    length = 16 * 2**20
    head = f"POST {address} HTTP/1.1\r\nHost: {base.netloc.decode()}\r\nContent-Length: {length}\r\n"
    with socket.create_connection((base.host, base.port), timeout=PATIENCE) as line:
        line.sendall(f"{head}{'Expect: 100-continue' if expects else 'Connection: close'}\r\n\r\n".encode())
        if not expects:
            for _ in range(16):
                line.sendall(bytes(2**20))
        status = line.makefile("rb").readline()
    assert status.split()[1] == (b"413" if address.startswith("/api") else b"404")
