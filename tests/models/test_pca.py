"""PCA against scikit-learn's, LAPACK's and the published figures of LFW."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

import lookalike as la
from lookalike.data import ImageSet
from lookalike.errors import OptionError
from lookalike.models import pca, subspace
from lookalike.models.pca import exact_pca_beside, keep_beside
from pictures import waves

LFW_TEST_MSE = {8: 0.01022, 32: 0.00527, 512: 0.00045}
"""Measured with another program on all of LFW (deep-funneled, crop 80, 32 x 32, split 0.1 / 42)."""


def rows(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1) / 255 - 0.5


CASES = {
    "covariance": (waves(400, 8, 8), "covariance"),
    "gram": (waves(60, 16, 16), "covariance"),
    "svd, many pictures": (waves(400, 8, 8), "svd"),
    "svd, few pictures": (waves(60, 16, 16), "svd"),
    "auto": (waves(400, 8, 8), "auto"),
    "grey": (waves(100, 9, 5, 1), "covariance"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("code_size", [1, 2, 12])
def test_equals_scikit_learn(case: str, code_size: int) -> None:
    pictures, solver = CASES[case]
    ours = la.PCAAutoencoder(code_size, solver=solver).fit(pictures)
    theirs = PCA(code_size, svd_solver="full").fit(rows(pictures))
    np.testing.assert_allclose(ours.mean_, theirs.mean_, atol=1e-6)
    np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-4)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=2e-3)
    back = theirs.inverse_transform(theirs.transform(rows(pictures)))
    np.testing.assert_allclose(ours.reconstruct(pictures), back.reshape(pictures.shape), atol=1e-4)


@pytest.mark.parametrize("code_size", [1, 5])
def test_lanczos_finds_what_lapack_finds(code_size: int) -> None:
    pictures = waves(400, 10, 10)  # 300 values a picture: codes up to 9 go through Lanczos
    assert code_size <= subspace.LANCZOS_UP_TO * 300
    ours = la.PCAAutoencoder(code_size, solver="covariance").fit(pictures)
    values, vectors = np.linalg.eigh(np.cov(rows(pictures).T))
    np.testing.assert_allclose(ours.explained_variance_, values[::-1][:code_size], rtol=1e-5)
    overlap = ours.components_.astype(np.float64) @ vectors[:, ::-1][:, :code_size]
    np.testing.assert_allclose(np.linalg.svd(overlap, compute_uv=False), 1, atol=1e-6)


@pytest.mark.parametrize("solver", ["covariance", "svd"])
def test_signs_are_fixed(solver: str) -> None:
    components = la.PCAAutoencoder(6, solver=solver).fit(waves(100, 8, 8)).components_
    largest = components[np.arange(6), np.abs(components).argmax(axis=1)]
    assert (largest > 0).all()


@pytest.mark.parametrize("sizes", [(400,), (1, 399), (130, 7, 263)])
def test_chunks_give_what_the_whole_gives(sizes: tuple[int, ...]) -> None:
    pictures = waves(400, 8, 8)
    whole = la.PCAAutoencoder(6, solver="covariance").fit(pictures)
    chunked, start = la.PCAAutoencoder(6), 0
    for size in sizes:
        chunked.partial_fit(pictures[start : start + size])
        start += size
    np.testing.assert_allclose(chunked.components_ if chunked.score(pictures) else 0, whole.components_, atol=1e-4)
    assert chunked.score(pictures) == pytest.approx(whole.score(pictures), abs=1e-7)
    assert chunked.data_["images"] == 400


def test_more_chunks_after_a_result() -> None:
    pictures = waves(300, 8, 8)
    model = la.PCAAutoencoder(4).partial_fit(pictures[:100])
    early = model.score(pictures)
    model.partial_fit(pictures[100:])
    assert model.score(pictures) > early
    assert model.score(pictures) == pytest.approx(la.PCAAutoencoder(4).fit(pictures).score(pictures), abs=1e-7)


def test_exact_is_optimal_and_the_gradient_comes_near() -> None:
    pictures = waves(512, 8, 8)
    exact = -la.PCAAutoencoder(4).fit(pictures).score(pictures)
    descent = la.PCAAutoencoder(4, solver="gradient").fit(pictures, epochs=150, progress=False)
    found = -descent.score(pictures)
    assert exact <= found < 1.05 * exact
    assert len(descent.history_) == 150


def test_gradient_takes_fifteen_epochs_unless_told() -> None:
    assert len(la.PCAAutoencoder(2, solver="gradient").fit(waves(40, 8, 8), progress=False).history_) == 15


@pytest.mark.parametrize(
    ("model", "pictures", "message"),
    [
        (la.PCAAutoencoder(0), waves(9), "code size is 0; these pictures allow 1 to 9"),
        (la.PCAAutoencoder(10), waves(9), "code size is 10; these pictures allow 1 to 9"),
        (la.PCAAutoencoder(2, solver="magic"), waves(9), "'magic' is unknown; give one of auto"),
        (la.PCAAutoencoder(13), waves(20, 2, 2), "allow 1 to 12"),
    ],
)
def test_bad_options_are_named(model: la.PCAAutoencoder, pictures: np.ndarray, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        model.fit(pictures)


def test_misplaced_calls_are_named() -> None:
    with pytest.raises(OptionError, match="epochs: only solver='gradient' trains in epochs"):
        la.PCAAutoencoder(2).fit(waves(9), epochs=3)
    with pytest.raises(OptionError, match="partial_fit is for exact solvers"):
        la.PCAAutoencoder(2, solver="gradient").partial_fit(waves(9))
    with pytest.raises(OptionError, match="a chunk of shape"):
        la.PCAAutoencoder(2).partial_fit(waves(9)).partial_fit(waves(9, 8, 8))
    few = la.PCAAutoencoder(5).partial_fit(waves(3))
    with pytest.raises(OptionError, match="code size is 5; these pictures allow 1 to 3"):
        few.encode(waves(3))


@pytest.mark.lfw
@pytest.mark.slow
def test_published_figures_of_lfw(lfw_archive: Path) -> None:
    train, test = la.load(lfw_archive, size=32).split(test_size=0.1, random_state=42)
    assert (len(train), len(test)) == (11_909, 1_324)
    models = {code_size: la.PCAAutoencoder(code_size).fit(train) for code_size in LFW_TEST_MSE}
    for code_size, model in models.items():
        assert f"{-model.score(test):.5f}" == f"{LFW_TEST_MSE[code_size]:.5f}", code_size
    whole = models[32]
    chunked = la.PCAAutoencoder(32)
    for start in range(0, len(train), 1000):
        chunked.partial_fit(train[start : start + 1000])
    assert chunked.score(test) == pytest.approx(whole.score(test), abs=1e-6)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The code sizes that exact PCA is fitted with from now on, in their order."""
    counted: list[int] = []

    def counting(pictures: np.ndarray, code_size: int, *rest: object) -> subspace.Subspace:
        counted.append(code_size)
        return principal_subspace(pictures, code_size, *rest)  # type: ignore[arg-type]

    principal_subspace = pca.principal_subspace
    monkeypatch.setattr(pca, "principal_subspace", counting)
    monkeypatch.setattr(pca, "_kept_beside", {})
    return counted


