"""What nobody should send: each is refused in one line, and without filling the memory."""

from __future__ import annotations

import io
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from pictures import waves
from studio import build_gallery, png
from waiting import PATIENCE, until

ROOM = 20 * 25_000_000 + 64 * 2**20
"""Bytes beyond what the server holds at rest: one of the largest pictures while it is decoded, and some uploads."""


class Server:
    """A server of its own process, so that its memory can be told."""

    def __init__(self, client: httpx.Client, pid: int) -> None:
        self.client = client
        self.pid = pid

    def peak(self) -> int:
        """The most bytes that the process has held."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

    def send(self, content: bytes, address: str = "/api/v1/search") -> httpx.Response:
        return self.client.post(address, files={"image": ("a.png", content, "image/png")})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gallery")
    build_gallery(folder, 20)
    command = [sys.executable, "-m", "lookalike", "serve", str(folder), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = httpx.Response(200, text=process.stdout.readline()).json()["url"]
        with httpx.Client(base_url=address, timeout=PATIENCE, trust_env=False) as client:
            until(lambda: client.get("/healthz").status_code == 200, "the server comes up")
            client.get("/api/v1/review")  # what it imports by itself is no cost of what it is sent
            yield Server(client, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        process.stdout.close()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def zeros(count: int) -> bytes:
    """`zlib.compress(bytes(count), 9)` of equal blocks, which take no time however many they are."""

    def block(size: int) -> bytes:
        packer = zlib.compressobj(9, wbits=-15)
        return packer.compress(bytes(size)) + packer.flush(zlib.Z_FULL_FLUSH)

    blocks, rest = divmod(count, 2**20)
    adler32 = (count % 65521) << 16 | 1  # of nothing but zeros
    return b"\x78\xda" + block(2**20) * blocks + block(rest) + b"\x03\0" + struct.pack(">I", adler32)


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of that many pixels, all black, in few bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    content = zeros(height * (3 * width + 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def claims(width: int, height: int) -> bytes:
    """A PNG that only claims its size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def webp_claim(width: int, height: int) -> bytes:
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0"
    body += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body)) + body


TEXT = 200 * 2**20


def text_bomb() -> bytes:
    """A small PNG with a compressed text of 200 MB."""
    small = png(waves(1)[0])
    text = chunk(b"zTXt", b"k\0\0" + zeros(TEXT))
    return small[:33] + text + small[33:]


def many_scans() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(waves(1, 64, 64)[0]).save(stream, "JPEG", progressive=True)
    content = stream.getvalue()
    start = content.rindex(b"\xff\xda")
    return content[:start] + content[start:-2] * 5000 + content[-2:]


def polyglot(tail: bytes) -> bytes:
    return b"GIF89a" + tail


