"""Pictures unlike the rest: measured as references measure, found, and with no more false alarms than promised."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.data.images import ImageSet
from lookalike.errors import GalleryError, OptionError
from lookalike.review import oddness, outlier_map, outliers
from lookalike.review.odd import Judge
from pictures import waves

ODD = 3


def gallery_of(pictures: np.ndarray, place: Path, code: int = 8) -> la.Gallery:
    gallery = la.Gallery.open(place, la.PCAAutoencoder(code).fit(pictures))
    gallery.update(ImageSet(pictures))
    return gallery


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> la.Gallery:
    """300 drawn faces, and after them noise, a flat picture, and a chessboard."""
    pictures = np.concatenate([la.load("synthetic:300", size=16, cache=False).pixels, waves(ODD, 16, 16)])
    pictures[300] = np.random.default_rng(0).integers(0, 256, pictures[0].shape)
    pictures[301] = 90
    pictures[302] = 255 * (np.indices((16, 16)).sum(axis=0) // 4 % 2)[..., None]
    return gallery_of(pictures, tmp_path_factory.mktemp("odd") / "g", 12)


def test_the_odd_ones_come_first_and_beyond_the_line(held: la.Gallery) -> None:
    found = outliers(held)
    assert {one.name for one in found.outliers[:ODD]} == {"00300", "00301", "00302"}
    assert len(found.outliers) == math.floor(0.01 * 303) == 3
    assert found.threshold == min(one.score for one in found.outliers)
    assert found == outliers(held)
    assert len(outliers(held, false_alarms=0.1).outliers) == 30
    assert [one.name for one in outliers(held, 5).outliers[:ODD]] == [one.name for one in found.outliers]
    frame = outliers(held, 5).frame()
    assert (frame["score"].is_monotonic_decreasing, len(frame), frame["why"][0]) == (True, 5, found.outliers[0].why)


def test_the_density_is_the_distance_to_the_fifth_other_code(held: la.Gallery) -> None:
    judge = Judge(held)
    points = judge.snapshot.index.metric.transform(judge.snapshot.view.codes)
    far = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(points)[0][:, -1]
    expected = judge.snapshot.index.metric.distances(far**2)
    own = judge._distances(judge.snapshot.view.codes, judge.snapshot.view.ids)
    np.testing.assert_allclose(own, expected, atol=1e-5)
    new = held.encode(waves(4, 16, 16, seed=9))
    far = NearestNeighbors(n_neighbors=5).fit(points).kneighbors(judge.snapshot.index.metric.transform(new))[0][:, -1]
    np.testing.assert_allclose(judge._distances(new, None), judge.snapshot.index.metric.distances(far**2), atol=1e-5)


def test_no_picture_draws_the_line_it_is_held_against() -> None:
    """The closed form is what NumPy fits to all other points."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=25)
    y = 2 * x + draw.normal(size=25)
    expected = [y[i] - np.polyval(np.polyfit(np.delete(x, i), np.delete(y, i), 1), x[i]) for i in range(len(x))]
    np.testing.assert_allclose(oddness.fitted(x, y).left_out(x, y), expected, atol=1e-12)
    level = oddness.fitted(np.ones(5), y[:5])
    expected = [y[i] - np.delete(y[:5], i).mean() for i in range(5)]
    np.testing.assert_allclose(level.left_out(np.ones(5), y[:5]), expected, atol=1e-12)


def test_shares_are_what_counting_gives() -> None:
    draw = np.random.default_rng(1)
    own, new = draw.integers(0, 9, 40).astype(float), draw.integers(0, 9, 15).astype(float)
    np.testing.assert_allclose(oddness.share_above(new, own), [(1 + (own >= one).sum()) / 41 for one in new])
    np.testing.assert_allclose(oddness.share_above_own(own), [(own >= one).mean() for one in own])


@pytest.mark.parametrize("promised", [0.02, 0.1])
def test_false_alarms_are_as_promised_for_pictures_like_the_others(promised: float) -> None:
    """Of new ones on average over galleries: within four standard errors, which galleries and pictures both add to."""
    own, new, times = 250, 200, 60
    draw = np.random.default_rng(2)

    def measures(count: int) -> dict[str, np.ndarray]:
        detail = draw.normal(size=count)
        error = detail + draw.gumbel(size=count)
        return {
            "detail": detail,
            "error": error,
            "repair": error + draw.normal(size=count),
            "density": draw.exponential(size=count),
        }

    alarms = []
    for _ in range(times):
        reference = oddness.Reference(measures(own))
        assert (reference.own_p <= promised).mean() <= promised
        alarms.append((reference.judge(measures(new))[1] <= promised).mean())
    error = math.sqrt(promised * (1 - promised) * (1 / new + 1 / (own + 2)) / times)
    assert promised - 1 / (own + 1) - 4 * error <= np.mean(alarms) <= promised + 4 * error


