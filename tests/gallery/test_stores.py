"""Codes in Milvus: what is of this store alone, and galleries that go from one store to the other."""

from __future__ import annotations

import json
import subprocess
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import lookalike as la
from killing import DIED, Moment, finish, fresh_processes
from lookalike.data.images import ImageSet
from lookalike.errors import GalleryError, MissingExtraError, OptionError
from lookalike.gallery import stores
from lookalike.gallery.stores.milvus import connection
from lookalike.gallery.stores.milvus.collections import Collections
from lookalike.gallery.stores.milvus.index import GraphInMilvus
from lookalike.search import choose, keep_promise, make_metric
from lookalike.search.recall import measure
from pictures import waves
from studio import png, serving

SIDE = 16
pytestmark = pytest.mark.local_store("names its stores itself")


@pytest.fixture(scope="module")
def model() -> la.PCAAutoencoder:
    return la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=9))


def pictures(count: int, seed: int = 0) -> ImageSet:
    values = np.arange(count, dtype=np.float32)[:, None]
    return ImageSet(waves(count, SIDE, SIDE, seed=seed), attribute_names=("rank",), attribute_values=values)


def answers(gallery: la.Gallery) -> list[Any]:
    asked = waves(6, SIDE, SIDE, seed=7)
    found = [gallery.search(picture, 5, where=where) for picture in asked for where in (None, "rank < 20")]
    return [(one.names, one.distances.round(5).tolist()) for one in found]


