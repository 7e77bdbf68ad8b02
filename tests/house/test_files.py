"""A file is there whole, or as it was."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike import files
from lookalike.errors import NoSpaceError


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_text(path, "before")

    def fail(file) -> None:  # type: ignore[no-untyped-def]
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(path, fail)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_permissions_are_the_usual(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a" / "b.json", {"ö": 1})
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "a" / "b.json").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert "ö" in (tmp_path / "a" / "b.json").read_text()


def test_nan_has_no_place_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert files.sha256_of_file(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


LIMITED = """
import resource, sys
from pathlib import Path
from typing import Any
import numpy as np
from lookalike import files
from lookalike.errors import NoSpaceError

folder = Path(sys.argv[1])
files.write_text(folder / "a", "before")
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for needed, write in (
    (50_000, lambda file: file.write(b"x" * 50_000)),
    (72_128, lambda file: np.save(file, np.zeros(9000))),
    (72_270, lambda file: np.savez(file, a=np.zeros(9000))),
):
    try:
        files.write_atomically(folder / "a", write)
    except NoSpaceError as error:
        assert isinstance(error, OSError) and error.exit_code == 2
        assert f"{folder / 'a'} cannot be written (" in str(error), error
        told = int(str(error).split("it needs ")[1].split(" bytes")[0].replace(",", ""))
        assert abs(told - needed) < 100, error
        assert "what was there before is as it was" in str(error)
    else:
        raise SystemExit("it was written")
assert (folder / "a").read_text() == "before"
assert [path.name for path in folder.iterdir()] == ["a"]
"""


def test_no_room_says_where_how_much_and_what_is_safe(tmp_path: Path) -> None:
    """The system's own limit on the length of a file stands for a full disk: the write fails in the same place."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


LIMITED_CATALOG = """
import resource, sys
from pathlib import Path
from lookalike.errors import NoSpaceError
from lookalike.gallery.database import Database

def limit(bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))

def told(work, most):
    limit(most)
    try:
        work()
    except NoSpaceError as error:
        return str(error).replace(str(path), "PATH")
    finally:
        limit(resource.RLIM_INFINITY)
    raise SystemExit("there was room")

def insert(rows):
    with database.transaction():
        database._run_many("INSERT INTO held VALUES (?)", (("x" * 200,) for _ in range(rows)))

def number(text, before):
    return int(text.split(before)[1].split(" bytes")[0].replace(",", ""))

path = Path(sys.argv[1]) / "catalog.sqlite"
opening = told(lambda: Database(path), 10_000)
assert opening.startswith("PATH cannot be written (disk i/o error): it needs 40,960 bytes to be opened, "), opening
database = Database(path)
database._run("CREATE TABLE held (text)")
committing = told(lambda: insert(3000), 100_000)
assert "PATH cannot be written (" in committing and "what was there before is as it was" in committing
most = number(committing, "it needs at most ")
log = path.with_name("catalog.sqlite-wal")
limit(most)
insert(3000)
assert most / 3 < log.stat().st_size <= most, (most, log.stat().st_size)
limit(resource.RLIM_INFINITY)
midst = told(lambda: insert(30_000), 3_000_000)
assert 2_000_000 < number(midst, "it needs a log of more than ") <= 3_000_000, midst
assert database._row("SELECT count(*) FROM held") == (3000,)
insert(30_000)
"""


def test_a_catalog_says_how_much_its_transaction_needed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED_CATALOG, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_named_by_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]
) -> None:
    from lookalike import PCAAutoencoder
    from lookalike.data import load

    PCAAutoencoder(4).fit(load("synthetic:40", size=16), run=tmp_path / "run")
    Image.fromarray(load("synthetic:1000", size=16).pixels[0]).save(tmp_path / "a.png")

    monkeypatch.setattr(os, "fsync", full)
    told = call("reconstruct", tmp_path / "run", tmp_path / "a.png", "--out", tmp_path / "out")
    assert (told.code, len(told.err.splitlines())) == (2, 1)
    assert f"{tmp_path / 'out' / 'a.png'} cannot be written (no space left on device): it needs " in told.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_gallery_that_finds_no_room_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lookalike as la
    from lookalike.data import load

    faces = load("synthetic:60", size=16)
    model = la.PCAAutoencoder(4).fit(faces)
    with la.Gallery.open(tmp_path / "gallery", model=model) as gallery:
        gallery.update(faces[:20])
        before = gallery.search(faces[0], k=5)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(NoSpaceError, match=r"\.bin cannot be written .* it needs [1-9]"):
                gallery.update(faces)
    with la.Gallery.open(tmp_path / "gallery", model=model) as gallery:
        assert len(gallery) == 20
        assert list(gallery.search(faces[0], k=5).names) == list(before.names)
        gallery.update(faces)
        assert len(gallery) == 60
