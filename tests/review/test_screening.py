"""Screening of a gallery: every picture once, kept by content, and known to filters."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from killing import DIED, Moment, finish, fresh_processes
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.columns import SCORES
from lookalike.review import screen, screening
from lookalike.review.checks import CHECKS, odd_sizes, scores_of
from lookalike.review.looks import look_at
from pictures import waves
from places import FIXTURES

MODEL = la.PCAAutoencoder(3).fit(waves(40, 16, 16))


def write(folder: Path, count: int = 6, seed: int = 0) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(count)]
    for path, picture in zip(paths, waves(count, 48, 64, seed=seed), strict=True):
        Image.fromarray(picture).save(path)
    return paths


def indexed(folder: Path) -> la.Gallery:
    gallery = la.Gallery.open(folder.parent / "gallery", MODEL)
    gallery.update(folder, size=16)
    return gallery


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was looked at."""
    seen: list[Any] = []

    def looking(picture: Any) -> Any:
        seen.append(picture)
        return look_at(picture)

    monkeypatch.setattr(screening, "look_at", looking)
    return seen


def test_scores_are_those_of_the_files_in_their_own_size(tmp_path: Path) -> None:
    paths = write(tmp_path / "in")
    with indexed(tmp_path / "in") as gallery:
        found = screen(gallery)
        assert (found.names, found.computed, found.unread) == (gallery.names, 6, [])
        table = found.frame()
        assert table.shape == (6, len(CHECKS))
        sizes = odd_sizes([48] * 6, [64] * 6)
        for place, path in enumerate(paths):
            with Image.open(path) as picture:
                expected = scores_of(look_at(np.asarray(picture)))
            assert table.loc[path.name].to_dict() == pytest.approx({**expected, "odd_size": sizes[place]}, abs=1e-7)
        told = found.as_json()
        assert json.loads(json.dumps(told)) == told
        assert list(told["quality"]) == gallery.names
        assert list(told["quality"]["0.png"]) == list(CHECKS)
        with pytest.raises(OptionError, match="check is 'ugly'; give one of blur, dark, bright"):
            found.bad("ugly")


