"""How drawings look: each measure against closed forms, SciPy, OpenCV and scikit-learn."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike import metrics
from lookalike.appearance import (
    detail_energy,
    laplacian_pyramid,
    precision_and_coverage,
    sliced_distance,
    sliced_wasserstein,
)
from lookalike.errors import OptionError
from lookalike.sampling import Mixture
from lookalike.yardstick import looking
from lookalike.yardstick.looking import (
    DETAIL,
    FLOOR,
    KEPT,
    PATCHES,
    TOLD,
    finder_of,
    judge_looks,
    judge_new,
    names_of,
    new_codes,
    person_kept,
)
from lookalike.yardstick.subjects import Subject
from lookalike.yardstick.telling import told_apart
from sharps import sharpened


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


# Patches


def mean_length(size: int) -> float:
    """The mean of |u . e| over unit vectors u of so many numbers, e one of them."""
    return math.exp(math.lgamma(size / 2) - math.lgamma((size + 1) / 2)) / math.sqrt(math.pi)


def test_along_one_axis_it_is_scipys_distance(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=(400, 1)), rng.gamma(2.0, size=(400, 1))
    expected = stats.wasserstein_distance(first[:, 0], second[:, 0])
    assert sliced_distance(first, second, projections=3) == pytest.approx(expected, rel=1e-12)


def test_points_that_are_shifted_are_as_far_as_the_shift_is_long(rng: np.random.Generator) -> None:
    points, shift = rng.normal(size=(50, 20)), rng.normal(size=20)
    found = sliced_distance(points, points + shift, projections=20_000)
    error = np.linalg.norm(shift) * math.sqrt((1 / 20 - mean_length(20) ** 2) / 20_000)
    assert found == pytest.approx(np.linalg.norm(shift) * mean_length(20), abs=5 * error)
    assert sliced_distance(points, points) == 0


def test_bells_of_two_widths(rng: np.random.Generator) -> None:
    """Along every direction these are N(0, 1) and N(0, 1/4), whose distance is 1/2 the mean of |N(0, 1)|."""
    wide, narrow = rng.normal(size=(20_000, 6)), rng.normal(size=(20_000, 6)) / 2
    assert sliced_distance(wide, narrow, projections=32) == pytest.approx(math.sqrt(2 / math.pi) / 2, abs=0.02)
    with pytest.raises(OptionError, match="give as many of one size"):
        sliced_distance(wide, narrow[:-1])


@pytest.mark.parametrize("shape", [(64, 64), (70, 45)])
def test_the_pyramid_is_opencvs(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    picture = rng.normal(size=(1, *shape, 3)).astype(np.float32)
    bands = laplacian_pyramid(picture)
    assert [band.shape[1:3] for band in bands][:2] == [shape, tuple(-(-side // 2) for side in shape)]
    assert 16 <= min(bands[-1].shape[1:3]) < 32
    rest = picture[0]
    for band in bands[:-1]:
        lower = cv2.pyrDown(rest)
        inside = slice(2, -3)  # at the border OpenCV continues what is enlarged otherwise
        up = cv2.pyrUp(lower, dstsize=(rest.shape[1], rest.shape[0]))
        np.testing.assert_allclose(band[0][inside, inside], (rest - up)[inside, inside], atol=2e-6)
        rest = lower
    np.testing.assert_allclose(bands[-1][0], rest, atol=2e-6)


def test_sets_of_pictures(rng: np.random.Generator) -> None:
    real, other = rng.integers(0, 256, (2, 20, 64, 64, 3)).astype(np.uint8)
    assert sliced_wasserstein(real, real) == {"64 x 64": 0, "32 x 32": 0, "16 x 16": 0}
    floor = sliced_wasserstein(other, real)
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 0.7) for picture in real])
    found = sliced_wasserstein(blurred, real)
    assert found["64 x 64"] > 10 * floor["64 x 64"]
    assert found["64 x 64"] > found["32 x 32"] > found["16 x 16"]  # a blur takes the finest first
    assert sliced_wasserstein(real[:, :10, :5], real[:, :10, :5]) == {"10 x 5": 0}
    assert sliced_wasserstein(other, real, seed=1) != floor
    with pytest.raises(OptionError, match="in as many pictures of one size"):
        sliced_wasserstein(real, real[:-1])


def test_half_the_contrast_is_seen_in_every_band(rng: np.random.Generator) -> None:
    """Normalised by the real ones, patches of half the contrast are as far as bells of widths 1 and 1/2."""
    real = rng.normal(0, 0.1, (60, 32, 32, 1)).astype(np.float32)
    half = real / 2
    for distance in sliced_wasserstein(half, real).values():
        assert distance == pytest.approx(1000 * math.sqrt(2 / math.pi) / 2, rel=0.1)


# Detail


def test_detail_is_what_averaging_removes(rng: np.random.Generator) -> None:
    board = np.indices((8, 8)).sum(axis=0)[None, ..., None] % 2 - 0.5
    even = np.repeat(np.repeat(rng.normal(size=(1, 4, 4, 1)), 2, axis=1), 2, axis=2)
    noise = rng.normal(size=(1, 256, 256, 3))
    assert detail_energy(board.astype(np.float32)) == pytest.approx(0.25)
    assert detail_energy(even.astype(np.float32)) == pytest.approx(0, abs=1e-12)
    assert detail_energy(noise.astype(np.float32)) == pytest.approx(0.75, rel=0.02)  # a mean of four keeps a quarter
    assert detail_energy(np.zeros((3, 5, 7, 1), np.float32)).tolist() == [0, 0, 0]


# Neighbourhoods


def test_precision_and_coverage_are_those_of_scikit_learns_neighbours(rng: np.random.Generator) -> None:
    real, drawn = rng.normal(size=(300, 4)), rng.normal(0.8, 0.7, size=(170, 4))
    radii = NearestNeighbors(n_neighbors=6).fit(real).kneighbors(real)[0][:, 5]
    distances = NearestNeighbors(n_neighbors=300).fit(real).kneighbors(drawn, return_distance=True)
    is_inside = np.array([(row <= radii[ids]).any() for row, ids in zip(*distances, strict=True)])
    nearest = NearestNeighbors(n_neighbors=1).fit(drawn).kneighbors(real)[0][:, 0]
    found = precision_and_coverage(drawn, real, 5)
    assert found == (pytest.approx(is_inside.mean()), pytest.approx((nearest <= radii).mean()))
    assert 0 < found.coverage < found.precision < 1


def test_draws_of_one_distribution_cover_what_the_formula_says(rng: np.random.Generator) -> None:
    count, k = 400, 5
    found = [precision_and_coverage(*rng.normal(size=(2, count, 3)), k).coverage for _ in range(10)]
    missed = np.prod([(count - i) / (2 * count - i) for i in range(1, k + 1)])
    assert np.mean(found) == pytest.approx(1 - missed, abs=5 * math.sqrt(missed / (10 * count)))
    assert precision_and_coverage(np.full((9, 2), 50.0), rng.normal(size=(90, 2))) == (0, 0)
    with pytest.raises(OptionError, match="5 neighbours need more than 5 real ones"):
        precision_and_coverage(np.zeros((3, 2)), np.zeros((5, 2)))


def test_ranks_of_the_same_label_are_those_of_a_loop(rng: np.random.Generator) -> None:
    labels, distances = rng.integers(0, 6, 40), rng.integers(0, 9, (15, 40)).astype(float)
    own = labels[rng.integers(0, 40, 15)]
    expected = []
    for row, label in zip(distances, own, strict=True):
        order = sorted(range(40), key=lambda i: (row[i], labels[i] == label))
        expected.append(1 + next(place for place, i in enumerate(order) if labels[i] == label))
    assert metrics.ranks_of_same_label(distances, own, labels).tolist() == expected


# Telling


def test_a_network_tells_a_blur_and_not_two_draws_of_the_same(rng: np.random.Generator) -> None:
    real, other = rng.integers(0, 256, (2, 120, 12, 12, 3)).astype(np.uint8)
    same = told_apart(real, other)
    assert same.judged == 120
    assert same.chance_error == pytest.approx(math.sqrt(0.25 / 120))
    assert abs(same.accuracy - 0.5) < 4 * same.chance_error
    assert told_apart(real, other) == same
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in real])
    assert told_apart(real, blurred).accuracy > 0.9
    with pytest.raises(OptionError, match="two or more pairs of one size"):
        told_apart(real, other[:-1])


# The judge


def test_the_person_is_kept_by_the_picture_itself_and_lost_by_the_mean() -> None:
    train, test = la.load("synthetic:120", size=32).split(0.4)
    finder = finder_of(train)
    assert person_kept(finder, test.pixels, test) == 1
    mean = np.repeat(np.rint(train.pixels.mean(axis=0)).astype(np.uint8)[None], len(test), axis=0)
    people = np.array(test.people)
    assert person_kept(finder, mean, test) == pytest.approx(max((people == who).mean() for who in people), abs=0.1)
    nobody = la.ImageSet(test.pixels)
    assert person_kept(finder, test.pixels, nobody) == 1
    assert person_kept(finder, np.roll(test.pixels, 1, axis=0), nobody) == 0


def test_more_numbers_look_better_by_every_measure() -> None:
    train, test = la.load("synthetic:300", size=32).split(0.2)  # 60 pictures to judge by
    subjects = [Subject("exact PCA", la.PCAAutoencoder(size).fit(train)) for size in (4, 200)]
    left_out: list[str] = []
    figures = judge_looks(subjects, train, test, seed=0, left_out=left_out, say=lambda _: None)
    assert left_out == []
    found = {(f.model, f.code, f.group, f.measure, f.level): f.value for f in figures}
    few, many = (("exact PCA", size, "looking") for size in (4, 200))
    assert found[(*few, DETAIL, "")] < 0.3 < found[(*many, DETAIL, "")] < 1.05
    assert found[(*few, PATCHES, "32 x 32")] > 2 * found[(*many, PATCHES, "32 x 32")]
    assert found[(*many, PATCHES, "32 x 32")] > found[(FLOOR, None, "looking", PATCHES, "32 x 32")]
    assert found[(*few, KEPT, "")] < found[(*many, KEPT, "")]
    error = 0.5 / math.sqrt(60)
    assert found[(*few, TOLD, "")] > 0.5 + 4 * error
    assert abs(found[(FLOOR, None, "looking", TOLD, "")] - 0.5) < 4 * error
    assert {f.measure for f in figures if f.group == "samples"} == {
        *("precision", "coverage", DETAIL, PATCHES, "nearest training code, over test's"),
    }
    assert found[(FLOOR, None, "samples", "coverage", "")] > found[("exact PCA", 4, "samples", "coverage", "")]


def test_too_few_pictures_are_left_out_and_so_is_who_draws_nothing() -> None:
    train, test = la.load("synthetic:30", size=16).split(0.1)
    left_out: list[str] = []
    subjects = [Subject("exact PCA", la.PCAAutoencoder(3).fit(train))]
    assert judge_looks(subjects, train, test, seed=0, left_out=left_out, say=lambda _: None) == []
    assert left_out == ["how drawings look: 3 test pictures are too few, it takes 4"]
    unet = Subject("unet", la.UNetDenoiser(width=4).initialise(train.image_shape))
    assert judge_looks([unet], train, train, seed=0, left_out=[], say=lambda _: None) == []


def test_what_copies_is_nearer_than_test_pictures_are(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = la.load("synthetic:200", size=16).split(0.2)
    subject, finder = Subject("exact PCA", la.PCAAutoencoder(12).fit(train)), finder_of(train)

    def share() -> float:
        new = new_codes(subject.model.encode(train), subject.model.encode(test), 0)
        found = {measure: value for measure, level, value in judge_new(subject, new, test, finder, 0) if not level}
        return found["nearest training code, over test's"]

    assert share() > 0.8

    def parrot(codes: np.ndarray, seed: int) -> Mixture:
        """A part a picture, which strays a little."""
        strayed = np.random.default_rng(seed).normal(size=(3 * len(codes), codes.shape[1])) * 0.01 * codes.std(axis=0)
        thrice = (np.repeat(codes, 3, axis=0) + strayed).astype(np.float32)
        return Mixture(thrice, np.full(len(codes), 3), 2, "full", 0.0)

    monkeypatch.setattr(looking, "fit_mixture", parrot)
    assert share() < 0.2


def test_a_sharp_decoder_has_rows_of_its_own() -> None:
    train, test = la.load("synthetic:120", size=16).split(0.2)
    model = la.PCAAutoencoder(4).fit(train)
    subject, finder = Subject("exact PCA", model), finder_of(train)
    assert names_of(subject) == [("exact PCA", False)]
    sharpened(model)
    assert names_of(subject) == [("exact PCA", False), ("exact PCA, sharp", True)]
    new = new_codes(model.encode(train), model.encode(test), 0)
    plain, sharp = (
        {measure: value for measure, level, value in judge_new(subject, new, test, finder, 0, sharp=one) if not level}
        for one in (False, True)
    )
    assert sharp[DETAIL] != plain[DETAIL]
    assert sharp["nearest training code, over test's"] == plain["nearest training code, over test's"]
    real = test.pixels / 255 - 0.5
    expected = np.mean((model.decode(model.encode(test), sharp=True) - real) ** 2)
    assert model.evaluate(test, sharp=True).mse == pytest.approx(expected, rel=1e-4)
