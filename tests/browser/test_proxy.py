"""The page behind a proxy that gives it a prefix: how it is opened there. `test_tabs` uses it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy import PREFIX, proxy
from studio import serving

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-some-length"


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
