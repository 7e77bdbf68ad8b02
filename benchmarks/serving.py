"""How fast `lookalike serve` answers searches by picture, from many clients at once, on this machine.

    python benchmarks/serving.py GALLERY [--clients 16] [--seconds 60] [--json]

Starts the server on a free port of this machine, measures how long it takes until `/healthz` is 200, and lets every
client send one search after the other: a JPEG of a procedural face that the gallery does not hold, `k=24`. The clients
are one process beside the server, so both share the machine's cores. Exits with 1 where a request failed.

Measured on two cores, 13,000 procedural faces, course network of code 32: see docs/serving.md.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

PICTURES = 200
"""Different pictures that are sent in turn."""
SIDE = 100
"""Pixels of their sides."""
LONGEST_START = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--clients", type=int, default=16, help="clients at once (16)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they ask (60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    started = time.perf_counter()
    command = [sys.executable, "-m", "lookalike", "serve", str(options.gallery), "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["url"]
        wait_until_up(address)
        up = time.perf_counter() - started
        wait_until_prepared(address)
        times, failures, lasted = asyncio.run(ask(address, requests_of(address), options.clients, options.seconds))
    finally:
        server.terminate()
        server.wait(timeout=10)
    told = {
        "up_seconds": round(up, 2),
        "clients": options.clients,
        "seconds": round(lasted, 1),
        "requests": len(times),
        "requests_per_second": round(len(times) / lasted, 1),
        **{f"p{share}_ms": round(1000 * float(np.percentile(times, share)), 1) for share in (50, 95, 99)},
        "max_ms": round(1000 * max(times), 1),
        "errors": failures,
    }
    print(json.dumps(told) if options.json else "\n".join(f"{name:<20} {value}" for name, value in told.items()))
    sys.exit(bool(failures))


def wait_until_up(address: str) -> None:
    """Until searches are answered."""
    deadline = time.perf_counter() + LONGEST_START
    while time.perf_counter() < deadline:
        try:
            with urllib.request.urlopen(f"{address}healthz"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    sys.exit(f"the server was not up after {LONGEST_START:g} s")


def wait_until_prepared(address: str) -> None:
    """Until what a first start makes in the background is made: it is not what is measured here."""
    while True:
        with urllib.request.urlopen(f"{address}api/v1/gallery") as answer:
            if not json.load(answer)["preparing"]:
                return
        time.sleep(0.5)


def requests_of(address: str) -> list[bytes]:
    """Whole HTTP requests with faces that are in no gallery of `synthetic`, since they are of another size."""
    from PIL import Image

    from lookalike.data import load

    host = address.removeprefix("http://").strip("/")
    made = []
    for pixels in load(f"synthetic:{PICTURES}", size=SIDE).pixels:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=90)
        edge = b"----lookalike"
        head = b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        body = b"--" + edge + b"\r\n" + head + stream.getvalue() + b"\r\n--" + edge + b"--\r\n"
        lines = (
            "POST /api/v1/search?k=24 HTTP/1.1",
            f"Host: {host}",
            f"Content-Type: multipart/form-data; boundary={edge.decode()}",
            f"Content-Length: {len(body)}",
        )
        made.append("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return made


async def ask(address: str, requests: list[bytes], clients: int, seconds: float) -> tuple[list[float], int, float]:
    """Seconds of every answered request, how many failed, and how long all of it took."""
    host, _, port = address.removeprefix("http://").strip("/").rpartition(":")
    times: list[float] = []
    failures = 0
    started = time.perf_counter()

    async def client(number: int) -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection(host, int(port))
        turn = number * len(requests) // clients
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            writer.write(requests[turn % len(requests)])
            status, body = await answer_of(reader)
            times.append(time.perf_counter() - before)
            failures += status != 200 or len(json.loads(body)["neighbours"]) != 24
            turn += 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return times, failures, time.perf_counter() - started


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    fields: dict[bytes, Any] = dict(line.lower().split(b": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), await reader.readexactly(int(fields[b"content-length"]))


if __name__ == "__main__":
    main()
