"""What people decide of pictures lasts: through updates, renames, crashes and restarts; and each undo is exact."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

import lookalike as la
from killing import DIED, finish, fresh_processes
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery import Decision
from pictures import waves

SIDE = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    place.mkdir()
    for number, picture in enumerate(waves(8, SIDE, SIDE)):
        Image.fromarray(picture).save(place / f"{number}.png")
    return place


@pytest.fixture
def gallery(folder: Path, tmp_path: Path) -> la.Gallery:
    model = la.PCAAutoencoder(2).fit(la.load(folder, size=SIDE, cache=False))
    opened = la.Gallery.open(tmp_path / "g", model)
    opened.update(folder)
    return opened


def told(decisions: list[Decision]) -> list[tuple[str, ...]]:
    return [(one.kind, *one.names) for one in decisions]


def test_each_is_kept_in_order_and_an_undo_brings_back_what_was_before(gallery: la.Gallery) -> None:
    decisions = gallery.decisions
    assert decisions.undo() is None
    decisions.add("keep", "0.png")
    decisions.add("drop", "0.png")
    decisions.add("not-duplicates", "1.png", "2.png")
    last = decisions.add("keep-both", "2.png", "1.png")
    assert told(decisions.list()) == [("drop", "0.png"), ("keep-both", "2.png", "1.png")]
    undone = decisions.undo()
    assert undone is not None
    assert (undone.sequence, undone.kind) == (last.sequence, "keep-both")
    assert told(decisions.list()) == [("drop", "0.png"), ("not-duplicates", "1.png", "2.png")]
    decisions.undo(2)
    assert told(decisions.list()) == [("keep", "0.png"), ("not-duplicates", "1.png", "2.png")]
    history = decisions.history()
    assert [(one.kind, one.undoes, one.is_undone) for one in history] == [
        *(("keep", None, False), ("drop", None, True), ("not-duplicates", None, False), ("keep-both", None, True)),
        *(("undo", 4, False), ("undo", 2, False)),
    ]
    assert [one.sequence for one in history] == list(range(1, 7))
    assert decisions.newest == 6
    assert sorted(one.time for one in history) == [one.time for one in history]
    for number, why in ((2, "taken back already"), (99, "is not there")):
        with pytest.raises(GalleryError, match=why):
            decisions.undo(number)
    in_force = decisions.in_force()
    assert (in_force.kept, in_force.different) == ({"0.png"}, {frozenset({"1.png", "2.png"})})
    assert not in_force.dropped
    assert not in_force.both


def test_what_cannot_be_decided_is_refused(gallery: la.Gallery) -> None:
    with pytest.raises(OptionError, match="decision is 'burn'; give one of keep, drop, not-duplicates, keep-both"):
        gallery.decisions.add("burn", "0.png")
    with pytest.raises(OptionError, match="'keep' is decided of one picture"):
        gallery.decisions.add("keep", "0.png", "1.png")
    for other in (None, "0.png"):
        with pytest.raises(OptionError, match="of two different pictures"):
            gallery.decisions.add("keep-both", "0.png", other)
    with pytest.raises(GalleryError, match=r"no.png"):
        gallery.decisions.add("keep", "no.png")
    assert gallery.decisions.history() == []


def test_decisions_go_with_renamed_files_and_not_with_copies(gallery: la.Gallery, folder: Path) -> None:
    shutil.copy(folder / "1.png", folder / "twin of 1.png")
    gallery.update()
    for name in ("0.png", "1.png", "2.png", "3.png", "4.png", "5.png"):
        gallery.decisions.add("drop", name)
    (folder / "sub").mkdir()
    (folder / "0.png").rename(folder / "sub" / "zero.png")  # renamed
    (folder / "1.png").unlink()  # gone; its twin was here before
    Image.open(folder / "7.png").rotate(90).save(folder / "2.png")  # another picture under its name
    (folder / "3.png").rename(folder / "x")  # two that change names with each other
    (folder / "4.png").rename(folder / "3.png")
    (folder / "x").rename(folder / "4.png")
    shutil.copy(folder / "5.png", folder / "a copy of 5.png")
    gallery.decisions.add("not-duplicates", "6.png", "7.png")
    (folder / "6.png").rename(folder / "six.png")
    gallery.update()
    in_force = gallery.decisions.in_force()
    assert in_force.dropped == {"sub/zero.png", "3.png", "4.png", "5.png"}
    assert in_force.different == {frozenset({"six.png", "7.png"})}
    holds = {one.names: one.holds for one in gallery.decisions.list()}
    assert (holds[("1.png",)], holds[("2.png",)]) == (False, False)
    (folder / "5.png").unlink()  # its copy came with an update before
    gallery.update()
    assert gallery.decisions.in_force().dropped == {"sub/zero.png", "3.png", "4.png"}
    shutil.copy(folder / "a copy of 5.png", folder / "5.png")  # it comes back
    gallery.update()
    assert "5.png" in gallery.decisions.in_force().dropped


def test_decisions_last_when_a_file_is_saved_again_with_the_same_picture(gallery: la.Gallery, folder: Path) -> None:
    gallery.decisions.add("keep", "0.png")
    with Image.open(folder / "0.png") as picture:
        picture.save(folder / "0.png", compress_level=0)
    gallery.update()
    assert gallery.decisions.in_force().kept == {"0.png"}
    gallery.update(folder, method="hnsw")
    gallery.close()
    with la.Gallery.open(gallery.folder) as again:
        assert again.decisions.in_force().kept == {"0.png"}


def _decide_and_die(folder: Path) -> None:
    with la.Gallery.open(folder) as gallery:
        gallery.decisions.add("keep-both", "0.png", "1.png")
        gallery.decisions.add("drop", "2.png")
        os._exit(DIED)


@pytest.mark.local_store("an embedded Milvus lets in one process at a time")
def test_decisions_survive_a_process_that_dies(gallery: la.Gallery) -> None:
    gallery.close()
    assert finish(fresh_processes(), _decide_and_die, gallery.folder) == DIED
    with la.Gallery.open(gallery.folder) as again:
        assert told(again.decisions.list()) == [("keep-both", "0.png", "1.png"), ("drop", "2.png")]
        assert again.decisions.undo() == Decision(2, again.decisions.history()[1].time, "drop", ("2.png",))


def test_pictures_from_memory_are_known_by_their_pixels(tmp_path: Path) -> None:
    pictures = waves(6, SIDE, SIDE)
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(2).fit(pictures)) as gallery:
        gallery.update(la.ImageSet(pictures))
        name = gallery.names[0]
        gallery.decisions.add("drop", name)
        gallery.update(la.ImageSet(pictures[::-1].copy()))
        assert gallery.decisions.in_force().dropped == {gallery.names[-1]}
        gallery.update(la.ImageSet(pictures))
        assert gallery.decisions.in_force().dropped == {name}
