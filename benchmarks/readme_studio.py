"""README's and the docs' pictures of the studio: tabs of a demonstration's gallery, as headless Chromium shows them.

    lookalike demo --out demo
    python benchmarks/readme_studio.py demo docs [--item 3] [--chromium /usr/bin/chromium]

Writes studio.png (four tabs), studio-find.png and studio-edit.png into the folder. Needs the extra `dev`, Chromium and
the page's runtime (`python tools/fetch_page_runtime.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from lookalike import demo, files, plots
from lookalike.pixels import Pixels

WIDTH, HEIGHT = 1152, 720
SHOWN = 640, 400
GAP, ROUND = 16, 10
BEHIND = 226, 222, 217
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-gl=swiftshader")
SETTLE = 6.0
"""Seconds in which a tab has drawn all that it shows, its models loaded."""
TABS = {
    "find": "q={item}",
    "edit": "q={item}&d=smile:1.50,skin:-1.00",
    "clean": "q={item}",
    "map": "",
}


@contextlib.contextmanager
def studio(folder: Path) -> Iterator[str]:
    """The address of the demonstration's studio, once it answers and has its map."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", str(folder / demo.GALLERY), "--run", str(folder / demo.RUN), "--port", str(port)]
    process = subprocess.Popen([sys.executable, "-m", "lookalike", *words], stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for path in ("/healthz", "/api/v1/map?method=tsne", "/api/v1/directions"):
            _wait_for(address + path)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=10) as answer:
            if answer.status == 200:
                return
        if time.monotonic() > until:
            raise SystemExit(f"{address} did not answer within {seconds:.0f} s")
        time.sleep(0.5)


def shots(address: str, item: int, chromium: str) -> dict[str, Pixels]:
    """Each tab as it is seen at a desk: (HEIGHT, WIDTH, 3)."""
    from playwright.sync_api import sync_playwright

    found: dict[str, Pixels] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for tab, query in TABS.items():
            page: Any = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(f"{address}/#{tab}{'?' if query else ''}{query.format(item=item)}")
            time.sleep(SETTLE)
            with Image.open(io.BytesIO(page.screenshot())) as image:
                found[tab] = np.asarray(image.convert("RGB"))
            page.close()
        browser.close()
    return found


def together(tabs: dict[str, Pixels]) -> Image.Image:
    """Four tabs in two rows, made smaller."""
    width, height = SHOWN
    page = Image.new("RGB", (2 * width + 3 * GAP, 2 * height + 3 * GAP), BEHIND)
    mask = Image.new("L", SHOWN)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), ROUND, fill=255)
    for number, shot in enumerate(tabs.values()):
        small = Image.fromarray(shot).resize(SHOWN, Image.Resampling.LANCZOS)
        page.paste(small, (GAP + number % 2 * (width + GAP), GAP + number // 2 * (height + GAP)), mask)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of the studio.")
    parser.add_argument("folder", type=Path, help="the demonstration's")
    parser.add_argument("out", type=Path, help="the folder to write into")
    parser.add_argument("--item", type=int, default=3, help="the picture that is looked at, by its number")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with studio(given.folder) as address:
        tabs = shots(address, given.item, given.chromium)
    files.write_bytes(given.out / "studio.png", plots.picture_png(np.asarray(together(tabs))))
    for tab in ("find", "edit"):
        files.write_bytes(given.out / f"studio-{tab}.png", plots.picture_png(tabs[tab]))


if __name__ == "__main__":
    main()
