"""Columns: declared once, read and filtered everywhere; and galleries of the first form that gain what is new."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image

import lookalike as la
from lookalike.data.columns import Column
from lookalike.data.images import ImageSet
from lookalike.errors import DataError, GalleryError, OptionError
from lookalike.gallery import schema
from lookalike.gallery.columns import COLUMNS, NAME
from pictures import waves
from places import FIXTURES

OLD = FIXTURES / "before" / "galleries"
ATTRIBUTES = ["smile", "glasses", "beard", "hair_lightness", "turn"]
SIDE = 12


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A gallery of the first form, with people and attributes."""
    return Path(shutil.copytree(OLD / "graph", tmp_path / "graph"))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """What the pictures of the old gallery are known by, as it was recorded beside it."""
    with np.load(FIXTURES / "before" / "faces.npz") as held:
        found = pd.DataFrame(held["values"][:60], index=held["names"][:60].tolist(), columns=ATTRIBUTES)
        return found.assign(person=held["people"][:60].tolist())


def version_of(folder: Path) -> int:
    with sqlite3.connect(f"{(folder / 'catalog.sqlite').as_uri()}?mode=ro", uri=True) as connection:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return found


def tables_of(folder: Path) -> dict[str, set[tuple[str, str]]]:
    """Names and types of the columns of each table, as SQLite tells them."""
    with sqlite3.connect(folder / "catalog.sqlite") as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: {row[1:3] for row in connection.execute(f"PRAGMA table_info({name})")} for name in names}
    connection.close()
    return found


def check_answers(gallery: la.Gallery, table: pd.DataFrame) -> None:
    assert gallery.names == sorted(table.index)
    pd.testing.assert_frame_equal(gallery.attributes, table[ATTRIBUTES].loc[gallery.names].astype(np.float32))
    wanted = table[(table.smile > 0.4) & (table.glasses <= 0.5)]
    found = gallery.search(gallery.names[0], 60, where="smile > 0.4 and glasses <= 0.5")
    assert sorted(found.names) == sorted(wanted.index)
    assert {one.name: one.columns["person"] for one in found.items} == wanted.person.to_dict()


