"""Downloads from a local server that behaves badly."""

from __future__ import annotations

import errno
import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lookalike.data import download
from lookalike.data.download import KnownFile, fetch
from lookalike.errors import DownloadError, NoSpaceError

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.ranges.append((self.path, asked))
        content = CONTENT if self.path != "/corrupted" else CONTENT[:-1] + b"?"
        content = content[:-100] if self.path == "/short" else content
        if self.path == "/missing":
            self.send_error(404)
            return
        start = 0 if asked is None or self.path == "/ignores" else int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        breaks = self.path in ("/breaks", "/ignores") and len([p for p, _ in self.server.ranges if p == self.path]) < 3
        self.wfile.write(content[start : start + download.PIECE] if breaks else content[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def known(*addresses: str, length: int | None = len(CONTENT)) -> KnownFile:
    return KnownFile("f.tgz", f"md5:{hashlib.md5(CONTENT).hexdigest()}", length, addresses)


def test_once_and_then_from_the_folder(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = fetch(known(server.url("good")), tmp_path, lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert len(told) > 1
    assert fetch(known(server.url("good")), tmp_path) == path
    assert len(server.ranges) == 1


def test_a_download_that_breaks_off_goes_on(server: Server, tmp_path: Path) -> None:
    assert fetch(known(server.url("breaks")), tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in server.ranges] == [None, "bytes=262144-", "bytes=524288-"]


def test_what_an_earlier_process_left_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.tgz.part").write_bytes(CONTENT[:1000])
    assert fetch(known(server.url("good")), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [("/good", "bytes=1000-")]


def test_a_server_that_knows_no_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    assert fetch(known(server.url("ignores")), tmp_path).read_bytes() == CONTENT
    assert len(server.ranges) == 3


@pytest.mark.parametrize(
    ("path", "reason"),
    [("missing", "404"), ("corrupted", "hash"), ("short", r"1,023,900 bytes came, the file has 1,024,000")],
)
def test_the_next_mirror_helps_and_no_bad_file_stays(server: Server, tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(DownloadError, match=rf"{path}: .*{reason}.*get it by hand and give its path") as caught:
        fetch(known(server.url(path)), tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "f.tgz").exists()
    assert fetch(known(server.url(path), server.url("good")), tmp_path).read_bytes() == CONTENT


def test_a_damaged_file_in_the_folder_is_got_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.tgz").write_bytes(b"damaged")
    assert fetch(known(server.url("good")), tmp_path).read_bytes() == CONTENT


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"f\.tgz cannot be downloaded"):
        fetch(known("http://127.0.0.1:9/f.tgz"), tmp_path)


def test_a_full_disk_is_named_and_gone_on_with(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 3 * download.PIECE

    class Full(io.FileIO):
        def write(self, piece: bytes) -> int:  # type: ignore[override]
            if self.tell() >= room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(piece[: room - self.tell()])

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode: io.BufferedWriter(Full(self, mode.replace("b", ""))))
        with pytest.raises(NoSpaceError, match=rf"f\.tgz\.part.*needs {len(CONTENT):,} bytes"):
            fetch(known(server.url("good"), server.url("missing")), tmp_path)
    assert len(server.ranges) == 1  # neither another try nor another address makes room
    assert (tmp_path / "f.tgz.part").stat().st_size == room
    assert fetch(known(server.url("good")), tmp_path).read_bytes() == CONTENT
    assert server.ranges[-1] == ("/good", f"bytes={room}-")


def test_the_known_files_are_the_published_ones() -> None:
    assert download.LFW["lfw"].checksum.endswith("f5a8d536c0")
    assert download.LFW["lfw"].length == 180_566_744
    assert all(len(known.checksum.split(":")[1]) in (32, 64) for known in download.LFW.values())
