"""Runs that are followed: curves, events as epochs come, and reconstructions of the last checkpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

import lookalike as la
from lookalike.errors import RunError
from lookalike.pixels import to_uint8
from lookalike.plots import strip
from lookalike.serve.app import make_app
from lookalike.serve.settings import StudioSettings
from studio import SIZE, Served, build_gallery, pixels_of, serving


def train(folder: Path, epochs: int, **options: object) -> None:
    pictures, test = la.load("synthetic:60", size=SIZE).split()
    model = la.ConvAutoencoder(4, channels=(4, 4, 4, 4), device="cpu")
    model.fit(pictures, test=test, epochs=epochs, run=folder, progress=False, **options)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("runs")
    build_gallery(folder / "gallery", 12)
    train(folder / "first", 2)
    train(folder / "noisy", 1, noise="gaussian:0.2")
    with serving(folder / "gallery", runs=(folder / "first", folder / "noisy")) as studio:
        yield studio


def test_lists_and_curves(served: Served) -> None:
    first, noisy = served.get("/api/v1/runs").json()["runs"]
    assert (first["n"], first["name"], first["model"], first["code_size"]) == (0, "first", "conv", 4)
    assert (first["epochs"], first["epochs_planned"], first["running"], first["noise"]) == (2, 2, False, None)
    assert (noisy["n"], noisy["noise"]) == (1, "gaussian:0.2")
    curve = served.get("/api/v1/runs/0").json()
    folder = served.studio.runs[0].folder
    written = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in curve["history"]] == written
    assert all(row["seconds"] > 0 for row in curve["history"])
    assert curve["best_epoch"] == min(written, key=lambda row: row["train_mse"])["epoch"]
    for address in ("/api/v1/runs/2", "/api/v1/runs/2/events", "/api/v1/runs/2/reconstructions"):
        served.get(address, 404)
    served.get("/api/v1/runs/-1", 422)


def events(served: Served, number: int, last: str | None = None) -> Iterator[tuple[str, dict]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with served.client.stream("GET", f"/api/v1/runs/{number}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        kind = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))


def test_events_of_a_finished_run(served: Served) -> None:
    told = list(events(served, 0))
    assert [(kind, data.get("epoch")) for kind, data in told] == [("epoch", 1), ("epoch", 2), ("end", None)]
    assert [kind for kind, _ in events(served, 0, "1")] == ["epoch", "end"]
    assert [kind for kind, _ in events(served, 0, "nonsense")] == ["epoch", "epoch", "end"]


def test_events_as_they_come(served: Served, tmp_path: Path) -> None:
    """A run that another process trains in: three epochs planned, one done, the rest written while someone looks."""
    folder = tmp_path / "run"
    folder.mkdir()
    config = {"model": {"kind": "conv", "parameters": {"code_size": 4}}, "recipe": {"epochs": 3}, "noise": None}
    (folder / "config.json").write_text(json.dumps(config))
    rows = [
        {"epoch": i, "train_mse": 1 / i, "validation_mse": None, "test_mse": None, "learning_rate": 0.002}
        for i in (1, 2, 3)
    ]

    def write(count: int) -> None:
        (folder / "next").write_text("".join(json.dumps(row) + "\n" for row in rows[:count]))
        (folder / "next").replace(folder / "metrics.jsonl")

    write(1)
    with serving(served.gallery, runs=(folder,)) as live:
        assert live.get("/api/v1/runs/0").json()["running"]
        coming = events(live, 0)
        assert next(coming)[1]["epoch"] == 1
        threading.Timer(0.2, write, (2,)).start()
        assert next(coming)[1]["epoch"] == 2
        assert live.get("/api/v1/runs/0").json()["running"]
        write(3)
        assert [(kind, data.get("epoch")) for kind, data in coming] == [("epoch", 3), ("end", None)]
        live.get("/api/v1/runs/0/reconstructions", 404)


def test_an_open_stream_does_not_hold_the_end_up(served: Served, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({"recipe": {"epochs": 3}}))
    with serving(served.gallery, runs=(tmp_path / "run",)) as live:
        client = httpx.Client(base_url=live.client.base_url, trust_env=False)
        with client.stream("GET", "/api/v1/runs/0/events") as answer:
            assert next(answer.iter_lines()) == "retry: 2000"
            live.stop()  # while someone looks
    client.close()


def test_reconstructions(served: Served) -> None:
    test = la.load("synthetic:60", size=SIZE).split()[1]
    pictures = np.array(test.pixels[:8])
    sheet = pixels_of(served.get("/api/v1/runs/0/reconstructions").content)
    model = la.load_model(served.studio.runs[0].folder)
    expected = np.concatenate([strip([pictures]), strip([to_uint8(model.reconstruct(pictures))])])
    np.testing.assert_array_equal(sheet, expected)
    noisy = pixels_of(served.get("/api/v1/runs/1/reconstructions").content)
    assert noisy.shape[0] == 3 * 128  # clean, noisy, what came back
    np.testing.assert_array_equal(noisy[:128], strip([pictures]))
    assert 0.15 < (noisy[128:256].astype(float) - noisy[:128]).std() / 255 < 0.25


def test_what_is_no_run(served: Served, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        make_app(StudioSettings(served.gallery, runs=(tmp_path,)))
    with pytest.raises(RunError, match="holds no model"):
        make_app(StudioSettings(served.gallery, denoiser=tmp_path))
