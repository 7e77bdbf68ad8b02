"""The gallery over HTTP: lists, pictures, what browsers keep, duplicates, maps, and changes while it is served."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from studio import CODE, SIZE, Served, build_gallery, pixels_of, prepare_here, serving, small_model
from waiting import until


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gallery")
    build_gallery(folder)
    prepare_here(folder, ["groups"])
    with serving(folder) as studio:
        studio.wait_until_prepared()
        yield studio


def test_facts(served: Served) -> None:
    facts = served.get("/api/v1/gallery").json()
    with la.Gallery.open(served.gallery) as gallery:
        threshold = gallery.threshold()
        assert facts["images"] == len(gallery) == 60
        assert (facts["model"], facts["code_size"], facts["image_shape"]) == ("conv", CODE, [SIZE, SIZE, 3])
        assert (facts["metric"], facts["attributes"]) == (gallery.metric, list(gallery.attributes.columns))
    assert (facts["match_threshold"], facts["match_basis"]) == (threshold.distance, threshold.basis)
    assert (facts["match_rate"], facts["false_matches"]) == (threshold.true_match_rate, threshold.false_matches)
    assert (facts["people"], facts["denoiser"], facts["runs"], facts["preparing"]) == (True, False, 0, [])
    assert (facts["method"], facts["recall_measured"]) == ("exact", 1.0)


def test_lists(served: Served) -> None:
    with la.Gallery.open(served.gallery) as gallery:
        names, people, smiles = gallery.names, gallery.people, gallery.attributes["smile"]
    first, second = (served.get(f"/api/v1/items?offset={offset}&limit=25").json() for offset in (0, 25))
    assert [row["name"] for row in first["items"] + second["items"]] == names[:50]
    assert first["total"] == 60
    person = people[7]
    by_person = served.get("/api/v1/items", params={"person": person}).json()
    assert {row["person"] for row in by_person["items"]} == {person}
    assert by_person["total"] == people.count(person)
    part = names[3][2:8].swapcase()
    by_text = served.get("/api/v1/items", params={"q": part}).json()["items"]
    assert [row["name"] for row in by_text] == [name for name in names if part.lower() in name.lower()]
    smiling = served.get("/api/v1/items", params={"where": ["smile > 0.5", f"person != '{person}'"]}).json()["items"]
    expected = [name for name, who in zip(names, people, strict=True) if smiles[name] > 0.5 and who != person]
    assert [row["name"] for row in smiling] == expected
    assert expected
    served.get("/api/v1/items?limit=0", 422)
    served.get("/api/v1/items?offset=-1", 422)
    served.get("/api/v1/items", 422, params={"where": "smile ~ 1"})


def test_an_item(served: Served) -> None:
    name, id = list(served.ids().items())[5]
    item = served.get(f"/api/v1/items/{id}").json()
    with la.Gallery.open(served.gallery) as gallery:
        assert item["name"] == name
        np.testing.assert_array_equal(np.array(item["code"], np.float32), gallery.code(name))
        assert item["attributes"] == {key: float(value) for key, value in gallery.attributes.loc[name].items()}
        picture = gallery.picture(name)
    assert (item["width"], item["height"]) == (SIZE, SIZE)
    np.testing.assert_array_equal(pixels_of(served.get(f"/api/v1/items/{id}/thumbnail").content), picture)
    for address in ("items/424242", "items/424242/thumbnail", "items/424242/noisy"):
        served.get(f"/api/v1/{address}", 404)
    for id in ("x", "-1", "1.5", "0", str(2**63)):
        served.get(f"/api/v1/items/{id}", 422)


def test_browsers_keep_what_they_may(served: Served) -> None:
    id, digest = next(iter(served.ids().values())), served.get("/api/v1/gallery").json()["digest"]
    for address in (f"/api/v1/items/{id}/thumbnail", "/api/v1/atlas/0"):
        first = served.get(address)
        assert "max-age=60" in first.headers["cache-control"]
        again = served.get(address, 304, headers={"If-None-Match": first.headers["etag"]})
        assert (again.content, again.headers["etag"]) == (b"", first.headers["etag"])
        served.get(address, headers={"If-None-Match": '"another"'})
        assert "immutable" in served.get(f"{address}?v={digest}").headers["cache-control"]
        assert "immutable" not in served.get(f"{address}?v=old").headers["cache-control"]
    facts = served.get("/api/v1/gallery")
    served.get("/api/v1/gallery", 304, headers={"If-None-Match": f'W/"x", {facts.headers["etag"]}'})


def test_the_page_comes_compressed(served: Served) -> None:
    plain = served.get("/static/style.css", headers={"Accept-Encoding": "identity"})
    packed = served.get("/static/style.css", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert packed.content == plain.content  # httpx unpacks it
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    assert served.client.get("/static/style.css", headers=again).status_code == 304
    refused = served.get("/static/style.css", headers={"Accept-Encoding": "gzip;q=0, *"})
    assert "content-encoding" not in refused.headers
    assert "content-encoding" not in served.get("/static/icon.svg").headers


def test_duplicates(served: Served) -> None:
    with la.Gallery.open(served.gallery) as gallery:
        plain, wide = gallery.duplicates(), gallery.duplicates(0.2)
    assert served.get("/api/v1/duplicates").json()["threshold"] == pytest.approx(plain.threshold)
    told = served.get("/api/v1/duplicates?threshold=0.2").json()
    assert [[one["name"] for one in group] for group in told["groups"]] == wide.groups
    assert wide.groups
    for group in told["groups"]:
        code = served.get(f"/api/v1/items/{group[0]['id']}").json()["code"]
        found = served.post("/api/v1/search/code", json={"code": code, "k": 60}).json()["neighbours"]
        apart = {one["id"]: one["distance"] for one in found}
        for one in group:
            assert one["distance"] == pytest.approx(apart[one["id"]], abs=1e-5)
    for wrong in ("-1", "nan", "inf", "x"):
        served.get(f"/api/v1/duplicates?threshold={wrong}", 422)


def test_a_threshold_that_joins_everything(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep the server for minutes where there are many pictures, so it is counted on a sample first."""
    from lookalike.serve.routes import gallery as routes

    with la.Gallery.open(served.gallery) as gallery:
        codes = [served.get(f"/api/v1/items/{id}/neighbours?k=60").json()["neighbours"] for id in served.ids().values()]
        assert len(gallery) == 60
    pairs = sum(one["distance"] <= 0.4 for found in codes for one in found[1:]) / 2
    assert pairs > 0
    assert served.studio.snapshot.pairs_within(0.4) == pairs
    assert served.studio.snapshot.pairs_within(2.5) == 60 * 59 / 2
    monkeypatch.setattr(routes, "MOST_PAIRS", 1000)
    assert "1,770 pairs" in served.get("/api/v1/duplicates?threshold=2.5", 422).json()["detail"]


