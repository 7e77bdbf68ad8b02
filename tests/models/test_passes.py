"""PCA by passes and in parts against scikit-learn's exact one, and the bounds that they state of themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA

import lookalike as la
from lookalike.errors import OptionError
from lookalike.experiment import train_run
from lookalike.models import passes, principal, subspace
from lookalike.models.sketch import Sketch, of_sketch
from lookalike.pixels import centre
from pictures import waves

SIDE = 12


def fields(count: int, seed: int = 0) -> np.ndarray:
    """Blurred noise with noise on it, whose variances fall as those of photographs: uint8 (count, 12, 12, 3)."""
    generator = np.random.default_rng(seed)
    coarse, fine = (
        gaussian_filter(generator.normal(0, 1, (count, SIDE, SIDE, 3)), (0, blur, blur, blur / 3), mode="wrap")
        for blur in (3, 0.7)
    )
    made = 128 + 300 * coarse + 40 * fine + generator.normal(0, 3, coarse.shape)
    return np.rint(np.clip(made, 0, 255)).astype(np.uint8)


def rows(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1) / 255 - 0.5


def exactly(pictures: np.ndarray, code: int) -> tuple[PCA, float]:
    """scikit-learn's PCA, and the mean squared error that it leaves."""
    exact = PCA(code, svd_solver="full").fit(rows(pictures))
    back = exact.inverse_transform(exact.transform(rows(pictures)))
    return exact, float(np.square(rows(pictures) - back).mean())


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return fields(2000)


