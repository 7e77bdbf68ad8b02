"""`lookalike inpaint`"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data.decode import read_file
from lookalike.denoising.inpainting import inpaint
from lookalike.denoising.photo import read_photo
from lookalike.models.loading import open_model
from pictures import waves

HIDDEN = np.zeros((40, 27), bool)
HIDDEN[10:18, 5:20] = True


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 27 x 40 in several forms, masks, and runs to fill it with."""
    folder = tmp_path_factory.mktemp("inpaint")
    picture = waves(1, 40, 27, seed=5)[0]
    Image.fromarray(picture).save(folder / "p.png")
    Image.fromarray(picture).save(folder / "p.jpg", quality=95)
    Image.fromarray(HIDDEN).save(folder / "mask.png")
    Image.fromarray(np.where(HIDDEN, 255, 0).astype(np.uint8)).rotate(90, expand=True).save(folder / "turned.png")
    drawn = np.full((40, 27, 4), 255, np.uint8)
    drawn[~HIDDEN, 3] = 0
    Image.fromarray(drawn).save(folder / "drawn.png")
    Image.new("L", (27, 40)).save(folder / "black.png")
    la.PCAAutoencoder(4).fit(waves(60, 16, 16)).save(folder / "pca")
    unet = la.UNetDenoiser(width=4, device="cpu")
    unet.fit(waves(60, 16, 16), recipe="course", epochs=1, noise="occlude:0.1-0.4", run=folder / "unet", progress=False)
    gaussian = la.UNetDenoiser(width=4, device="cpu")
    gaussian.fit(waves(60, 16, 16), recipe="course", epochs=1, run=folder / "gaussian", progress=False)
    return folder


@pytest.mark.parametrize("mask", ["mask.png", "drawn.png"])
def test_a_unet_fills_a_picture_in_its_own_size(call, places: Path, tmp_path: Path, mask: str) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "new" / "out.png"
    arguments = ("inpaint", places / "unet", places / "p.png", "--mask", places / mask, "--out", out)
    assert call(*arguments, "--json").json == {"written": [str(out)]}
    given = np.asarray(Image.open(places / "p.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(out)), inpaint(open_model(places / "unet"), given, HIDDEN))
    code, _, err = call(*arguments)
    assert (code, "is there already" in err) == (2, True)
    assert call(*arguments, "--force").code == 0


def test_a_jpeg_comes_back_as_one_or_as_png(call, places: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("out.jpg", "out.png"):
        out = tmp_path / name
        call("inpaint", places / "unet", places / "p.jpg", "--mask", places / "mask.png", "--out", out)
        with Image.open(out) as image, Image.open(places / "p.jpg") as given:
            assert image.format == {"out.jpg": "JPEG", "out.png": "PNG"}[name]
            written, expected = np.asarray(image), inpaint(open_model(places / "unet"), np.asarray(given), HIDDEN)
            if name == "out.jpg":
                Image.fromarray(expected).save(tmp_path / "again.jpg", qtables=given.quantization, subsampling="4:2:0")
                expected = np.asarray(Image.open(tmp_path / "again.jpg"))
        np.testing.assert_array_equal(written, expected)


def test_sixteen_bits_stay(call, places: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    deep = np.random.default_rng(0).integers(0, 65_536, (40, 27), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    out = tmp_path / "out.png"
    call("inpaint", places / "unet", tmp_path / "deep.png", "--mask", places / "mask.png", "--out", out)
    written = read_photo(read_file(out)).pixels[..., 0]
    np.testing.assert_array_equal(written[~HIDDEN], deep[~HIDDEN])
    assert (written[HIDDEN] != deep[HIDDEN]).any()


def test_a_model_with_a_code_fills_pictures_of_its_size(call, places: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out.png"
    call("inpaint", places / "pca", places / "p.png", "--mask", places / "mask.png", "--out", out)
    call("reconstruct", places / "pca", places / "p.png", "--out", tmp_path / "back")
    filled = np.asarray(Image.open(out)).astype(int)
    assert filled.shape == (16, 16, 3)
    framed = np.asarray(
        Image.open(places / "p.png").resize((16, 16), Image.Resampling.BILINEAR, box=(0, 6.5, 27, 33.5))
    )
    covered = np.zeros((16, 16), bool)
    covered[1:8, 2:13] = True  # a little more than (10 - 6.5) / 27 * 16 to (18 - 6.5) / 27 * 16, and 5 to 20
    assert np.abs(filled - framed)[~covered].max() <= 1
    assert np.abs(filled - framed)[3:6, 4:11].max() > 3


WRONG = {
    "of another size": (["unet", "p.png", "--mask", "turned.png", "--out", "{out}/o.png"], "is 40 x 27 pixels, and"),
    "nothing": (["unet", "p.png", "--mask", "black.png", "--out", "{out}/o.png"], "hides nothing"),
    "no mask": (["unet", "p.png", "--mask", "none.png", "--out", "{out}/o.png"], "none.png cannot be read"),
    "no picture": (["unet", "none.png", "--mask", "mask.png", "--out", "{out}/o.png"], "none.png cannot be read"),
    "another ending": (["unet", "p.jpg", "--mask", "mask.png", "--out", "{out}/o.webp"], "ends in .jpg or .png"),
    "its own": (["pca", "p.png", "--mask", "mask.png", "--out", "p.png"], "is read here"),
    "a code's ending": (["pca", "p.jpg", "--mask", "mask.png", "--out", "{out}/o.jpg"], "ends in .png"),
    "gaussian": (
        ["gaussian", "p.png", "--mask", "mask.png", "--out", "{out}/o.png"],
        "was trained with gaussian:0-0.25 and cannot fill what is hidden; take a run with a code, or train one",
    ),
    "ready": (["ready", "p.png", "--mask", "mask.png", "--out", "{out}/o.png"], "cannot fill what is hidden"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(
    call, places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:  # type: ignore[no-untyped-def]
    arguments, message = WRONG[name]
    monkeypatch.chdir(places)
    code, out, err = call("inpaint", *(one.format(out=tmp_path) for one in arguments))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err
    assert not list(tmp_path.iterdir())
