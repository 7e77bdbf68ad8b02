"""A gallery of faces in the browser: from a face to its whole photo, and from a photo to the faces like its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lookalike as la
from browsing import until, until_settled
from faces import with_squares, yunet_model
from studio import SIZE, Served, prepare_here, serving, small_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "album"
    folder.mkdir()
    for number in range(3):
        photo = with_squares((1, 1), (5, number + 2), shades=True, darker=2 * number)
        Image.fromarray(photo).save(folder / f"{number}.png")
    Image.new("RGB", (320, 320)).save(folder.parent / "empty.png")
    return folder


@pytest.fixture(scope="module")
def faces_served(album: Path) -> Iterator[Served]:
    squares = yunet_model(album.parent / "squares.onnx")
    with la.Gallery.open(album.parent / "gallery", model=small_model()) as gallery:
        gallery.update(album, size=SIZE, faces=True, detector=squares)
    prepare_here(album.parent / "gallery")
    with serving(album.parent / "gallery") as served:
        yield served


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_from_a_face_to_its_photo_and_back(faces_served: Served, visit: Any, album: Path, width: str) -> None:
    page = visit(str(faces_served.client.base_url), width)
    page.locator(".results a.card[title='1.png#face-2']").click()
    way = page.get_by_role("link", name="Whole photo")
    way.wait_for()
    until_settled(page)
    side = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert side[0] <= side[1]
    with page.expect_popup() as opened:
        way.click()
    photo = opened.value
    photo.wait_for_load_state()
    assert photo.url.endswith(f"/items/{faces_served.ids()['1.png#face-2']}/photo")
    assert photo.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]") == [320, 320]
    photo.close()

    page.locator("input[type=file]").first.set_input_files(album / "2.png")
    until(page, "document.querySelector('.results a.card').title === '2.png#face-1'")
    assert float(page.locator(".results a.card b").first.inner_text()) == 0


def test_a_photo_without_a_face_says_so(faces_served: Served, visit: Any, album: Path) -> None:
    page = visit(str(faces_served.client.base_url))
    page.locator(".results a.card").first.wait_for()
    page.locator("input[type=file]").first.set_input_files(album.parent / "empty.png")
    page.get_by_text("no face found").first.wait_for()
    page.expected.clear()  # the browser itself writes a refusal into its console
