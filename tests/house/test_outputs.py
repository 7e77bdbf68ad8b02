"""The rule on what may be written, on its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lookalike.errors import OptionError
from lookalike.outputs import Outputs


def test_a_file_that_is_free_is_given_as_it_was_named(tmp_path: Path) -> None:
    for name in ("new.png", "not/there/yet.png"):
        assert Outputs().file(tmp_path / name) == tmp_path / name
    assert list(tmp_path.iterdir()) == []  # asking writes nothing


@pytest.mark.parametrize("force", [False, True])
def test_what_is_read_is_never_given(tmp_path: Path, force: bool) -> None:
    read = tmp_path / "read.png"
    read.touch()
    (tmp_path / "link.png").symlink_to(read)
    (tmp_path / "folder").mkdir()
    (tmp_path / "hard.png").hardlink_to(read)
    (tmp_path / "way").symlink_to(tmp_path)
    for name in ("read.png", "link.png", "hard.png", "folder/../read.png", "way/read.png"):
        with pytest.raises(OptionError, match="is read here"):
            Outputs([read], force=force).file(tmp_path / name)
        assert Outputs([read], force=force).free(tmp_path / name).name.endswith("-2.png")


def test_what_is_there_needs_force(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone")
    for name in ("a.png", "nowhere.png"):
        with pytest.raises(OptionError, match="--force to write over it"):
            Outputs().file(tmp_path / name)
        assert Outputs(force=True).file(tmp_path / name) == tmp_path / name
        assert Outputs(force=True).free(tmp_path / name) == tmp_path / name
        assert Outputs().free(tmp_path / name) == (tmp_path / name).with_stem(f"{Path(name).stem}-2")


@pytest.mark.parametrize("force", [False, True])
def test_one_call_gives_a_name_once(tmp_path: Path, force: bool) -> None:
    outputs = Outputs(force=force)
    given = [outputs.free(tmp_path / name).name for name in ("a.png", "A.png", "a.png", "a-2.png")]
    assert given == ["a.png", "A-2.png", "a-3.png", "a-2-2.png"]


def test_one_name_in_two_forms_of_unicode_is_given_once(tmp_path: Path) -> None:
    outputs = Outputs()
    given = [outputs.free(tmp_path / name).name for name in ("caf\u00e9.png", "cafe\u0301.png")]
    assert given == ["caf\u00e9.png", "cafe\u0301-2.png"]


def test_files_that_belong_together_have_one_number(tmp_path: Path) -> None:
    (tmp_path / "q.csv").touch()
    (tmp_path / "q-2.png").touch()
    assert [path.name for path in Outputs().free_together(tmp_path, ["q.md", "q.csv", "q.png"])] == [
        "q-3.md", "q-3.csv", "q-3.png",
    ]  # fmt: skip


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site" / "data").mkdir(parents=True)
    (tmp_path / "site-2").touch()
    assert Outputs().folder_for(tmp_path / "site", ["index.html"]) == tmp_path / "site"
    assert Outputs().folder_for(tmp_path / "site", ["index.html", "data"]) == tmp_path / "site-3"
    assert Outputs().folder_for(tmp_path / "site") == tmp_path / "site-3"
    assert Outputs(force=True).folder_for(tmp_path / "site", ["data"]) == tmp_path / "site"
    monkeypatch.chdir(tmp_path / "site" / "data")
    with pytest.raises(OptionError, match="give a folder of its own"):
        Outputs().folder_for("..", ["data"])
    for inside in (tmp_path / "site-2", tmp_path / "site-2" / "deeper"):
        with pytest.raises(OptionError, match="site-2 is a file"):
            Outputs().folder(inside)
    with pytest.raises(OptionError, match="is a folder; give the name of a file"):
        Outputs(force=True).file(tmp_path / "site")


FORBIDDEN = """
import os, sys
from pathlib import Path
from lookalike import files
from lookalike.outputs import Outputs
if os.getuid() == 0:
    os.setgroups([])
    os.setuid(65534)
folder = Path(sys.argv[1])
for ask in (
    lambda: Outputs().file(folder / "new.png"),
    lambda: Outputs().free(folder / "a" / "new.png"),
    lambda: Outputs().folder_for(folder / "site", ["index.html"]),
    lambda: Outputs(force=True).own_folder(folder / "demo", "mark"),
    lambda: files.write_bytes(folder / "new.png", b""),
):
    try:
        print(ask())
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("may", [0o555, 0o000], ids=["only read", "closed"])
def test_a_folder_that_may_not_be_written_into_is_told_before_the_work(may: int) -> None:
    with tempfile.TemporaryDirectory() as place:  # others may not enter the folders that pytest makes
        Path(place).chmod(0o755)
        above = Path(place) / "not ours"
        folder = above / "inside"
        folder.mkdir(parents=True)
        folder.chmod(0o555)
        above.chmod(may)
        done = subprocess.run([sys.executable, "-c", FORBIDDEN, folder], capture_output=True, text=True, check=True)
        above.chmod(0o755)
        remedy = "give another place, or allow writing there"
        said = "cannot be written into (no permission); give another folder"
        assert done.stdout.splitlines() == [
            *(f"OptionError {path} {said}" for path in (folder, folder / "a", folder / "site", folder / "demo")),
            f"WriteError {folder / 'new.png'} cannot be written (permission denied); nothing was changed: {remedy}",
        ]
        assert list(folder.iterdir()) == []


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    assert Outputs().own_folder(tmp_path / "new", "mark") == tmp_path / "new"
    assert Outputs().own_folder(tmp_path, "mark") == tmp_path
    (tmp_path / "other").touch()
    with pytest.raises(OptionError, match="holds other files"):
        Outputs().own_folder(tmp_path, "mark")
    assert Outputs(force=True).own_folder(tmp_path, "mark") == tmp_path
    (tmp_path / "mark").touch()
    assert Outputs().own_folder(tmp_path, "mark") == tmp_path
