"""How sharp the page draws: the switch, the slider beside it, and what lies between the two decoders."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import lookalike as la
from browsing import EDITED, ROUNDED, SET, until, until_drawn, until_settled, violations
from lookalike.editing.detail import with_detail
from lookalike.models import INVENTED
from lookalike.pixels import centre
from studio import Served

pytestmark = pytest.mark.slow
FIRST, SECOND = 3, 50
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def address(served: Served, gallery: Any, tab: str, more: str = "") -> str:
    ids = served.ids()
    asked = [ids[gallery.names[place]] for place in ((FIRST, SECOND) if tab == "blend" else (FIRST,))]
    return f"{str(served.client.base_url).rstrip('/')}/#{tab}?q={','.join(map(str, asked))}{more}"


def saved_as(page: Any, button: str) -> str:
    """The name that a button offers its file under."""
    with page.expect_download() as coming:
        page.get_by_role("button", name=button).click()
    return str(coming.value.suggested_filename)


def between(model: Any, codes: np.ndarray, share: float) -> np.ndarray:
    """What lies between both drawings of codes, not clipped: (n, H, W, C)."""
    plain, sharp = (model.decode(codes, sharp=is_sharp).astype(np.float64) for is_sharp in (False, True))
    return ((1 - share) * plain + share * sharp).astype(np.float32)


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_how_sharp(served: Served, visit: Any, runtime: None, gallery: Any, model: Any, width: str) -> None:
    code = gallery.code(gallery.names[FIRST])[None]
    plain, half, sharp = (la.to_uint8(between(model, code, share))[0] for share in (0, 0.5, 1))
    assert min(np.abs(half.astype(int) - end).max() for end in (plain, sharp)) > 5
    page = visit(address(served, gallery, "blend", "&x=0"), width)
    page.locator(".where[data-place=browser]").wait_for()
    until_drawn(page, "canvas.stage", plain)
    slider = page.get_by_role("slider", name="How sharp")
    assert slider.count() == 0  # hidden
    page.get_by_label("Draw sharp").check()
    until_drawn(page, "canvas.stage", sharp)
    assert slider.get_attribute("aria-valuetext") == "100%"
    assert saved_as(page, "Save PNG") == "blend, detail invented.png"
    assert page.evaluate(FITS)
    slider.press("Home")
    until_drawn(page, "canvas.stage", la.to_uint8(between(model, code, 0.05))[0])
    for _ in range(9):
        slider.press("ArrowRight")
    until_drawn(page, "canvas.stage", half)
    until_drawn(page, ".film button:first-child canvas", half)
    page.wait_for_url(re.compile(r"sharp=0\.5(&|$)"))
    page.get_by_text(INVENTED).wait_for()
    page.get_by_label("Draw sharp").uncheck()
    until_drawn(page, "canvas.stage", plain)
    assert saved_as(page, "Save PNG") == "blend.png"
    assert slider.count() == 0
    until(page, "!location.hash.includes('sharp')")
    page.get_by_label("Draw sharp").check()  # as sharp as before
    until_drawn(page, "canvas.stage", half)


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_an_edit_between(served: Served, visit: Any, runtime: None, gallery: Any, model: Any, width: str) -> None:
    name = gallery.names[FIRST]
    known = served.get("/api/v1/directions").json()["directions"]
    found = next(one for one in known if one["name"] == "principal-1")
    step = (1.5 * found["scale"] * np.array(found["vector"])).astype(np.float32)
    code, picture = gallery.code(name), centre(gallery.picture(name))

    def edited(share: float) -> np.ndarray:
        """By the package, of drawings that are clipped as the page's are."""
        before, after = between(model, np.stack([code, code + step]), share).clip(-0.5, 0.5)
        kept, gone = (with_detail(picture, before, after[None], drop_what_changed=drop) for drop in (False, True))
        return la.to_uint8((1 - share) * kept + share * gone)[0]

    page = visit(address(served, gallery, "edit", "&d=principal-1:1.50&sharp=0.33"), width)  # between two steps
    page.locator(".where[data-place=browser]").wait_for()
    slider = page.get_by_role("slider", name="How sharp")
    assert slider.input_value() == "0.35"
    until_drawn(page, EDITED, edited(0.35), ROUNDED)
    slider.evaluate(SET, 0.7)
    until_drawn(page, EDITED, edited(0.7), ROUNDED)
    page.wait_for_url(re.compile(r"sharp=0\.7(&|$)"))
    page.goto(address(served, gallery, "edit", "&d=principal-1:1.50&sharp=1"))
    until_drawn(page, EDITED, edited(1), ROUNDED)
    assert slider.input_value() == "1"
    assert saved_as(page, "Save PNG") == "edited, detail invented.png"
    assert page.evaluate(FITS)


def test_the_server_draws_between(served: Served, visit: Any, gallery: Any, model: Any) -> None:
    code = gallery.code(gallery.names[FIRST])[None]
    page = visit(address(served, gallery, "find"))  # which needs no runtime
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/decode" in request.url else None)
    page.route("**/vendor/**", lambda route: route.abort())
    page.goto(address(served, gallery, "blend", "&x=0&sharp=0.5"))
    page.locator(".where[data-place=server]").wait_for()
    until_drawn(page, "canvas.stage", la.to_uint8(between(model, code, 0.5))[0])
    page.get_by_role("slider", name="How sharp").evaluate(SET, 0.25)
    until_drawn(page, "canvas.stage", la.to_uint8(between(model, code, 0.25))[0])
    until_drawn(page, ".film button:first-child canvas", la.to_uint8(between(model, code, 0.25))[0])
    until_settled(page)
    asked.clear()
    page.get_by_role("slider", name="How sharp").evaluate(
        """input => { for (let i = 1; i <= 40; i += 1) {
          input.value = i % 2 ? 0.6 : 0.4; input.dispatchEvent(new Event('input', {bubbles: true})); } }"""
    )
    until_drawn(page, ".film button:first-child canvas", la.to_uint8(between(model, code, 0.4))[0])
    assert len(asked) < 10, asked  # one a frame, and the film once
    page.expected.clear()  # of the runtime that it did not get


@pytest.mark.parametrize("tab", ["blend", "edit"])
@pytest.mark.parametrize(("width", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_the_slider_keeps_nobody_out(
    served: Served, visit: Any, gallery: Any, axe: str, tab: str, width: str, theme: str
) -> None:
    page = visit(address(served, gallery, tab, "&sharp=0.5"), width, color_scheme=theme, bypass_csp=True)
    page.get_by_role("slider", name="How sharp").wait_for()
    until_settled(page)
    assert violations(page, axe) == []
