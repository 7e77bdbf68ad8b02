"""Parts of the server on their own: batches, limits, and what is prepared in a process beside it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest

import lookalike as la
from lookalike.errors import GalleryError, OptionError
from lookalike.interop.onnx_runtime import OnnxCodec
from lookalike.models import onnx_kinds
from lookalike.serve.app import make_app
from lookalike.serve.batching import Batcher, Busy
from lookalike.serve.settings import StudioSettings
from lookalike.studio.maps import Atlas, layout
from lookalike.studio.preparing import Prepared, Preparer, folder_for, prepare
from pictures import waves
from studio import SIZE, build_gallery, pixels_of, png, serving, small_model
from waiting import PATIENCE, until

T = TypeVar("T")


def awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it gives, in a thread of its own: in this one a loop is running where a browser is in use beside."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    build_gallery(folder, 30)
    return folder


def test_what_waits_is_done_together() -> None:
    sizes: list[int] = []
    go, begun = threading.Event(), threading.Event()

    def run(jobs: list[int]) -> list[int | Exception]:
        begun.set()
        go.wait(PATIENCE)
        return [ValueError(str(job)) if job % 5 == 4 else job * job for job in jobs]

    async def all_of_them() -> list[int | BaseException]:
        first = asyncio.create_task(batcher.ask(0))
        await asyncio.to_thread(begun.wait, PATIENCE)
        rest = [asyncio.create_task(batcher.ask(job)) for job in range(1, 10)]
        gone = asyncio.create_task(batcher.ask(100))
        await asyncio.sleep(0)  # in which every task comes to where it waits
        assert len(batcher) == 10
        with pytest.raises(Busy):
            await batcher.ask(11)
        gone.cancel()  # a client that left
        go.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    batcher = Batcher[int, int](run, most=6, waiting=10, seen=sizes.append)
    found = awaited(all_of_them())
    batcher.close()
    assert sizes == [1, 6, 3]  # of the last four one had left
    for job, answer in enumerate(found):
        assert str(answer) == str(job) if job % 5 == 4 else answer == job * job
    with pytest.raises(Busy):
        awaited(batcher.ask(1))


def test_a_batch_that_fails_is_told_to_all() -> None:
    def run(_: list[int]) -> list[int | Exception]:
        raise RuntimeError("broken")

    async def both() -> list[int | BaseException]:
        return await asyncio.gather(batcher.ask(1), batcher.ask(2), return_exceptions=True)

    batcher = Batcher[int, int](run, most=4, waiting=4)
    assert [str(one) for one in awaited(both())] == ["broken", "broken"]
    batcher.close()


def test_a_body_that_does_not_come(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, patience = Batcher.ask, 1.0

    async def slowly(self: Batcher[Any, Any], job: Any) -> Any:
        await asyncio.sleep(1.2 * patience)
        return await ask(self, job)

    monkeypatch.setattr(Batcher, "ask", slowly)
    with serving(gallery, patience=patience) as served:
        url = served.client.base_url
        with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE) as slow:
            head = f"POST /api/v1/search HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: 100\r\n"
            slow.sendall(f"{head}Content-Type: multipart/form-data; boundary=e\r\n\r\n--e".encode())
            answer = slow.recv(10_000).decode()
        assert answer.startswith("HTTP/1.1 408")
        assert "1 seconds" in answer
        served.send("/api/v1/search", png(waves(1)[0]))  # which takes as long as it takes once it is here


def test_a_kind_that_only_pytorch_exports(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Served by PyTorch at first; by ONNX Runtime once the process beside has written its files."""
    folder = tmp_path / "gallery"
    shutil.copytree(gallery, folder)
    shutil.rmtree(Prepared(folder_for(folder)).models_folder(small_model().digest), ignore_errors=True)
    picture = png(waves(1, SIZE, SIZE)[0])
    monkeypatch.delitem(onnx_kinds.GRAPHS, "conv")
    with serving(folder) as served:
        before = served.send("/api/v1/search", picture).json()["code"]
        until(lambda: isinstance(served.studio.codec, OnnxCodec), "the files are written and taken up")
        assert served.get("/api/v1/gallery").json()["onnx"]
        np.testing.assert_allclose(served.send("/api/v1/search", picture).json()["code"], before, atol=1e-5)


