"""A gallery of the faces of photos: what is new, changed or gone, and what is known of each face."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from faces import with_squares, yunet_model
from lookalike.data import folder as data_folder
from lookalike.errors import GalleryError, OptionError, PictureError
from pictures import waves


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yunet_model(tmp_path_factory.mktemp("models") / "squares.onnx")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    save(folder / "many.png", with_squares((1, 1), (1, 7), (7, 4), shades=True))
    save(folder / "one.png", with_squares((5, 5)))
    save(folder / "none.png", np.zeros((320, 320, 3), np.uint8))
    return folder


@pytest.fixture
def gallery(tmp_path: Path) -> la.Gallery:
    model = la.PCAAutoencoder(4).fit(waves(30, 32, 32))
    return la.Gallery.open(tmp_path / "gallery", model)


def save(path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(path)


def test_faces_come_change_and_go_with_their_photos(gallery: la.Gallery, album: Path, squares: Path) -> None:
    first = gallery.update(album, faces=True, detector=squares)
    assert (first.images, first.added) == (4, 4)
    assert [(one.name, one.reason) for one in first.rejected] == [("none.png", "no face found")]
    assert gallery.names == ["many.png#face-1", "many.png#face-2", "many.png#face-3", "one.png#face-1"]

    save(album / "many.png", with_squares((1, 1), (7, 4), shades=True))
    save(album / "none.png", with_squares((3, 3)))
    second = gallery.update()
    assert (second.images, second.rejected) == (4, [])
    assert gallery.names == ["many.png#face-1", "many.png#face-2", "none.png#face-1", "one.png#face-1"]

    (album / "many.png").unlink()
    assert gallery.update().removed == 2
    assert gallery.names == ["none.png#face-1", "one.png#face-1"]


def test_unchanged_photos_are_not_opened(
    gallery: la.Gallery, album: Path, squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.update(album, faces=True, detector=squares)
    before = {name: gallery.item(name) for name in gallery.names}

    def opened(path: Path) -> bytes:
        raise AssertionError(f"{path} is opened")

    monkeypatch.setattr(data_folder, "read_file", opened)
    again = gallery.update()
    assert (again.images, again.added, again.updated, again.removed) == (4, 0, 0, 0)
    assert {name: gallery.item(name) for name in gallery.names} == before


def test_a_photo_of_which_faces_are_missing_is_looked_at_again(gallery: la.Gallery, album: Path, squares: Path) -> None:
    """As an update leaves it that was cut off between two chunks."""
    gallery.update(album, faces=True, detector=squares)
    with sqlite3.connect(gallery.folder / "catalog.sqlite") as catalog:
        catalog.execute("DELETE FROM items WHERE name = 'many.png#face-2'")
    assert gallery.update().added == 1
    assert "many.png#face-2" in gallery.names


def test_what_is_known_of_a_face(gallery: la.Gallery, album: Path, squares: Path) -> None:
    gallery.update(album, faces=True, detector=squares)
    item = gallery.item("one.png#face-1")
    assert (item.photo, item.face, item.faces) == ("one.png", 1, 1)
    assert (item.face_left, item.face_top, item.face_width, item.face_height) == pytest.approx(
        (5.5 * 32 - 32, 5.5 * 32 - 48, 64, 96), abs=0.2
    )
    assert item.face_angle == pytest.approx(0, abs=0.1)
    assert 0.9 < item.face_score <= 1
    found = gallery.search("one.png#face-1", 5, where="faces >= 2 and face_left > 100")
    assert sorted(found.names) == ["many.png#face-2", "many.png#face-3"]


def test_faces_loaded_in_memory_are_known_as_well(gallery: la.Gallery, album: Path, squares: Path) -> None:
    gallery.update(la.load(album, faces=True, detector=squares))
    item = gallery.item("many.png#face-3")
    assert (item.photo, item.face, item.faces) == ("many.png", 3, 3)


def test_a_photo_that_is_searched_for_is_its_largest_face_or_the_one_named(
    gallery: la.Gallery, album: Path, squares: Path
) -> None:
    gallery.update(album, faces=True, detector=squares)
    for query, name in (("many.png", "many.png#face-1"), ("many.png#face-3", "many.png#face-3")):
        found = gallery.search(album / query, 1)
        assert (found.names, found.distances.tolist()) == ([name], [0.0])
    with pytest.raises(OptionError, match="face 4 is asked for, and the photo has 3"):
        gallery.search(album / "many.png#face-4")
    with pytest.raises(PictureError, match="no face found"):
        gallery.search(album / "none.png")


def test_the_way_back_to_the_photo(gallery: la.Gallery, album: Path, squares: Path) -> None:
    gallery.update(album, faces=True, detector=squares)
    shown = gallery.photo("one.png#face-1").astype(int)
    whole = np.asarray(Image.open(album / "one.png")).astype(int)
    differs = (shown != whole).any(axis=2)
    rows, columns = np.nonzero(differs)
    assert (rows.min(), rows.max()) == pytest.approx((5.5 * 32 - 48, 5.5 * 32 + 48), abs=2)
    assert (columns.min(), columns.max()) == pytest.approx((5.5 * 32 - 32, 5.5 * 32 + 32), abs=2)
    assert not differs[5 * 32 : 6 * 32, 5 * 32 : 6 * 32].any()  # the face itself is as it was
    (album / "one.png").unlink()
    with pytest.raises(PictureError, match="cannot be read"):
        gallery.photo("one.png#face-1")


@pytest.mark.parametrize("kind", ["linked", "zip", "gztar"])
@pytest.mark.local_store("asks the source alone")
def test_the_way_leads_through_links_and_into_archives(
    gallery: la.Gallery, album: Path, squares: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "linked":
        source = tmp_path / "linked"
        source.mkdir()
        (source / "in").symlink_to(album)
    else:
        source = Path(shutil.make_archive(str(tmp_path / "all"), kind, tmp_path, "album"))
    gallery.update(source, faces=True, detector=squares)
    (name,) = (name for name in gallery.names if "one.png" in name)
    whole = np.asarray(Image.open(album / "one.png"))
    shown = gallery.photo(name)
    assert shown.shape == whole.shape
    assert (shown != whole).any(axis=2).mean() < 0.05
    (source / "in").unlink() if kind == "linked" else source.unlink()
    with pytest.raises(PictureError, match="cannot be read"):
        gallery.photo(name)


def test_a_gallery_holds_faces_or_photos(gallery: la.Gallery, album: Path, squares: Path) -> None:
    gallery.update(album, faces=True, detector=squares)
    with pytest.raises(GalleryError, match="of faces found by"):
        gallery.update(album, faces=False)


def test_photos_have_no_columns_of_faces(gallery: la.Gallery, album: Path) -> None:
    gallery.update(album)
    assert "face_score" not in {one.column.name for one in gallery.snapshot().catalog.listed}
