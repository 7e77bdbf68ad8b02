"""Indexes that are read where they lie, and built some codes at a time: as those in memory, to the last bit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lookalike import archives
from lookalike.errors import SearchError
from lookalike.search import INDEXES, Index, base, choose, index_class, load_index, make_metric, recall
from lookalike.search.exact import ExactIndex, Scan

COUNT, SIZE = 900, 12


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(30, SIZE))[generator.integers(0, 30, COUNT)]
    drawn: np.ndarray = (3 * centres + generator.normal(size=(COUNT, SIZE))).astype(np.float32)
    return drawn


def answers(index: Index, queries: np.ndarray) -> list[bytes]:
    return [array.tobytes() for array in index.query(queries, 7)]


@pytest.mark.parametrize("kind", INDEXES)
def test_a_mapped_index_answers_and_changes_as_one_in_memory(
    kind: str, codes: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAPPED_FROM", 1)
    index = index_class(kind)("whitened").fit(codes[:800])
    index.remove(np.arange(5))  # so that a graph has something beside it
    index.save(tmp_path / "one")
    mapped = load_index(tmp_path / "one")
    assert answers(mapped, codes[::9]) == answers(index, codes[::9])
    for changed in (index, mapped):
        changed.add(codes[800:], np.arange(800, COUNT))
        assert changed.remove(np.arange(100, 300)) == 200
    assert answers(mapped, codes[::9]) == answers(index, codes[::9])
    mapped.save(tmp_path / "one")  # over the file that it was read from
    assert answers(load_index(tmp_path / "one"), codes[::9]) == answers(index, codes[::9])


@pytest.mark.parametrize("kind", INDEXES)
def test_blocks_make_a_sound_index(kind: str, codes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = index_class(kind)().fit(codes)
    monkeypatch.setattr(base, "BLOCK", 128)
    index = index_class(kind)().fit(codes, np.arange(COUNT) + 10)
    assert len(index) == COUNT
    own = index.query(codes, 1)
    np.testing.assert_array_equal(own.ids[:, 0], np.arange(COUNT) + 10)
    np.testing.assert_array_equal(own.distances, 0)
    if kind == "exact":
        np.testing.assert_array_equal(index.query(codes, 9).ids - 10, whole.query(codes, 9).ids)


def test_a_scan_finds_the_true_neighbours(codes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = make_metric("whitened-cosine").fit(codes)
    ids = np.random.default_rng(1).permutation(COUNT)
    true = ExactIndex(metric.name).hold(metric, codes, ids).query(codes[:50] + 0.1, 10)
    monkeypatch.setattr(base, "BLOCK", 128)
    found = Scan(metric, codes, ids).query(codes[:50] + 0.1, 10)
    np.testing.assert_array_equal(found.ids, true.ids)
    np.testing.assert_array_equal(found.distances, true.distances)


def test_a_large_set_gets_inverted_lists(codes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "SMALL", 10)
    monkeypatch.setattr(recall, "LARGE", codes.size - 1)
    index, report = choose(codes, recall=0.9, k=5)
    assert (index.kind, {trial.kind for trial in report.trials}, report.kept) == ("ivf", {"ivf"}, True)
    assert recall.measure(index, codes, np.arange(COUNT), codes + 0.2, 5) >= 0.9


def test_a_large_file_is_trusted_while_it_is_as_it_was_written(
    codes: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "READ_THROUGH", 0)
    read: list[Path] = []
    taken = archives.files.sha256_of_file
    ExactIndex().fit(codes).save(tmp_path)
    monkeypatch.setattr(archives.files, "sha256_of_file", lambda path: read.append(path) or taken(path))
    load_index(tmp_path)
    assert not read
    (file,) = tmp_path.glob("*.npz")
    os.utime(file)
    load_index(tmp_path)
    assert read == [file]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(SearchError, match="is damaged: its digest differs"):
        load_index(tmp_path)


def test_what_is_mapped_lies_straight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies before it; else NumPy copies all of it for a single look."""
    monkeypatch.setattr(archives, "MAPPED_FROM", 1)
    arrays: dict[str, np.ndarray] = {}
    for count, name in enumerate(["ids", "a name of another length", "content", "näme", "x" * 200], 1):
        arrays[name] = np.arange(count, dtype=np.int64)
        arrays[f"{name} as bytes"] = np.full(7 * count, count, np.uint8)
    with (tmp_path / "arrays.npz").open("wb") as file:
        archives.write_arrays(file, arrays)
    with np.load(tmp_path / "arrays.npz") as theirs:
        assert list(theirs) == list(arrays)
        for name, mapped in archives.read_arrays(tmp_path / "arrays.npz").items():
            np.testing.assert_array_equal(mapped, arrays[name])
            np.testing.assert_array_equal(theirs[name], arrays[name])
            assert mapped.flags.aligned
            assert mapped.ctypes.data % 64 == 0
