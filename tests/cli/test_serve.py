"""`lookalike serve` as a user starts and ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from lookalike.serve import running
from studio import build_gallery
from waiting import PATIENCE, until


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    build_gallery(folder, 12)
    return folder


@contextmanager
def started(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    command = [sys.executable, "-m", "lookalike", "serve", *map(str, arguments), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        process.stdout.close()
        process.stderr.close()


def up(client: httpx.Client) -> None:
    until(lambda: client.get("/healthz").status_code == 200, "the server comes up")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_from_start_to_end(gallery: Path, sign: signal.Signals) -> None:
    with started(gallery) as (process, told):
        assert told["token"] is None
        assert told["url"].startswith("http://127.0.0.1:")
        with httpx.Client(base_url=told["url"], timeout=PATIENCE, trust_env=False) as client:
            up(client)
            assert client.get("/api/v1/gallery").json()["images"] == 12
        process.send_signal(sign)
        out, err = process.communicate(timeout=PATIENCE)
        assert (out, err) == ("", "")
        assert process.returncode == 0  # as it is meant to end


def test_on_other_addresses_a_token_is_drawn(gallery: Path) -> None:
    with started(gallery, "--host", "0.0.0.0") as (_, told):
        port = httpx.URL(told["url"]).port
        assert len(told["token"]) >= 24
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:
            up(client)
            assert client.get("/api/v1/gallery").status_code == 401
            assert (
                client.get("/api/v1/gallery", headers={"Authorization": f"Bearer {told['token']}"}).status_code == 200
            )


def test_a_gallery_without_its_source_or_torch(gallery: Path) -> None:
    """PyTorch is not loaded for serving a model of a kind that we write graphs of."""
    code = (
        "import sys, time; from pathlib import Path; from lookalike.serve.settings import StudioSettings;"
        "from lookalike.serve.state import Studio; s = Studio(StudioSettings(Path(sys.argv[1]))); s.start();"
        "assert s.ready.wait(600); print('torch' in sys.modules); s.stop()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(gallery)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_faults_are_one_line(call, gallery: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases = (
            ([tmp_path], "lookalike index"),
            ([gallery, "--port", port], f"127.0.0.1:{port} cannot be listened on"),
            ([gallery, "--host", "no.such.host.invalid"], "cannot be listened on"),
            ([gallery, "--token", "short"], "16 or more"),
            ([gallery, "--run", tmp_path], "holds no run"),
            ([gallery, "--denoiser", tmp_path], "holds no model"),
            ([gallery, "--port", 70_000], "65535"),
        )
        for arguments, text in cases:
            outcome = call("serve", *arguments)
            assert (outcome.code, outcome.out) == (2, "")
            assert text in outcome.err
            assert len(outcome.err.splitlines()) == 1


def test_a_missing_extra(call, gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(running, "find_spec", lambda name: None if name == "fastapi" else find_spec(name))
    outcome = call("serve", gallery)
    assert (outcome.code, "pip install 'lookalike[serve]'" in outcome.err) == (2, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(gallery: Path) -> None:
    gallery.chmod(0o500)
    try:
        from lookalike.studio.preparing import folder_for

        assert folder_for(gallery).parent != gallery
    finally:
        gallery.chmod(0o700)