def test_methods(served: Served) -> None:
    for address, allowed in (
        ("/api/v1/directions", "GET, HEAD, POST"),
        ("/api/v1/items/1", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ):
        answer = served.client.delete(address)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_the_document_speaks_of_this_gallery(served: Served) -> None:
    document = served.get("/openapi.json").json()
    code = document["components"]["schemas"]["ByCode"]["properties"]["code"]
    assert (code["minItems"], code["maxItems"], code["examples"]) == (CODE, CODE, [[0.0] * CODE])
    served.post("/api/v1/search/code", json={"code": code["examples"][0]})
    examples = {name: one["examples"] for name, one in document["components"]["schemas"].items() if "examples" in one}
    ids = list(served.ids().values())
    for name, address in (("ByItems", "search/items"), ("Morph", "morph"), ("Groups", "directions"), ("Edit", "edit")):
        assert set(range(1, 7)) <= set(ids)
        served.post(f"/api/v1/{address}", json=examples[name][0])
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert "4XX" in operation["responses"], path


def test_map(served: Served) -> None:
    from sklearn.decomposition import PCA

    told = served.get("/api/v1/map").json()
    with la.Gallery.open(served.gallery) as gallery:
        expected = PCA(2).fit_transform(gallery.codes)
        assert told["ids"] == [served.ids()[name] for name in gallery.names]
    points = np.array(told["points"])
    assert np.abs(points).max() <= 1
    inner = (np.abs(points) < 1).all(axis=1)
    for axis in (0, 1):
        assert abs(np.corrcoef(points[inner, axis], expected[inner, axis])[0, 1]) > 0.999
    near = served.get("/api/v1/map?method=tsne").json()
    assert (near["method"], near["ready"], near["ids"]) == ("tsne", True, told["ids"])
    assert np.array(near["points"]).shape == (60, 2)
    held = served.studio.prepared.path("tsne", served.studio.snapshot.digest)
    held.rename(held.with_suffix(".away"))
    waiting = served.client.get("/api/v1/map?method=tsne")
    assert waiting.status_code == 202
    assert waiting.json() == {"method": "tsne", "ready": False, "points": [], "ids": []}
    until(lambda: served.client.get("/api/v1/map?method=tsne").status_code != 202, "the map is made")
    assert served.get("/api/v1/map?method=tsne").json()["points"] == near["points"]  # of the same seed
    served.get("/api/v1/map?method=umap", 422)


def test_atlas(served: Served) -> None:
    plan = served.get("/api/v1/atlas").json()
    sheet = pixels_of(served.get("/api/v1/atlas/0").content).astype(int)
    assert (plan["tile"], plan["sheets"], len(plan["ids"])) == (SIZE, 1, 60)
    for place in (0, 31, 32, 59):
        top, left = place // plan["columns"] * SIZE, place % plan["columns"] * SIZE
        thumbnail = pixels_of(served.get(f"/api/v1/items/{plan['ids'][place]}/thumbnail").content)
        assert np.abs(sheet[top : top + SIZE, left : left + SIZE] - thumbnail).mean() < 6  # JPEG
    served.get("/api/v1/atlas/1", 404)


def test_changes_are_seen_while_serving(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i, pixels in enumerate(la.load("synthetic:8", size=SIZE).pixels):
        Image.fromarray(pixels).save(pictures / f"{i}.png")
    with la.Gallery.open(tmp_path / "gallery", model=small_model()) as gallery:
        gallery.update(pictures)
    with serving(tmp_path / "gallery") as served:
        before, digest = served.ids(), served.get("/api/v1/gallery").json()["digest"]
        assert len(before) == 8
        (pictures / "3.png").unlink()
        shutil.copy(pictures / "4.png", pictures / "new.png")
        with la.Gallery.open(tmp_path / "gallery") as gallery:
            gallery.update()
        until(lambda: set(served.ids()) != set(before), "the change is seen")
        after = served.ids()
        assert set(after) == set(before) - {"3.png"} | {"new.png"}
        assert {name: after[name] for name in after if name in before} == {
            name: before[name] for name in after if name in before
        }
        served.get(f"/api/v1/items/{before['3.png']}", 404)
        found = served.get(f"/api/v1/items/{after['new.png']}/neighbours?k=2").json()["neighbours"]
        assert {one["name"] for one in found} == {"4.png", "new.png"}
        assert served.get("/api/v1/gallery").json()["digest"] != digest


def test_nobody_is_served_before_it_is_up(served: Served) -> None:
    served.studio.ready.clear()
    try:
        assert served.get("/healthz", 503).headers["retry-after"] == "1"
    finally:
        served.studio.ready.set()
    assert served.get("/healthz").json() == {"status": "ok"}


def test_metrics_count(served: Served) -> None:
    served.get("/api/v1/items/1234567", 404)
    text = served.get("/metrics").text
    assert 'lookalike_requests_total{method="GET",route="/api/v1/items/{id}",status="404"}' in text
    assert "lookalike_gallery_pictures 60.0" in text
    served.get("/made/up", 404)
    assert "made" not in served.get("/metrics").text


def test_what_a_column_says_of_all(served: Served) -> None:
    ids = served.get("/api/v1/map").json()["ids"]
    names = {id: name for name, id in served.ids().items()}
    with la.Gallery.open(served.gallery) as gallery:
        smiles, people = gallery.attributes["smile"], dict(zip(gallery.names, gallery.people, strict=True))
    told = served.get("/api/v1/map/values?column=smile").json()["values"]
    assert told == pytest.approx([smiles[names[id]] for id in ids])
    told = served.get("/api/v1/map/values?column=person").json()["values"]
    assert told == [people[names[id]] for id in ids]
    served.get("/api/v1/map/values?column=taste", 422)


def test_rows_of_some(served: Served) -> None:
    ids = served.ids()
    some = [ids[name] for name in sorted(ids, reverse=True)[:5]]
    found = served.post("/api/v1/items/rows", json={"ids": [*some, 10**12]}).json()
    assert ([one["id"] for one in found["items"]], found["total"]) == (some, 5)
    assert all(ids[one["name"]] == one["id"] for one in found["items"])


def test_groups_on_the_map(served: Served) -> None:
    from lookalike.review.lookalikes import groups

    found = served.get("/api/v1/map/groups").json()
    assert found["ready"]
    names = {id: name for name, id in served.ids().items()}
    shown = dict(zip(names_of_the_map(served), found["values"], strict=True))
    with la.Gallery.open(served.gallery) as gallery:
        expected = groups(gallery).groups
    assert len(found["medoids"]) == len(expected)
    for told, group in zip(found["medoids"], expected, strict=True):
        assert names[found["medoids"][told]] == group.medoid
        assert {name for name, one in shown.items() if one == told} == set(group.members)


def names_of_the_map(served: Served) -> list[str]:
    names = {id: name for name, id in served.ids().items()}
    return [names[id] for id in served.get("/api/v1/map").json()["ids"]]
