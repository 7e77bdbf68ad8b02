"""`--faces` on every command that takes pictures, as a user calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces import with_squares, yunet_model


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yunet_model(tmp_path_factory.mktemp("models") / "squares.onnx")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve faces in four photos, and a photo without one."""
    folder = tmp_path_factory.mktemp("album")
    for number in range(4):
        photo = with_squares((1, 1), (number + 3, 7), (7, number), shades=True, darker=2 * number)
        Image.fromarray(photo).save(folder / f"{number}.png")
    Image.fromarray(np.zeros((320, 320, 3), np.uint8)).save(folder / "none.png")
    return folder


def test_from_photos_to_look_alikes(call, album: Path, squares: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    told = call("data", album, "--faces", "--detector", squares, "--size", 16, "--json").json
    assert (told["images"], told["faceless"]) == (12, 1)
    assert told["rejected"] == [{"name": "none.png", "reason": "no face found"}]
    (album / "bad.png").write_bytes(b"no picture")
    said = call("data", album, "--faces", "--detector", squares, "--size", 16).out
    (album / "bad.png").unlink()
    assert "2 set aside:\n  1 photo without a face\n  bad.png: is not a picture" in said  # which would hide among many

    run, gallery = tmp_path / "run", tmp_path / "gallery"
    options = ("--model", "pca", "--code", 3, "--size", 16, "--faces", "--detector", squares)
    call("train", album, "--run", run, *options, "--json")
    # from here on nobody needs to say it again
    evaluated = call("evaluate", run, album, "--json").json
    assert evaluated["images"] == 12
    indexed = call("index", run, album, "--gallery", gallery, "--json").json
    assert (indexed["images"], indexed["added"], indexed["faceless"]) == (12, 12, 1)
    assert indexed["rejected"] == [{"name": "none.png", "reason": "no face found"}]

    query = f"{album / '2.png'}#face-2"
    out = tmp_path / "sheet.png"
    found = call("search", gallery, query, "-k", 1, "--out", out, "--json").json["neighbours"]
    assert [(one["name"], one["distance"]) for one in found] == [("2.png#face-2", 0.0)]
    assert out.exists()
    assert "the photo has 3" in call("search", gallery, f"{album / '2.png'}#face-5").err
    assert "no face found" in call("search", gallery, album / "none.png").err


def test_a_photo_is_searched_for_among_framed_faces(call, album: Path, squares: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A gallery of pictures that are framed already, and a photo that is not."""
    from lookalike import load

    faces = load(album, size=16, faces=True, detector=squares)
    framed = tmp_path / "framed"
    framed.mkdir()
    for name, pixels in zip(faces.names, faces.pixels, strict=True):
        Image.fromarray(pixels).save(framed / f"{name.replace('#', '-')}.png")
    run, gallery = tmp_path / "run", tmp_path / "gallery"
    call("train", framed, "--run", run, "--model", "pca", "--code", 3, "--size", 16)
    call("index", run, framed, "--gallery", gallery)
    asked = ("search", gallery, album / "1.png", "-k", 1, "--faces", "--detector", squares, "--json")
    assert call(*asked).json["neighbours"][0]["name"]
    assert "give faces" in call("search", gallery, album / "1.png", "--detector", squares).err
