"""A subset: what each way promises, held against searching through everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import lookalike as la
from lookalike.data.images import ImageSet
from lookalike.errors import GalleryError, OptionError
from lookalike.review import subset as choose
from lookalike.review.sampling import WAYS, chosen, nearest_squared
from pictures import waves


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


POINTS = drawn().normal(size=(60, 4)).astype(np.float32)
FAR = cdist(POINTS, POINTS)


def test_far_takes_what_is_furthest_from_all_chosen() -> None:
    places = chosen(POINTS, 12, "far", drawn()).tolist()
    assert places[0] == np.linalg.norm(POINTS - POINTS.mean(0), axis=1).argmin()
    for count in range(1, 12):
        assert places[count] == FAR[:, places[:count]].min(axis=1).argmax()


def test_diverse_takes_what_helps_most() -> None:
    """As few points as this are all looked at."""
    places = chosen(POINTS, 10, "diverse", drawn()).tolist()
    assert places[0] == FAR.sum(axis=0).argmin()
    for count in range(1, 10):
        best = FAR[:, places[:count]].min(axis=1)
        gains = np.maximum(best[:, None] - FAR, 0).sum(axis=0)
        assert gains[places[count]] == pytest.approx(gains.max(), rel=1e-5)


def test_medoids_are_the_points_next_to_the_means() -> None:
    centres = 30 * drawn(1).normal(size=(8, 4))
    points = np.concatenate([centre + drawn(i).normal(size=(40, 4)) for i, centre in enumerate(centres)])
    places = chosen(points.astype(np.float32), 8, "medoids", drawn())
    assert sorted(places // 40) == list(range(8))
    for place in places.tolist():
        own = points[place // 40 * 40 : place // 40 * 40 + 40]
        assert place % 40 == np.linalg.norm(own - own.mean(0), axis=1).argmin()


def test_the_distance_to_the_nearest_is_scipys() -> None:
    points = drawn(3).normal(size=(500, 7)).astype(np.float32)
    np.testing.assert_allclose(
        nearest_squared(points, points[:9]), cdist(points, points[:9], "sqeuclidean").min(axis=1), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize(
    ("points", "n"),
    [(POINTS, 60), (POINTS[:1], 1), (np.zeros((60, 3), np.float32), 7), (np.repeat(POINTS[:4], 5, axis=0), 9)],
    ids=["all", "one", "all equal", "copies"],
)
def test_never_one_twice(by: str, points: np.ndarray, n: int) -> None:
    places = chosen(points, n, by, drawn())
    assert len(set(places.tolist())) == n
    if len(np.unique(points, axis=0)) <= n:
        assert nearest_squared(points, points[places]).max() == 0


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> la.Gallery:
    pictures = waves(400, 12, 12)
    gallery = la.Gallery.open(tmp_path_factory.mktemp("subset"), la.PCAAutoencoder(6).fit(pictures))
    gallery.update(ImageSet(pictures))
    return gallery


def test_each_way_covers_better_than_chance(held: la.Gallery) -> None:
    metric = held.snapshot().index.metric
    points = metric.transform(held.codes)
    by_chance = [metric.distances(nearest_squared(points, points[drawn(i).choice(400, 20, False)])) for i in range(20)]
    means, largest = [one.mean() for one in by_chance], [one.max() for one in by_chance]
    found = {by: choose(held, 20, by=by) for by in WAYS}
    assert max(found[by].mean_distance for by in ("diverse", "medoids")) < min(means)
    assert found["far"].max_distance < min(largest)
    assert found["diverse"].mean_distance < found["far"].mean_distance


@pytest.mark.parametrize("by", WAYS)
def test_the_seed_decides(held: la.Gallery, by: str) -> None:
    assert choose(held, 10, by=by, seed=3) == choose(held, 10, by=by, seed=3)
    assert len(choose(held, 1000, by=by).names) == 400


def test_refusals(held: la.Gallery, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="n is 0; choose 1"):
        choose(held, 0)
    with pytest.raises(OptionError, match="by 'best' is unknown; give one of diverse, medoids, far"):
        choose(held, 3, by="best")
    with la.Gallery.open(tmp_path / "e", held.model) as gallery, pytest.raises(GalleryError, match="no pictures yet"):
        choose(gallery, 3)


def test_the_command(held: la.Gallery, call) -> None:  # type: ignore[no-untyped-def]
    told = call("subset", held.folder, "-n", 4, "--by", "far", "--json").json
    assert told["names"] == choose(held, 4, by="far").names
    assert call("subset", held.folder, "-n", 4, "--by", "far").out.splitlines() == told["names"]
    assert call("subset", held.folder).code == 2
