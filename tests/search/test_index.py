"""One contract over every kind of index in the registry, against brute force in NumPy and scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path

import faiss
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from codes import WIDTH, brute_force, clustered, names_of, recall_of
from lookalike.errors import OptionError, SearchError
from lookalike.search import INDEXES, METRICS, Index, index_class, load_index, make_metric
from lookalike.search.lookup import fingerprints

COUNT = 1500


@pytest.fixture(scope="module")
def built() -> dict[str, Index]:
    """An index of every kind over the same codes; tests that change one make their own."""
    return {kind: index_class(kind)().fit(clustered(COUNT), names_of(COUNT)) for kind in INDEXES}


@pytest.fixture(params=sorted(INDEXES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def index(kind: str, built: dict[str, Index]) -> Index:
    return built[kind]


def test_neighbours_are_those_of_brute_force(index: Index) -> None:
    queries = clustered(100, seed=1)
    found = index.query(queries, 10)
    assert (found.ids.dtype, found.distances.dtype) == (np.int64, np.float32)
    assert found.ids.shape == found.distances.shape == (100, 10)
    places, distances = brute_force(clustered(COUNT), queries, 10)
    if index.kind == "exact":
        np.testing.assert_array_equal(found.ids, names_of(COUNT)[places])
        np.testing.assert_allclose(found.distances, distances, rtol=1e-5)
    assert recall_of(found.ids, names_of(COUNT)[places]) > 0.9
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_distances_are_true_whatever_was_found(index: Index) -> None:
    queries = clustered(40, seed=1)
    found = index.query(queries, 5)
    place = {name: i for i, name in enumerate(names_of(COUNT))}
    nearest = clustered(COUNT)[[[place[name] for name in row] for row in found.ids]]
    true = np.linalg.norm(nearest.astype(np.float64) - queries[:, None], axis=2)
    np.testing.assert_allclose(found.distances, true, rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_a_stored_code_comes_back_at_exactly_zero_alone_and_in_batches(kind: str, metric: str) -> None:
    codes = clustered(400) + np.float32(100)  # far from the origin, where FAISS's expansion rounds worst
    # The least effort: what the structure misses must be found all the same.
    index = index_class(kind)(metric).fit(codes)
    if index.effort is not None:
        index.tune(**{index.effort: index.options[index.effort].least})
    found = index.query(codes, 3)
    np.testing.assert_array_equal(found.ids[:, 0], np.arange(400))
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    for i in range(0, 400, 9):
        alone = index.query(codes[i], 3)
        assert (alone.ids[0, 0], alone.distances[0, 0]) == (i, 0)


def test_k_of_one_and_one_query(index: Index) -> None:
    codes = clustered(COUNT)
    alone = index.query(codes[3], 1)
    assert alone.ids.shape == (1, 1)
    assert alone.ids[0, 0] == names_of(COUNT)[3]
    assert index.query(codes[:0], 4).ids.shape == (0, 4)


@pytest.mark.parametrize("count", [1, 7, 60])
def test_more_than_are_held_gives_none_at_the_end(kind: str, count: int) -> None:
    codes = clustered(count)
    index = index_class(kind)().fit(codes)
    found = index.query(clustered(25, seed=1), count + 3)
    np.testing.assert_array_equal(np.sort(found.ids[:, :count], axis=1), np.tile(np.arange(count), (25, 1)))
    np.testing.assert_array_equal(found.ids[:, count:], -1)
    assert np.isinf(found.distances[:, count:]).all()
    assert np.isfinite(found.distances[:, :count]).all()


def test_an_empty_index_answers_and_grows(kind: str) -> None:
    index = index_class(kind)().fit(np.empty((0, WIDTH), np.float32))
    assert len(index) == 0
    found = index.query(clustered(3), 2)
    np.testing.assert_array_equal(found.ids, -1)
    assert np.isinf(found.distances).all()
    index.add(clustered(40), np.arange(40))
    np.testing.assert_array_equal(index.query(clustered(40), 1).ids[:, 0], np.arange(40))


def test_added_is_found_and_removed_never_comes_back(kind: str, tmp_path: Path) -> None:
    codes, names = clustered(900), names_of(900)
    index = index_class(kind)().fit(codes[:600], names[:600])
    held = np.zeros(900, np.bool_)
    held[:600] = True
    generator = np.random.default_rng(3)
    for step in range(6):  # removes more than a graph keeps as ways
        gone = generator.choice(np.flatnonzero(held), 90, replace=False)
        assert index.remove(np.concatenate([names[gone], [1, 2]])) == 90
        assert index.remove(names[gone]) == 0
        held[gone] = False
        new = generator.choice(np.flatnonzero(~held), 60, replace=False)
        index.add(codes[new], names[new])
        held[new] = True
        assert len(index) == held.sum()
        np.testing.assert_array_equal(np.sort(index.ids), np.sort(names[held]))
        if step % 2:
            index.save(tmp_path / "kept")
            index = load_index(tmp_path / "kept")
        found = index.query(codes, 10)
        assert np.isin(found.ids, names[held]).all()
        np.testing.assert_array_equal(found.ids[held, 0], names[held])
        np.testing.assert_array_equal(found.distances[held, 0], 0)
        places, _ = brute_force(codes[held], codes, 10)
        assert recall_of(found.ids, names[held][places]) > 0.85
    everything = index.query(codes[:5], len(index))
    np.testing.assert_array_equal(np.sort(everything.ids, axis=1), np.tile(np.sort(names[held]), (5, 1)))


def test_all_may_leave_and_others_come(kind: str) -> None:
    codes = clustered(80)
    index = index_class(kind)().fit(codes)
    assert index.remove(np.arange(80)) == 80
    assert len(index) == 0
    np.testing.assert_array_equal(index.query(codes[:2], 3).ids, -1)
    index.add(codes[:50], np.arange(50) + 1000)
    np.testing.assert_array_equal(index.query(codes[:50], 1).ids[:, 0], np.arange(50) + 1000)


def test_duplicates_are_all_there(kind: str) -> None:
    codes = clustered(300)
    codes[40:70] = codes[0]
    index = index_class(kind)().fit(codes)
    found = index.query(codes[[0, 50] * 15], 31)
    twins = {0, *range(40, 70)}
    if kind in ("exact", "lsh"):  # equal codes have equal bits; other kinds may lose some of many
        assert all(set(row) == twins for row in found.ids)
        np.testing.assert_array_equal(found.distances, 0)
    assert set(found.ids[:, 0]) <= twins
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    assert all(len(set(row)) == 31 for row in found.ids)


def test_negative_zero_is_zero(kind: str) -> None:
    np.testing.assert_array_equal(fingerprints(np.float32([[0.0, 1]])), fingerprints(np.float32([[-0.0, 1]])))
    codes = clustered(200)
    codes[7] = 0
    index = index_class(kind)().fit(codes)
    found = index.query(np.full((1, WIDTH), -0.0), 1)
    assert (found.ids[0, 0], found.distances[0, 0]) == (7, 0)


def test_saved_and_loaded_answers_the_same_and_goes_on(index: Index, tmp_path: Path) -> None:
    index.save(tmp_path / "index")
    assert len(list((tmp_path / "index").iterdir())) == 2
    loaded = load_index(tmp_path / "index")
    assert type(loaded) is type(index)
    assert loaded.settings == index.settings
    queries = clustered(50, seed=1)
    for ours, theirs in zip(loaded.query(queries, 10), index.query(queries, 10), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded.add(clustered(5, seed=2), [1, 2, 3, 4, 5])
    loaded.save(tmp_path / "index")
    assert len(list((tmp_path / "index").iterdir())) == 2
    np.testing.assert_array_equal(load_index(tmp_path / "index").query(clustered(5, seed=2), 1).ids[:, 0], range(1, 6))


@pytest.mark.parametrize("metric", METRICS)
def test_the_metric_is_part_of_the_index(kind: str, metric: str, tmp_path: Path) -> None:
    codes, queries = clustered(500), clustered(30, seed=1)
    index = index_class(kind)(metric).fit(codes)
    learned = make_metric(metric).fit(codes)
    places, distances = brute_force(learned.transform(codes), learned.transform(queries), 5)
    index.save(tmp_path)
    found = load_index(tmp_path).query(queries, 5)
    assert recall_of(found.ids, places) > 0.85
    if kind == "exact":
        np.testing.assert_array_equal(found.ids, places)
        np.testing.assert_allclose(found.distances, learned.distances(distances**2), rtol=1e-4, atol=1e-6)


def test_fitted_again_it_forgets_what_it_held(kind: str) -> None:
    index = index_class(kind)().fit(clustered(300))
    index.fit(clustered(60, width=8), np.arange(60) + 500)
    assert len(index) == 60
    assert index.query(clustered(60, width=8), 3).ids.min() >= 500


def test_wrong_codes_are_named(index: Index) -> None:
    for codes, message in (
        (np.zeros((2, 5)), r"shape \(2, 5\); this index takes codes of shape \(N, 16\)"),
        (np.zeros((2, 3, 16)), r"shape \(2, 3, 16\)"),
        (np.full((3, 16), np.nan), "code 0 holds nan; codes must be finite"),
        (np.array([[0.0] * 16, [0.0] * 15 + [np.inf]]), "code 1 holds inf"),
        (np.full((1, 16), 1e300), "code 0 holds 1e.300"),
        (np.full((1, 16), "a"), "codes are <U1; give numbers"),
    ):
        with pytest.raises(OptionError, match=message):
            index.query(codes)
        with pytest.raises(OptionError, match=message):
            index.add(codes, np.arange(len(codes)))
    with pytest.raises(OptionError, match="k is 0; ask for 1 neighbour or more"):
        index.query(clustered(1), 0)


def test_wrong_ids_are_named_and_change_nothing(index: Index) -> None:
    held = int(names_of(COUNT)[4])
    for ids, message in (
        ([1, -7], "id -7 is not held; ids lie from 0"),
        ([1, 1], "id 1 is given twice"),
        ([1, held], f"id {held} is held already; remove it first"),
        ([1], r"ids of shape \(1,\) for 2 codes"),
        ([0.5, 1.5], "ids are float64; give whole numbers"),
        (np.array([1, 2**63], np.uint64), f"id {2**63} is not held"),
    ):
        with pytest.raises(OptionError, match=message):
            index.add(clustered(2), ids)
    assert len(index) == COUNT
    assert index.remove([-1]) == 0
    with pytest.raises(OptionError, match="ids are float64; give whole numbers"):
        index.remove([float(held)])


def test_settings_are_named_and_checked(kind: str) -> None:
    make = index_class(kind)
    with pytest.raises(OptionError, match=f"an index of kind {kind} has no setting 'nonsense'; its settings: "):
        make(nonsense=3)
    for name, option in make.options.items():
        for wrong in (option.least - 1, option.most + 1, 2.5, "many", True):
            with pytest.raises(OptionError, match=f"{name} is {wrong!r}; give a whole number from {option.least}"):
                make(**{name: wrong})  # type: ignore[arg-type]
        assert make(**{name: option.least + 1}).settings[name] == option.least + 1
        if not option.at_query:
            with pytest.raises(OptionError, match=f"{name} of an index of kind {kind} is built in"):
                make().tune(**{name: option.least})


def test_before_fit_nothing_goes(kind: str, tmp_path: Path) -> None:
    index = index_class(kind)()
    assert len(index) == 0
    for use in (lambda: index.query(clustered(1)), lambda: index.add(clustered(1), [0]), lambda: index.save(tmp_path)):
        with pytest.raises(SearchError, match=f"this index of kind {kind} has learned nothing yet; call fit"):
            use()


def damage(folder: Path, how: str) -> None:
    (arrays,) = folder.glob("*.npz")
    described = folder / "index.json"
    description = json.loads(described.read_text())
    if how == "flipped bit":
        content = bytearray(arrays.read_bytes())
        content[len(content) // 2] ^= 1
        arrays.write_bytes(content)
    elif how == "cut short":
        arrays.write_bytes(arrays.read_bytes()[:-100])
    elif how == "missing":
        arrays.unlink()
    elif how == "no description":
        described.unlink()
    elif how == "half a description":
        described.write_text('{"format": 1')
    elif how == "no object":
        described.write_text("[]")
    elif how == "later format":
        described.write_text(json.dumps({**description, "format": 99}))
    elif how == "unknown kind":
        described.write_text(json.dumps({**description, "kind": "magic"}))
    elif how == "another kind":
        described.write_text(json.dumps({**description, "kind": "ivf" if description["kind"] != "ivf" else "exact"}))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("flipped bit", r"arrays-\w+\.npz is damaged: its digest differs .*; build the index again, or restore"),
        ("cut short", r"arrays-\w+\.npz is damaged: its digest differs"),
        ("missing", r"arrays-\w+\.npz cannot be read .*; build the index again"),
        ("no description", "holds no index; give a folder that Index.save wrote"),
        ("half a description", r"index\.json is damaged .*; build the index again"),
        ("no object", r"index\.json is damaged"),
        ("later format", "of format 99, this version reads 1; update lookalike"),
        ("unknown kind", "holds no index that this version can read .*'magic' is unknown"),
        ("another kind", "holds no index that this version can read"),
    ],
)
def test_damaged_indexes_are_refused(index: Index, tmp_path: Path, how: str, message: str) -> None:
    index.save(tmp_path)
    damage(tmp_path, how)
    with pytest.raises(SearchError, match=message):
        load_index(tmp_path)


def test_unknown_kinds_are_named() -> None:
    with pytest.raises(OptionError, match="index 'tree' is unknown; give one of exact, lsh, hnsw, ivf, ivfpq"):
        index_class("tree")


def test_segments_must_divide_the_code() -> None:
    with pytest.raises(OptionError, match="segments is 5, which does not divide codes of 16 numbers"):
        index_class("ivfpq")(segments=5).fit(clustered(300))


@pytest.mark.parametrize("width", [1, 2, 13, 71])
def test_codes_of_any_width(kind: str, width: int) -> None:
    codes = clustered(200, width=width)
    index = index_class(kind)().fit(codes)
    np.testing.assert_array_equal(index.query(codes, 2).distances[:, 0], 0)


@pytest.fixture
def _faiss_expands(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS expands |x - y|^2 into |x|^2 - 2xy + |y|^2 in batches of any size, as it does in large ones."""
    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", 1)


