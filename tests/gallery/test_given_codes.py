"""Galleries of codes that came without pictures and a model: found by name and by code, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.errors import DataError, GalleryError, OptionError
from lookalike.gallery.given import read_codes
from lookalike.models.given_codes import GivenCodes
from lookalike.search import recall
from lookalike.serve.settings import StudioSettings
from lookalike.serve.state import Studio
from pictures import waves

COUNT, SIZE = 80, 12


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(COUNT, SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(store: str, codes: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its codes.npy, its names.txt, and a gallery of both."""
    folder = tmp_path_factory.mktemp("given")
    np.save(folder / "codes.npy", codes)
    (folder / "names.txt").write_text("".join(f"shelf/{i}.jpg\n" for i in range(COUNT)))
    with la.Gallery.open(folder / "gallery", GivenCodes(SIZE).initialise(), metric="euclidean") as gallery:
        done = gallery.update(read_codes(folder / "codes.npy", folder / "names.txt"))
        assert (done.images, done.added, done.recall_measured) == (COUNT, COUNT, 1.0)
    return folder


def test_neighbours_are_scikit_learns(folder: Path, codes: np.ndarray) -> None:
    distances, places = NearestNeighbors(n_neighbors=6).fit(codes).kneighbors(codes[7:8])
    with la.Gallery.open(folder / "gallery", create=False) as gallery:
        for query in ("shelf/7.jpg", codes[7]):
            found = gallery.search(query, 6)
            assert found.names == [f"shelf/{i}.jpg" for i in places[0]]
            np.testing.assert_allclose(found.distances, distances[0], atol=1e-3)
        assert gallery.search("shelf/7.jpg", 1, where="name = 'shelf/9.jpg'").names == ["shelf/9.jpg"]
        np.testing.assert_array_equal(gallery.code("shelf/9.jpg"), codes[9])


def clustered(count: int, seed: int) -> np.ndarray:
    """Codes (count, 16) of 300 groups, each of 6 dimensions and a little noise in all; the groups are the same ones."""
    shape, drawn = np.random.default_rng(0), np.random.default_rng(seed)
    middles, axes = 2 * shape.normal(size=(300, 16)), 0.6 * shape.normal(size=(300, 6, 16))
    groups = drawn.integers(0, 300, count)
    strayed = np.einsum("nd,ndk->nk", drawn.normal(size=(count, 6)), axes[groups])
    return (middles[groups] + strayed + 0.05 * drawn.normal(size=(count, 16))).astype(np.float32)


