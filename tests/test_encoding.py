"""Codes for an index: quick, and with the neighbours of the exact ones."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.models import encoding
from lookalike.models.encoding import search_codes


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
