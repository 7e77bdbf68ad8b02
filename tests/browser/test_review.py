"""The Review tab by keyboard alone, from a queue to a cleaned copy of the folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from browsing import until, violations
from pictures import waves
from proxy import proxy
from reviewed import reviewed_gallery, save_bursts, save_with_smaller, use_home
from scenes import scenes
from studio import Served, serving

pytestmark = pytest.mark.slow
COUNT, COPIED = 12, 4
PROXIED = "behind a proxy"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and of some a smaller copy."""
    made = tmp_path_factory.mktemp("photos")
    save_with_smaller(waves(COUNT, 96, 128, seed=2), made, COPIED, (96, 72))
    return made


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reviewed_gallery(folder, tmp_path_factory.mktemp("galleries") / "gallery", 8)


@pytest.fixture
def reviewed(request: pytest.FixtureRequest, built: Path, chromium: Any, tmp_path: Path) -> Iterator[Served]:
    """A studio in which nothing is decided yet, where the test says so behind a proxy that gives it a prefix."""
    shutil.copytree(built, tmp_path / "gallery")
    with proxy() as front, serving(tmp_path / "gallery", hosts=(front.name,), apply=True) as studio:
        studio.wait_until_prepared()
        if getattr(request, "param", None) != PROXIED:
            yield studio
            return
        front.target = str(studio.client.base_url)
        with httpx.Client(base_url=front.address, timeout=30, trust_env=False) as client:
            yield Served(client, studio.studio, studio.gallery, studio.stop)


def told(page: Any, text: str) -> None:
    page.locator(".review-page .bar .told", has_text=text).wait_for()


@pytest.mark.parametrize(("reviewed", "width"), [("at the root", "desktop"), (PROXIED, "phone")], indirect=["reviewed"])
def test_from_the_queue_to_a_clean_copy_by_keys(
    reviewed: Served, visit: Any, folder: Path, tmp_path: Path, width: str
) -> None:
    address = f"{str(reviewed.client.base_url).rstrip('/')}/#review?queue=copies-near"
    page = visit(address, width)
    near = page.locator(".queues button", has_text="near copies")
    near.wait_for()
    until(page, "document.querySelector('.pair-view .name')?.textContent.includes('128 × 96')")  # the file itself
    page.keyboard.press("f")
    until(page, "document.querySelector('.pair-view .name.right').textContent === 'difference'")
    page.keyboard.press("f")

    page.keyboard.press("k")  # keep the larger
    until(page, f"document.querySelector('.queues [aria-pressed=true] small').textContent === '1/{COPIED}'")
    page.keyboard.press("x")
    page.keyboard.press("k")  # of the second the smaller
    until(page, f"document.querySelector('.queues [aria-pressed=true] small').textContent === '2/{COPIED}'")
    page.keyboard.press("n")
    until(page, f"document.querySelector('.queues [aria-pressed=true] small').textContent === '3/{COPIED}'")
    page.keyboard.press("d")
    until(page, f"document.querySelector('.queues [aria-pressed=true] small').textContent === '4/{COPIED}'")
    page.keyboard.press("u")
    until(page, f"document.querySelector('.queues [aria-pressed=true] small').textContent === '3/{COPIED}'")
    page.keyboard.press("?")
    page.locator("dialog[open] kbd").first.wait_for()
    page.keyboard.press("Escape")

    again = visit(address, width)  # another browser: it is all there
    until(again, f"document.querySelector('.queues [aria-pressed=true] small')?.textContent === '3/{COPIED}'")
    until(again, "document.querySelector('.entry[aria-selected=true]')?.id === 'entry-3'")  # what is still open
    again.keyboard.press("b")
    until(again, f"document.querySelector('.queues [aria-pressed=true] small').textContent === '4/{COPIED}'")

    again.keyboard.press("a")
    again.locator("dialog[open] tbody tr").first.wait_for()
    again.locator("dialog[open] input[value=list]").focus()
    again.keyboard.press("ArrowRight")
    for field in ("[value=only]:checked", "#rules", "#out"):  # what is decided alone; scenes are no question then
        again.keyboard.press("Tab")
        assert again.locator(f"dialog[open] {field}:focus").count() == 1
    out = tmp_path / "chosen"
    again.keyboard.type(str(out))
    kept = COUNT + COPIED - 2
    said = f"{kept} pictures would be copied; 2 dropped: 2 as you decided"
    again.locator("dialog[open] .told", has_text=said).wait_for()
    assert not out.exists()
    again.keyboard.press("Tab")
    again.keyboard.press("Enter")
    again.keyboard.press("Enter")
    again.locator("dialog[open] .told", has_text=f"{kept} pictures were copied").wait_for()
    names = {path.name for path in out.iterdir() if path.suffix in (".png", ".jpg")}
    gone = {path.name for path in folder.iterdir()} - names
    assert len(names) == kept
    small = {name for name in gone if "small" in name}
    assert (len(small), len(gone)) == (1, 2)  # one smaller, and the larger of the one that was swapped
    again.get_by_role("button", name="Undo:").focus()
    again.keyboard.press("Enter")
    again.keyboard.press("Enter")
    again.locator("dialog[open] .told", has_text=f"{kept} pictures taken back").wait_for()
    assert not [path for path in out.rglob("*.*") if path.suffix in (".png", ".jpg")]


