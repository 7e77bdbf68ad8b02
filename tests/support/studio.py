"""A studio that runs: a server in a thread of the test's own process, spoken to over a real socket."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

import lookalike as la
from lookalike.serve.app import make_app
from lookalike.serve.running import listen, server_of
from lookalike.serve.settings import StudioSettings
from lookalike.serve.state import Studio
from lookalike.studio.preparing import KINDS, folder_for, prepare
from waiting import PATIENCE, until

SIZE, CODE = 16, 6


class Served:
    """A running studio: `client` speaks to it, `studio` is its state, `gallery` its folder, and `stop` ends it."""

    def __init__(self, client: httpx.Client, studio: Studio, gallery: Path, stop: Callable[[], None]) -> None:
        self.client = client
        self.studio = studio
        self.gallery = gallery
        self.stop = stop

    def get(self, address: str, status: int = 200, **options: Any) -> httpx.Response:
        return self._expected(self.client.get(address, **options), status)

    def post(self, address: str, status: int = 200, **options: Any) -> httpx.Response:
        return self._expected(self.client.post(address, **options), status)

    def send(self, address: str, *pictures: bytes, status: int = 200, **options: Any) -> httpx.Response:
        """POST pictures as a form."""
        files = [("image", (f"{i}.png", content, "image/png")) for i, content in enumerate(pictures)]
        return self.post(address, status, files=files, **options)

    def ids(self) -> dict[str, int]:
        """The id of each name."""
        return {row["name"]: row["id"] for row in self.get("/api/v1/items?limit=1000").json()["items"]}

    def wait_until_prepared(self) -> None:
        until(lambda: not self.get("/api/v1/gallery").json()["preparing"], "the background work ends")

    @staticmethod
    def _expected(answer: httpx.Response, status: int) -> httpx.Response:
        assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text[:300]}"
        if status >= 400:
            told = answer.json()
            assert set(told) == {"detail"}
            assert told["detail"]
            assert "\n" not in told["detail"]
        return answer


@contextmanager
def serving(gallery: Path, **settings: Any) -> Iterator[Served]:
    """Serve a gallery on a free port, up and ready, and end it cleanly."""
    app = make_app(StudioSettings(gallery, **settings))
    listener = listen("127.0.0.1", 0)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()

    try:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as client:
            until(lambda: client.get("/healthz").status_code == 200, "the studio comes up")
            yield Served(client, app.state.studio, gallery, stop)
    finally:
        stop()


def small_model() -> la.ConvAutoencoder:
    """Untrained; its last channels are more than its code, so that no direction of codes is all rounding."""
    return la.ConvAutoencoder(CODE, channels=(4, 4, 8, 16), device="cpu").initialise((SIZE, SIZE, 3))


def build_gallery(folder: Path, count: int = 60, metric: str | None = None) -> None:
    """A gallery of faces, with what a studio would else have made for it by a process of its own."""
    with la.Gallery.open(folder, model=small_model(), metric=metric) as gallery:
        gallery.update(la.load(f"synthetic:{count}", size=SIZE))
    prepare_here(folder, SOON)


SOON = ("threshold", "directions", "tsne")
"""What every studio wants of a gallery, but for the model's graphs, which it writes itself."""


def prepare_here(gallery: Path, kinds: Iterable[str] = KINDS) -> None:
    """Make what a studio has made beside it: the process that does so yields to all else, and may be long about it."""
    prepare(kinds, gallery, folder_for(gallery))


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def pixels_of(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def near(content: bytes, expected: np.ndarray, most: int = 1) -> None:
    """As pixels; what lies between two values may round to either."""
    assert np.abs(pixels_of(content).astype(int) - expected.astype(int)).max() <= most


def codes_of(served: Served, count: int) -> tuple[list[int], np.ndarray]:
    """The first pictures' ids and codes."""
    ids = list(served.ids().values())[:count]
    return ids, np.array([served.get(f"/api/v1/items/{id}").json()["code"] for id in ids])