def saved(kind: str, cut: int | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(waves(1, 200, 200)[0]).save(stream, kind, **options)
    return stream.getvalue()[:cut]


def tiff_of_large_tiles() -> bytes:
    """A TIFF of one pixel whose tile claims 60,000 x 60,000."""
    entries = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    entries += [(322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 200), (325, 4, 1, 20)]
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0" * 4
    return (b"II*\0" + struct.pack("<I", 8) + table).ljust(200, b"\0") + zlib.compress(b"\0" * 40).ljust(20, b"\0")


HOSTILE = {
    "empty": (b"", 422),
    "text": (b"hello", 415),
    "html": (b"<html><script>alert(1)</script></html>", 415),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
    "pickle": (b"\x80\x04\x95cposix\nsystem\n(S'true'\ntR.", 415),
    "zip": (b"PK\x03\x04" + b"\0" * 100, 415),
    "elf": (b"\x7fELF" + b"\0" * 100, 415),
    "noise": (np.random.default_rng(0).bytes(100_000), 415),
    "png bomb": (png_bomb(20_000, 20_000), 413),
    "png claim": (claims(2**31 - 1, 2**31 - 1), 413),
    "png claim of no rows": (claims(0, 10), 415),
    "png that lacks most of its pixels": (claims(2000, 2000), 422),
    "webp claim": (webp_claim(16_383, 16_383), 413),
    "webp claim beyond the format": (webp_claim(2**24, 2**24), 413),
    "jpeg of many scans": (many_scans(), 422),
    "jxl claim": (b"\xff\x0a" + (3 << 1 | 59_999 << 3 | 1 << 33).to_bytes(10, "little"), 413),
    "raw that is none": (b"IIRO" + b"\0" * 1000, 422),
    "cut jpeg": (saved("JPEG", 1500), 422),
    "cut png": (saved("PNG", 1500), 422),
    "cut webp": (saved("WEBP", 500), 415),
    "jpeg head": (b"\xff\xd8\xff", 415),
    "gif and javascript": (polyglot(b"=1;alert(1)//"), 415),
    "gif and html": (b"GIF89a\x01\x00\x01\x00\x80\x00\x00<script>", 415),
    "tiff of large tiles": (tiff_of_large_tiles(), 413),
    "bmp claim": (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        413,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pictures(server: Server, name: str) -> None:
    content, expected = HOSTILE[name]
    before = server.peak()
    answer = server.send(content)
    assert (answer.status_code, set(answer.json())) == (expected, {"detail"}), answer.text
    assert "\n" not in answer.json()["detail"]
    assert "Traceback" not in answer.text
    assert server.peak() - before < 64 * 2**20
    assert server.client.get("/healthz").status_code == 200


def test_text_that_inflates_without_end_is_never_inflated(server: Server) -> None:
    """The picture around it is one that every viewer shows."""
    assert server.send(saved("PNG")).status_code == 200  # the first search loads what later ones share
    before = server.peak()
    assert server.send(text_bomb()).status_code == 200
    # Inflated it would be all of the text at least; what the server begins by itself meanwhile is far less.
    assert server.peak() - before < 0.75 * TEXT


def test_a_picture_with_something_behind_it_is_a_picture(server: Server) -> None:
    """Only its pixels are read; nothing of the upload is ever kept or sent back."""
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        assert server.send(saved(kind) + b"<script>alert(1)</script>").status_code == 200
    assert server.send(saved("PNG", None, bits=8)).status_code == 200


@pytest.mark.parametrize("announced", [True, False], ids=["length announced", "in pieces"])
def test_a_hundred_megabytes(server: Server, announced: bool) -> None:
    before = server.peak()
    head = b'--e\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    piece, count = b"\0" * 2**16, 1600

    def pieces() -> Iterator[bytes]:
        yield head
        for _ in range(count):
            yield piece
        yield b"\r\n--e--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=e"}
    if announced:
        headers["content-length"] = str(len(head) + count * len(piece) + 9)
    answer = server.client.post("/api/v1/search", content=pieces(), headers=headers)
    assert answer.status_code == 413
    assert "16,777,216 bytes" in answer.json()["detail"]
    assert server.peak() - before < 64 * 2**20


def test_large_json(server: Server) -> None:
    content = b'{"code": [' + b"0," * 2**20 + b"0]}"
    answer = server.client.post("/api/v1/search/code", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    nested = b"[" * 100_000
    answer = server.client.post("/api/v1/search/code", content=nested, headers={"content-type": "application/json"})
    assert (answer.status_code, set(answer.json())) == (400, {"detail"})


FORMS = {
    "no form": (b"x", "image/png", 415),
    "no kind": (b"x", None, 415),
    "no boundary": (b"x", "multipart/form-data", 415),
    "empty": (b"", "multipart/form-data; boundary=e", 422),
    "not of its boundary": (b"--f\r\n\r\n--f--", "multipart/form-data; boundary=e", 422),
    "cut off": (
        b'--e\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc',
        "multipart/form-data; boundary=e",
        422,
    ),
    "nameless": (b"--e\r\nA: b\r\n\r\nabc\r\n--e--\r\n", "multipart/form-data; boundary=e", 422),
    "other field": (
        b'--e\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--e--\r\n',
        "multipart/form-data; boundary=e",
        422,
    ),
    "a thousand fields": (
        b'--e\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n' * 1000 + b"--e--\r\n",
        "multipart/form-data; boundary=e",
        422,
    ),
    "mixed": (b"--e--", "multipart/mixed; boundary=e", 415),
    "a long boundary": (b"x", "multipart/form-data; boundary=" + "e" * 5000, 422),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("address", ["/api/v1/search", "/api/v1/encode", "/api/v1/denoise"])
def test_damaged_forms(server: Server, name: str, address: str) -> None:
    content, kind, expected = FORMS[name]
    headers = {} if kind is None else {"content-type": kind}
    answer = server.client.post(address, content=content, headers=headers)
    assert (answer.status_code, set(answer.json())) == (expected, {"detail"}), answer.text


def test_the_largest_picture_that_is_allowed(server: Server) -> None:
    """It is slow and large, and still within bounds."""
    before = server.peak()
    assert server.send(png_bomb(5000, 5000)).status_code == 200
    assert server.peak() - before < ROOM


def test_memory_stays_bounded_under_many_uploads(server: Server) -> None:
    before = server.peak()
    content = png_bomb(4900, 4900)
    with ThreadPoolExecutor(6) as many:
        answers = list(many.map(lambda _: server.send(content).status_code, range(12)))
    assert set(answers) <= {200, 503}
    assert 200 in answers
    assert server.peak() - before < ROOM
    assert server.client.get("/healthz").status_code == 200
