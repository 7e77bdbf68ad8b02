"""Searches over HTTP: the Python API's own answers, and a plain computation from what the server tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

import lookalike as la
from pictures import waves
from studio import SIZE, Served, build_gallery, png, serving


@pytest.fixture(scope="module", params=["whitened-cosine", "euclidean"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gallery")
    build_gallery(folder, metric=request.param)
    with serving(folder) as studio:
        yield studio


def told(found: dict) -> tuple[list[str], np.ndarray]:
    return [one["name"] for one in found["neighbours"]], np.array([one["distance"] for one in found["neighbours"]])


@pytest.mark.parametrize("side", [SIZE, 40])
def test_by_picture_as_in_python(served: Served, side: int) -> None:
    for picture in waves(4, side, side, seed=side):
        found = served.send("/api/v1/search?k=7", png(picture)).json()
        with la.Gallery.open(served.gallery) as gallery:
            code = gallery.model.encode(gallery.framed(png(picture)))[0]
            # By the code that the server found: the gallery itself may encode in bfloat16, and codes that are almost
            # equal may be told apart a little by whitening.
            expected = gallery.search(np.array(found["code"], np.float32), 7)
        names, distances = told(found)
        assert names == expected.names
        np.testing.assert_allclose(distances, expected.distances, atol=1e-5)
        np.testing.assert_allclose(found["code"], code, atol=1e-5)
        assert found["milliseconds"] > 0


def test_distances_come_about_as_the_server_says(served: Served) -> None:
    """Every code moved, turned and scaled by hand, from the JSON alone."""
    space = served.get("/api/v1/space").json()
    items = {name: served.get(f"/api/v1/items/{id}").json() for name, id in served.ids().items()}
    asked = served.send("/api/v1/search?k=60", png(waves(1, SIZE, SIZE, seed=5)[0])).json()

    def point(code: list[float]) -> np.ndarray:
        y = np.array(code)
        y = y if space["mean"] is None else (y - space["mean"]) @ np.array(space["matrix"])
        return y / np.linalg.norm(y) if space["unit"] else y

    target = point(asked["code"])
    squared = {name: np.square(point(item["code"]) - target).sum() for name, item in items.items()}
    apart = {name: one / 2 if space["squared_half"] else np.sqrt(one) for name, one in squared.items()}
    names, distances = told(asked)
    assert len(names) == 60
    np.testing.assert_allclose(distances, [apart[name] for name in names], atol=2e-4)
    np.testing.assert_allclose(distances, sorted(apart.values()), atol=2e-4)


def test_a_stored_picture_finds_itself(served: Served) -> None:
    name, id = next(iter(served.ids().items()))
    with la.Gallery.open(served.gallery) as gallery:
        content, expected = png(gallery.picture(name)), gallery.search(name, 4)
    answers = (
        served.send("/api/v1/search?k=4", content),
        served.get(f"/api/v1/items/{id}/neighbours?k=4"),
        served.post("/api/v1/search/items", json={"ids": [id], "k": 4}),
    )
    for answer in answers:
        names, distances = told(answer.json())
        assert names == expected.names
        np.testing.assert_array_equal(distances, expected.distances.astype(float))
        assert (names[0], distances[0]) == (name, 0)


def test_several_are_met_by_their_mean(served: Served) -> None:
    names, ids = zip(*list(served.ids().items())[:3], strict=True)
    with la.Gallery.open(served.gallery) as gallery:
        pictures, expected = [png(gallery.picture(name)) for name in names], gallery.search(list(names), 6)
    for answer in (
        served.send("/api/v1/search?k=6", *pictures),
        served.post("/api/v1/search/items?k=6", json={"ids": ids}),
    ):
        found, distances = told(answer.json())
        assert found == expected.names
        np.testing.assert_allclose(distances, expected.distances, rtol=1e-6)


def test_by_code_and_filters(served: Served) -> None:
    code = np.linspace(-0.3, 0.3, 6).tolist()
    where = "smile > 0.5 and name like '%_0001'"
    with la.Gallery.open(served.gallery) as gallery:
        everywhere, chosen = gallery.search(code, 5), gallery.search(code, 5, where=where)
    assert told(served.post("/api/v1/search/code?k=5", json={"code": code}).json())[0] == everywhere.names
    in_body = served.post("/api/v1/search/code", json={"code": code, "k": 5, "where": [where]}).json()
    in_query = served.post(
        "/api/v1/search/code?k=5",
        params={"where": ["smile > 0.5", "name like '%_0001'"], "k": 5},
        json={"code": code},
    ).json()
    assert told(in_body)[0] == told(in_query)[0] == chosen.names
    assert chosen.names
    assert set(chosen.names) != set(everywhere.names)


def test_many_at_once_get_their_own_answers(served: Served) -> None:
    """What goes through the model together does not get mixed up, and one that fails takes no other with it."""
    pictures = [png(one) for one in waves(24, SIZE, SIZE, seed=9)]
    alone = [served.send("/api/v1/search?k=3", one).json()["neighbours"] for one in pictures]
    together: dict[int, object] = {}

    def ask(i: int) -> None:
        if i % 6 == 5:
            together[i] = served.send("/api/v1/search?k=3&where=nonsense%20=%201", pictures[i], status=422).json()
        else:
            together[i] = served.send("/api/v1/search?k=3", pictures[i]).json()["neighbours"]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == len(pictures)
    for i, expected in enumerate(alone):
        if i % 6 != 5:
            got = together[i]
            assert [one["id"] for one in got] == [one["id"] for one in expected]
            np.testing.assert_allclose([o["distance"] for o in got], [o["distance"] for o in expected], atol=1e-5)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"code": [1, 2]}, "2 numbers|6 numbers"),
        ({"code": [1e300] * 6}, "less than or equal"),
        ({"code": ["x"] * 6}, "number"),
        ({"code": ["1"] * 6}, "number"),
        ({"code": [True] * 6}, "number"),
        ({"code": [0] * 6, "k": "3"}, "integer"),
        ({"code": [0] * 6, "k": 0}, "greater than or equal"),
        ({"code": [0] * 6, "kk": 1}, "not permitted"),
        ({"code": [0] * 6, "where": ["smile >"]}, "the filter has its end"),
        ({}, "required"),
    ],
)
def test_wrong_bodies_are_refused(served: Served, body: dict, reason: str) -> None:
    import re

    assert re.search(reason, served.post("/api/v1/search/code", 422, json=body).json()["detail"])


def test_numbers_that_are_none(served: Served) -> None:
    for content in (b'{"code": [NaN,0,0,0,0,0]}', b'{"code": [Infinity,0,0,0,0,0]}', b"{", b"[]", b"\xff\xfe"):
        served.post("/api/v1/search/code", 422, content=content, headers={"content-type": "application/json"})
    served.post("/api/v1/search/items", 404, json={"ids": [10**9]})
    served.post("/api/v1/search/items", 422, json={"ids": [2**70]})
    served.get("/api/v1/items/0/neighbours", 422)
    served.get("/api/v1/items/77777/neighbours", 404)