@pytest.fixture
def trip(chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A studio over `photos`: two with a smaller copy, one twice in two folders, and two bursts of three shots."""
    photos = tmp_path / "photos"
    (photos / "again").mkdir(parents=True)
    save_with_smaller(waves(8, 96, 128, seed=2), photos, 2, (96, 72))
    save_bursts(scenes(2, 5, 128), photos, 3)
    shutil.copy(photos / "05.png", photos / "again")
    use_home(tmp_path / "home", monkeypatch)
    with serving(reviewed_gallery(photos, tmp_path / "gallery", 8, exif=True), apply=True) as studio:
        studio.wait_until_prepared()
        yield studio


@pytest.mark.parametrize(("width", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_to_the_trash_goes_what_was_decided_or_asked_for(
    trip: Served, visit: Any, axe: str, tmp_path: Path, width: str, theme: str
) -> None:
    """By keys alone: before a decision all that is proposed, but no scenes unless asked for; then decisions alone."""
    photos = tmp_path / "photos"
    before = {str(path.relative_to(photos)) for path in photos.rglob("*.*")}
    address = f"{str(trip.client.base_url).rstrip('/')}/#review?queue=copies-bytes"
    page = visit(address, width, color_scheme=theme, bypass_csp=True)  # axe-core comes from elsewhere
    dialog = page.locator("dialog.applying")

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    def is_said(text: str) -> None:
        until(page, f"document.querySelector('dialog[open] .told').textContent === {text!r}")

    def decided(text: str) -> None:
        until(page, f"document.querySelector('.queues [aria-pressed=true]')?.textContent === {text!r}")

    decided("same file0/1")
    press("a")
    is_said("6 pictures would be in the list; 3 dropped: 3 as proposed")
    press("Tab", "ArrowLeft")
    is_said("3 pictures would be moved to the trash: 3 as proposed")
    press("Tab", "Tab", "Space")
    is_said("7 pictures would be moved to the trash: 7 as proposed")
    assert dialog.get_by_role("checkbox", name="shots of one scene too").is_checked()
    press("Escape")
    dialog.wait_for(state="hidden")

    press("k")
    decided("same file1/1")
    press("u")
    decided("same file0/1")
    until(page, "document.querySelector('#says').textContent === 'Undone: again/05, 05'")
    page.locator(".queues button", has_text="near copies").focus()
    press("Enter")
    decided("near copies0/2")
    until(page, "document.querySelector('.reasons .shown')?.textContent.includes('00.png')")
    press("k")
    decided("near copies1/2")
    page.locator(".queues button", has_text="same scene").focus()
    press("Enter")
    decided("same scene0/2")
    until(page, "document.querySelectorAll('.reasons > div').length === 3")
    shot = page.locator(".reasons > .shown dt").nth(1).text_content().split()[-1]
    press("d")
    page.locator(".reasons dd", has_text="you decided to drop it").wait_for()
    mine = {"00-small.jpg", shot}

    press("a")
    is_said("2 pictures would be moved to the trash: 2 as you decided")
    actions = dialog.locator("tbody td:first-child").all_text_contents()
    assert actions == sorted(actions) == ["drop"] * 2 + ["keep"] * (len(actions) - 2)
    assert dialog.get_by_role("checkbox").is_disabled()
    assert violations(page, axe) == []
    press("Tab", "Tab", "ArrowLeft")
    is_said("4 pictures would be moved to the trash: 2 as you decided, 2 as proposed")
    press("ArrowRight")
    is_said("2 pictures would be moved to the trash: 2 as you decided")
    press("Tab", "Tab", "Enter", "Enter")
    is_said("2 pictures were moved to the trash: 2 as you decided")

    def left() -> set[str]:
        return {str(path.relative_to(photos)) for path in photos.rglob("*.*")}

    assert left() == before - mine
    dialog.get_by_role("button", name="Undo:").focus()
    press("Enter", "Enter")
    is_said("2 pictures taken back")
    assert left() == before


def test_only_what_is_seen_is_there(reviewed: Served, visit: Any) -> None:
    """A queue of ten thousand is a list of some rows at any time, and its end can be reached."""
    ids = list(reviewed.ids().values())
    some = [{"id": ids[n], "name": f"{n}.png", "person": None, "action": "keep", "reason": "the first"} for n in (0, 1)]
    facts = reviewed.get("/api/v1/review").json()
    for queue in facts["queues"]:
        queue |= {"total": 10_000 if queue["key"] == "copies-near" else 0, "done": 0}
    page = visit(f"{str(reviewed.client.base_url).rstrip('/')}/#find")
    page.route("**/api/v1/review", lambda route: route.fulfill(json=facts))
    many = {"entries": [{"pictures": some, "done": False}] * 10_000}
    page.route("**/api/v1/review/copies-near", lambda route: route.fulfill(json=many))
    page.locator("#tab-review").click()
    page.locator(".entry").first.wait_for()
    page.keyboard.press("End")
    page.locator("#entry-9999[aria-selected=true]").wait_for()
    assert page.locator(".entry").count() < 40
    page.locator(".review-list").evaluate("one => { one.scrollTop = 0; }")
    page.locator("#entry-0").wait_for()
    assert page.locator(".entry").count() < 40
    page.locator("#entry-0 img.thumb").first.wait_for()
    flung = page.locator(".review-list").evaluate(
        """async (one) => {
          const found = [];
          for (let step = 0; step < 8; step += 1) {
            // Four pixels a millisecond even where a frame takes seconds; few in the frames that follow a late one.
            one.scrollTop += step % 3 ? 10 : 20000;
            await new Promise(requestAnimationFrame);
            found.push(one.querySelectorAll("img").length);
          }
          return found.slice(1); // what lay there before is still there in the first frame
        }"""
    )
    assert flung == [0] * 7  # nobody sees them, and each would be asked of the server
    page.locator(".entry:not(:has(img))").first.wait_for(state="detached")
    assert page.locator(".entry:has(img)").count() > 5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_keeps_anyone_out_of_the_dialogs(reviewed: Served, visit: Any, axe: str, theme: str) -> None:
    address = f"{str(reviewed.client.base_url).rstrip('/')}/#review?queue=copies-near"
    page = visit(address, "desktop" if theme == "light" else "phone", color_scheme=theme, bypass_csp=True)
    page.locator(".entry").first.wait_for()
    for key, shown in (("?", "dialog[open] kbd"), ("a", "dialog[open] tbody tr")):
        page.keyboard.press(key)
        page.locator(shown).first.wait_for()
        assert violations(page, axe) == []
        page.keyboard.press("Escape")