@pytest.mark.parametrize(("method", "large"), [("hnsw", recall.LARGE), ("ivf", 1000)], ids=["held out", "in place"])
def test_the_promise_holds_for_codes_that_it_has_never_seen(
    method: str, large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By fresh codes of the same kind: three standard errors of their mean below the promise at most."""
    monkeypatch.setattr(recall, "LARGE", large)
    stored, fresh = clustered(8000, 1), clustered(500, 2)
    np.save(tmp_path / "codes.npy", stored)
    with la.Gallery.open(tmp_path / "gallery", GivenCodes(16).initialise(), metric="euclidean") as gallery:
        gallery.update(read_codes(tmp_path / "codes.npy"), method=method, recall=0.9)
        found = [{int(name) for name in gallery.search(code, 10).names} for code in fresh]
    true = NearestNeighbors(n_neighbors=10).fit(stored).kneighbors(fresh, return_distance=False)
    shares = np.array([len(names & set(places)) / 10 for names, places in zip(found, true.tolist(), strict=True)])
    assert shares.mean() > 0.9 - 3 * shares.std() / np.sqrt(len(shares))


def test_what_needs_pictures_says_so(folder: Path) -> None:
    alone = "holds codes alone, without pictures and a model; search it by --item NAME"
    with la.Gallery.open(folder / "gallery", create=False) as gallery:
        for attempt in (lambda: gallery.picture("shelf/9.jpg"), lambda: gallery.search(b"\x89PNG")):
            with pytest.raises(GalleryError, match=alone):
                attempt()
        for measured in (gallery.threshold, gallery.duplicates):
            with pytest.raises(GalleryError, match=alone):
                measured()
        with pytest.raises(OptionError, match="came without a model and without pictures"):
            gallery.encode(waves(2))
        assert gallery.duplicates(0.0).groups == []
        with pytest.raises(GalleryError, match="pictures are given, and this gallery holds codes of 12 numbers alone"):
            gallery.update(la.ImageSet(waves(4)))
    with pytest.raises(GalleryError, match="holds codes alone, of which there is nothing to show"):
        Studio(StudioSettings(folder / "gallery"))


def test_an_update_touches_what_changed(codes: np.ndarray, tmp_path: Path) -> None:
    table = tmp_path / "codes.parquet"
    changed = np.concatenate([codes[5:], codes[:3] + 1])
    names = [f"{i}" for i in range(5, COUNT)] + ["7b", "8b", "9b"]
    parquet.write_table(pyarrow.table({"name": names, "code": changed.tolist()}), table)
    with la.Gallery.open(tmp_path / "gallery", GivenCodes(SIZE).initialise()) as gallery:
        np.save(tmp_path / "codes.npy", codes)
        (tmp_path / "names.txt").write_text("\n".join(f"{i}" for i in range(COUNT)))
        gallery.update(read_codes(tmp_path / "codes.npy", tmp_path / "names.txt"))
        done = gallery.update(read_codes(table))
        assert (done.images, done.added, done.updated, done.removed) == (COUNT - 2, 3, 0, 5)
        np.testing.assert_array_equal(gallery.code("8b"), codes[1] + 1)
        assert gallery.update().images == COUNT - 2
        np.save(tmp_path / "codes.npy", codes[:, :3])
        narrow = read_codes(tmp_path / "codes.npy")
        with pytest.raises(GalleryError, match="codes of 3 numbers are given, and this gallery holds codes of 12"):
            gallery.update(narrow)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (np.zeros(5), r"holds float64 \(5,\); give numbers of shape \(N, K\)"),
        (np.zeros((0, 4)), r"holds float64 \(0, 4\); give numbers"),
        (np.array([["a"]]), "give numbers of shape"),
        (np.array([[{}]]), "cannot be read as codes"),
        (np.zeros((3, 4)), "holds 3 codes, and there are 2 names; give one for each"),
    ],
    ids=str,
)
@pytest.mark.local_store("asks no gallery")
def test_other_files_are_refused(tmp_path: Path, held: Any, message: str) -> None:
    np.save(tmp_path / "codes.npy", held, allow_pickle=True)
    (tmp_path / "names.txt").write_text("a\nb\n")
    with pytest.raises(DataError, match=message):
        read_codes(tmp_path / "codes.npy", tmp_path / "names.txt")


def test_codes_that_are_not_finite_are_refused(tmp_path: Path, codes: np.ndarray) -> None:
    spoilt = codes.astype(np.float64)
    spoilt[3, 1] = 1e300
    np.save(tmp_path / "codes.npy", spoilt)
    with (
        la.Gallery.open(tmp_path / "gallery", GivenCodes(SIZE).initialise()) as gallery,
        pytest.raises(DataError, match="code 3 holds numbers that are not finite in float32"),
    ):
        gallery.update(read_codes(tmp_path / "codes.npy"))


def test_the_command(call: Any, folder: Path, tmp_path: Path) -> None:
    given = ["--codes", folder / "codes.npy", "--names", folder / "names.txt", "--gallery", tmp_path / "gallery"]
    assert call("index", *given, "--json").json["added"] == COUNT
    assert call("index", *given, "--json").json["added"] == 0
    (first, *_) = call("search", tmp_path / "gallery", "--item", "shelf/3.jpg", "--json").json["neighbours"]
    assert first == {"name": "shelf/3.jpg", "distance": 0.0}
    for command, refusal in (
        (["search", tmp_path / "gallery", "a red bicycle"], "holds codes alone"),
        (["duplicates", tmp_path / "gallery"], "holds codes alone"),
        (["search", tmp_path / "gallery", "--item", "shelf/3.jpg", "--matches", "0.1"], "holds codes alone"),
        (["index", "run", *given], "come without a run and pictures; leave run out"),
        (["index", "--gallery", tmp_path / "gallery"], "name a RUN whose model encodes the pictures, or give --codes"),
    ):
        outcome = call(*command)
        assert outcome.code == 2, outcome.err
        assert refusal in outcome.err, outcome.err