@pytest.mark.parametrize(("height", "width"), [(32, 32), (25, 31), (4, 5), (1, 3), (2, 1)])
def test_every_pixel_is_hidden_once(height: int, width: int) -> None:
    np.testing.assert_array_equal(oddness.hidden_cells(height, width).sum(axis=0), np.ones((height, width, 1)))


def test_a_hidden_pixel_is_drawn_without_a_look_at_it() -> None:
    pictures = waves(50, 16, 16)
    model = la.PCAAutoencoder(8).fit(pictures)
    filling = np.zeros((16, 16, 3), np.float32)
    given = pictures[:1] / np.float32(255) - np.float32(0.5)
    mask = oddness.hidden_cells(16, 16)[2]
    other = np.where(mask, np.float32(0.3), given)
    first, second = (oddness.repaired(model, one, filling) for one in (given, other))
    np.testing.assert_array_equal(first[:, mask[..., 0]], second[:, mask[..., 0]])
    assert not np.allclose(first, second)


def test_the_map_shows_where(held: la.Gallery) -> None:
    found = outlier_map(held, "00000")
    given = found.picture / 255 - 0.5
    np.testing.assert_allclose(
        found.error, np.square(held.model.reconstruct(found.picture[None])[0] - given).mean(-1), atol=1e-6
    )
    np.testing.assert_allclose(found.repair, np.square(found.repaired - given).mean(-1), atol=1e-6)
    pictures = np.stack([held.picture(name) for name in held.names[:200]])
    pictures[7, 4:9, 5:11] = (255, 0, 255)
    with gallery_of(pictures, held.folder.parent / "occluded", 12) as gallery:
        error = outlier_map(gallery, "00007").repair
        assert (
            error[4:9, 5:11].mean()
            > 5 * np.delete(error.ravel(), np.ravel_multi_index(np.mgrid[4:9, 5:11], (16, 16)).ravel()).mean()
        )
        with pytest.raises(GalleryError, match="nobody"):
            outlier_map(gallery, "nobody")


class WithoutDecoder(la.PCAAutoencoder):
    has_decoder = False


def test_codes_without_a_decoder_are_told_by_density_and_detail(tmp_path: Path) -> None:
    pictures = waves(150, 16, 16)
    with la.Gallery.open(tmp_path / "g", WithoutDecoder(4).fit(pictures)) as gallery:
        gallery.update(ImageSet(pictures))
        found = outliers(gallery, 1)
        shares = found.outliers[0].shares
        assert set(shares) == {"density", "detail"}
        assert found.outliers[0].score == pytest.approx(-np.mean(np.log(list(shares.values()))))
        with pytest.raises(OptionError, match="no decoder"):
            outlier_map(gallery, "00003")


@pytest.mark.parametrize("count", [1, 2, 5, 60, 150])
def test_few_and_equal_pictures(count: int, tmp_path: Path) -> None:
    """All the same: none is odd. Few that differ: no line can be promised, but they are put in order."""
    pictures = waves(count, 8, 8)
    model = la.PCAAutoencoder(2).fit(waves(30, 8, 8, seed=5))
    for name, some in (("same", np.repeat(pictures[:1], count, axis=0)), ("other", pictures)):
        with la.Gallery.open(tmp_path / name, model) as gallery:
            gallery.update(ImageSet(some))
            found = outliers(gallery)
            assert len(found.outliers) == (1 if name == "other" and count >= 100 else 0)
            assert (found.threshold is None) == (not found.outliers)
            assert len(outliers(gallery, 3).outliers) == min(count, 3)


def test_arguments_out_of_range_and_an_empty_gallery(held: la.Gallery, tmp_path: Path) -> None:
    for wrong in (0, 1, -0.1, float("nan")):
        with pytest.raises(OptionError, match="above 0 and below 1"):
            outliers(held, false_alarms=wrong)
    with pytest.raises(OptionError, match="k is 0; ask for 1"):
        outliers(held, 0)
    with la.Gallery.open(tmp_path / "e", held.model) as gallery, pytest.raises(GalleryError, match="no pictures yet"):
        outliers(gallery)


def test_the_command(held: la.Gallery, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    sheet = tmp_path / "odd.png"
    told = call("outliers", held.folder, "-k", 2, "--out", sheet, "--json").json
    assert [set(one) for one in told["outliers"]] == [{"name", "score", "p", "why", "shares"}] * 2
    assert told["outlier_threshold"] == outliers(held).threshold
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert call("outliers", held.folder, "--out", sheet).code == 2
    lines = call("outliers", held.folder).out.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("3 of 303 pictures score")
    assert "--false-alarms 0.0034 or more" in call("outliers", held.folder, "--false-alarms", 0.001).out
