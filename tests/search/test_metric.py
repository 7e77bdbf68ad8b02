"""Metrics against NumPy, SciPy and scikit-learn; the same bits for a code alone and in every batch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import OAS

import lookalike as la
from lookalike.errors import OptionError, SearchError
from lookalike.metrics import same_label_at_k
from lookalike.search import METRICS, Metric, make_metric
from lookalike.search.exact import ExactIndex
from lookalike.search.metric import Whitened, shrinkage


def codes_of(count: int = 400, width: int = 12, seed: int = 0) -> np.ndarray:
    """Correlated float32 codes away from the origin, whose axes differ by a factor of about 100."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(count, width)) * np.geomspace(10, 0.1, width)
    return (mixed @ np.linalg.qr(generator.normal(size=(width, width)))[0] + 5).astype(np.float32)


def reference_distances(name: str, codes: np.ndarray, others: np.ndarray) -> np.ndarray:
    wide = [codes.astype(np.float64), others.astype(np.float64)]
    if name.startswith("whitened"):
        learned = OAS().fit(wide[0])
        unbiased = (len(codes) - 1) / len(codes)  # scikit-learn divides scatter by the number of codes
        root = np.linalg.cholesky(learned.precision_ * unbiased)
        wide = [(rows - learned.location_) @ root for rows in wide]
    return cdist(*wide, "cosine" if name.endswith("cosine") else "euclidean")


@pytest.mark.parametrize("count", [2, 5, 12, 60, 400])
@pytest.mark.parametrize("name", METRICS)
def test_distances_are_those_of_scipy_on_scikit_learns_whitening(name: str, count: int) -> None:
    """Of fewer codes than they have numbers as well, where scikit-learn's shrinkage is all that keeps them apart."""
    codes, others = codes_of(count), codes_of(50, seed=1)
    metric = make_metric(name).fit(codes)
    rows, other_rows = metric.transform(codes), metric.transform(others)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    ours = metric.distances(cdist(rows.astype(np.float64), other_rows, "sqeuclidean"))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, reference_distances(name, codes, others), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [1, 3, 32, 71, 128])
@pytest.mark.parametrize("name", METRICS)
def test_a_code_comes_to_the_same_bits_alone_and_in_any_batch(name: str, width: int) -> None:
    codes = codes_of(1000, width)
    metric = make_metric(name).fit(codes)
    whole = metric.transform(codes)
    for batch in (1, 2, 7, 250, 999):
        parts = [metric.transform(codes[start : start + batch]) for start in range(0, 200, batch)]
        joined = np.concatenate(parts)
        np.testing.assert_array_equal(joined, whole[: len(joined)])
    np.testing.assert_array_equal(metric.transform(codes[::-1]), whole[::-1])
    np.testing.assert_array_equal(metric.transform(np.asfortranarray(codes)), whole)


@pytest.mark.parametrize("width", [3, 32, 71, 512])
def test_whitening_adds_up_without_rounding(width: int) -> None:
    """Else BLAS, which adds in another order for another number of codes, would move a code by its last bits."""
    codes = codes_of(600, width)
    metric = Whitened().fit(codes)
    whole = metric.turned(codes)
    for i in (0, 17, 599):
        np.testing.assert_array_equal(metric.turned(codes[i : i + 1])[0], whole[i])
        on_grid = np.rint((codes[i] - metric.mean) / metric.step) * metric.step
        exact = [math.fsum(on_grid * axis) for axis in metric.axes.T]
        np.testing.assert_array_equal(whole[i], exact)


def test_whitened_codes_have_no_mean_and_near_unit_variance_along_every_axis() -> None:
    """What the shrinkage, 4 in 5,000 here, takes from an axis is at most its share of the mean variance."""
    codes = codes_of(5000) @ np.diag(np.geomspace(1, 10, 12)).astype(np.float32)
    whitened = make_metric("whitened").fit(codes).transform(codes).astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(codes.astype(np.float64).T))
    weight = OAS().fit(codes.astype(np.float64)).shrinkage_
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-5)
    expected = variances / ((1 - weight) * variances + weight * variances.mean())
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(np.cov(whitened.T))), np.sort(expected), atol=1e-4)
    assert 0.1 < expected.min() < expected.max() < 1.01


@pytest.mark.parametrize("count", [2, 3, 12, 13, 100, 10_000])
def test_shrinkage_is_scikit_learns(count: int) -> None:
    codes = codes_of(count).astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(codes.T))
    assert shrinkage(np.maximum(variances, 0), count) == pytest.approx(OAS().fit(codes).shrinkage_, rel=1e-6)


def test_the_same_codes_again_and_again_teach_no_more() -> None:
    few = codes_of(8)
    once, often = (make_metric("whitened").fit(codes) for codes in (few, np.repeat(few, 500, axis=0)))
    apart = [cdist(*[metric.transform(few).astype(np.float64)] * 2) for metric in (once, often)]
    expected = apart[0] * np.sqrt(3999 / (500 * 7))  # the variance of a sample counts one less than its codes
    np.testing.assert_allclose(apart[1], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 60])