def beside(pictures: np.ndarray, code_size: int = 3) -> la.PCAAutoencoder:
    model = la.ConvAutoencoder(code_size, channels=(2,)).initialise(pictures.shape[1:])
    found, _ = exact_pca_beside(model, ImageSet(pictures))
    assert found is not None
    return found


def test_models_of_the_same_pictures_are_judged_by_one_exact_pca(fits: list[int]) -> None:
    pictures = waves(40, 8, 8)
    found = beside(pictures)
    np.testing.assert_array_equal(beside(pictures.copy()).components_, found.components_)
    assert fits == [3]
    others = pictures.copy()
    others[7, 3, 3, 0] ^= 128
    assert not np.array_equal(beside(others).components_, found.components_)
    np.testing.assert_array_equal(beside(others).components_, la.PCAAutoencoder(3).fit(others).components_)
    assert beside(pictures, 4).code_size == 4
    assert beside(pictures).code_size == 3
    assert fits == [3, 3, 3, 4, 3]  # of what is asked for, and the test's own


def test_what_stands_beside_is_a_run_of_exact_pca_if_there_was_one(fits: list[int]) -> None:
    pictures, others = waves(40, 8, 8), waves(41, 8, 8)
    own = la.PCAAutoencoder(3).fit(pictures)
    keep_beside(own)
    components = own.components_.copy()
    own.fit(others).set_params(code_size=2)
    np.testing.assert_array_equal(beside(pictures).components_, components)
    assert fits == [3, 3]
    for rough in (la.PCAAutoencoder(3, solver="randomised").fit(others), la.DenseAutoencoder(3)):
        keep_beside(rough)
    assert beside(others).solver == "auto"
    assert fits == [3, 3, 3, 3]