def test_codes_move_there_and_back_without_encoding(
    embedded: Path, model: la.PCAAutoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(pictures(70)[:60])
        gallery.update(pictures(70))
        codes, expected = gallery.codes, answers(gallery)
    there = set(connection.connected(str(embedded)).ask("list_collections"))
    for told in (f"milvus:{embedded}", "milvus:", "local"):
        with la.Gallery.open(tmp_path / "g", create=False) as gallery:
            before = gallery.store
            with monkeypatch.context() as patch:
                patch.setattr(la.PCAAutoencoder, "encode", None)
                moved = gallery.move(told)
            assert (moved.before, moved.store, gallery.store, moved.codes) == (before, told, told, 70)
            assert (moved.method, moved.recall_measured, moved.kept) == ("exact", 1.0, True)
            assert gallery.move(told).codes == 0
        with la.Gallery.open(tmp_path / "g", create=False) as gallery:
            np.testing.assert_array_equal(gallery.codes, codes)
            if before == "local":
                assert not list((tmp_path / "g").glob("codes-*.bin"))
            assert [names for names, _ in answers(gallery)] == [names for names, _ in expected]
            np.testing.assert_allclose(
                np.concatenate([distances for _, distances in answers(gallery)]),
                np.concatenate([distances for _, distances in expected]),
                atol=2e-5,
            )
    assert set(connection.connected(str(embedded)).ask("list_collections")) == there


@pytest.mark.parametrize("method", ["exact", "hnsw", "ivf", "auto"])
def test_every_kind_keeps_its_promise_through_adds_and_removals(
    embedded: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured against exact search by NumPy alone."""
    monkeypatch.setattr("lookalike.search.recall.SMALL", 0)
    kinds = stores.store_at({"kind": "milvus", "address": str(embedded), "name": f"try_{method}"}, Path()).kinds
    draw = np.random.default_rng(0)
    codes = (draw.normal(size=(900, 6)) + draw.normal(size=(30, 6)).repeat(30, axis=0) * 2).astype(np.float32)
    queries = codes[:150] + draw.normal(size=(150, 6)).astype(np.float32) * np.float32(0.1)
    asked: dict[str, Any] = {"queries": queries, "kinds": kinds, "recall": 0.9, "metric": "whitened"}
    index, report = choose(codes[:800], np.arange(800) + 7, method=method, **asked)
    assert report.kept
    assert method in ("auto", report.kind)
    index.remove(np.arange(100) + 7)
    index.add(codes[800:], np.arange(800, 900) + 7)
    points = make_metric("whitened").fit(codes[:800])
    held, ids = codes[100:], np.arange(100, 900) + 7
    for _ in range(2):  # with the new ones still loose, and settled
        found = index.query(codes[850], 4)
        assert (found.ids[0, 0], found.distances[0, 0]) == (857, 0)
        assert not np.isin(index.query(codes[:100], 5).ids, np.arange(100) + 7).any()
        apart = np.linalg.norm(points.transform(queries)[:, None] - points.transform(held), axis=2)
        true = ids[np.argsort(apart, axis=1)[:, :10]]
        hits = [len(set(a) & set(b)) for a, b in zip(true, index.query(queries, 10).ids, strict=True)]
        assert np.mean(hits) / 10 == pytest.approx(measure(index, held, ids, queries), abs=0.01)
        index.settle()
    _, again = keep_promise(index, held, ids, queries, report, kinds=kinds)
    assert again.kept
    assert sorted(index.query(codes[5], 800).ids[0]) == sorted(ids)  # more than any index gives by itself


def test_what_is_measured_is_the_index_that_will_be_searched(embedded: Path) -> None:
    """Milvus compares all vectors until its index is loaded: a promise that was measured then would not last."""
    draw = np.random.default_rng(0)
    codes, ids = draw.normal(size=(3000, 32)).astype(np.float32), np.arange(3000)
    index = GraphInMilvus(Collections(str(embedded), "try_graph"), links=4, ef_construction=8, ef_search=1)
    index.hold(make_metric("euclidean").fit(codes), codes, ids)
    queries = draw.normal(size=(100, 32)).astype(np.float32)
    first = measure(index, codes, ids, queries)
    assert first < 0.9
    assert measure(index, codes, ids, queries) == first


def test_what_is_in_milvus_and_not_in_the_catalog_is_found_by_nobody(model: la.PCAAutoencoder, tmp_path: Path) -> None:
    with la.Gallery.open(tmp_path / "g", model, store="milvus:") as gallery:
        gallery.update(pictures(41)[:40])
        expected, codes = answers(gallery), gallery.codes
        index = gallery._ready()[1]
        points = index.metric.transform(codes)
        collections = index.collections  # type: ignore[attr-defined]
        collections.upsert(index.held_in, np.arange(1000, 1040), points)
        collections.upsert("codes_1", np.arange(40, 60), codes[:20])
        collections.create("points_lost", 8, "FLAT", {}, up_to_date=False)
        assert answers(gallery) == expected
        gallery.update(pictures(41))
        assert "points_lost" not in collections.names()
        rows = collections.connection.ask("query", f"{collections.prefix}_codes_1", filter="id >= 0", limit=1000)
        assert len(rows) == 41
        assert len(gallery.search(gallery.names[0], 100).names) == 41


def change(gallery: Path, source: Path, moment: Moment | None = None, to: str | None = None) -> None:
    """Update, or move, in a process of its own, which dies at a call of Milvus or an end of a transaction."""
    from lookalike.gallery import changes, stores
    from lookalike.gallery.catalog import Catalog

    changes.CHUNK, changes.AHEAD, stores.DEFAULT = 15, 1, "milvus:"
    if moment is not None:
        moment.before(connection.Connection, "ask")
        moment.before(Catalog, "set_fact")
    with la.Gallery.open(gallery, la.load_model(source.parent / "model")) as held:
        if to is None:
            held.update(source)
        else:
            held.move(to)


@pytest.fixture(scope="module")
def fresh() -> ForkServerContext:
    return fresh_processes()


def test_killed_between_milvus_and_the_catalog(
    model: la.PCAAutoencoder, tmp_path: Path, fresh: ForkServerContext
) -> None:
    """At some calls of an update, and then of moves: the next one ends in the gallery of an unbroken one."""
    model.save(tmp_path / "model")
    source = tmp_path / "p.npy"
    np.save(source, waves(40, SIDE, SIDE))
    assert finish(fresh, change, tmp_path / "g", source) == 0
    np.save(source, np.concatenate([waves(40, SIDE, SIDE)[10:], waves(25, SIDE, SIDE, seed=3)]))
    with la.Gallery.open(tmp_path / "plain", model) as gallery:
        gallery.update(source)
        names, codes = gallery.names, gallery.codes
    killed = 0
    for at in (9, 14, 18, 26):
        killed += finish(fresh, change, tmp_path / "g", source, Moment(at)) == DIED
    assert killed >= 3
    assert finish(fresh, change, tmp_path / "g", source) == 0
    for at, to in ((10, "local"), (6, "milvus:")):
        assert finish(fresh, change, tmp_path / "g", source, Moment(at), to) == DIED
        assert finish(fresh, change, tmp_path / "g", source, None, to) == 0
    with la.Gallery.open(tmp_path / "g", create=False) as gallery:
        assert (gallery.store, gallery.names) == ("milvus:", names)
        np.testing.assert_allclose(gallery.codes, codes, atol=1e-5)  # which were encoded in other company
        gallery.update()
        found = [gallery.search(picture, 1) for picture in np.load(source)]
        assert [one.names[0] for one in found] == names
        assert not any(one.distances[0] for one in found)
        collections = gallery._ready()[1].collections  # type: ignore[attr-defined]
        assert len(collections.names()) == 2
        np.save(source, waves(45, SIDE, SIDE, seed=5))  # another process updates by way of this one
        assert finish(fresh, change, tmp_path / "g", source) == 0
        assert gallery.search(np.load(source)[44], 1) == (["00044"], 0)


def test_a_studio_serves_it_and_other_processes_read_it_meanwhile(model: la.PCAAutoencoder, tmp_path: Path) -> None:
    with la.Gallery.open(tmp_path / "g", model, store="milvus:") as gallery:
        gallery.update(pictures(40))
        picture, name = gallery.picture(gallery.names[4]), gallery.names[4]
    with serving(tmp_path / "g") as studio:
        found = studio.send("/api/v1/search?k=3", png(picture)).json()["neighbours"]
        assert (found[0]["name"], found[0]["distance"], len(found)) == (name, 0, 3)
        command = ["-m", "lookalike", "search", str(tmp_path / "g"), "--item", name, "-k", "3", "--json"]
        told = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True).stdout
        assert [one["name"] for one in json.loads(told)["neighbours"]] == [one["name"] for one in found]


def test_commands(call: Any, model: la.PCAAutoencoder, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    np.save(tmp_path / "p.npy", waves(30, SIDE, SIDE))
    given = ["index", tmp_path / "run", tmp_path / "p.npy", "--gallery", tmp_path / "g"]
    assert call(*given, "--store", "milvus:", "--json").json["images"] == 30
    refused = call(*given, "--store", "local")
    assert refused.code == 2
    assert "in the store milvus:; move them with: lookalike gallery move" in refused.err
    moved = call("gallery", "move", tmp_path / "g", "--store", "local")
    assert "30 codes brought from milvus: to local" in moved.out
    assert call("gallery", "move", tmp_path / "g", "--store", "milvus:", "--json").json["codes"] == 30
    assert call("duplicates", tmp_path / "g", "--threshold", "0", "--json").json["groups"] == []
    unknown = call(*given, "--method", "lsh")
    assert (unknown.code, "'lsh' is unknown; give one of auto, exact, hnsw, ivf" in unknown.err) == (2, True)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("chroma:", "store is 'chroma:'; give local, milvus:"),
        ("milvus:codes", r"neither a server nor a file; give http://HOST:19530 or PATH\.db"),
        ("milvus:http://ann:secret@host:19530", "which no gallery keeps; give it in LOOKALIKE_MILVUS_TOKEN"),
        ("milvus:ftp://host", "is no server"),
    ],
)
def test_other_stores_are_refused(model: la.PCAAutoencoder, tmp_path: Path, told: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        la.Gallery.open(tmp_path / "g", model, store=told)
    assert not (tmp_path / "g").exists()


def test_a_server_that_is_not_there_and_an_absent_extra_are_told(
    model: la.PCAAutoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    with pytest.raises(GalleryError, match=r"no Milvus answers at http://127\.0\.0\.1:9 .*LOOKALIKE_MILVUS_TOKEN"):
        la.Gallery.open(tmp_path / "g", model, store="milvus:http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(MissingExtraError, match=r"needs the extra 'milvus': pip install 'lookalike\[milvus\]'"):
        la.Gallery.open(tmp_path / "g", model, store="milvus:")


def test_nothing_else_imports_the_client() -> None:
    code = "import sys, lookalike.cli, lookalike.gallery; assert not {'pymilvus', 'milvus_lite'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("is_embedded", [True, False])
def test_an_index_that_is_still_being_written_is_loaded_once_more(
    monkeypatch: pytest.MonkeyPatch, is_embedded: bool
) -> None:
    """Milvus Lite writes indexes in place, beside other work; a server is believed when it refuses."""
    asked = []

    class Writing:
        loaded: ClassVar[set[str]] = set()

        def ask(self, verb: str, *_: object) -> None:
            asked.append(verb)
            if len(asked) < 3:
                raise GalleryError("No data left in file")

    monkeypatch.setattr(Writing, "is_embedded", is_embedded, raising=False)
    collections = Collections("nowhere", "g")
    monkeypatch.setattr(collections, "_connection", Writing())
    if is_embedded:
        assert collections._loaded("codes") == "g_codes"
        assert asked == ["load_collection"] * 3
    else:
        with pytest.raises(GalleryError, match="No data left"):
            collections._loaded("codes")
        assert asked == ["load_collection"]
