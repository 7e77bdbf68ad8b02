"""How a queue of 10,000 pairs scrolls in the Review tab: frames a second and the longest tasks, by DevTools' trace.

    python benchmarks/review_scrolling.py GALLERY [--width 1280] [--height 800] [--touch] [--chromium /usr/bin/chromium]

The studio serves GALLERY; the queue's 10,000 entries are made up of its pictures, and all else is as it is. Chromium
draws by the processor. Frames are those of `requestAnimationFrame`; tasks are the renderer's main thread's, each with
the time on the clock and on the processor, which differ where others use it too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import ViewportSize, sync_playwright

from lookalike.serve.running import listen

ENTRIES = 10_000
LONG = 50.0
"""Milliseconds of a task from which on a page feels slow to answer, as browsers count them."""
TRACED = ("toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline.frame")
TASK, MAIN = "ThreadControllerImpl::RunTask", "CrRendererMain"
COUNT = """() => {
  window.frames_ = []; window.goesOn = true;
  const frame = (at) => { window.frames_.push(at); if (window.goesOn) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""
SPEEDS = (1_500, 8_000)
"""Pixels a second: as one reads, and as one flings."""
SECONDS = 6


@contextmanager
def served(gallery: Path) -> Iterator[str]:
    """The address of a studio that has made all that it makes beside."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "lookalike", "serve", str(gallery), "--port", str(port)]
    studio = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while studio.poll() is None:
            try:
                if not asked(address, "gallery")["preparing"]:
                    break
            except OSError:
                pass
            time.sleep(0.5)
        yield address
    finally:
        studio.terminate()
        studio.wait()


def asked(address: str, what: str) -> Any:
    """What the API answers."""
    with urllib.request.urlopen(f"{address}/api/v1/{what}") as answer:
        return json.load(answer)


def made_up(address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The review's facts with one queue, and its entries."""
    from lookalike.choosing import HOWS, RULES, USUAL
    from lookalike.studio.reviewing import queues

    items = asked(address, "items?limit=1000")["items"]

    def picture(number: int, action: str) -> dict[str, Any]:
        item = items[number % len(items)]
        return {"id": item["id"], "name": item["name"], "person": None, "action": action, "reason": "the most pixels"}

    entries = [
        {"pictures": [picture(number, "keep"), picture(7 * number + 3, "drop")], "done": number % 5 == 0}
        for number in range(ENTRIES)
    ]
    total = {"copies-near": ENTRIES}
    facts = {
        "queues": [{**one._asdict(), "total": total.get(one.key, 0), "done": 0} for one in queues()],
        "rules": [{"name": one.name, "best": one.best, "argument": one.argument} for one in RULES],
        "usual": USUAL,
        "hows": HOWS,
        **{name: [] for name in ("applied", "failed", "preparing")},
        "may_apply": False,
    }
    return facts, {"entries": entries}


def traced(page: Any, session: Any, do: Callable[[], None]) -> dict[str, Any]:
    """Frames and tasks while something is done."""
    events: list[dict[str, Any]] = []
    ended: list[bool] = []
    session.on("Tracing.dataCollected", lambda some: events.extend(some["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.append(True))
    session.send("Tracing.start", {"traceConfig": {"includedCategories": list(TRACED)}})
    page.evaluate(COUNT)
    do()
    frames = page.evaluate("() => { window.goesOn = false; return window.frames_; }")
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(50)
    threads = {(one["pid"], one["tid"]): one["args"]["name"] for one in events if one.get("name") == "thread_name"}
    tasks = [one for one in events if one["name"] == TASK and threads.get((one["pid"], one["tid"])) == MAIN]
    longest = sorted((one for one in tasks if "dur" in one), key=lambda one: -one["dur"])
    steps = sorted(after - before for before, after in itertools.pairwise(frames))
    return {
        "frames_a_second": round(1000 * len(steps) / (frames[-1] - frames[0]), 1),
        "frame_ms": {name: round(steps[int(at * (len(steps) - 1))], 1) for name, at in (("50%", 0.5), ("95%", 0.95))},
        "longest_tasks_ms": [round(one["dur"] / 1000, 1) for one in longest[:3]],
        "processor_ms_a_frame": round(sum(one.get("tdur", 0) for one in tasks) / 1000 / len(steps), 1),
        "most_processor_ms": round(max(one.get("tdur", 0) for one in tasks) / 1000, 1),
        "tasks_above_50_ms": sum(one["dur"] / 1000 > LONG for one in longest),
    }


def scrolled(page: Any, session: Any, touch: bool) -> Iterator[dict[str, Any]]:
    """The list at each speed, then by its keys."""
    queue = page.locator(".review-list")
    queue.scroll_into_view_if_needed()
    box = queue.bounding_box()
    low, high = max(box["y"], 0), min(box["y"] + box["height"], page.viewport_size["height"])
    place = {"x": box["x"] + box["width"] / 2, "y": (low + high) / 2}
    source = {"gestureSourceType": "touch" if touch else "mouse"}
    for speed in SPEEDS:
        gesture = {**place, **source, "yDistance": -speed * SECONDS, "speed": speed}
        found = traced(page, session, partial(session.send, "Input.synthesizeScrollGesture", gesture))
        yield {"how": f"{speed:,} pixels a second", **found}
    queue.focus()

    def press() -> None:
        for _ in range(20 * SECONDS):
            page.keyboard.press("ArrowDown")
            page.wait_for_timeout(50)

    yield {"how": "by keys", **traced(page, session, press)}


def main() -> None:
    """Measure and print as JSON, one line for each way to scroll."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--touch", action="store_true", help="a phone's")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with served(given.gallery) as address, sync_playwright() as playwright:
        facts, entries = made_up(address)
        browser = playwright.chromium.launch(executable_path=given.chromium, args=arguments)
        size = ViewportSize(width=given.width, height=given.height)
        context = browser.new_context(viewport=size, is_mobile=given.touch, has_touch=given.touch)
        page = context.new_page()
        page.route("**/api/v1/review", lambda route: route.fulfill(json=facts))
        page.route("**/api/v1/review/copies-near*", lambda route: route.fulfill(json=entries))
        page.goto(f"{address}/#review?queue=copies-near")
        page.locator(".entry").first.wait_for()
        for told in scrolled(page, context.new_cdp_session(page), given.touch):
            print(json.dumps(told), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