@pytest.mark.parametrize(("name", "plain"), [("whitened", "euclidean"), ("whitened-cosine", "cosine")])
def test_codes_that_are_all_alike_are_compared_as_they_are(name: str, plain: str, count: int) -> None:
    alike, others = np.repeat(codes_of(1), count, axis=0), codes_of(20, seed=2)
    metric = make_metric(name).fit(alike)
    apart = cdist(metric.transform(others).astype(np.float64), metric.transform(alike), "sqeuclidean")
    expected = cdist(others.astype(np.float64), alike, plain)
    np.testing.assert_allclose(metric.distances(apart), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [5, 20, 60, 128])
def test_what_hardly_moved_is_nearest_in_a_set_no_larger_than_a_code(count: int) -> None:
    """As plain distances have it; whitened without shrinkage, all of so few codes are equally far."""
    codes = codes_of(count, 128)
    spread = codes.std(axis=0)
    moved = codes + np.float32(0.1) * spread * np.random.default_rng(3).normal(size=codes.shape).astype(np.float32)
    for name in METRICS:
        found = ExactIndex(name).fit(codes).query(moved, 1).ids[:, 0]
        assert (found == np.arange(count)).mean() >= 0.95, name


def test_dead_directions_do_not_blow_up() -> None:
    codes = codes_of()
    codes[:, 3] = 7  # nothing is learned along it
    metric = make_metric("whitened").fit(codes)
    strayed = codes.copy()
    strayed[:, 3] += 0.01 * codes.std()
    moved = np.linalg.norm(metric.transform(strayed) - metric.transform(codes), axis=1)
    # The mean variance stands in for what is not known of an axis: a hundredth of the spread moves by little.
    assert 0.01 < moved.max() < 30
    assert np.isfinite(metric.transform(codes)).all()


def test_zeros_stay_zeros_and_are_half_way_from_everything() -> None:
    codes = codes_of(30)
    codes[0] = 0
    rows = make_metric("cosine").fit(codes).transform(codes)
    np.testing.assert_array_equal(rows[0], 0)
    np.testing.assert_allclose(np.linalg.norm(rows[1:], axis=1), 1, rtol=1e-6)
    found = ExactIndex("cosine").fit(codes).query(np.zeros(12), 3)
    np.testing.assert_allclose(found.distances[0], [0, 0.5, 0.5], atol=1e-6)


def test_length_does_not_matter_to_the_cosine_even_where_squares_overflow() -> None:
    codes = codes_of(30)
    metric = make_metric("cosine")
    np.testing.assert_allclose(metric.transform(codes * np.float32(1e30)), metric.transform(codes), atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("name", METRICS)
def test_few_codes_teach_little_and_break_nothing(name: str, count: int) -> None:
    codes = codes_of()
    metric = make_metric(name).fit(codes[:count])
    assert np.isfinite(metric.transform(codes)).all()
    assert metric.transform(codes[:0]).shape == (0, 12)


@pytest.mark.parametrize("name", METRICS)
def test_state_brings_a_metric_back_to_the_last_bit(name: str) -> None:
    metric = make_metric(name).fit(codes_of())
    again = Metric.from_state(name, metric.state())
    assert type(again) is type(metric)
    np.testing.assert_array_equal(again.transform(codes_of(seed=1)), metric.transform(codes_of(seed=1)))


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(
        OptionError, match=r"metric 'manhattan' is unknown; give one of euclidean, cosine, whitened, whit"
    ):
        make_metric("manhattan")
    with pytest.raises(SearchError, match="whitened has learned nothing yet; call fit"):
        make_metric("whitened").transform(codes_of())
    with pytest.raises(SearchError, match="kept as mean, axes, scale and step, not mean"):
        Metric.from_state("whitened", {"mean": np.zeros(3)})
    with pytest.raises(SearchError, match="learns nothing, but mean was kept"):
        Metric.from_state("cosine", {"mean": np.zeros(3)})


@pytest.mark.lfw
def test_whitening_finds_the_same_person_more_often(lfw_archive: Path) -> None:
    """The published figures for all of LFW by exact PCA codes of 32: 0.085 as they are, 0.172 whitened with cosine."""
    faces = la.load(lfw_archive, size=32, crop=80)
    codes = la.PCAAutoencoder(32).fit(faces).encode(faces)
    people, labels = np.unique(faces.people, return_inverse=True)
    photos = np.bincount(labels, minlength=len(people))
    queries = np.flatnonzero(photos[labels] > 1)
    top = {}
    for name in ("euclidean", "whitened-cosine"):
        ids = ExactIndex(name).fit(codes).query(codes[queries], 3).ids
        others = np.array([[i for i in row if i != query][:1] for row, query in zip(ids, queries, strict=True)])
        top[name] = same_label_at_k(others, queries, labels.astype(np.int64), 1)
    assert top["euclidean"] == pytest.approx(0.085, abs=0.01)
    assert top["whitened-cosine"] == pytest.approx(0.172, abs=0.015)
