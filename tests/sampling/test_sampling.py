"""Mixtures of codes, new pictures, and the test for copies: against scikit-learn, SciPy and closed forms."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

import lookalike as la
from lookalike.errors import OptionError, RunError
from lookalike.sampling import (
    Mixture,
    copying,
    fit_mixture,
    load_mixture,
    mixture_of_run,
    sample,
    sample_beside,
    save_mixture,
    write_samples,
)
from lookalike.sampling.copying import nearest, rank_z
from lookalike.sampling.fitting import FEWEST
from lookalike.sampling.mixture import checked_parts
from pictures import waves


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def bells(count: int, seed: int) -> np.ndarray:
    """Codes of three parts far apart, of different shapes."""
    generator = np.random.default_rng(seed)
    part = generator.choice(3, count, p=[0.5, 0.3, 0.2])
    middles = np.array([[0, 0, 0], [12, 0, 3], [0, 15, -4]])
    turns = np.array([np.diag([1, 2, 0.5]), [[1, 0.8, 0], [0, 0.6, 0], [0.5, 0, 1]], np.eye(3)])
    return middles[part] + np.einsum("nij,nj->ni", turns[part], generator.normal(size=(count, 3)))


# The mixture


def test_parts_are_found_by_codes_that_were_held_out() -> None:
    likelihoods = {parts: fit_mixture(bells(1200, 0), parts).likelihood for parts in (1, 2, 4, 8)}
    best = max(likelihoods, key=lambda parts: likelihoods[parts])
    assert best == 4  # of the numbers tried, the one beside the three that there are
    auto, mixture = fit_mixture(bells(1200, 0)), fit_mixture(bells(1200, 0), best)
    assert (auto.asked, auto.likelihood) == (None, mixture.likelihood)
    assert (mixture.asked, mixture.parts) == (4, 4)
    # Codes that nobody fitted are as likely as the held-out ones were, by scikit-learn's own reckoning of a mixture.
    judge = GaussianMixture(mixture.parts, covariance_type="full")
    judge.weights_, judge.means_ = mixture.counts / 1200, mixture.means
    parts = np.split(mixture.codes.astype(np.float64), np.cumsum(mixture.counts)[:-1])
    judge.covariances_ = np.stack([np.cov(part, rowvar=False) for part in parts])
    judge.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(judge.covariances_)).transpose(0, 2, 1)
    fresh = bells(4000, 1)
    assert mixture.likelihood == pytest.approx(judge.score(fresh), abs=5 * judge.score_samples(fresh).std() / 120**0.5)
    assert judge.score(fresh) > judge_of_one(bells(1200, 0)).score(fresh) + 0.5


def judge_of_one(codes: np.ndarray) -> GaussianMixture:
    return GaussianMixture(1).fit(codes)


def test_a_draw_is_one_of_all_pairs_and_each_is_as_likely(rng: np.random.Generator) -> None:
    members = rng.normal(size=(7, 3)).astype(np.float32)
    mixture = Mixture(members, np.array([7]), 2, "full", 0.0)
    pairs = np.array([members[list(pair)].mean(axis=0) for pair in combinations(range(7), 2)], np.float64)
    middle = members.mean(axis=0, dtype=np.float64)
    strayed = (pairs - middle) * (2 * 6 / 5) ** 0.5
    # Over all 21 of them the mean and the covariance are the codes' own: as drawing without putting back has it.
    np.testing.assert_allclose(strayed.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(strayed.T @ strayed / 21, np.cov(members, rowvar=False, ddof=0), rtol=1e-5, atol=1e-7)
    drawn = mixture.draw(21_000, seed=1)
    distances = np.linalg.norm(drawn[:, None] - (middle + strayed)[None], axis=2)
    assert distances.min(axis=1).max() < 1e-5
    assert stats.chisquare(np.bincount(distances.argmin(axis=1), minlength=21)).pvalue > 0.001


@pytest.mark.parametrize("together", [2, 3, 8])
def test_draws_have_the_parts_sizes_means_and_covariances(together: int, rng: np.random.Generator) -> None:
    first = rng.normal(size=(70, 2)) @ [[1, 0], [0.5, 2]]
    second = rng.exponential(size=(30, 2)) + np.array([100, 50])
    mixture = Mixture(np.concatenate([first, second]).astype(np.float32), np.array([70, 30]), together, "full", 0.0)
    codes = mixture.draw(20_000, seed=3).astype(np.float64)
    is_second = codes[:, 0] > 50
    assert stats.binomtest(int(is_second.sum()), len(codes), 0.3).pvalue > 0.001
    for is_own, part in ((~is_second, first), (is_second, second)):
        whitened = (codes[is_own] - part.mean(axis=0)) @ np.linalg.inv(
            np.linalg.cholesky(np.cov(part, rowvar=False, ddof=0))
        ).T
        near = 5 / len(whitened) ** 0.5
        np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=near)
        np.testing.assert_allclose(whitened.T @ whitened / len(whitened), np.eye(2), atol=5 * near)
    half = mixture.draw(20_000, truncation=0.5, seed=3)
    middle = mixture.means[is_second.astype(int)]
    np.testing.assert_allclose(half - middle, (codes - middle) / 2, atol=1e-4)
    np.testing.assert_allclose(mixture.draw(50, truncation=0, seed=3), middle[:50], rtol=1e-6)


def test_three_make_a_new_code_where_that_copies_nothing_and_more_where_it_would(rng: np.random.Generator) -> None:
    assert fit_mixture(sparse(rng), 1).together == 3
    few = rng.normal(size=(300, 40)).astype(np.float32)
    mixture = fit_mixture(few)
    assert mixture.together > 3
    fresh = rng.normal(size=(300, 40)).astype(np.float32)
    of_two, of_more = (copying(one.draw(300), few, fresh) for one in (replace(mixture, together=2), mixture))
    assert of_two.drawn_distance < 0.8 * of_two.test_distance
    # A bell with the mean and the covariance of these 300 comes to 0.985: of so few, no draw is as far as fresh codes.
    bell = rng.multivariate_normal(few.mean(axis=0), np.cov(few, rowvar=False), 300).astype(np.float32)
    assert of_more.drawn_distance == pytest.approx(copying(bell, few, fresh).drawn_distance, rel=0.02)


def test_parts_are_finer_where_as_many_still_copy_nothing(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(2000, 10))
    codes *= (1 + 0.02 * rng.normal(size=(2000, 1))) / np.linalg.norm(codes, axis=1, keepdims=True)  # near a sphere
    mixture, one = fit_mixture(codes), fit_mixture(codes, 1)
    assert mixture.likelihood == one.likelihood  # more bells would be no likelier
    assert (mixture.together, one.together) == (3, 3)
    assert mixture.parts > 1
    assert mixture.counts.min() >= FEWEST
    finer, coarser = (np.abs(np.linalg.norm(each.draw(8000), axis=1) - 1).mean() for each in (mixture, one))
    assert finer < coarser


def sparse(rng: np.random.Generator) -> np.ndarray:
    """2,000 codes of six numbers, many small and few large: Laplace's, of an excess kurtosis of 3."""
    return rng.laplace(size=(2000, 6))


