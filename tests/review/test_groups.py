"""Groups of look-alikes: as scikit-learn finds them, what sets them apart, and sorted into folders."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import fisher_exact
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.data.images import ImageSet
from lookalike.errors import OptionError
from lookalike.review import clusters as clustering
from lookalike.review import groups, sort_into
from lookalike.review.apart import Columns
from pictures import waves


def clusters(points: np.ndarray, smallest: int = 3) -> np.ndarray:
    points = points.astype(np.float32)
    near = NearestNeighbors().fit(points)
    return clustering.clusters(points, lambda a, b, k: near.kneighbors(points[a:b], k)[1], smallest)


def blobs(sizes: tuple[int, ...], width: int = 6, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.normal(0, 1, (size, width)) + draw.normal(0, 8, width) for size in sizes])


def test_over_all_neighbours_they_are_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-learn counts a point among its own neighbours where it is given points."""
    points = np.concatenate([blobs((40, 30, 20)), np.random.default_rng(1).uniform(-15, 15, (40, 6))])
    monkeypatch.setattr(clustering, "NEIGHBOURS", len(points) - 1)
    expected = HDBSCAN(min_cluster_size=5, min_samples=clustering.SAMPLES + 1, copy=True).fit(points).labels_
    found = clusters(points, 5)
    assert adjusted_rand_score(expected, found) == 1
    np.testing.assert_array_equal(found < 0, expected < 0)


def test_a_few_neighbours_find_the_same_groups() -> None:
    sizes = (80, 50, 30, 5)
    assert adjusted_rand_score(np.repeat(range(4), sizes), clusters(blobs(sizes))) == 1


@pytest.mark.parametrize(
    ("points", "sizes"),
    [
        (np.zeros((60, 3)), [60]),
        (np.zeros((2, 3)), []),
        (blobs((1, 1)), []),
        (blobs((1, 1, 1, 1, 1)), []),
        (np.repeat(blobs((1,) * 12), 3, axis=0), [3] * 12),
        (np.concatenate([np.zeros((50, 6)), blobs((1,) * 10)]), [50]),
        (np.concatenate([blobs((50,)) / 1000, blobs((1,) * 10, seed=3)]), [50]),
    ],
    ids=["all equal", "two equal", "two", "five", "threes of a kind", "copies and strangers", "alike and strangers"],
)
def test_strange_sets(points: np.ndarray, sizes: list[int]) -> None:
    labels = clusters(points)
    assert sorted(np.bincount(labels[labels >= 0]).tolist(), reverse=True) == sizes


def test_one_cloud_is_not_a_group_of_all() -> None:
    labels = clusters(np.random.default_rng(4).normal(size=(600, 8)))
    assert np.bincount(labels[labels >= 0], minlength=1).max() <= 60


def two_kinds(count: int = 40) -> tuple[np.ndarray, pd.DataFrame]:
    """Changed pictures of two scenes, the brighter at night, and of each what is known."""
    draw = np.random.default_rng(5)
    scenes = waves(2, 16, 16)
    pictures = np.clip(np.repeat(scenes, count, axis=0) + draw.normal(0, 6, (2 * count, 16, 16, 3)), 0, 255)
    table = pd.DataFrame(
        {
            "rating": np.repeat([1.0, 4.0], count) + draw.normal(0, 0.5, 2 * count),
            "camera": ["Pixel 7"] * (count - 2) + ["X100"] * (count + 2),
            "luck": draw.normal(size=2 * count),
        }
    )
    return pictures.astype(np.uint8), table


def test_groups_of_a_gallery_with_what_sets_them_apart(tmp_path: Path) -> None:
    pictures, table = two_kinds()
    folder = tmp_path / "in"
    folder.mkdir()
    names = [f"{i:03}.png" for i in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(folder / name)
    table.assign(name=names).to_csv(tmp_path / "t.csv", index=False)
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(4).fit(pictures), metric="euclidean") as gallery:
        gallery.update(folder, size=16, attributes=tmp_path / "t.csv")
        found = groups(gallery)
        assert found == groups(gallery)
        told = {one.members[0] >= "040.png": one for one in found.groups}
        assert [sorted(told[late].members) for late in (False, True)] == [names[:40], names[40:]]
        codes = gallery.codes[:40]
        far = np.linalg.norm(codes[:, None] - codes, axis=2).sum(axis=1)
        assert told[False].medoid == names[int(far.argmin())]
        apart = {one.column: one for one in told[False].apart}
        assert {"rating", "camera"} <= set(apart)
        assert "luck" not in apart
        inside, outside = table["rating"][:40].mean(), table["rating"][40:].mean()
        assert apart["rating"].effect == pytest.approx((inside - outside) / table["rating"].std(ddof=0), abs=1e-4)
        assert apart["camera"][1:4] == ("Pixel 7", 38 / 40, 0.0)
        frame = found.frame()
        assert frame.groupby("group")["name"].count().tolist() == [40, 40]


def test_groups_drawn_blindly_differ_by_chance_alone() -> None:
    """In at most 5% of tables is anything named: 20 tables, and a binomial bound of 1 in 10,000."""
    draw, named = np.random.default_rng(6), 0
    for _ in range(20):
        table = pd.DataFrame(
            {f"n{i}": draw.normal(size=300) for i in range(10)}
            | {f"w{i}": draw.choice(list("abc"), 300) for i in range(5)}
        )
        columns = Columns(table, draw.normal(size=(300, 4)).astype(np.float32), 5)
        labels = draw.permutation(np.repeat(range(6), 50))
        named += any(columns.apart(np.flatnonzero(labels == group)) for group in range(5))
    assert named <= 6  # scipy.stats.binom.sf(6, 20, 0.05) < 0.0001


