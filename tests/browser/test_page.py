"""The page as a whole: accessibility, keyboard, stillness, weight, and what it does without its runtime."""

from __future__ import annotations

from typing import Any

import pytest

from browsing import until_settled, violations
from lookalike.serve.static_export import PAGE
from studio import Served

pytestmark = pytest.mark.slow
TABS = ("find", "blend", "edit", "clean", "map", "review", "training")
DRAWN = {
    "find": ".results a.card",
    "blend": ".film .card",
    "edit": ".groups .slider",
    "clean": ".gain",
    "map": ".strip a.card",
    "review": ".entry",
    "training": "svg.curve",
}
LIGHTEST = 227_500
"""Bytes of the whole page, without the models' runtime; a tab's are loaded when it is first opened."""
SHIFTS = """() => new Promise((resolve) => {
  const shifts = [];
  const told = (one) => [one.value, ...one.sources.map((source) => source.node?.className ?? '')];
  const seen = new PerformanceObserver((list) => {
    shifts.push(...list.getEntries().filter((one) => !one.hadRecentInput).map(told));
  });
  seen.observe({type: 'layout-shift', buffered: true});
  setTimeout(() => resolve(shifts), 300);
})"""


def address(served: Served, tab: str) -> str:
    ids = served.ids()
    first = next(iter(ids.values()))
    query = {"find": f"?q={first}"}.get(tab, "")
    return f"{str(served.client.base_url).rstrip('/')}/#{tab}{query}"


@pytest.mark.parametrize(("width", "theme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("tab", TABS)
def test_nothing_jumps_and_nothing_keeps_anyone_out(
    served: Served, visit: Any, request: pytest.FixtureRequest, tab: str, width: str, theme: str
) -> None:
    page = visit(address(served, tab), width, color_scheme=theme, bypass_csp=True)  # axe-core comes from elsewhere
    page.locator(DRAWN[tab]).first.wait_for()
    until_settled(page)
    shifts = page.evaluate(SHIFTS)
    assert sum(one[0] for one in shifts) < 0.005, shifts
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert violations(page, request.getfixturevalue("axe")) == []


def test_tabs_by_keyboard(served: Served, visit: Any) -> None:
    page = visit(address(served, "find"))
    page.locator(DRAWN["find"]).first.wait_for()
    page.locator("#tab-find").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**#blend**")
    assert page.evaluate("document.activeElement.id") == "tab-blend"
    page.keyboard.press("End")
    page.wait_for_url("**#training**")
    page.locator("#tab-training[aria-selected=true]").wait_for()
    assert page.get_attribute("#tab-blend", "tabindex") == "-1"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "panel"


def test_colours_by_choice(served: Served, visit: Any) -> None:
    page = visit(address(served, "find"), color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Colours: as the system").click()
    page.get_by_role("button", name="Colours: light").click()
    page.get_by_role("button", name="Colours: dark").wait_for()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    page.get_by_role("button", name="Colours: dark").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_the_server_stands_in_for_the_runtime(served: Served, chromium: Any) -> None:
    base = str(served.client.base_url).rstrip("/")
    context = chromium.new_context()
    other = context.new_page()
    other.route("**/vendor/**", lambda route: route.abort())
    other.goto(f"{base}/#blend")
    other.locator(".where[data-place=server]").wait_for()
    other.locator(".film .card").nth(6).wait_for()
    assert "not installed" in other.locator(".where").get_attribute("title")
    context.close()


def test_weight() -> None:
    parts = [path for path in PAGE.rglob("*") if path.is_file() and "vendor" not in path.parts]
    assert sum(path.stat().st_size for path in parts) < LIGHTEST