@pytest.mark.usefixtures("_faiss_expands")
def test_stored_codes_are_at_zero_where_faiss_rounds() -> None:
    codes = clustered(600)
    flat = faiss.IndexFlatL2(WIDTH)
    flat.add(codes)
    assert flat.search(codes, 1)[0].max() > 0  # else this test shows nothing
    found = index_class("exact")().fit(codes).query(codes, 10)
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    places, distances = brute_force(codes, codes, 10)
    np.testing.assert_array_equal(found.ids, places)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)


@pytest.mark.usefixtures("_faiss_expands")
def test_exact_search_is_exact_where_rounding_hides_neighbours() -> None:
    """Codes so far from the origin that the expansion in float32 cannot tell any of them apart."""
    codes = clustered(500) + np.float32(3000)
    queries = clustered(60, seed=1) + np.float32(3000)
    found = index_class("exact")().fit(codes).query(queries, 10)
    places, distances = brute_force(codes, queries, 10)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-6)
    assert recall_of(found.ids, places) > 0.99  # ties by rounding of the codes themselves


@pytest.mark.lfw
@pytest.mark.slow
def test_exact_equals_scikit_learn_to_the_last_neighbour_on_lfw(lfw_archive: Path) -> None:
    faces = la.load(lfw_archive, size=32, crop=80)
    codes = la.PCAAutoencoder(32).fit(faces).encode(faces)
    found = index_class("exact")().fit(codes).query(codes, 10)
    distances, places = (
        NearestNeighbors(n_neighbors=10, algorithm="brute")
        .fit(codes.astype(np.float64))
        .kneighbors(codes.astype(np.float64))
    )
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    # Where ids differ, the two are equally far to the rounding of float32.
    differing = np.nonzero(found.ids != places)
    true = np.linalg.norm(codes[differing[0]].astype(np.float64) - codes[found.ids[differing]], axis=1)
    np.testing.assert_allclose(true, distances[differing], rtol=1e-6)
    assert len(differing[0]) < 20