def test_what_no_bell_has_is_in_draws_too(rng: np.random.Generator) -> None:
    drawn = fit_mixture(sparse(rng), 1).draw(20_000)
    # A sum of three independent numbers has a third of their excess kurtosis; a bell has none.
    assert stats.kurtosis(drawn, axis=0).mean() == pytest.approx(1, abs=0.4)


def test_parts_of_few_codes_join_others(rng: np.random.Generator) -> None:
    codes = np.concatenate([rng.normal(size=(200, 2)), rng.normal(size=(3, 2)) + 50])
    mixture = fit_mixture(codes, 2)
    assert (mixture.asked, mixture.parts) == (2, 1)
    assert mixture.counts.min() >= FEWEST
    assert len(mixture.codes) == 203
    small = fit_mixture(rng.normal(size=(10, 3)))
    assert (small.parts, len(small.codes)) == (1, 10)
    assert 3 <= small.together <= 5
    assert np.isfinite(small.draw(20)).all()


def test_of_very_many_codes_some_are_kept(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.sampling.fitting.MOST_KEPT", 100)
    codes = rng.normal(size=(400, 3)).astype(np.float32)
    mixture = fit_mixture(codes, 1)
    assert mixture.codes.shape == (100, 3)
    assert {row.tobytes() for row in mixture.codes} < {row.tobytes() for row in codes}


def test_a_draw_does_not_hang_on_how_many_there_are() -> None:
    mixture = fit_mixture(bells(300, 0), 2)
    many = mixture.draw(40, seed=5)
    np.testing.assert_array_equal(mixture.draw(7, seed=5), many[:7])
    assert (mixture.draw(7, seed=6) != many[:7]).all()
    assert (many.dtype, many.shape) == (np.float32, (40, 3))


def test_codes_longer_than_there_are_many_get_parts_along_the_axes(rng: np.random.Generator) -> None:
    mixture = fit_mixture(rng.normal(size=(40, 30)))
    assert (mixture.covariance, mixture.parts) == ("diag", 1)
    still = np.column_stack([rng.normal(size=60), np.full(60, 2.0)])  # a number that never changes
    drawn = fit_mixture(still).draw(100)
    np.testing.assert_allclose(drawn[:, 1], 2, atol=1e-4)
    assert drawn[:, 0].std() == pytest.approx(still[:, 0].std(), rel=0.3)


@pytest.mark.parametrize(
    ("codes", "parts", "message"),
    [
        (np.zeros((9, 3)), None, "the codes of 10 pictures or more; these are of 9"),
        (np.zeros(30), None, r"codes of shape \(30,\)"),
        (np.full((20, 2), np.nan), None, "20 codes hold values that are not finite"),
        (np.zeros((40, 2)), 4, "parts is 4; 36 codes .* allow 1 to 3"),
        (np.zeros((40, 2)), 0, "parts is 0"),
    ],
)
def test_what_no_mixture_fits_is_refused(codes: np.ndarray, parts: int | None, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fit_mixture(codes, parts)


def test_arguments_out_of_range_are_refused() -> None:
    mixture = fit_mixture(bells(100, 0), 1)
    for given, message in (
        ({"count": 0}, "count is 0; give 1 to 100,000"),
        ({"count": 1.5}, "count is 1.5; give a whole number"),
        ({"count": 3, "truncation": 1.1}, "truncation is 1.1; give 0"),
        ({"count": 3, "truncation": float("nan")}, "truncation is nan"),
    ):
        with pytest.raises(OptionError, match=message):
            mixture.draw(**given)
    assert (checked_parts("auto"), checked_parts("7")) == (None, 7)
    for wrong in ("0", "-1", "many", "1.5"):
        with pytest.raises(OptionError, match="parts is"):
            checked_parts(wrong)


# Copies


def test_the_rank_statistic_is_scipys(rng: np.random.Generator) -> None:
    first, second = rng.integers(0, 30, 80), rng.integers(3, 34, 50)
    expected = stats.mannwhitneyu(first, second, use_continuity=False, method="asymptotic", alternative="less")
    z = rank_z(first, second)
    assert stats.norm.cdf(z) == pytest.approx(expected.pvalue, rel=1e-9)
    assert rank_z(second, first) == pytest.approx(-z)
    assert rank_z(np.ones(4), np.ones(3)) == 0


def test_a_copying_sampler_is_caught_and_an_honest_one_is_not(rng: np.random.Generator) -> None:
    train, test = (rng.normal(size=(400, 8)).astype(np.float32) for _ in range(2))
    honest = copying(fit_mixture(train).draw(300), train, test)
    assert not honest.copies
    assert honest.drawn_distance == pytest.approx(honest.test_distance, rel=0.15)
    assert "no sign of copying" in honest.told()
    thrice = np.repeat(train, 3, axis=0) + 0.1 * rng.normal(size=(1200, 8)).astype(np.float32)
    parrot = Mixture(thrice, np.full(400, 3), 2, "full", 0.0)  # a part a code, which strays a little
    caught = copying(parrot.draw(300), train, test)
    assert caught.copies
    assert caught.z < -10
    assert caught.drawn_distance < caught.test_distance / 2
    assert "it copies the training" in caught.told()
    mixed = np.concatenate([parrot.draw(100), fit_mixture(train).draw(200)])  # a third of them copies
    assert copying(mixed, train, test).copies
    # Of six beside six the ranks cannot say it, wherever they lie: SciPy's least z is -2.88.
    least = stats.mannwhitneyu(range(6), range(6, 12), use_continuity=False, method="asymptotic", alternative="less")
    assert stats.norm.ppf(least.pvalue) > -3 > stats.norm.ppf(least.pvalue) * 7 / 6
    assert copying(parrot.draw(6), train, test[:6]).copies is None
    assert "too few to tell copies" in copying(parrot.draw(6), train, test[:6]).told()
    assert copying(parrot.draw(7), train, test[:7]).copies is True
    with pytest.raises(OptionError, match="each needs 1 or more"):
        copying(train, train, test[:0])


def test_nearest_is_that_of_a_loop(rng: np.random.Generator) -> None:
    codes, among = (rng.normal(size=(n, 5)).astype(np.float32) for n in (12, 70))
    distances = np.linalg.norm(codes[:, None] - among[None], axis=2)
    found = nearest(codes, among)
    np.testing.assert_array_equal(found.places, distances.argmin(axis=1))
    np.testing.assert_allclose(found.distances, distances.min(axis=1), rtol=1e-5)


# Pictures and files


@pytest.fixture(scope="module")
def learned() -> tuple[la.PCAAutoencoder, la.ImageSet, la.ImageSet]:
    train, test = la.ImageSet(waves(200, 16, 16)).split(0.2)
    return la.PCAAutoencoder(6).fit(train), train, test


def test_samples_are_decoded_draws_with_their_nearest(learned, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model, train, test = learned
    codes = model.encode(train)
    mixture = la.fit_mixture(codes)
    pictures = la.sample(model, mixture, 5, truncation=0.7, seed=2)
    assert (pictures.shape, pictures.dtype) == ((5, 16, 16, 3), np.float32)
    np.testing.assert_array_equal(pictures, model.decode(mixture.draw(5, truncation=0.7, seed=2)))
    found = sample_beside(model, mixture, codes, model.encode(test), 5, truncation=0.7, seed=2)
    np.testing.assert_array_equal(found.pictures, pictures)
    np.testing.assert_array_equal(found.nearest.places, nearest(found.codes, codes).places)
    assert found.copying == copying(mixture.draw(40, seed=2), codes, model.encode(test))
    long = la.ImageSet(train.pixels, [f"{i:04}{'n' * 247}.png" for i in range(len(train))])
    written = write_samples(found, long, tmp_path / "new")
    assert [path.name for path in written] == [*(f"sample-0{i}.png" for i in range(1, 6)), "sheet.png"]
    with pytest.raises(OptionError, match="codes of 6 numbers, the model's have 3"):
        sample(la.PCAAutoencoder(3).fit(train), mixture)


def test_a_mixture_is_kept_with_its_model(learned, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model, train, _ = learned
    codes = model.encode(train)
    kept = mixture_of_run(model, tmp_path, codes, train.digest)
    expected = fit_mixture(codes)
    np.testing.assert_array_equal(kept.codes, expected.codes)
    assert kept.about() == expected.about()
    stamp = (tmp_path / "mixture.safetensors").stat().st_mtime_ns
    again = mixture_of_run(model, tmp_path, codes, train.digest)
    assert (tmp_path / "mixture.safetensors").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(again.draw(3), kept.draw(3))
    assert mixture_of_run(model, tmp_path, codes, train.digest, 2).parts == 2  # another is asked for
    assert mixture_of_run(model, tmp_path, codes[:50], "other pictures", 2).parts == 2
    assert json.loads((tmp_path / "mixture.json").read_text())["pictures"] == "other pictures"
    back = Mixture.from_json(json.loads(json.dumps(kept.as_json())))
    np.testing.assert_array_equal(back.draw(9), kept.draw(9))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told | {"model": "x"}, "is of another model"),
        (lambda told: told | {"format": 9}, "is of format 9"),
        (lambda told: told | {"counts": [90, 90]}, r"damaged \(mixture.safetensors.codes has shape"),
        (lambda told: told | {"counts": [158, 2]}, "describes no mixture"),
        (lambda told: told | {"together": 1}, "describes no mixture"),
        (lambda told: told | {"numbers": "x"}, "is not the file that mixture.json describes"),
        (lambda told: told | {"covariance": "odd"}, "describes no mixture"),
        (lambda told: {}, "damaged"),
    ],
)
def test_a_mixture_that_does_not_fit_is_refused(learned, tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    model, train, _ = learned
    with pytest.raises(RunError, match="holds no mixture"):
        load_mixture(model, tmp_path)
    save_mixture(fit_mixture(model.encode(train), 1), model, tmp_path)
    path = tmp_path / "mixture.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(RunError, match=message):
        load_mixture(model, tmp_path)
