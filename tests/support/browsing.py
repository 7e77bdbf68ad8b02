"""Helpers to look at the studio's page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lookalike as la

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
SET = """(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }"""


def pixels_of(page: Any, selector: str) -> np.ndarray:
    found = page.locator(selector).evaluate(PIXELS)
    return np.array(found["data"], np.uint8).reshape(found["height"], found["width"], 4)[..., :3]


def until_drawn(page: Any, selector: str, expected: np.ndarray, within: int = 1) -> None:
    """Wait until a canvas holds these pixels, up to rounding."""
    for _ in range(400):
        found = pixels_of(page, selector)
        if found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= within:
            return
        page.wait_for_timeout(50)
    assert np.abs(pixels_of(page, selector).astype(int) - expected).max() <= within


def until(page: Any, expression: str) -> None:
    """Wait until a JavaScript expression holds. Playwright's own way needs `eval`, which the page forbids."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never held: {expression}")


def decoded(model: la.PCAAutoencoder, code: np.ndarray) -> np.ndarray:
    return la.to_uint8(model.decode(code[None]))[0]
