"""What of a folder is read, what is left out and said, and when names are taken for LFW's."""

from __future__ import annotations

import logging
import os
import tarfile
from pathlib import Path

import pytest

import lookalike as la
from files import blocks, saved
from lookalike.data import DataSpec, folder
from lookalike.errors import DataError, OptionError
from lookalike.files import printable, write_bytes
from pictures import waves

PNG = saved(blocks(), "PNG")


def put(root: Path, *names: str, content: bytes = PNG) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_what_systems_put_there_is_left_out_and_counted(tmp_path: Path) -> None:
    system = (
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "lost+found",
        ".Trash-1000",
        "System Volume Information",
        "__MACOSX",
    )
    put(tmp_path, "a.png", "b/c.png", "b/notes.txt", "film.MP4", "README", ".hidden.png", "b/@eaDir/c.png/thumb.jpg")
    for name in system:
        put(tmp_path, f"{name}/x.png", f"{name}/deep/y.png")
    images = la.load(tmp_path, cache=False)
    assert images.names == ["a.png", "b/c.png"]
    assert images.skipped == {
        **dict.fromkeys(system, 2), "@eaDir": 3, ".txt": 1, ".mp4": 1, "no suffix": 1, "hidden": 1
    }  # fmt: skip
    assert images.unseen == []


def test_the_plot_of_a_training_within_is_no_picture(tmp_path: Path) -> None:
    """Many train where the pictures lie."""
    put(tmp_path, "a.png", "b.png", "loss.png", "mine/loss.png", "mine/config.json", "run/mine.png")
    la.ConvAutoencoder(3, channels=(2,)).fit(waves(8, 8, 8), run=tmp_path / "run", epochs=1, progress=False)
    images = la.load(tmp_path, size=8, cache=False)
    assert images.names == ["a.png", "b.png", "loss.png", "mine/loss.png", "run/mine.png"]
    assert images.skipped["plots of trainings"] == 1
    assert (tmp_path / "run" / "loss.png").is_file()


def test_times_beyond_reason_fit_a_catalog(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png", "c.png")
    times = {"a.png": -(10**9), "b.png": 10**11, "c.png": 0}
    for name, seconds in times.items():
        os.utime(tmp_path / name, (seconds, seconds))
    found = {entry.name: entry.modified for entry in folder.listing_of(tmp_path).entries}
    assert found["a.png"] == -(10**18)
    assert found["c.png"] == 0
    assert 2**62 < found["b.png"] < 2**63
    with la.Gallery.open(tmp_path / "gallery", la.PCAAutoencoder(2).initialise((8, 8, 3))) as gallery:
        assert gallery.update(tmp_path, size=8).added == 3
        assert gallery.update(tmp_path, size=8).updated == 0


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_counts_what_it_leaves_out(kind: str, tmp_path: Path) -> None:
    import shutil

    put(tmp_path / "in", "a.png", "b.png", "c.doc", "@eaDir/d.png", "e")
    path = Path(shutil.make_archive(str(tmp_path / "all"), kind, tmp_path / "in"))
    for _ in range(2):  # the second time from the cache
        assert la.load(path).skipped == {".doc": 1, "@eaDir": 1, "no suffix": 1}


def test_linked_folders_are_followed_each_real_one_once(tmp_path: Path) -> None:
    put(tmp_path / "real", "one/a.png", "two/b.png")
    album = tmp_path / "album"
    album.mkdir()
    for name in ("first", "second"):
        (album / name).symlink_to(tmp_path / "real" / "one")
    (album / "third").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "two" / "round").symlink_to(album)
    listing = folder.listing_of(album)
    assert [entry.name for entry in listing.entries] == ["first/a.png", "third/two/b.png"]
    assert listing.skipped[folder.LINKED_TWICE] == 3  # second, third/one, and the way round to the album itself
    assert len(la.load(album, cache=False)) == 2


def test_a_folder_goes_by_its_own_path_where_it_is_linked_to_as_well(tmp_path: Path) -> None:
    put(tmp_path, "z/a.png", "z/b.png")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    assert la.load(tmp_path, cache=False).names == ["z/a.png", "z/b.png"]


