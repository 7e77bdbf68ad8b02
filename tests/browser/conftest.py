"""A studio with everything in it, and a browser to use it with; skipped where there is no Chromium."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest

import lookalike as la
from places import ROOT

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")

from browsing import PATIENCE, PROCESSOR  # noqa: E402
from lookalike.experiment import train_run  # noqa: E402
from lookalike.serve.static_export import export_page  # noqa: E402
from page_runtime import need_runtime, runtime_is_here  # noqa: E402
from proxy import proxy  # noqa: E402
from sharps import sharpened  # noqa: E402
from studio import Served, prepare_here, serving  # noqa: E402

AXE = ROOT / ".venv" / "axe" / "axe.min.js"
COUNT, CODE = 240, 12
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-background-networking",
]


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[[list[str]], Any]]:
    """Start Chromium with more arguments."""
    path = which("chromium") or which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        yield lambda more: playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])


@pytest.fixture(scope="session")
def chromium(launch: Callable[[list[str]], Any]) -> Iterator[Any]:
    browser = launch(PROCESSOR)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def runtime() -> None:
    need_runtime()


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        pytest.skip(f"axe-core is not fetched: python tools/fetch_page_runtime.py --axe {AXE.parent.relative_to(ROOT)}")
    return AXE.read_text()


@pytest.fixture(scope="session")
def faces() -> la.ImageSet:
    return la.load(f"synthetic:{COUNT}")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, faces: la.ImageSet) -> dict[str, Path]:
    """A gallery of faces by PCA with a sharp decoder, its run, a run to follow of two epochs, and a denoiser."""
    folder = tmp_path_factory.mktemp("studio")
    pca = la.PCAAutoencoder(CODE)
    train_run(pca, faces, folder / "pca")
    sharpened(pca).save(folder / "pca")
    noisy = la.ConvAutoencoder(24, channels=(8, 8, 8, 8), device="cpu")
    train_run(noisy, faces, folder / "cleaning", epochs=2, noise="gaussian:0.1")
    train_run(la.UNetDenoiser(width=6, device="cpu"), faces, folder / "unet", epochs=8)
    with la.Gallery.open(folder / "gallery", model=pca) as gallery:
        gallery.update(faces)
    prepare_here(folder / "gallery")
    return {name: folder / name for name in ("gallery", "pca", "cleaning", "unet")}


PLACES = ("at the root", "behind a proxy")


@pytest.fixture(scope="module")
def gallery(folders: dict[str, Path]) -> Any:
    with la.Gallery.open(folders["gallery"], create=False) as held:
        yield held


@pytest.fixture(scope="module")
def model(folders: dict[str, Path]) -> Any:
    return la.load_model(folders["pca"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tabs are used on a desk at the root of a host, and on a phone behind a proxy that gives the studio a prefix.

    What is the same on both is used behind the proxy, where addresses have more to go wrong.
    """
    if "served" in metafunc.fixturenames and metafunc.module.__name__.endswith("test_tabs"):
        if "width" in metafunc.fixturenames:
            pairs = list(zip(PLACES, SIZES, strict=True))
            metafunc.parametrize(("served", "width"), pairs, indirect=["served"], scope="session")
        else:
            metafunc.parametrize("served", PLACES[1:], indirect=True, scope="session")


@pytest.fixture(scope="session")
def served(request: pytest.FixtureRequest, chromium: Any, folders: dict[str, Path]) -> Iterator[Served]:
    whole = {"runs": (folders["cleaning"],), "denoiser": folders["unet"]}
    with proxy() as front, serving(folders["gallery"], **whole, hosts=(front.name,)) as studio:
        studio.wait_until_prepared()
        if getattr(request, "param", PLACES[0]) == PLACES[0]:
            yield studio
            return
        front.target = str(studio.client.base_url)
        with httpx.Client(base_url=front.address, timeout=30, trust_env=False) as client:
            yield Served(client, studio.studio, studio.gallery, studio.stop)


@pytest.fixture(scope="session")
def exported(chromium: Any, runtime: None, folders: dict[str, Path]) -> Iterator[str]:
    """The address of a plain file server over a static export."""
    out = folders["pca"].parent / "site"
    export_page(folders["pca"], out, gallery=folders["gallery"], denoiser=folders["unet"])
    handler = partial(_Quiet, directory=str(out))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is for its failures."""


Open = Callable[..., Any]


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Open a page at a width; at the end it must have complained of nothing and asked nobody else."""
    contexts, complaints, strangers = [], [], []
    lacks = not runtime_is_here()

    def heard(told: Any) -> None:
        if told.type in ("error", "warning") and not (lacks and "/vendor/" in told.location["url"]):
            complaints.append(told.text)

    def open_page(address: str, width: str = "desktop", browser: Any = chromium, **options: Any) -> Any:
        size = SIZES[width]
        phone = {"is_mobile": True, "has_touch": True} if width == "phone" else {}
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, accept_downloads=True, **phone, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        origin = "/".join(address.split("/")[:3])

        def only_here(route: Any) -> None:
            if route.request.url.startswith((origin, "blob:", "data:")):
                route.fallback()
            else:
                strangers.append(route.request.url)
                route.abort()

        context.route("**/*", only_here)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.expected = complaints
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not strangers
    assert not complaints
