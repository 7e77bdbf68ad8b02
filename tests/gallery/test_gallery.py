"""Searches against scikit-learn, filters against pandas, groups and thresholds by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.data.columns import Column
from lookalike.data.images import ImageSet
from lookalike.errors import GalleryError, OptionError, PictureError
from lookalike.gallery import calibration, columns, copies, filters, schema, snapshot
from lookalike.search.metric import METRICS, make_metric

SIDE = 16


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    return la.load("synthetic:1000", size=SIDE)


@pytest.fixture(scope="module")
def thousand(store: str, faces: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> la.Gallery:
    """1,000 faces with people and attributes; tests only read it."""
    gallery = la.Gallery.open(
        tmp_path_factory.mktemp("gallery") / "g", la.PCAAutoencoder(16).fit(faces), metric="euclidean"
    )
    gallery.update(faces)
    return gallery


@pytest.mark.parametrize("k", [1, 5, 1000, 2000])
def test_search_equals_scikit_learn(thousand: la.Gallery, k: int) -> None:
    asked = la.load("synthetic:1040", size=SIDE)[1000:]
    expected = NearestNeighbors(n_neighbors=min(k, 1000)).fit(thousand.codes)
    distances, places = expected.kneighbors(thousand.model.encode(asked))
    names = np.array(thousand.names)
    for i, picture in enumerate(asked):
        found = thousand.search(picture, k=k)
        np.testing.assert_allclose(found.distances, distances[i], rtol=1e-4, atol=1e-5)
        differs = names[places[i]] != np.array(found.names)
        assert differs.mean() < 0.01  # where neighbours are equally far to the last digit, and only there
        np.testing.assert_allclose(found.distances[differs], distances[i][differs], rtol=1e-5)


def test_every_stored_picture_is_found_at_distance_zero(thousand: la.Gallery, faces: ImageSet) -> None:
    for name, picture in zip(faces.names, faces, strict=True):
        found = thousand.search(picture, k=1)
        assert found == ([name], found.distances)
        assert found.distances[0] == 0.0


def test_a_stored_picture_is_found_as_floats_file_name_bytes_and_code(
    thousand: la.Gallery, faces: ImageSet, tmp_path: Path
) -> None:
    path = tmp_path / "query.png"
    Image.fromarray(faces[7]).save(path)
    centred = faces[7].astype(np.float32) / 255 - 0.5
    name = faces.names[7]
    for query in (centred, path, str(path), path.read_bytes(), name, thousand.code(name)):
        names, distances = thousand.search(query, k=4)
        assert (names[0], distances[0]) == (name, 0.0)
        assert len(names) == len(distances) == 4
    other = thousand.search(np.clip(centred + 0.01, -0.5, 0.5), k=1)
    assert 0 < other.distances[0] < 1


@pytest.mark.parametrize("metric", METRICS)
def test_several_pictures_stand_for_their_mean_after_the_metric(faces: ImageSet, tmp_path: Path, metric: str) -> None:
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(8).fit(faces), metric=metric)
    gallery.update(faces[:300])
    transform = make_metric(metric).fit(gallery.codes)
    points = transform.transform(gallery.codes).astype(np.float64)
    asked = [4, 100, 250]
    places = [gallery.names.index(faces.names[i]) for i in asked]
    squared = cdist(points[places].mean(axis=0)[None], points)[0] ** 2
    expected = np.sort(transform.distances(squared))[:5]
    for query in (faces[asked], faces[asked].pixels, [faces[4], faces.names[100], gallery.code(faces.names[250])]):
        np.testing.assert_allclose(gallery.search(query, k=5).distances, expected, rtol=1e-3, atol=1e-5)
    reopened = la.Gallery.open(tmp_path / "g", create=False)
    assert reopened.metric == metric
    np.testing.assert_allclose(reopened.search(faces[asked], k=5).distances, expected, rtol=1e-3, atol=1e-5)


def test_search_refuses_what_it_cannot_read(thousand: la.Gallery, faces: ImageSet, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("?")
    for query, error, message in (
        (np.zeros((20, 20, 3), np.uint8), OptionError, r"load it with size=\(16, 16\)"),
        (np.zeros(5), OptionError, "codes of 16 numbers"),
        (np.full(16, np.nan), OptionError, "finite"),
        (np.full((16, 16, 3), 200.0), OptionError, "centre them"),
        ([], OptionError, "nothing is searched for|codes of 16"),
        (faces.names[3][:-2], GalleryError, f"near are: .*{faces.names[3][:6]}"),
        (tmp_path / "none.png", PictureError, "cannot be read"),
        (tmp_path / "bad.png", PictureError, "is not a picture"),
    ):
        with pytest.raises(error, match=message):
            thousand.search(query)
    with pytest.raises(OptionError, match="k is 0"):
        thousand.search(faces[0], k=0)


FILTERS = {
    "smile > 0.5": lambda t: t.smile > 0.5,
    "glasses=1 and smile<=-.25": lambda t: (t.glasses == 1) & (t.smile <= -0.25),
    "hat = 1 or glasses = 1 and smile > 0": lambda t: (t.hat == 1) | ((t.glasses == 1) & (t.smile > 0)),
    "(hat = 1 or glasses = 1) and smile > 0": lambda t: ((t.hat == 1) | (t.glasses == 1)) & (t.smile > 0),
    'hair_length >= 5e-1 AND "Eye Size" < 1': lambda t: (t.hair_length >= 0.5) & (t.eye_size < 1),
    "person = '{person}'": lambda t: t.person == t.person.iloc[0],
    "person <> '{person}' and turn > 10": lambda t: (t.person != t.person.iloc[0]) & (t.turn > 10),
    "name like '%_0002'": lambda t: t.index.str.endswith("_0002"),
    "smile > 99": lambda t: t.smile > 99,
}


@pytest.mark.parametrize("text", FILTERS)
@pytest.mark.parametrize("exact_among", [snapshot.EXACT_AMONG, 0], ids=["exact", "through the index"])
def test_filters_equal_pandas(
    thousand: la.Gallery, text: str, exact_among: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "EXACT_AMONG", exact_among)
    table = thousand.attributes.assign(person=thousand.people)
    chosen = np.asarray(FILTERS[text](table))
    query = thousand.codes[17]
    found = thousand.search(query, k=1000, where=text.format(person=table.person.iloc[0]))
    assert set(found.names) == set(table.index[chosen])
    few = thousand.search(query, k=3, where=text.format(person=table.person.iloc[0]))
    expected = np.sort(np.linalg.norm(thousand.codes[chosen] - query, axis=1))[:3]
    np.testing.assert_allclose(few.distances, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smil > 0.5", "smil, which this gallery does not know; near are: smile"),
        ("smile", "has its end where one of = != < <= > >= like belongs"),
        ("smile > ", "has its end where a number to compare smile with"),
        ("smile > 'a'", "'a' at character 9 where a number"),
        ("person = 3", "3 at character 10 where a text in single quotes"),
        ("smile like '%'", "'like' goes with texts only, and smile is a number"),
        ("smile > 1 glasses = 1", "glasses at character 11 where 'and', 'or' or the end"),
        ("(smile > 1", "its end where '\\)'"),
        ("", "its end where the name of a column"),
        ("smile > 1; drop table items", "cannot be read from character 10"),
        ("smile > 1 or 1=1", "1 at character 14 where the name of a column"),
        ("(" * 100 + "smile > 1" + ")" * 100, "more than 20 parentheses"),
        (" and ".join(["smile > 1"] * 250), "more than 200 times"),
        ("smile > 1 " + " " * 5000, "give at most 4,000"),
    ],
)
def test_bad_filters_are_explained(thousand: la.Gallery, text: str, message: str) -> None:
    with pytest.raises(GalleryError, match=message):
        thousand.search(thousand.codes[0], where=text)


@pytest.mark.local_store("asks no gallery")
def test_a_filter_reaches_the_database_as_parameters_only() -> None:
    held = columns.listed(schema.VERSION, [Column("a b")])
    condition = filters.parse("person = 'x'' or 1=1 --' and \"a b\" > 2", held)
    assert condition.values == ["x' or 1=1 --", 2.0]
    assert condition.sql.count("?") == 2
    assert "1=1" not in condition.sql


def test_the_promise_is_measured_and_kept_through_adds_and_removals(faces: ImageSet, tmp_path: Path) -> None:
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(8).fit(faces), metric="euclidean")
    first = gallery.update(faces[:900], method="ivf", recall=0.9)
    assert (first.method, first.recall_measured >= 0.9, gallery.promised_recall) == ("ivf", True, 0.9)
    second = gallery.update(faces[50:950])
    assert (second.images, second.added, second.updated, second.removed) == (900, 50, 0, 50)
    assert (second.method, second.recall_measured >= 0.9) == ("ivf", True)
    gone = set(faces.names[:50])
    hits = total = 0
    exact = NearestNeighbors(n_neighbors=10).fit(gallery.codes)
    for picture in faces[950:]:
        found = gallery.search(picture, k=10)
        assert not gone & set(found.names)
        places = exact.kneighbors(gallery.model.encode(picture), return_distance=False)[0]
        hits += len({gallery.names[place] for place in places} & set(found.names))
        total += 10
    assert hits / total >= 0.85
    assert all(gallery.search(picture, k=1).distances[0] == 0 for picture in faces[50:950])
    third = gallery.update(method="exact", recall=0.95)
    assert (third.method, third.recall_measured) == ("exact", 1.0)


def test_an_index_that_is_damaged_or_gone_costs_no_answer(
    faces: ImageSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(8).fit(faces))
    gallery.update(faces[:100])
    expected = gallery.search(faces[200], k=5)
    for path in next(gallery.folder.glob("index-*")).iterdir():
        path.write_bytes(path.read_bytes()[:10])
    found = la.Gallery.open(tmp_path / "g").search(faces[200], k=5)
    assert found.names == expected.names
    assert "the search is exact until the next update" in caplog.text
    caplog.clear()
    gallery.update()
    assert la.Gallery.open(tmp_path / "g").search(faces[200], k=5).names == expected.names


@pytest.mark.parametrize("threshold", [0.0, 0.8, 2.0, 1000.0])
def test_duplicates_equal_components_by_hand(thousand: la.Gallery, threshold: float) -> None:
    distances = squareform(pdist(thousand.codes.astype(np.float64)))
    _, numbers = connected_components(distances <= threshold)
    found = thousand.duplicates(threshold)
    assert found.threshold == threshold
    places = [[thousand.names.index(name) for name in group] for group in found.groups]
    expected = [set(np.flatnonzero(numbers == number)) for number in np.unique(numbers)]
    assert sorted(map(sorted, places)) == sorted(sorted(group) for group in expected if len(group) > 1)
    assert [len(group) for group in places] == sorted((len(group) for group in places), reverse=True)
    for group in places:
        sums = distances[np.ix_(group, group)].sum(axis=1)
        assert sums[0] <= sums.min() * (1 + 1e-9)
        assert (np.diff(distances[group[0], group]) >= -1e-9).all()


def test_duplicates_through_the_index_are_the_same(
    thousand: la.Gallery, faces: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = thousand.duplicates(1.5)
    assert len(expected.groups) > 3
    monkeypatch.setattr("lookalike.gallery.duplicates.EXACT_UP_TO", 0)
    assert thousand.duplicates(1.5) == expected
    coarse = la.Gallery.open(tmp_path / "g", thousand.model, metric="euclidean")
    coarse.update(faces, method="ivf", recall=0.9)
    found = {frozenset(group) for group in coarse.duplicates(1.5).groups}
    exact = [frozenset(group) for group in expected.groups]
    assert all(any(group <= whole for whole in exact) for group in found)  # an index may miss pairs, and add none
    assert len(found & set(exact)) >= 0.8 * len(exact)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.local_store("is computed on codes in memory, above any store")
def test_copies_of_stored_pictures_are_grouped_and_others_are_not(faces: ImageSet, tmp_path: Path, metric: str) -> None:
    generator = np.random.default_rng(0)
    originals = faces.pixels[:300]
    saved = np.stack([copies.saved_again(picture, generator) for picture in originals[:40]])
    names = [f"{i:03d}" for i in range(300)] + [f"{i:03d} saved again" for i in range(40)]
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(24).fit(faces), metric=metric)
    gallery.update(ImageSet(np.concatenate([originals, saved]), names))
    groups = gallery.duplicates().groups
    pairs = {(name, f"{name} saved again") for name in names[:40]}
    found = {tuple(sorted(group)) for group in groups}
    assert len(found & pairs) >= 36
    assert len(found - pairs) <= 4, found - pairs


@pytest.mark.local_store("is computed on codes in memory, above any store")
def test_a_search_meets_as_many_false_matches_as_asked_for(faces: ImageSet, tmp_path: Path) -> None:
    """Persons of two pictures each, the second the first saved again."""
    again = copies.copies_of(faces.pixels[:400], 0, (copies.saved_again,))
    everyone = ImageSet(np.concatenate([faces.pixels[:400], again]), people=[f"{i % 400}" for i in range(800)])
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(16).fit(faces), metric="euclidean")
    gallery.update(everyone)
    distances = squareform(pdist(gallery.codes.astype(np.float64)))
    people = np.array(gallery.people)
    other = people[:, None] != people
    same = np.triu(~other, 1)
    for wanted in (0.1, 0.5):
        found = gallery.threshold(wanted)
        assert found.distance is not None
        met = (other & (distances <= found.distance)).sum(axis=1)
        # 500 of the searches were measured; their mean varies by its standard error, here five of them.
        assert met.mean() == pytest.approx(wanted, abs=5 * met.std() / np.sqrt(500))
        assert wanted - 3 / 500 <= found.false_matches <= wanted
        assert (distances[same] <= found.distance).mean() == pytest.approx(found.true_match_rate, abs=1 / same.sum())
        assert (found.basis, found.matches, found.images) == ("people", same.sum(), len(people))


def test_no_line_is_drawn_where_searches_cannot_tell(thousand: la.Gallery) -> None:
    distances = squareform(pdist(thousand.codes.astype(np.float64)))
    people = np.array(thousand.people)
    other = people[:, None] != people
    nearest = np.sort(distances[other])[: round(0.05 * len(people))]
    assert (distances[np.triu(~other, 1)] <= nearest[-1]).mean() < 0.01
    assert thousand.threshold(0.05).distance is None


@pytest.mark.local_store("is computed on codes in memory, above any store")
def test_the_threshold_without_people_is_that_of_copies(faces: ImageSet, tmp_path: Path) -> None:
    """Copies among the pictures are no false matches: the line is that of the same pictures without them."""
    model = la.PCAAutoencoder(16).fit(faces)
    lines = []
    for name, pixels in {
        "plain": faces.pixels[:200],
        "copied": np.concatenate([faces.pixels[:200], copies.copies_of(faces.pixels[:200], 0, (copies.saved_again,))]),
    }.items():
        gallery = la.Gallery.open(tmp_path / name, model, metric="euclidean")
        gallery.update(ImageSet(pixels))
        lines.append(gallery.threshold(0.5))
    found = lines[0]
    assert found.distance is not None
    apart = squareform(pdist(la.Gallery.open(tmp_path / "plain").codes.astype(np.float64)))
    met = (apart <= found.distance).sum(axis=1) - 1
    a_pair = 2 / 200  # which two searches meet, and whose distance may be at the threshold
    assert found.basis == "copies"
    assert met.mean() == pytest.approx(found.false_matches, abs=2 * a_pair)
    assert 0.5 - 2 / 200 <= found.false_matches <= 0.5
    assert lines[1].distance is not None
    assert lines[1].distance > 0.5 * found.distance  # twice the pictures, and no line at the copies' own distance
    with la.Gallery.open(tmp_path / "plain") as gallery:
        view = gallery.snapshot().view
        shifted = copies.copies_of(view.all_pixels, seed=3)
        near = np.linalg.norm(gallery.model.encode(shifted) - np.repeat(view.all_codes, 4, axis=0), axis=1)
    assert (near <= found.distance).mean() == pytest.approx(found.true_match_rate, abs=0.03)


@pytest.mark.local_store("is computed on codes in memory, above any store")
def test_thresholds_are_kept_and_measured_again_when_much_has_changed(
    faces: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []
    original = calibration.Calibration.match
    monkeypatch.setattr(calibration.Calibration, "match", lambda self, rate: measured.append(1) or original(self, rate))
    gallery = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(8).fit(faces))
    gallery.update(faces[:200])
    first = gallery.threshold()
    gallery.update(faces[:210])
    assert la.Gallery.open(tmp_path / "g").threshold() == first
    assert len(measured) == 1
    gallery.update(faces[:900])
    assert gallery.threshold().images == 900
    assert len(measured) == 2
    for bad in (0, 1, -0.1, float("nan")):
        with pytest.raises(OptionError, match="false matches are"):
            gallery.threshold(bad)
    with pytest.raises(OptionError, match="threshold is -1; give a distance"):
        gallery.duplicates(-1)


def test_another_metric_comes_with_the_next_update(faces: ImageSet, tmp_path: Path) -> None:
    trained = la.PCAAutoencoder(8).fit(faces)
    la.Gallery.open(tmp_path / "g", trained).update(faces[:200])
    gallery = la.Gallery.open(tmp_path / "g", trained, metric="cosine")
    assert gallery.metric == "whitened-cosine"
    gallery.update()
    assert gallery.metric == la.Gallery.open(tmp_path / "g").metric == "cosine"
    codes = gallery.codes.astype(np.float64)
    query = trained.encode(faces[300])[0].astype(np.float64)
    expected = np.sort(cdist(query[None], codes, "cosine")[0])[:5]
    np.testing.assert_allclose(gallery.search(faces[300]).distances, expected, rtol=1e-4)
    with pytest.raises(OptionError, match="'manhattan' is unknown"):
        la.Gallery.open(tmp_path / "g", metric="manhattan")