@pytest.mark.local_store("galleries of the first form are local")
def test_the_first_form_is_upgraded_when_it_is_opened(old: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    assert version_of(old) == 1
    with la.Gallery.open(old) as gallery:
        check_answers(gallery, table)
        assert version_of(old) == schema.VERSION
        with la.Gallery.open(tmp_path / "new", gallery.model) as new:
            some = np.array(gallery._now().all_pixels[:20])
            new.update(ImageSet(some, attribute_names=ATTRIBUTES, attribute_values=np.ones((20, 5), np.float32)))
        pixels, names = gallery._now().all_pixels[:30], gallery.names[:30]
        update = gallery.update(ImageSet(np.array(pixels), names))  # and it lives on
        assert update.images == 30
    assert tables_of(old).keys() == tables_of(tmp_path / "new").keys()
    assert tables_of(old)["items"] == tables_of(tmp_path / "new")["items"]


@pytest.mark.local_store("galleries of the first form are local")
def test_an_upgrade_that_is_cut_off_leaves_the_first_form(
    old: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(run: Callable[..., object]) -> None:
        step(run)
        raise KeyboardInterrupt

    step = schema.STEPS[2]
    before = tables_of(old)
    monkeypatch.setitem(schema.STEPS, 2, cut_off)
    with pytest.raises(KeyboardInterrupt):
        la.Gallery.open(old)
    assert (version_of(old), tables_of(old)) == (1, before)
    monkeypatch.undo()
    with la.Gallery.open(old) as gallery:
        check_answers(gallery, table)


@pytest.mark.local_store("galleries of the first form are local")
def test_a_column_of_a_later_version_is_added_to_what_exists(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a new entry in the list of columns has it, which a test cannot add before the package is imported."""
    next_one = schema.VERSION + 1
    later = COLUMNS[-1].__class__("rating", "number", "how much it is liked", read=lambda entry: None, since=next_one)
    monkeypatch.setattr(schema, "COLUMNS", (*COLUMNS, later))
    monkeypatch.setattr(schema, "VERSION", next_one)
    with sqlite3.connect(old / "catalog.sqlite", isolation_level=None) as connection:
        schema.upgrade(connection.execute, 1)
        assert connection.execute("SELECT count(*), count(rating) FROM items").fetchone() == (60, 0)
    connection.close()
    assert ("rating", "REAL") in tables_of(old)["items"]
    assert version_of(old) == next_one


@pytest.mark.local_store("galleries of the first form are local")
def test_while_another_process_updates_it_the_first_form_is_read_as_it_is(old: Path, table: pd.DataFrame) -> None:
    with FileLock(old / ".lock"), la.Gallery.open(old) as gallery:
        check_answers(gallery, table)
        assert version_of(old) == 1


def _answers_without_rights(folder: Path, table: pd.DataFrame) -> None:
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    with pytest.raises(OSError, match="denied"):
        (folder / "x").touch()
    with la.Gallery.open(folder, create=False) as gallery:
        check_answers(gallery, table)
        assert gallery.decisions.history() == []
        with pytest.raises(GalleryError, match="is of an older form"):
            gallery.decisions.add("keep", gallery.names[0])
        with pytest.raises(GalleryError, match="cannot be used"):
            gallery._catalog.upgrade()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.local_store("galleries of the first form are local")
def test_where_nobody_may_write_the_first_form_is_read_as_it_is(old: Path, table: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to others
        folder = Path(shutil.copytree(old, Path(place) / "g"))
        paths = [Path(place), folder, *folder.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        child = multiprocessing.get_context("fork").Process(target=_answers_without_rights, args=(folder, table))
        child.start()
        child.join(60)
        for path in paths:
            path.chmod(stat.S_IRWXU)
        assert child.exitcode == 0
        assert version_of(folder) == 1


@pytest.fixture(scope="module")
def of_files(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[la.Gallery, Path]]:
    """A gallery of 12 files, each of another size and an hour younger than the one before."""
    folder = tmp_path_factory.mktemp("columns")
    for number, pixels in enumerate(waves(12, SIDE, SIDE)):
        path = folder / "pictures" / f"{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
        path.write_bytes(path.read_bytes() + bytes(number))
        time = int(datetime(2024, 4, 30, 14 + number % 10, 30, number, tzinfo=UTC).timestamp()) + 86400 * (number // 10)
        os.utime(path, ns=(time * 10**9 + number, time * 10**9 + number))
    with la.Gallery.open(folder / "g", la.PCAAutoencoder(4).fit(waves(40, SIDE, SIDE, seed=1))) as gallery:
        gallery.update(folder / "pictures")
        yield gallery, folder / "pictures"


TIMES = {
    "modified >= '2024-05'": lambda time: time >= datetime(2024, 5, 1, tzinfo=UTC),
    "modified < '2024-05'": lambda time: time < datetime(2024, 5, 1, tzinfo=UTC),
    "modified <= '2024-04'": lambda time: time < datetime(2024, 5, 1, tzinfo=UTC),
    "modified > '2024-04-30 20'": lambda time: time >= datetime(2024, 4, 30, 21, tzinfo=UTC),
    "modified = '2024-04-30T15:30'": lambda time: time.hour == 15 and time.day == 30,
    "modified != '2024'": lambda time: False,
}


@pytest.mark.parametrize("text", TIMES)
def test_a_time_in_part_stands_for_all_of_it(of_files: tuple[la.Gallery, Path], text: str) -> None:
    gallery, folder = of_files
    times = {path.name: datetime.fromtimestamp(int(path.stat().st_mtime), UTC) for path in folder.iterdir()}
    found = gallery.search("00.png", 12, where=text)
    assert sorted(found.names) == sorted(name for name, time in times.items() if TIMES[text](time))
    assert bool(found.names) == (text != "modified != '2024'")


def test_what_is_found_carries_its_columns(of_files: tuple[la.Gallery, Path]) -> None:
    gallery, folder = of_files
    size = (folder / "05.png").stat().st_size
    found = gallery.search("05.png", 3, where=f"size = {size} or name like '0%'")
    names, distances = found
    assert [one.name for one in found.items] == names
    assert [one.distance for one in found.items] == distances.tolist()
    for one in found.items:
        facts = (folder / one.name).stat()
        time = datetime.fromtimestamp(int(facts.st_mtime), UTC).strftime("%Y-%m-%dT%H:%M:%S")
        expected = {"name": one.name, "size": facts.st_size, "modified": time, "person": None}
        assert {name: one.columns[name] for name in expected} == expected
        assert gallery.item(one.name).id == one.id
        assert gallery.item(one.name).modified == facts.st_mtime_ns
    assert found.milliseconds > 0
    for twin in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert (twin.names, twin.distances.tolist()) == (names, distances.tolist())
        assert [one.columns for one in twin.items] == [one.columns for one in found.items]


def test_bad_times_are_explained(of_files: tuple[la.Gallery, Path]) -> None:
    gallery, _ = of_files
    for text, message in (
        ("modified > 2024", "2024 at character 12 where a time in single quotes to compare modified with"),
        ("modified > '2024-13'", "'2024-13', which is no time; write as: '2024', '2024-05'"),
        ("modified like '2024%'", "'like' goes with texts only, and modified is a time"),
        ("size > '3'", "'3' at character 8 where a number"),
    ):
        with pytest.raises(GalleryError, match=message):
            gallery.search("00.png", where=text)


def test_a_sources_own_column_is_meant_where_it_has_the_gallerys_name(tmp_path: Path) -> None:
    pixels = waves(6, SIDE, SIDE)
    sizes = np.arange(6, dtype=np.float32)[:, None]
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(3).fit(pixels)) as gallery:
        gallery.update(ImageSet(pixels, list("abcdef"), attribute_names=("Size",), attribute_values=sizes))
        assert sorted(gallery.search("a", 6, where="size > 3").names) == ["e", "f"]
        columns = gallery.search("c", 1).items[0].columns
        assert (columns["Size"], "size" in columns) == (2.0, False)


@pytest.mark.local_store("asks no gallery")
def test_values_beyond_a_columns_kind_or_range_are_not_known() -> None:
    share = Column("share", "number", least=0, most=1)
    assert [share.value(given) for given in (0, 1.0, 2, -0.1, float("nan"), "x", None, "0.5")] == [
        *(0, 1, None, None, None, None, None, 0.5)
    ]
    time = Column("taken", "time")
    assert [time.value(given) for given in ("2024-05-17 14:30", "2024", "17.5.2024", "2024-02-3")] == [
        *("2024-05-17T14:30", "2024", None, None)
    ]


@pytest.mark.local_store("asks no gallery")
def test_no_two_columns_have_one_name_and_all_say_what_they_are() -> None:
    every = (NAME, *COLUMNS)
    assert len({column.name for column in every}) == len(every)
    for column in every:
        assert column.about
        assert 1 <= column.since <= schema.VERSION
        assert Column.from_json(column.as_json()).as_json() == column.as_json()


TAKEN = {"a.jpg": "2024:04:30 23:59:59", "b.jpg": "2024:05:01 00:00:00", "c.jpg": "2024:06:01 12:00:00", "d.jpg": None}
CAMERAS = {"a.jpg": "Pixel 7", "b.jpg": "Pixel 7 Pro", "c.jpg": "Canon", "d.jpg": None}
STARS = {"a.jpg": 5, "b.jpg": 4, "c.jpg": None, "e.jpg": 1}


def photos(folder: Path) -> Path:
    """A folder of photos with what cameras wrote, and a table beside it."""
    folder.mkdir()
    for (name, taken), pixels in zip(TAKEN.items(), waves(4, 2 * SIDE, 3 * SIDE), strict=True):
        tags = Image.Exif()
        if taken is not None:
            tags[0x0132], tags[0x0110] = taken, CAMERAS[name]
        Image.fromarray(pixels).save(folder / name, exif=tags)
    lines = [f"{name},{'' if stars is None else stars},{name[0] * 2}" for name, stars in STARS.items()]
    (folder.parent / "table.csv").write_text("\n".join(["photo,rating,words", *lines]))
    return folder


@pytest.fixture
def album(tmp_path: Path) -> Iterator[tuple[la.Gallery, Path]]:
    folder = photos(tmp_path / "photos")
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(3).fit(waves(20, SIDE, SIDE, seed=1))) as gallery:
        gallery.update(folder, attributes=tmp_path / "table.csv", exif=True)
        yield gallery, folder


def meeting(gallery: la.Gallery, where: str) -> list[str]:
    return sorted(gallery.search(gallery.codes[0], 9, where=where).names)


def test_tables_and_cameras_give_columns_to_filter_by(album: tuple[la.Gallery, Path]) -> None:
    gallery, _ = album
    assert meeting(gallery, "taken >= '2024-05' and camera like 'Pixel%' and rating > 3") == ["b.jpg"]
    assert meeting(gallery, "taken <= '2024-04' or words = 'cc'") == ["a.jpg", "c.jpg"]
    assert meeting(gallery, "camera != 'Canon'") == ["a.jpg", "b.jpg"]
    assert meeting(gallery, "width = 36 and height = 24") == sorted(TAKEN)
    table = gallery.attributes
    assert table["rating"].dropna().to_dict() == {"a.jpg": 5, "b.jpg": 4}
    assert table["camera"].dropna().to_dict() == {name: camera for name, camera in CAMERAS.items() if camera}
    columns = gallery.search("b.jpg", 1).items[0].columns
    assert (columns["rating"], columns["taken"], columns["words"]) == (4, "2024-05-01T00:00:00", "bb")
    assert columns["latitude"] is None


def test_the_case_of_no_letters_matters_to_like(tmp_path: Path) -> None:
    """Of letters that are no ASCII either."""
    names = {
        "\u0430": "\u041f\u043b\u044f\u0436 \u0443 \u043c\u043e\u0440\u044f",
        "b": "\u0393\u03b7",
        "c": "see 100%_b",
        "d": "",
    }
    rows = [f"{name}.png;{place}" for name, place in names.items()]
    (tmp_path / "t.csv").write_text("\n".join(["name;\u043c\u0435\u0441\u0442\u043e", *rows]), encoding="utf-8")
    (tmp_path / "photos").mkdir()
    for name, pixels in zip(names, waves(4, SIDE, SIDE), strict=True):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{name}.png")
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(3).fit(waves(20, SIDE, SIDE, seed=1))) as gallery:
        gallery.update(tmp_path / "photos", attributes=tmp_path / "t.csv")
        for pattern, found in (
            ("%\u041c\u041e\u0420\u042f", ["\u0430.png"]),
            ("\u043f\u043b\u044f\u0436%", ["\u0430.png"]),
            ("\u043f\u043b\u044f\u0436", []),
            ("%" + "\u044f%" * 1000, []),
            ("%\u044f%_\u041e%", ["\u0430.png"]),
            ("%\u043c\u043e\u0440\u044f%\u044f", []),
            ("\u03b3_", ["b.png"]),
            ("SEE%", ["c.png"]),
        ):
            assert meeting(gallery, f"\u041c\u0435\u0441\u0442\u043e like '{pattern}'") == found


def test_columns_are_remembered_and_follow_their_table(album: tuple[la.Gallery, Path]) -> None:
    gallery, folder = album
    before = gallery.attributes
    update = gallery.update()
    assert (update.images, update.added, update.updated, update.removed) == (4, 0, 0, 0)
    pd.testing.assert_frame_equal(gallery.attributes, before)  # what only files tell, which were not opened, stays
    (folder.parent / "table.csv").write_text("photo,rating,words\nd.jpg,3,new\n")
    gallery.update()
    assert meeting(gallery, "words = 'new' and rating = 3") == ["d.jpg"]
    assert meeting(gallery, "camera like 'pixel%'") == ["a.jpg", "b.jpg"]
    (folder / "a.jpg").rename(folder / "moved.jpg")
    gallery.update()
    assert meeting(gallery, "camera like 'pixel%'") == ["b.jpg", "moved.jpg"]
    gallery.update(exif=False)
    assert list(gallery.attributes.columns) == ["rating", "words"]
    gallery.update(exif=True)
    assert meeting(gallery, "taken = '2024'") == ["b.jpg", "c.jpg", "moved.jpg"]


def test_an_archive_is_read_again_when_its_table_changes(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    archive = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", folder))
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(3).fit(waves(20, SIDE, SIDE, seed=1))) as gallery:
        gallery.update(archive)
        assert gallery.attributes is None
        gallery.update(archive, attributes=tmp_path / "table.csv", exif=True)
        assert meeting(gallery, "taken >= '2024-05' and rating > 3") == ["b.jpg"]
        (tmp_path / "table.csv").write_text("photo,rating\nc.jpg,5\n")
        gallery.update()
        assert meeting(gallery, "taken >= '2024-05' and rating > 3") == ["c.jpg"]


def test_tables_of_people_and_of_other_pictures(album: tuple[la.Gallery, Path]) -> None:
    gallery, folder = album
    table = folder.parent / "people.jsonl"
    table.write_text('{"which": "a", "person": "Ann"}\n{"which": "b", "person": "Bo"}\n')
    gallery.update(folder, attributes=table, key="which", exif=False)
    assert gallery.people == ["Ann", "Bo", None, None]
    assert gallery.attributes is None
    table.write_text('{"which": "x", "person": "Ann"}\n{"which": "y", "person": "Bo"}\n')
    with pytest.raises(DataError, match="names none of these pictures by its column 'which', such as 'x'"):
        gallery.update()
    assert len(gallery) == 4
    with pytest.raises(DataError, match="is not there; give the path"):
        gallery.update(folder, attributes=folder.parent / "gone.csv")
    with pytest.raises(DataError, match="is no regular file; give the path"):
        gallery.update(folder, attributes=folder.parent)
    with pytest.raises(OptionError, match="key is 'which', but there is no table"):
        gallery.update(waves_set(), key="which")


def waves_set() -> ImageSet:
    return ImageSet(waves(4, SIDE, SIDE))


@pytest.mark.local_store("asks no gallery")
def test_directions_are_learned_of_what_has_two_sides() -> None:
    from lookalike.data.columns import two_sided

    table = pd.DataFrame(
        {
            "rating": np.array([1, 2, np.nan], np.float32),
            "camera": np.array(["b", "a", "b"], object),
            "place": np.array(["x", "y", "z"], object),
            "light": np.array(["day", None, "night"], object),
        }
    )
    found = two_sided(table)
    expected = {"rating": [1, 2, np.nan], "camera: b": [1, 0, 1], "light: night": [0, np.nan, 1]}
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected), check_dtype=False)
