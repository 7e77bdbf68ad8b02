"""Helpers to look at the studio's page."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lookalike as la

EDITED = ".edit-page .compare .over"
ROUNDED = 3
"""Levels that an edit on the page may be away: it rounds what is drawn before it subtracts."""
PROCESSOR = ["--disable-gpu"]
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""WebGL computed by the processor: slow, but the same drawing."""

PIXELS = """canvas => {
  const {width, height} = canvas;
  const copy = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  return {width, height, data: Array.from(copy.getImageData(0, 0, width, height).data)};
}"""
"""Size and content at once: between two questions the page may draw another picture."""
PATIENCE = 120_000
"""Milliseconds until a page is given up, which does nothing that takes more than some seconds."""
SETTLED = (
    "[...document.images].every(one => one.complete) && document.getAnimations().length === 0 "
    "&& document.body.outerHTML"
)
"""The page's content once it has all of its pictures and none of them moves, false before."""
STILL = 10
"""Looks in a row, a twentieth of a second apart."""
SET = """(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }"""


def pixels_of(page: Any, selector: str) -> np.ndarray:
    found = page.locator(selector).evaluate(PIXELS)
    return np.array(found["data"], np.uint8).reshape(found["height"], found["width"], 4)[..., :3]


def violations(page: Any, axe: str) -> list[str]:
    """What keeps someone out of what the page shows now, by axe-core's rules: a line each."""
    page.evaluate(axe)
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['failureSummary'].splitlines()[-1]}"
        for one in page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        for node in one["nodes"][:3]
    ]


def until_drawn(page: Any, selector: str, expected: np.ndarray, within: int = 1) -> None:
    """Wait until a canvas holds these pixels, up to rounding."""

    def is_drawn() -> bool:
        found = pixels_of(page, selector)
        return found.shape == expected.shape and bool(np.abs(found.astype(int) - expected).max() <= within)

    _wait(page, is_drawn, f"{selector} never shows what is expected")


def until(page: Any, expression: str) -> None:
    """Wait until a JavaScript expression holds. Playwright's own way needs `eval`, which the page forbids."""
    _wait(page, lambda: page.evaluate(expression), f"never held: {expression}")


def until_still(page: Any, look: Callable[[], object]) -> Any:
    """Wait until `look()` has given the same for half a second, and return that."""
    seen: list[object] = []

    def is_still() -> bool:
        seen.append(look())
        return len(seen) > STILL and all(one == seen[-1] for one in seen[-STILL:])

    _wait(page, is_still, "the page never comes to rest")
    return seen[-1]


def until_settled(page: Any) -> None:
    """Wait until for half a second all pictures are there, nothing moves, and the content stays what it is."""
    until_still(page, lambda: page.evaluate(SETTLED) or object())


def _wait(page: Any, holds: Callable[[], object], otherwise: str) -> None:
    """As `waiting.until`, while the browser goes on: its events are handed over in the waiting itself."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(otherwise)
        page.wait_for_timeout(50)


def decoded(model: la.PCAAutoencoder, code: np.ndarray) -> np.ndarray:
    return la.to_uint8(model.decode(code[None]))[0]
