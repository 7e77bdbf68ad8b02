"""A file is there whole, or as it was."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from lookalike import files


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
