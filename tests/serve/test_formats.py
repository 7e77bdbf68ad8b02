"""Which of today's formats may be sent to the server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import HTTPException
from PIL import Image

import lookalike as la
from faces import with_squares, yunet_model
from files import blocks, chunk, dng, heic, jxl, png_with, saved
from lookalike import confined
from lookalike.data import Framing, apart, formats, read_picture
from lookalike.serve.limits import check_picture
from studio import SIZE, SOON, Served, pixels_of, prepare_here, serving, small_model


def test_a_phones_pictures_are_taken_within_the_limit() -> None:
    pytest.importorskip("pi_heif")
    for content in (heic(blocks()), saved(blocks(), "AVIF"), png_with(blocks(), chunk(b"tEXt", b"a\0b", right=False))):
        assert check_picture(content, 4800) == 4800
        with pytest.raises(HTTPException) as refused:
            check_picture(content, 4799)
        assert refused.value.status_code == 413


def test_a_size_is_judged_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "run", None)
    pytest.importorskip("pillow_jxl")
    assert check_picture(jxl(blocks()), 4800) == 4800
    with pytest.raises(HTTPException, match="80 x 60 pixels, 4,800 in all; the limit is 4,799") as refused:
        check_picture(jxl(blocks()), 4799)
    assert refused.value.status_code == 413


@pytest.mark.parametrize(("make", "extra"), [(heic, "heic"), (jxl, "jxl"), (dng, "raw")])
def test_what_lacks_its_extra_is_refused_with_the_line_that_installs_it(
    make: Callable[[Image.Image], bytes], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make(blocks())
    monkeypatch.setattr(formats, "available_extras", list)
    with pytest.raises(HTTPException) as refused:
        check_picture(content, 10**6)
    assert refused.value.status_code == 415
    assert f"pip install 'lookalike[{extra}]'" in refused.value.detail
    assert not {".heic", ".jxl", ".dng"} & set(formats.readable_suffixes())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    for module in ("pi_heif", "pillow_jxl", "rawpy"):
        pytest.importorskip(module)
    base = tmp_path_factory.mktemp("formats")
    (base / "photos").mkdir()
    for number, (name, make) in enumerate({**KINDS, "plain.png": lambda image: saved(image, "PNG")}.items()):
        (base / "photos" / name).write_bytes(make(blocks(seed=number)))
    with la.Gallery.open(base / "gallery", model=small_model()) as gallery:
        gallery.update(base / "photos", size=SIZE)
    prepare_here(base / "gallery", SOON)
    with serving(base / "gallery", largest_upload=200_000) as served:
        yield served


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "phone.heic": heic,
    "new.jxl": jxl,
    "camera.dng": dng,
    "bare.dng": lambda image: dng(image, shown=b""),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_file_that_a_folder_gives_may_be_sent(served: Served, name: str) -> None:
    content = (served.gallery.parent / "photos" / name).read_bytes()
    (found,) = served.send("/api/v1/search?k=1", content).json()["neighbours"]
    assert (found["name"], found["distance"]) == (name, 0.0)
    assert pixels_of(served.send("/api/v1/noise", content).content).shape[2] == 3
    assert f".{name.rpartition('.')[2]}" in served.get("/api/v1/gallery").json()["takes"]["suffixes"]


def test_what_is_damaged_or_too_large_is_refused(served: Served) -> None:
    assert "damaged" in served.send("/api/v1/search", jxl(blocks())[:8], status=415).json()["detail"]
    cut = jxl(Image.effect_noise((200, 200), 90).convert("RGB"))
    assert "damaged JPEG XL" in served.send("/api/v1/search", cut[: len(cut) // 2], status=422).json()["detail"]
    assert "RAW file that cannot" in served.send("/api/v1/search", b"IIRO" + bytes(500), status=422).json()["detail"]
    large = dng(Image.new("RGB", (700, 700)))
    assert served.send("/api/v1/search", large).json()["neighbours"]
    refused = served.send("/api/v1/noise", large, status=413)
    assert "the picture has 700 x 700 pixels, 490,000 in all; the limit is 307,200" in refused.json()["detail"]
    assert served.get("/api/v1/gallery").json()["takes"]["bytes"] == 200_000
    assert "200,000 bytes" in served.send("/api/v1/search", bytes(200_000), status=413).json()["detail"]


def test_faces_are_looked_for_in_what_was_decoded_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    pytest.importorskip("cv2")
    framing = Framing((SIZE, SIZE), 80, "stretch", str(yunet_model(tmp_path / "squares.onnx")))
    photo = dng(Image.fromarray(with_squares((1, 1), (5, 4), shades=True)))
    np.testing.assert_array_equal(apart.read_picture(photo, framing, 10**6), read_picture(photo, framing))
    with pytest.raises(apart.TooManyPixelsError, match="320 x 320 pixels, 102,400 in all; the limit is 1,000"):
        apart.read_picture(photo, framing, 1000)


def test_tiffs_of_numbers_that_pillow_lacks_are_taken_by_their_bytes() -> None:
    """Floats in RGB have 12 bytes where 6 are usual."""
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((10, 10, 3), np.float32), photometric="rgb")
    assert check_picture(stream.getvalue(), 200) == 200
    with pytest.raises(HTTPException, match=r"10 x 10 pixels, 1,200 bytes; the limit is 1,194") as refused:
        check_picture(stream.getvalue(), 199)
    assert refused.value.status_code == 413