def test_folders_that_cannot_be_listed_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png", "b.png", "gone/c.png", "deep/er/d.png")
    fail_to_list(monkeypatch, "gone", "er")
    (tmp_path / "drive").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    images = la.load(tmp_path)
    assert images.names == ["a.png", "b.png"]
    assert sorted(images.unseen) == ["deep/er", "drive", "gone"]
    assert [(one.name, one.reason[:15]) for one in images.rejected] == [("round.png", "cannot be read:")]
    with pytest.raises(DataError, match=r"round\.png is not there"):
        la.load(tmp_path / "round.png")


def fail_to_list(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As a disk that is failing; permissions would not do for root."""
    real = os.scandir

    def scandir(path: object = ".") -> object:
        if Path(str(path)).name in names:
            raise OSError(5, "Input/output error", str(path))
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", scandir)


def portrait(side: int = 250) -> bytes:
    return saved(blocks(side, side), "JPEG")


@pytest.mark.parametrize(
    ("names", "side", "layout"),
    [
        (("holiday/holiday_1.jpg", "beach/beach_2.jpg"), 250, "folder"),
        (("n01440764/n01440764_10026.JPEG", "n01443537/n01443537_10007.JPEG"), 250, "folder"),
        (("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg"), 250, "folder"),
        (("Ann_Lee/Ann_Lee_0001.jpg", "Bo/Bo_0001.jpg"), 64, "folder"),
        (("Ann_Lee/Ann_Lee_0001.jpg", "Bo/Bo_0001.jpg"), 250, "lfw"),
    ],
)
@pytest.mark.parametrize("archived", [False, True])
def test_only_what_is_really_lfws_is_taken_for_it(
    names: tuple[str, ...], side: int, layout: str, archived: bool, tmp_path: Path
) -> None:
    path = put(tmp_path / "in", *names, content=portrait(side))
    if archived:
        with tarfile.open(tmp_path / "in.tar", "w") as tar:
            tar.add(path, "in")
        path = tmp_path / "in.tar"
    images = la.load(path, cache=False)
    assert (images.people is not None) == (layout == "lfw")
    assert images.spec is not None
    assert images.spec.layout == layout
    assert (images.spec.framing.crop, images.spec.framing.fit) == ((80, "stretch") if layout == "lfw" else (0, "crop"))
    assert DataSpec.from_json(images.spec.as_json()) == images.spec


def test_a_stated_layout_settles_it(tmp_path: Path) -> None:
    faces = put(tmp_path / "faces", "Ann_Lee/Ann_Lee_0001.jpg", "Bo/Bo_0001.jpg", content=portrait())
    assert la.load(faces, layout="folder").people is None
    few = put(tmp_path / "few", "Ann_Lee/Ann_Lee_1.jpg", "Ann_Lee/Ann_Lee_2.jpg", content=portrait())
    images = la.load(few, layout="lfw")
    assert images.people == ["Ann Lee", "Ann Lee"]
    assert la.data.load_spec(images.spec).people == images.people
    with pytest.raises(OptionError, match=r"layout is 'imagenet'; give one of auto, lfw, folder"):
        la.load(faces, layout="imagenet")


def test_a_keyword_says_that_something_of_its_name_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "synthetic:20", "a.png", "b.png")
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert la.load("synthetic:20").names != ["a.png", "b.png"]
        assert la.load("./synthetic:20").names == ["a.png", "b.png"]
    (said,) = [record.getMessage() for record in caplog.records]
    assert "for that, write ./synthetic:20" in said


def test_too_few_pictures_say_what_was_there_instead(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gives 0 usable pictures.*not looked at: 2 \.txt"):
        la.load(put(tmp_path, "a.txt", "b.txt"))


def test_names_of_any_kind_are_pictures(tmp_path: Path) -> None:
    names = [f"{'n' * 251}.png", "tab\there.png", "\N{GRINNING FACE}.png", "\u7167\u7247.png", "\x1b[31mred.png"]
    put(tmp_path, *names)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xffme.png"))).write_bytes(PNG)
    images = la.load(tmp_path)
    assert sorted(images.names) == sorted([*names, "na\\xffme.png"])
    assert la.load(tmp_path).cached


def test_what_a_terminal_would_obey_becomes_an_escape() -> None:
    assert printable("a\tb\x1b[31m\x9bc\nd") == "a\\tb\\x1b[31m\\x9bc\nd"


@pytest.mark.parametrize("name", ["n" * 255, "n" * 251 + ".png", "\N{GRINNING FACE}" * 63])
def test_the_longest_names_can_be_written(name: str, tmp_path: Path) -> None:
    write_bytes(tmp_path / name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"