def test_a_share_is_held_against_fishers_exact_test() -> None:
    """A word is named as soon as the test of scipy says that chance alone is too rare, and not before."""
    members = np.arange(60) < 10
    for inside in range(11):
        words = np.array(["x"] * inside + ["y"] * (10 - inside) + ["x"] * 15 + ["y"] * 35, object)
        columns = Columns(pd.DataFrame({"word": words}), np.zeros((60, 1), np.float32), 1)
        value = max("xy", key=lambda one: ((words[:10] == one).sum(), one))
        a, b = ((words[some] == value).sum() for some in (members, ~members))
        rare = fisher_exact([[a, 10 - a], [b, 50 - b]], alternative="greater").pvalue <= 0.05 / 2
        assert [one.value for one in columns.apart(np.flatnonzero(members))] == ([value] if rare else [])


def filled(tmp_path: Path) -> tuple[la.Gallery, Path]:
    pictures, _ = two_kinds(6)
    folder = tmp_path / "in"
    for number, picture in enumerate(pictures):
        path = folder / f"day{number % 2}" / f"{number // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(3).fit(pictures), metric="euclidean")
    gallery.update(folder, size=16, layout="folder")
    return gallery, folder


def test_sorted_into_folders(tmp_path: Path) -> None:
    gallery, folder = filled(tmp_path)
    found = groups(gallery)
    assert [one.size for one in found.groups] == [6, 6]
    out = tmp_path / "out"
    planned = sort_into(gallery, found, "copy", out)
    assert (planned.dry_run, len(planned.done), out.exists()) == (True, 12, False)
    done = sort_into(gallery, found, "copy", out, dry_run=False)
    assert sorted(done.done) == sorted(planned.done)
    for number, group in enumerate(found.groups, 1):
        copied = {path.read_bytes() for path in (out / f"group-{number:02}").iterdir()}
        assert copied == {(folder / name).read_bytes() for name in group.members}
    (out / done.done[0]).unlink()
    (out / done.done[1]).write_bytes(b"mine")
    again = sort_into(gallery, found, "copy", out, dry_run=False)
    assert (again.done, [one.name for one in again.failed], len(again.already)) == (done.done[:1], done.done[1:2], 10)
    assert (out / done.done[1]).read_bytes() == b"mine"
    linked = sort_into(gallery, found, "link", tmp_path / "links", dry_run=False)
    assert {(tmp_path / "links" / one).stat().st_nlink for one in linked.done} == {2}


def test_what_cannot_be_sorted_is_said(tmp_path: Path) -> None:
    gallery, folder = filled(tmp_path)
    found = groups(gallery)
    changed, gone = found.groups[0].members[:2]
    (folder / changed).write_bytes((folder / found.groups[1].medoid).read_bytes())
    (folder / gone).unlink()
    done = sort_into(gallery, found, "copy", tmp_path / "out", dry_run=False)
    assert len(done.done) == 10
    assert {one.reason.split(";")[0] for one in done.failed} == {
        "it was changed since the gallery was updated",
        "its file is not there any more",
    }
    with pytest.raises(OptionError, match="lie within one another"):
        sort_into(gallery, found, "copy", folder / "out")
    with pytest.raises(OptionError, match="apply is 'move'; give one of copy, link"):
        sort_into(gallery, found, "move", tmp_path / "other")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    with pytest.raises(OptionError, match="holds other files"):
        sort_into(gallery, found, "copy", tmp_path / "full")
    with la.Gallery.open(tmp_path / "m", gallery.model) as memory:
        memory.update(ImageSet(np.stack([gallery.picture(name) for name in gallery.names])))
        with pytest.raises(OptionError, match="come from memory"):
            sort_into(memory, groups(memory), "copy", tmp_path / "other")


def test_an_archive_is_copied_from_and_not_linked(tmp_path: Path) -> None:
    gallery, folder = filled(tmp_path)
    with ZipFile(tmp_path / "in.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder).as_posix())
    with la.Gallery.open(tmp_path / "z", gallery.model, metric="euclidean") as zipped:
        zipped.update(tmp_path / "in.zip", size=16, layout="folder")
        found = groups(zipped)
        assert len(sort_into(zipped, found, "copy", tmp_path / "out", dry_run=False).done) == 12
        with pytest.raises(OptionError, match="cannot be linked; give --apply copy"):
            sort_into(zipped, found, "link", tmp_path / "links")


def test_the_command(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    gallery, _ = filled(tmp_path)
    told = call("groups", gallery.folder, "--json").json
    assert [(one["size"], len(one["members"]), one["medoid"] == one["members"][0]) for one in told["groups"]] == [
        (6, 6, True)
    ] * 2
    assert "apart" in told["groups"][0]
    out = call("groups", gallery.folder, "--apply", "link", "--out", tmp_path / "out").out
    assert "12 files would be linked" in out
    assert not (tmp_path / "out").exists()
    told = call("groups", gallery.folder, "--apply", "link", "--out", tmp_path / "out", "--no-dry-run", "--json").json
    assert len(told["applied"]["done"]) == 12
    assert call("groups", gallery.folder, "--apply", "link").code == 2
    assert call("groups", gallery.folder, "--smallest", 1).code == 2
