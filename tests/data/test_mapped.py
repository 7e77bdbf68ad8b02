"""Large parts of memory-mapped sets stay on disk; what they show is the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from lookalike.data import ImageSet, mapped
from lookalike.training import launching
from pictures import waves


@pytest.fixture
def on_disk(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "pictures.npy", waves(120, 8, 8))
    return np.load(tmp_path / "pictures.npy", mmap_mode="r")


def test_parts_are_mapped_and_the_same(on_disk: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    small = ImageSet(on_disk).split()[0]
    assert mapped.map_under(small.pixels) is None
    monkeypatch.setattr(mapped, "LARGE", 5000)
    monkeypatch.setattr(mapped, "AT_ONCE", 3000)
    train, test = ImageSet(np.asarray(on_disk)).split()
    again, held_out = train.split()
    for part in (train, test, again, held_out):
        is_large = part.pixels.nbytes >= 5000
        assert (mapped.map_under(part.pixels) is not None) == is_large
    assert mapped.map_under(train.pixels) is not None
    assert mapped.map_under(test.pixels) is None
    np.testing.assert_array_equal(train.pixels, small.pixels)
    np.testing.assert_array_equal(again.pixels, small.split()[0].pixels)
    assert train.digest == small.digest
    chosen = np.arange(120) % 3 > 0
    np.testing.assert_array_equal(ImageSet(on_disk)[chosen].pixels, on_disk[chosen])

    files, view = list((tmp_path / "cache").iterdir()), again.pixels[3:5]
    assert len(files) == 2
    kept = view.copy()
    del train, again, part
    np.testing.assert_array_equal(view, kept)
    assert len(list((tmp_path / "cache").iterdir())) == 1  # that of which a view is left
    del view
    assert not any((tmp_path / "cache").iterdir())


def test_what_killed_processes_left_is_removed(
    on_disk: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mapped, "LARGE", 1)
    (tmp_path / "cache").mkdir()
    for name, age in (("old", 2 * mapped.STALE_AFTER), ("new", 60)):
        left = tmp_path / "cache" / f"{mapped.PREFIX}{name}"
        left.write_text("")
        os.utime(left, (time.time() - age,) * 2)
    part = ImageSet(on_disk)[[5, 3]]
    names = {path.name for path in (tmp_path / "cache").iterdir()}
    assert f"{mapped.PREFIX}new" in names
    assert f"{mapped.PREFIX}old" not in names
    np.testing.assert_array_equal(part.pixels, on_disk[[5, 3]])


def test_other_processes_can_map_the_same_file(
    on_disk: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mapped, "LARGE", 1)
    train = ImageSet(on_disk).split()[0]
    shown = launching._mapped(train.pixels, tmp_path / "copy")
    assert Path(shown.path).parent == tmp_path / "cache"
    np.testing.assert_array_equal(shown.opened(), train.pixels)


def test_pictures_in_memory_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LARGE", 1)
    assert mapped.map_under(ImageSet(waves(20, 8, 8)).split()[0].pixels) is None


def test_a_cache_that_cannot_be_written_is_told(
    on_disk: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mapped, "LARGE", 1)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file"))
    part = ImageSet(on_disk)[[5, 3]]
    np.testing.assert_array_equal(part.pixels, on_disk[[5, 3]])
    assert "memory takes them" in caplog.text
