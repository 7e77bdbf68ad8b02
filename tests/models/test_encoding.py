"""Codes for an index: quick, and with the neighbours of the exact ones."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.models import encoding
from lookalike.models.encoding import Encoders, search_codes


@pytest.fixture(scope="module")
def faces() -> la.ImageSet:
    return la.load("synthetic:1200")


def neighbours(codes: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=11).fit(codes[200:]).kneighbors(codes[:200], 10, return_distance=False)


def test_bfloat16_leaves_the_neighbours_as_they_are(faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    model = la.ConvAutoencoder(32).fit(faces, recipe="fast", epochs=1, progress=False)
    exact = model.encode(faces)
    monkeypatch.setattr(encoding, "has_bfloat16", lambda _: True)
    quick = search_codes(model, faces)
    assert quick.dtype == np.float32
    assert quick.shape == exact.shape
    assert not np.array_equal(quick, exact)
    kept = [np.isin(a, b).mean() for a, b in zip(neighbours(quick), neighbours(exact), strict=True)]
    assert np.mean(kept) > 0.97
    np.testing.assert_array_equal(model.encode(faces), exact)  # nothing of it stays


def test_elsewhere_they_are_the_exact_ones(faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "has_bfloat16", lambda _: False)
    model = la.ConvAutoencoder(8).initialise(faces.image_shape)
    np.testing.assert_array_equal(search_codes(model, faces), model.encode(faces))


def test_closed_forms_stay_exact(faces: la.ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "has_bfloat16", lambda _: True)
    model = la.PCAAutoencoder(8).fit(faces)
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
