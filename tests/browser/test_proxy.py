"""The page behind proxies that give it a prefix: how it is opened there, and used behind nginx and Caddy.

`test_tabs` uses all of it behind a small proxy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lookalike as la
from browsing import PROCESSOR, SET, decoded, until, until_drawn, until_settled
from fronts import NAME, PROXIES, TOLD, certificate_in, front, skip_without
from proxy import PREFIX, proxy
from studio import png, serving

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-some-length"
THUMBNAILS = """place => [...document.querySelectorAll('.results img')]
  .filter(one => one.currentSrc.startsWith(place) && one.naturalWidth === 32).length"""
UPLOADED = """async (content) => {
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(content)], {type: 'image/png'}), 'me.png');
  const answer = await fetch('api/v1/search?k=1', {method: 'POST', body: form});
  return {status: answer.status, name: (await answer.json()).neighbours[0].name};
}"""
"""A picture sent as it is: the page itself encodes what it is given, and sends a code."""


def test_the_token_opens_the_page_at_its_prefix(visit: Any, folders: dict[str, Path]) -> None:
    with proxy() as front, serving(folders["gallery"], token=TOKEN, hosts=(front.name,)) as studio:
        front.target = str(studio.client.base_url)
        page = visit(f"{front.address}/?token={TOKEN}")
        page.locator(".results .grid a.card").first.wait_for()
        assert page.url.startswith(f"{front.address}/")
        assert "token" not in page.url
        (cookie,) = page.context.cookies()
        assert cookie["path"] == PREFIX
        page.goto("about:blank")  # or it would go on to ask a studio that has ended


@pytest.fixture
def by_name(launch: Any) -> Iterator[Any]:
    """A browser that takes the proxy's name for this machine."""
    browser = launch([*PROCESSOR, "--no-proxy-server", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"])
    yield browser
    browser.close()


@pytest.mark.parametrize("name", sorted(PROXIES))
def test_a_person_uses_the_studio_behind_what_the_docs_set_up(
    name: str,
    by_name: Any,
    visit: Any,
    runtime: None,
    folders: dict[str, Path],
    faces: la.ImageSet,
    tmp_path: Path,
) -> None:
    """By TLS and the name that the proxy gives it: the token, thumbnails, a search, an own picture, a blend, a POST."""
    skip_without(name)
    certificate = certificate_in(tmp_path)
    (tmp_path / "me.png").write_bytes(png(faces.pixels[7]))
    with (
        serving(folders["gallery"], token=TOKEN, hosts=(NAME,)) as studio,
        front(name, TOLD[name], studio.client.base_url.netloc.decode(), tmp_path / "proxy", certificate) as port,
        la.Gallery.open(folders["gallery"], create=False) as gallery,
    ):
        place = f"https://{NAME}:{port}{PREFIX}"
        page = visit(f"{place}/?token={TOKEN}", browser=by_name, ignore_https_errors=True)
        sent: list[Any] = []
        page.on("response", lambda answer: sent.append(answer) if answer.request.method == "POST" else None)

        grid = page.locator(".results .grid a.card")
        grid.nth(47).wait_for()
        assert page.url.startswith(f"{place}/")
        assert "token" not in page.url
        until_settled(page)
        assert page.evaluate(THUMBNAILS, f"{place}/api/v1/items/") >= 10

        grid.nth(2).click()
        page.get_by_role("heading", name="Look-alikes").wait_for()
        found = gallery.search(gallery.names[2], 48).names
        until(page, "document.querySelectorAll('.results a.card b').length === 48")
        assert grid.evaluate_all("all => all.map(one => one.title)") == found

        own = gallery.search(faces.pixels[7], 1).names[0]
        page.locator(".drop input[type=file]").set_input_files(tmp_path / "me.png")
        page.locator(".results a.card").first.and_(page.locator(f"[title='{own}']")).wait_for()

        first, second = gallery.names[3], gallery.names[50]
        ids = [item.id for item in map(gallery.item, (first, second))]
        page.goto(f"{place}/#blend?q={ids[0]},{ids[1]}&x=0")
        page.locator(".where[data-place=browser]").wait_for()
        model = la.load_model(folders["pca"])
        a, b = (gallery.code(one) for one in (first, second))
        until_drawn(page, "canvas.stage", decoded(model, a))
        page.locator("#across").evaluate(SET, 0.25)
        until_drawn(page, "canvas.stage", decoded(model, 0.75 * a + 0.25 * b))

        told = page.evaluate(UPLOADED, list((tmp_path / "me.png").read_bytes()))
        assert told == {"status": 200, "name": own}
        origins = {answer.request.all_headers()["origin"] for answer in sent}
        assert (origins, {answer.status for answer in sent}) == ({f"https://{NAME}:{port}"}, {200})
        page.goto("about:blank")
