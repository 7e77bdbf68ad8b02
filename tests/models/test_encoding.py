"""Codes for an index: quick, and with the neighbours of the exact ones."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike import kernels
from lookalike.kernels import Way, trial
from lookalike.kernels.trial import Trial
from lookalike.models import encoding
from lookalike.models.encoding import Encoders, search_codes

needs_kernels = pytest.mark.skipif(not kernels.available(), reason="no C compiler is here")


@pytest.fixture(scope="module")
def faces() -> la.ImageSet:
    return la.load("synthetic:1200")


def neighbours(codes: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=11).fit(codes[200:]).kneighbors(codes[:200], 10, return_distance=False)


def kept(quick: np.ndarray, exact: np.ndarray) -> float:
    """Share of the ten nearest that stay the same."""
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(neighbours(quick), neighbours(exact), strict=True)]))


@pytest.fixture(scope="module")
def learned(faces: la.ImageSet) -> la.ConvAutoencoder:
    return la.ConvAutoencoder(32).fit(faces, recipe="fast", epochs=1, progress=False)


@pytest.mark.parametrize(
    ("way", "least"),
    [pytest.param(Way("float32", True), 0.99, marks=needs_kernels), (Way("bfloat16", True), 0.97)],
    ids=str,
)
def test_no_arithmetic_changes_the_neighbours(
    learned: la.ConvAutoencoder, faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch, way: Way, least: float
) -> None:
    exact = learned.encode(faces)
    monkeypatch.setattr(encoding, "way_of", lambda *_: way)
    quick = search_codes(learned, faces)
    assert quick.dtype == np.float32
    assert quick.shape == exact.shape
    assert not np.array_equal(quick, exact)
    assert kept(quick, exact) > least
    np.testing.assert_array_equal(learned.encode(faces), exact)  # nothing of it stays


@needs_kernels
def test_codes_by_the_kernels_differ_by_rounding_alone(
    learned: la.ConvAutoencoder, faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "way_of", lambda *_: Way("float32", True))
    exact = learned.encode(faces)
    np.testing.assert_allclose(search_codes(learned, faces), exact, atol=1e-5 * float(exact.std()))


@needs_kernels
def test_a_few_pictures_wait_for_nothing(
    learned: la.ConvAutoencoder, faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither for a trial nor for a compiler; what another trial has found is used."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    monkeypatch.setattr(encoding, "trial_of_encoding", None)
    assert encoding.way_of(learned, "cpu", 10 * 32 * 32) == Way("float32", False)
    assert encoding.way_of(learned, "cpu", encoding.WORTH_COMPILING) == Way("float32", True)
    np.testing.assert_array_equal(search_codes(learned, faces[:10]), learned.encode(faces[:10]))
    assert list(tmp_path.iterdir()) == []
    found = Trial(Way("bfloat16", True), {Way("bfloat16", True): 1.0})
    monkeypatch.setattr(encoding, "known", lambda name: found if name["network"]["kind"] == "conv" else None)
    assert encoding.way_of(learned, "cpu", 1) == found.way


def test_many_pictures_are_worth_a_trial_which_is_kept(
    learned: la.ConvAutoencoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    monkeypatch.setattr(trial, "ways", lambda: [Way("float32", False)])
    monkeypatch.setattr(trial, "ROUNDS", 1)
    threads = torch.get_num_threads()
    assert encoding.way_of(learned, "cpu", encoding.WORTH_A_TRIAL) == Way("float32", False)
    assert torch.get_num_threads() == threads
    assert len(list((tmp_path / "machine").iterdir())) == 1
    assert encoding.way_of(learned, "cpu", 1) == Way("float32", False)


def test_closed_forms_stay_exact(faces: la.ImageSet) -> None:
    model = la.PCAAutoencoder(8).fit(faces)
    assert encoding.way_of(model, "cpu", 10**12) == Way("float32", False)
    np.testing.assert_array_equal(search_codes(model, faces), model.encode(faces))


@pytest.mark.parametrize("cores", [1, 3])
def test_threads_give_the_same_codes_whoever_is_done_first(
    faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(encoding, "available_cores", lambda: cores)
    model = la.ConvAutoencoder(8).initialise(faces.image_shape)
    expected = np.concatenate([search_codes(model, faces.pixels[start : start + 250]) for start in (0, 250, 500)])
    delays, threads, seen = random.Random(cores), torch.get_num_threads(), set()

    def slowly(given: la.Autoencoder, pictures: np.ndarray) -> np.ndarray:
        time.sleep(delays.uniform(0, 0.02))
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        return search_codes(given, pictures)

    monkeypatch.setattr(encoding, "search_codes", slowly)
    with Encoders(model) as encoders:
        whole, part = encoders.submit(faces.pixels[:500]), encoders.submit(faces.pixels[500:750])
        np.testing.assert_array_equal(part(), expected[500:])
        np.testing.assert_array_equal(whole(), expected[:500])
        np.testing.assert_array_equal(whole(), expected[:500])
    assert {number for _, number in seen} == {1}
    assert all(name.startswith("encoder") for name, _ in seen)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("threads", [1, 2])
def test_many_batches_are_each_encoded_by_one_thread(
    faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """With as many threads as are allowed, in the order of the pictures, and to the bits of one thread."""
    monkeypatch.setattr(encoding, "WORTH_THREADS", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    model = la.ConvAutoencoder(8).initialise(faces.image_shape)
    pictures, by, original = faces.pixels[:700], set(), model.encode

    def noted(piece: np.ndarray) -> np.ndarray:
        by.add(threading.current_thread().name.partition("_")[0])
        return original(piece)

    monkeypatch.setattr(model, "encode", noted)
    found = search_codes(model, pictures)
    assert by == ({"encoder"} if threads > 1 else {threading.current_thread().name})
    monkeypatch.setattr(encoding, "WORTH_THREADS", 1000)
    np.testing.assert_allclose(found, search_codes(model, pictures), atol=1e-5 * float(found.std()))
    assert len(found) == 700


def test_what_fails_in_a_thread_is_told(faces: la.ImageSet) -> None:
    model = la.ConvAutoencoder(8).initialise((16, 16, 3))
    with Encoders(model) as encoders:
        codes = encoders.submit(faces.pixels[:2])
        with pytest.raises(la.errors.OptionError, match="this model takes"):
            codes()


@pytest.mark.parametrize(("side", "expected"), [(32, 250), (64, 250), (128, 62), (256, 15)])
def test_large_pictures_go_through_in_small_batches(side: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    class Counting(la.PCAAutoencoder):
        def encode(self, X: np.ndarray) -> np.ndarray:
            sizes.append(len(X))
            return np.zeros((len(X), 8), np.float32)

    pictures = np.broadcast_to(np.zeros((), np.uint8), (300, side, side, 3))
    assert search_codes(Counting(8), pictures).shape == (300, 8)
    assert sum(sizes) == 300
    assert max(sizes) == sizes[0] == expected