@pytest.mark.parametrize("code", [1, 8, 40])
def test_passes_come_within_what_they_promise(many: np.ndarray, code: int) -> None:
    exact, least = exactly(many, code)
    ours = la.PCAAutoencoder(code, solver="randomised").fit(many)
    told = ours.data_["approximation"]
    assert -1e-4 < -ours.score(many) / least - 1 <= told["excess"] + 1e-5 <= passes.TOLERANCE + 1e-5
    assert 2 < told["passes"] < passes.MOST_PASSES
    np.testing.assert_allclose(ours.mean_, exact.mean_, atol=1e-6)
    np.testing.assert_allclose(ours.explained_variance_ratio_, exact.explained_variance_ratio_, rtol=2e-3)
    np.testing.assert_allclose(ours.components_ @ ours.components_.T, np.eye(code), atol=1e-5)
    largest = ours.components_[np.arange(code), np.abs(ours.components_).argmax(axis=1)]
    assert (largest > 0).all()
    # The angles of the leading components, which others are apart from
    sure = max(1, code // 2)
    overlap = ours.components_.astype(np.float64) @ exact.components_[:sure].T
    assert np.degrees(np.arccos(np.clip(np.linalg.svd(overlap, compute_uv=False).min(), 0, 1))) < 1.0


def test_the_bound_is_of_the_rest_and_holds_for_every_pass(many: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    _, least = exactly(many, 8)
    bounds = []
    for most in (1, 3, 4):
        monkeypatch.setattr(passes, "MOST_PASSES", most)
        found = passes.by_passes(many, 8)
        bounds.append(found.approximation)
        left = (found.total_variance - found.variances.sum()) * (len(many) - 1) / len(many) / many[0].size
        assert 0 <= left / least - 1 + 1e-5 <= found.approximation.excess + 2e-5
    assert bounds[0].excess > bounds[1].excess > bounds[2].excess


def test_the_same_seed_gives_the_same_bits_and_others_the_same_space(many: np.ndarray) -> None:
    one, again, other = (passes.by_passes(many, 6, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.components, again.components)
    assert one.approximation == again.approximation
    assert not np.array_equal(one.components, other.components)
    np.testing.assert_allclose(one.variances, other.variances, rtol=2e-3)


def test_floats_and_chunks_change_nothing(many: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = passes.by_passes(many, 4)
    monkeypatch.setattr(passes, "CHUNK_BYTES", 37 * 4 * many[0].size)
    floats = (many.astype(np.float32) / 255 - 0.5).astype(np.float32)
    np.testing.assert_allclose(passes.by_passes(floats, 4).components, whole.components, atol=1e-3)


@pytest.mark.parametrize(
    ("pictures", "code"),
    [
        (np.full((30, 4, 4, 3), 7, np.uint8), 3),  # all alike
        (np.repeat(waves(3, 4, 4), 20, axis=0), 6),  # fewer directions than components
        (waves(9, 2, 2, 1), 4),  # all values of a picture
        (waves(2, 4, 4), 2),
    ],
    ids=["alike", "few directions", "whole", "two"],
)
def test_what_leaves_nothing_comes_back(pictures: np.ndarray, code: int) -> None:
    model = la.PCAAutoencoder(code, solver="randomised").fit(pictures)
    np.testing.assert_allclose(model.reconstruct(pictures), rows(pictures).reshape(pictures.shape), atol=1e-4)
    assert model.data_["approximation"]["excess"] <= passes.TOLERANCE


def test_many_components_that_weigh_alike_take_more_passes() -> None:
    pictures = waves(1000, SIDE, SIDE)
    _, least = exactly(pictures, 8)
    ours = la.PCAAutoencoder(8, solver="randomised").fit(pictures)
    assert -ours.score(pictures) / least - 1 <= ours.data_["approximation"]["excess"] <= passes.TOLERANCE


def test_noise_alone_is_told_to_be_far(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(passes, "MOST_PASSES", 3)
    noise = np.random.default_rng(0).integers(0, 256, (600, 8, 8, 3), dtype=np.uint8)
    assert passes.by_passes(noise, 20).approximation.excess > passes.TOLERANCE
    assert "after 3 passes the components' squared error is at most" in caplog.text


def test_auto_is_exact_where_that_has_room(many: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = la.PCAAutoencoder(4).fit(many)
    assert "approximation" not in exact.data_
    for module in (subspace, principal):
        monkeypatch.setattr(module, "COVARIANCE_UP_TO", 300)
    near = la.PCAAutoencoder(4).fit(many)
    assert near.data_["approximation"]["passes"] > 1
    assert near.score(many) == pytest.approx(exact.score(many), rel=passes.TOLERANCE)
    with pytest.raises(OptionError, match="2,000 pictures of 432 values; an exact PCA needs one of them to be at most"):
        la.PCAAutoencoder(4, solver="covariance").fit(many)


def test_an_exact_solver_takes_no_more_memory_than_it_may(many: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    few = many[:300]  # fewer than their values: their floats beside two matrices of 300 x 300
    exact = la.PCAAutoencoder(4).fit(few)
    monkeypatch.setattr(principal, "EXACT_BYTES", 16 * 300**2 + 4 * 300 * 432)
    assert la.PCAAutoencoder(4).fit(few).score(few) == exact.score(few)
    monkeypatch.setattr(principal, "EXACT_BYTES", 16 * 300**2 + 4 * 300 * 432 - 1)
    assert la.PCAAutoencoder(4).fit(few).data_["approximation"]["passes"] > 1
    assert "approximation" not in la.PCAAutoencoder(4).fit(few[:299]).data_
    with pytest.raises(OptionError, match=r"300 pictures of 432 values; an exact PCA needs .* GB for them"):
        la.PCAAutoencoder(4, solver="covariance").fit(few)


@pytest.mark.parametrize("solver", ["covariance", "svd", "randomised"])
def test_pictures_that_are_given_stay_as_they_are(many: np.ndarray, solver: str) -> None:
    given = centre(many[:300])
    before = given.copy()
    la.PCAAutoencoder(4, solver=solver).fit(given)
    np.testing.assert_array_equal(given, before)


def test_runs_and_cards_say_how_near(many: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principal, "COVARIANCE_UP_TO", 300)
    model = la.PCAAutoencoder(4)
    train_run(model, la.ImageSet(many[:400]), tmp_path / "pca")
    known = model.data_["approximation"]
    assert la.load_model(tmp_path / "pca").data_["approximation"] == known
    card = (tmp_path / "pca" / "card.md").read_text()
    assert f"by {known['passes']} passes over the pictures; MSE of these at most" in card
    assert "360 pictures of 432 values are too many for one" in card


def test_residual_says_how_near_it_begins(many: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(principal, "COVARIANCE_UP_TO", 300)
    model = la.ResidualAutoencoder(4, width=2).fit(many[:400], run=tmp_path / "run", epochs=1, progress=False)
    known = la.load_model(tmp_path / "run").data_["approximation"]
    assert known == model.data_["approximation"]
    assert known == la.PCAAutoencoder(4).fit(many[:400]).data_["approximation"]


@pytest.mark.parametrize("sizes", [(2000,), (1, 60, 1939), (100,) * 20])
def test_parts_come_within_what_they_promise(
    many: np.ndarray, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.models.pca.COVARIANCE_UP_TO", 300)
    exact, least = exactly(many, 8)
    model, start = la.PCAAutoencoder(8), 0
    for size in sizes:
        model.partial_fit(many[start : start + size])
        start += size
    above = -model.score(many) / least - 1
    told = model.data_["approximation"]
    assert -1e-4 < above < 0.01
    assert above <= told["excess"] < 0.5
    assert told["passes"] == 1
    assert model.data_["images"] == 2000
    np.testing.assert_allclose(model.mean_, exact.mean_, atol=1e-6)
    total = model.explained_variance_[0] / model.explained_variance_ratio_[0]
    assert total == pytest.approx(rows(many).var(axis=0, ddof=1).sum(), rel=1e-5)


def test_more_parts_after_a_result(many: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.models.pca.COVARIANCE_UP_TO", 300)
    model = la.PCAAutoencoder(4).partial_fit(many[:30])
    early = model.score(many)
    model.partial_fit(many[30:])
    assert model.score(many) > early
    model.set_params(code_size=5).partial_fit(many[:1])
    with pytest.raises(OptionError, match="code size is 5 after parts that were added for 4"):
        model.encode(many)


def test_few_parts_lose_nothing() -> None:
    pictures = fields(40)
    sketch = Sketch(SIDE * SIDE * 3, 10)
    sketch.add(pictures)
    found, (exact, _) = of_sketch(sketch, 10), exactly(pictures, 10)
    np.testing.assert_allclose(found.variances, exact.explained_variance_, rtol=1e-4)
    assert found.approximation.excess == 0
