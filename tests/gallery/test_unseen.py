"""Nothing leaves a gallery because it could not be seen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import lookalike as la
from files import blocks
from lookalike.errors import DataError, GalleryError, PictureError
from lookalike.gallery import updating
from pictures import waves


@pytest.fixture
def gallery(tmp_path: Path) -> la.Gallery:
    for i in range(4):
        for folder in ("a", "b/c"):
            path = tmp_path / "photos" / folder / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            blocks(seed=10 * len(folder) + i).save(path)
    model = la.PCAAutoencoder(4).fit(waves(20, 16, 16))
    held = la.Gallery.open(tmp_path / "g", model)
    assert held.update(tmp_path / "photos").images == 8
    return held


def broken(monkeypatch: pytest.MonkeyPatch, name: str, function: str) -> None:
    """Listing a folder or opening a file of that name fails as on a disk that is failing."""
    real = getattr(os, function)

    def failing(path: object, *rest: object) -> object:
        if Path(str(path)).name == name:
            raise OSError(5, "Input/output error", str(path))
        return real(path, *rest)

    monkeypatch.setattr(os, function, failing)


def test_a_folder_that_cannot_be_listed_stays(gallery: la.Gallery, tmp_path: Path) -> None:
    (tmp_path / "photos" / "a" / "0.png").unlink()
    before = gallery.codes[gallery.names.index("b/c/0.png")]
    with pytest.MonkeyPatch.context() as patched:
        broken(patched, "c", "scandir")
        update = gallery.update()
    assert update.unseen == ["b/c"]
    assert (update.images, update.added, update.updated, update.removed) == (7, 0, 0, 1)
    assert (gallery.code("b/c/0.png") == before).all()
    again = gallery.update()
    assert (again.unseen, again.images, again.added, again.updated) == ([], 7, 0, 0)


def test_a_file_that_cannot_be_read_stays(gallery: la.Gallery, tmp_path: Path) -> None:
    blocks(seed=500).save(tmp_path / "photos" / "a" / "1.png")  # so that it has to be opened
    with pytest.MonkeyPatch.context() as patched:
        broken(patched, "1.png", "open")
        update = gallery.update()
    assert update.unseen == ["a/1.png"]
    assert (update.images, update.removed, update.rejected) == (8, 0, [])
    assert gallery.update().updated == 1


def test_a_source_that_is_gone_takes_nothing_along(gallery: la.Gallery, tmp_path: Path) -> None:
    shutil.move(tmp_path / "photos", tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is not there"):
        gallery.update()
    (tmp_path / "photos").mkdir()  # where a drive is put in
    with pytest.raises(DataError, match="no usable picture"):
        gallery.update()
    assert len(gallery) == 8


def test_more_than_half_leave_only_when_asked_for(gallery: la.Gallery, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "photos" / "b")
    (tmp_path / "photos" / "a" / "0.png").unlink()
    with pytest.raises(GalleryError, match=r"5 of 8 pictures are no longer in .*photos.*--may-remove 1"):
        gallery.update()
    assert len(gallery) == 8
    with pytest.raises(GalleryError):
        gallery.update(may_remove=0.6)
    assert gallery.update(may_remove=0.7).removed == 5


def test_moved_pictures_and_another_source_are_no_loss(gallery: la.Gallery, tmp_path: Path) -> None:
    shutil.move(tmp_path / "photos" / "b" / "c", tmp_path / "photos" / "d")
    shutil.move(tmp_path / "photos" / "a", tmp_path / "photos" / "e")
    moved = gallery.update()
    assert (moved.images, moved.added, moved.removed) == (8, 8, 8)
    other = tmp_path / "other"
    other.mkdir()
    blocks(seed=900).save(other / "one.png")
    assert gallery.update(other).images == 1


def test_another_reader_reads_all_once_more(
    gallery: la.Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos" / "a" / "late.heic").write_bytes(b"?")
    assert len(gallery.update().rejected) == 1
    opened: list[object] = []
    real = updating._reader
    monkeypatch.setattr(updating, "_reader", lambda *all: opened.append(1) or real(*all))
    gallery.update()
    assert opened == []
    monkeypatch.setattr("lookalike.data.located.READER", 1000)
    update = gallery.update()
    assert len(opened) == 9
    assert (update.added, update.updated, update.removed) == (0, 0, 0)
    gallery.update()
    assert len(opened) == 9


def test_a_missing_file_is_named(gallery: la.Gallery, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"nowhere\.png cannot be read: No such file"):
        gallery.search(tmp_path / "nowhere.png")