def test_a_denoiser_that_runs_on_pytorch(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose graph we do not write stays on the server, and cleans there."""
    small_model().save(tmp_path / "denoiser")
    (gallery / "studio").mkdir(exist_ok=True)
    given = waves(1, SIZE, SIZE, seed=8)[0]
    prepare(["models"], gallery, gallery / "studio")
    monkeypatch.delitem(onnx_kinds.GRAPHS, "conv")
    with serving(gallery, denoiser=tmp_path / "denoiser") as served:
        served.wait_until_prepared()
        facts = served.get("/api/v1/gallery").json()
        assert (facts["denoiser"], facts["onnx"]["denoiser"]) == (True, None)
        cleaned = pixels_of(served.send("/api/v1/denoise", png(given)).content)
    np.testing.assert_array_equal(cleaned, la.to_uint8(small_model().reconstruct(given))[0])


def test_a_denoiser_that_cannot_be_read(gallery: Path, tmp_path: Path) -> None:
    small_model().save(tmp_path)
    (tmp_path / "encoder.safetensors").write_bytes(b"half of")
    with serving(gallery, denoiser=tmp_path) as served:
        assert "could not be loaded" in served.send("/api/v1/denoise", png(waves(1)[0]), status=404).json()["detail"]


def test_exported_files_that_are_damaged(gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "gallery"
    shutil.copytree(gallery, folder)
    held = Prepared(folder / "studio").models_folder(small_model().digest)
    held.mkdir(parents=True, exist_ok=True)
    for name in ("encoder.onnx", "decoder.onnx"):
        (held / name).write_bytes(b"half of")
    with serving(folder) as served:
        served.send("/api/v1/search", png(waves(1)[0]))
    assert "written anew" in caplog.text


def test_pictures_are_framed_as_the_galleries_are(tmp_path: Path) -> None:
    """A gallery that was filled from memory frames a file as its model's training pictures were framed."""
    model = small_model()
    with la.Gallery.open(tmp_path, model=model) as gallery:
        gallery.update(la.ImageSet(waves(12, SIZE, SIZE)))
        content = png(waves(1, 40, 60, seed=4)[0])
        code = model.encode(gallery.framed(content))[0]
    with serving(tmp_path) as served:
        found = served.send("/api/v1/search?k=3", content).json()
        facts = served.get("/api/v1/gallery").json()
    np.testing.assert_allclose(found["code"], code, atol=1e-5)
    assert (facts["people"], facts["attributes"]) == (False, [])


def test_an_empty_gallery(tmp_path: Path) -> None:
    la.Gallery.open(tmp_path, model=small_model()).close()
    with pytest.raises(GalleryError, match="holds no pictures yet"):
        make_app(StudioSettings(tmp_path))


def test_what_is_prepared(gallery: Path, tmp_path: Path) -> None:
    prepare(("models", "threshold", "directions", "tsne"), gallery, tmp_path)
    prepared = Prepared(tmp_path)
    with la.Gallery.open(gallery) as held:
        digest = held.snapshot().digest
        assert held.known_threshold() == held.threshold()
        assert held.known_threshold(0.02) is None
    folder = prepared.models(small_model().digest)
    assert folder is not None
    np.testing.assert_allclose(
        OnnxCodec(folder).encode(waves(2, SIZE, SIZE)), small_model().encode(waves(2, SIZE, SIZE)), atol=1e-5
    )
    assert len(prepared.known("tsne", digest)) == 30
    assert {one["kind"] for one in prepared.known("directions", digest)} == {"principal", "attribute"}
    prepared.path("tsne", digest).write_text(json.dumps([1]))
    prepare(["tsne"], gallery, tmp_path)
    assert prepared.known("tsne", digest) == [1]  # what is there is not made again
    prepared.path("tsne", digest).write_text("half of")
    assert prepared.known("tsne", digest) is None
    prepared.keep("tsne", "f" * 16, [2])
    assert prepared.known("tsne", digest) is None  # of an earlier state
    with pytest.raises(OptionError, match="nothing that can be made"):
        prepare(["dinner"], gallery, tmp_path)


def test_what_fails_beside_is_told(gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        preparer = Preparer(gallery, tmp_path)
        preparer.want("dinner", "tsne", "tsne")
        assert set(preparer.pending) == {"dinner", "tsne"}
        until(lambda: not preparer.pending, "the work ends")
        preparer.close()
    with la.Gallery.open(gallery) as held:
        assert Prepared(tmp_path).known("tsne", held.snapshot().digest)  # the other one is made
    (record,) = caplog.records
    assert "nothing that can be made" in record.getMessage()


def test_the_end_does_not_wait_for_what_is_made(gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = partial(subprocess.Popen, [sys.executable, "-c", "import time; time.sleep(3600)"])
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: begin(**options))
    preparer = Preparer(gallery, tmp_path)
    preparer.want("tsne")
    until(lambda: preparer._child is not None, "the work begins")
    child = preparer._child
    preparer.close()
    assert not preparer._thread.is_alive()
    assert child is not None
    assert child.poll() == -signal.SIGTERM


@pytest.mark.parametrize("shape", [(32, 32, 3), (30, 45, 3), (100, 200, 1), (5, 3, 3)], ids=str)
def test_sheets(shape: tuple[int, int, int]) -> None:
    pictures = waves(70, *shape, seed=1)
    atlas = Atlas.for_pictures(2000, shape)
    assert atlas.tile % 8 == 0
    assert atlas.tile <= 64
    assert atlas.sheets == 2
    sheet = pixels_of(atlas.sheet(pictures))
    assert sheet.shape == (3 * atlas.tile, 32 * atlas.tile, 3)
    with io.BytesIO(atlas.sheet(pictures)) as stream:
        assert stream.read(3) == b"\xff\xd8\xff"
    side, (height, width) = atlas.tile, shape[:2]
    rows, columns = (max(round(one * side / max(height, width)), 1) for one in (height, width))
    top, left = (side - rows) // 2, (side - columns) // 2
    for i in (0, 31, 32, 69):
        tile = sheet[i // 32 * side :, i % 32 * side :][:side, :side].astype(float)
        inner = tile[top : top + rows, left : left + columns]
        assert abs(inner.mean() - pictures[i].mean()) < 6
        assert np.abs(tile[0] - tile[top]).mean() < 6  # beyond the picture, its edge goes on


def test_layouts() -> None:
    generator = np.random.default_rng(0)
    codes = np.concatenate([generator.normal(centre, 0.1, (40, 5)) for centre in (-2, 0, 2)])
    for method in ("pca", "tsne"):
        places = layout(codes, method)
        assert (places.dtype, places.shape) == (np.float32, (120, 2))
        assert np.abs(places).max() <= 1
        middles = places.reshape(3, 40, 2).mean(axis=1)
        spread = places.reshape(3, 40, 2).std(axis=1).mean()
        assert min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (1, 2), (0, 2))) > 3 * spread
        np.testing.assert_array_equal(places, layout(codes, method))
    assert layout(codes[:1], "tsne").tolist() == [[0, 0]]
    assert layout(codes[:2, :1], "pca").shape == (2, 2)
    with pytest.raises(OptionError, match="umap"):
        layout(codes, "umap")


def test_a_server_that_is_spoken_to_in_nonsense(gallery: Path) -> None:
    with serving(gallery) as served:
        url = served.client.base_url
        for nonsense in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\0" * 100_000):
            with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE) as line:
                line.sendall(nonsense)
                line.shutdown(socket.SHUT_WR)
                while line.recv(4096):
                    pass
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200


def test_a_map_of_many_by_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some are laid out; the others still lie among the codes that are near theirs."""
    from sklearn.manifold import trustworthiness

    from lookalike.studio import maps as module

    generator = np.random.default_rng(5)
    centres = generator.normal(0, 4, (12, 8))
    codes = (centres[np.arange(600) % 12] + generator.normal(0, 0.5, (600, 8))).astype(np.float32)
    monkeypatch.setattr(module, "LANDMARKS", 200)
    points = layout(codes, "tsne", seed=3)
    assert np.isfinite(points).all()
    assert np.abs(points).max() <= 1
    np.testing.assert_array_equal(points, layout(codes, "tsne", seed=3))
    assert trustworthiness(codes, points, n_neighbors=10) > max(0.9, trustworthiness(codes, layout(codes, "pca")))
    group = np.arange(600) % 12
    order = np.linalg.norm(points[:, None] - points[None], axis=2).argsort(axis=1)[:, 1:6]
    assert (group[order] == group[:, None]).mean() > 0.98
    codes[300:] = codes[:300]  # no distance between some
    assert np.isfinite(layout(codes, "tsne")).all()