def test_filters_know_scores_once_there_are_such(tmp_path: Path, call: Any) -> None:
    paths = write(tmp_path / "in")
    for place in (2, 4):
        Image.fromarray(np.asarray(Image.open(paths[place])) // (10 * place)).save(paths[place])
    with indexed(tmp_path / "in") as gallery:
        with pytest.raises(GalleryError, match=r"names dark, and no picture was screened yet; .*review\.screen"):
            gallery.search(gallery.names[0], where="dark > 0.5")
        before = gallery.generation
        found = screen(gallery)
        assert found.bad("dark") == ["4.png", "2.png"]
        assert gallery.generation == before + 1
        hits = gallery.search(gallery.names[0], 6, where="dark > 0.5")
        assert sorted(hits.names) == ["2.png", "4.png"]
        known = hits.items[0].columns
        assert known["dark"] == pytest.approx(float(found.frame().loc[hits.names[0], "dark"]), abs=1e-7)
        assert {score.name for score in SCORES} < set(known)
        assert len(gallery.search(gallery.names[0], 6, where="dark <= 0.5 and odd_aspect < 0.5")) == 2
    where = ("--where", "dark > 0.5", "--json")
    told = call("search", tmp_path / "gallery", paths[0], "-k", 6, *where).json
    assert sorted(one["name"] for one in told["neighbours"]) == ["2.png", "4.png"]


def test_only_what_is_new_is_judged_again(tmp_path: Path, judged: list[Any]) -> None:
    paths = write(tmp_path / "in")
    shutil.copy(paths[0], tmp_path / "in" / "copy of 0.png")
    with indexed(tmp_path / "in") as gallery:
        first = screen(gallery)
        assert (len(judged), first.computed, len(first.names)) == (6, 6, 7)  # equal files once
        assert (screen(gallery).computed, len(judged)) == (0, 6)
        paths[1].rename(tmp_path / "in" / "renamed.png")
        paths[2].unlink()
        Image.fromarray(waves(1, 100, 90, seed=9)[0]).save(paths[3])
        shutil.copy(paths[4], tmp_path / "in" / "another.png")
        gallery.update()
        second = screen(gallery)
        assert (second.computed, len(judged), second.unread) == (1, 7, [])
        was, now = first.frame(), second.frame()
        assert now.loc["renamed.png", "blur"] == was.loc["1.png", "blur"]
        assert now.loc["another.png"].equals(now.loc["4.png"])
        catalog = sqlite3.connect(tmp_path / "gallery" / "catalog.sqlite")
        assert catalog.execute("SELECT count(*) FROM scores").fetchone() == (
            6 - 2 + 1,
        )  # 2 and the old 3 are forgotten
        catalog.close()


def test_other_rules_judge_all_again(tmp_path: Path, judged: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "in")
    with indexed(tmp_path / "in") as gallery:
        screen(gallery)
        monkeypatch.setattr(screening, "RULES", screening.RULES + 1)
        assert (screen(gallery).computed, len(judged)) == (6, 12)


def test_what_cannot_be_read_again_has_no_score(tmp_path: Path) -> None:
    """Gone, changed without an update, and one whose equal file is still there."""
    paths = write(tmp_path / "in")
    shutil.copy(paths[2], tmp_path / "in" / "a.png")
    with indexed(tmp_path / "in") as gallery:
        paths[0].unlink()
        shutil.copy(paths[3], paths[1])
        (tmp_path / "in" / "a.png").write_bytes(b"no picture")
        found = screen(gallery)
        assert found.unread == ["0.png", "1.png"]
        assert list(found.as_json()["quality"]) == ["2.png", "3.png", "4.png", "5.png", "a.png"]
        assert found.frame().loc["0.png"].isna().all()
        assert "0.png" not in gallery.search("3.png", 7, where="blur >= 0").names
        shutil.rmtree(tmp_path / "in")
        assert screen(gallery).unread == found.unread  # the others are known
    with la.Gallery.open(tmp_path / "memory", MODEL) as memory:
        memory.update(la.data.images.ImageSet(waves(3, 16, 16), ["a", "b", "c"]))
        assert (screen(memory).unread, screen(memory).computed) == (["a", "b", "c"], 0)


def test_archives_and_arrays_are_judged_in_their_own_size(tmp_path: Path) -> None:
    write(tmp_path / "in", 3)
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in")
    np.save(tmp_path / "array.npy", waves(3, 48, 64))
    tables = []
    for source in ("in", "packed.zip", "array.npy"):
        with la.Gallery.open(tmp_path / f"g {source}", MODEL) as gallery:
            gallery.update(tmp_path / source, size=16)
            tables.append(screen(gallery).frame().to_numpy())
    assert not np.isnan(tables[0]).any()
    np.testing.assert_array_equal(tables[1], tables[0])
    np.testing.assert_array_equal(tables[2], tables[0])


def test_strange_pictures_have_scores(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder, 2)
    Image.new("RGB", (1, 1), (9, 9, 9)).save(folder / "dot.png")
    Image.new("RGB", (1, 20000), (90, 9, 9)).save(folder / "line.png")
    Image.new("RGB", (40, 30)).save(folder / "black.png")
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(folder / "clear.png")
    Image.new("L", (40, 30), 128).save(folder / "grey.png")
    deep = np.random.default_rng(0).integers(0, 65536, (64, 64)).astype(np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.fromarray(waves(1, 600, 700)[0]).save(folder / "large.jpg", quality=95)
    with indexed(folder) as gallery:
        found = screen(gallery)
    table = found.frame()
    assert (found.unread, len(table)) == ([], 9)
    assert ((table >= 0) & (table <= 1)).all(axis=None)
    assert found.bad("odd_aspect") == ["line.png"]
    assert set(found.bad("grey")) >= {"black.png", "clear.png", "grey.png", "deep.png", "dot.png"}
    assert set(found.bad("noisy")) == {"deep.png"}
    assert {"black.png", "dot.png"} <= set(found.bad("dark"))
    assert {"black.png", "grey.png", "clear.png", "dot.png", "line.png"} <= set(found.bad("empty"))
    assert "large.jpg" not in found.bad("empty")


def test_two_pictures_are_not_odd(tmp_path: Path) -> None:
    write(tmp_path / "in", 2)
    with indexed(tmp_path / "in") as gallery:
        assert screen(gallery).bad("odd_size") == []


def work(gallery: Path, at: int) -> None:
    """Screen in a process that dies before it writes for the `at`-th time."""
    screening.AT_ONCE = 4
    if at:
        Moment(at).before(screening, "keep")
    with la.Gallery.open(gallery) as opened:
        screen(opened)


def test_killed_it_goes_on(tmp_path: Path, judged: list[Any]) -> None:
    write(tmp_path / "in", 18)
    with indexed(tmp_path / "in"):
        pass
    shutil.copytree(tmp_path / "gallery", tmp_path / "unbroken")
    assert finish(fresh_processes(), work, tmp_path / "gallery", at=4) == DIED
    with la.Gallery.open(tmp_path / "gallery") as broken, la.Gallery.open(tmp_path / "unbroken") as whole:
        found = screen(broken)
        assert (found.computed, len(judged)) == (6, 6)  # three batches of four were kept
        assert found.frame().equals(screen(whole).frame())


def test_an_old_gallery_is_screened(tmp_path: Path) -> None:
    """Of the catalog's first version; its folder is not here, so that its pictures are counted and nothing more."""
    shutil.copytree(FIXTURES / "before" / "galleries" / "exact", tmp_path / "exact")
    with la.Gallery.open(tmp_path / "exact") as gallery:
        found = screen(gallery)
        assert (found.computed, found.unread) == (0, gallery.names)
    catalog = sqlite3.connect(tmp_path / "exact" / "catalog.sqlite")
    columns = [row[1] for row in catalog.execute("PRAGMA table_info(scores)")]
    catalog.close()
    assert columns == ["content", "rules", "height", "width", *(score.name for score in SCORES)]
