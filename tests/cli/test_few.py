"""Every command with a handful of pictures, all alike, all black, of one person: right answers, or one clear line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.models import KINDS, learners
from lookalike.studio.preparing import folder_for, prepare
from page_runtime import need_runtime
from studio import png, serving, small_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own

SIDE, CODE = 16, 8
SIZES = ((16, 16), (40, 30), (23, 37), (64, 48))
Call = Callable[..., Any]


def folder_of(root: Path, kind: str, count: int) -> Path:
    """A folder of pictures: "alike" and "black" are of 16 x 16, "different" and those of one "person" of any size."""
    folder = root / "Ann_Lee" if kind == "person" else root / "pictures"
    folder.mkdir(parents=True)
    faces = la.load(f"synthetic:{max(count, 2)}", size=48).pixels
    for number in range(count):
        picture = Image.fromarray(faces[0 if kind == "alike" else number])
        size = SIZES[number % len(SIZES)] if kind in ("different", "person") else (SIDE, SIDE)
        picture = Image.new("RGB", size) if kind == "black" else picture.resize(size)
        name = f"Ann_Lee_{number + 1:04d}" if kind == "person" else f"p{number:02d}"
        picture.save(folder / f"{name}.png")
    return root


def pictures_in(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.png"))


def right(outcome: Any, *may_be_infinite: str) -> dict:
    """The JSON of a command that did its work: nothing but its own words on stderr, and every figure finite."""
    assert outcome.code == 0, outcome.err
    assert not re.search("Warning|Traceback|internal|nan", outcome.err), outcome.err
    told = outcome.json
    for name, value in told.items():
        if isinstance(value, float):
            assert np.isfinite(value)
        if name.endswith(("mse", "ssim")) and name not in ("validation_mse", "denoise_mse"):
            assert value is not None, name
            assert 0 <= abs(value) <= (2 if name.endswith("mse") else 1 + 1e-6), (name, value)
        if name.endswith("psnr") and name not in may_be_infinite:
            assert value is not None, name
    return told


def refused(outcome: Any, words: str) -> None:
    """One clear line of the user's fault, with the value, the limit, and what to do."""
    assert outcome.code == 2, (outcome.code, outcome.err)
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("lookalike: ")]
    assert re.search(words, line), line


@pytest.mark.parametrize("kind", ["different", "black"])
def test_one_picture_is_too_few_to_learn_from(call: Call, tmp_path: Path, kind: str) -> None:
    data = folder_of(tmp_path / "d", kind, 1)
    few = "gives 1 usable picture, at least 2 are needed"
    refused(call("data", data, "--size", SIDE), few)
    for name in learners():
        refused(call("train", data, "--size", SIDE, "--run", tmp_path / name, "--model", name), few)
        assert not (tmp_path / name / "model.json").exists()


def test_a_gallery_of_one_picture(call: Call, tmp_path: Path) -> None:
    others, data = folder_of(tmp_path / "o", "different", 12), folder_of(tmp_path / "d", "different", 1)
    (picture,) = pictures_in(data)
    run, gallery = tmp_path / "run", tmp_path / "g"
    right(call("train", others, "--size", SIDE, "--run", run, "--model", "pca", "--code", 4, "--json"))
    assert right(call("index", run, data, "--gallery", gallery, "--json"))["images"] == 1
    (found,) = right(call("search", gallery, picture, "-k", 5, "--json"))["neighbours"]
    assert found == {"name": "pictures/p00.png", "distance": 0.0}
    assert call("search", gallery, pictures_in(others)[3], "--json").json["neighbours"][0]["distance"] > 0
    assert right(call("duplicates", gallery, "--json"))["groups"] == []
    assert right(call("duplicates", gallery, "--threshold", 0.1, "--json"))["groups"] == []
    refused(call("search", gallery, picture, "--matches", 0.01), "holds 1 pictures.* 2 or more")
    refused(call("evaluate", run, data), "gives 1 usable picture, at least 2 are needed")
    need_runtime()
    refused(call("export", run, "--format", "page", "--gallery", gallery, "--out", tmp_path / "p"), "2 or more")


SETS = [
    *(("different", count) for count in (2, 3, 5, 12, 60)),
    *(("alike", count) for count in (2, 12)),
    *(("black", count) for count in (2, 5)),
    *(("person", count) for count in (3, 12)),
]


@pytest.mark.parametrize(("kind", "count"), SETS)
def test_from_data_to_search(call: Call, tmp_path: Path, kind: str, count: int) -> None:
    data = folder_of(tmp_path / "d", kind, count)
    first, last = pictures_in(data)[0], pictures_in(data)[-1]
    facts = right(call("data", data, "--size", SIDE, "--json"))
    assert (facts["images"], facts["rejected"]) == (count, [])
    run, gallery = tmp_path / "run", tmp_path / "g"
    options = ["--code", CODE, "--epochs", 2, "--set", "channels=4,4,8,16"]
    trained = right(call("train", data, "--size", SIDE, "--run", run, "--json", *options))
    assert (trained["epochs"], (run / "card.md").exists()) == (2, True)
    assert "nan" not in (run / "card.md").read_text()

    kept = right(call("evaluate", run, "--json"))
    assert kept["images"] == -(-count // 10)
    assert kept["mse"] == pytest.approx(trained["test_mse"], rel=1e-4)
    assert right(call("evaluate", run, data, "--noise", "gaussian:0.1", "--json"))["noisy_mse"] == pytest.approx(
        0.01, rel=0.2
    )
    for command in ("reconstruct", "denoise"):
        told = right(call(command, run, first, last, "--out", tmp_path / command, "--json"))
        assert (len(told["written"]), told["skipped"]) == (3, [])

    for added in (count, 0):
        told = right(call("index", run, data, "--gallery", gallery, "--json"))
        assert (told["images"], told["added"], told["recall_measured"]) == (count, added, 1.0)
    found = right(call("search", gallery, first, "-k", count, "--json"))["neighbours"]
    distances = [one["distance"] for one in found]
    same = 1 if kind in ("different", "person") else count
    assert distances == sorted(distances)
    assert distances[:same] == [0.0] * same
    assert all(distance > 0 for distance in distances[same:])
    groups = right(call("duplicates", gallery, "--json"))["groups"]
    assert [len(group) for group in groups] == ([count] if same == count else [])

    right(call("morph", run, first, last, "--out", tmp_path / "m.png", "--json"))
    learned = call("directions", run, "--json")
    trained_on = count - kept["images"]
    if trained_on < 2:
        refused(learned, r"1 picture\(s\) given; directions need 2 or more: give more")
    elif same == count:
        refused(learned, f"all {trained_on} pictures have the same code, .* give pictures that differ")
    else:
        told = right(learned)["directions"]
        assert [one["name"] for one in told] == [f"principal-{i + 1}" for i in range(min(trained_on - 1, CODE))]
        assert all(one["unit"] > 0 for one in told)
        right(call("edit", run, first, "--along", "principal-1", "--out", tmp_path / "e.png", "--json"))
    assert all(one["passed"] for one in right(call("check", run, "--json"))["checks"] if "noise mean" in one["name"])


@pytest.mark.parametrize(("kind", "count"), [("different", 2), ("alike", 5), ("black", 3)])
@pytest.mark.parametrize("model", learners())
def test_every_kind_of_model(call: Call, tmp_path: Path, model: str, kind: str, count: int) -> None:
    """By its usual code and recipe; only the epochs are cut short, which is what `most_epochs` is there for."""
    data = folder_of(tmp_path / "d", kind, count)
    one = KINDS[model]
    options = ["--epochs", 3] if one.recipe is not None and model != "pca" else []
    train = ["train", data, "--size", SIDE, "--run", tmp_path / "run", "--model", model, "--json"]
    outcome = call(*train, *options)
    most = count - 1  # the tenth that is kept apart is one picture
    if model == "search":
        most -= 1
        if not most:
            refused(outcome, "there is 1 picture; codes for search are learned from 2 or more")
            return
    if model in ("pca", "residual", "search"):
        refused(outcome, f"code size is 32; these pictures allow 1 to {most}")
        outcome = call(*train[:4], "--run", tmp_path / "small", *train[6:], *options, "--code", most)
    told = right(outcome)
    if kind != "different" and model in ("pca", "residual"):
        assert told["test_mse"] < 1e-3  # there is but one picture to know
    right(call("evaluate", told["run"], data, "--json"), "psnr")
    if kind == "black" and model != "residual":  # whose graph takes long to trace
        written = right(call("export", told["run"], "--format", "onnx", "--out", tmp_path / "onnx", "--json"))
        assert written["max_abs_difference"] < 1e-3
    right(call("denoise", told["run"], *pictures_in(data)[:1], "--out", tmp_path / "out", "--json"))


@pytest.mark.parametrize(("kind", "count"), [("different", 2), ("different", 3), ("alike", 5)])
def test_pages(call: Call, tmp_path: Path, kind: str, count: int) -> None:
    """Report, yardstick and the studio without a server."""
    data = folder_of(tmp_path / "d", kind, count)
    run, gallery = tmp_path / "run", tmp_path / "g"
    options = ["--code", CODE, "--epochs", 1, "--set", "channels=4,4,8,16"]
    right(call("train", data, "--size", SIDE, "--run", run, "--json", *options))
    right(call("report", run, "--out", tmp_path / "report.html", "--json"))
    page = (tmp_path / "report.html").read_text()
    assert "Seen, remembered, drawn again" in page
    assert "From one face to another" not in page  # of one test picture there is no other
    assert ("What the code has found" in page) == (kind == "different" and count > 2)
    judged = right(call("bench", "quality", data, "--run", run, "--out", tmp_path / "q", "--json"))
    assert {figure["measure"] for figure in judged["figures"]} >= {"MSE", "PSNR (dB)", "SSIM"}
    right(call("index", run, data, "--gallery", gallery, "--json"))
    need_runtime()
    told = right(call("export", run, "--format", "page", "--gallery", gallery, "--out", tmp_path / "p", "--json"))
    assert told["images"] == count
    for method in ("pca", "tsne"):
        points = np.array(json.loads((tmp_path / "p" / "data" / f"map-{method}.json").read_text())["points"])
        assert points.shape == (count, 2)
        assert np.isfinite(points).all()
        assert np.abs(points).max() <= 1
        assert (np.ptp(points) > 0) == (kind == "different")


@pytest.mark.parametrize("kind", ["different", "black"])
def test_there_and_back_by_keras(call: Call, tmp_path: Path, kind: str) -> None:
    data = folder_of(tmp_path / "d", kind, 2)
    right(call("train", data, "--size", SIDE, "--run", tmp_path / "run", "--code", 2, "--epochs", 1, "--json"))
    written = right(call("export", tmp_path / "run", "--format", "keras", "--out", tmp_path / "k", "--json"))
    assert written["max_abs_difference"] < 1e-4
    sides = [tmp_path / "k" / f"{side}.keras" for side in ("encoder", "decoder")]
    told = right(call("import", *sides, "--run", tmp_path / "back", "--json"))
    assert told["code_size"] == 2
    same = [la.load_model(tmp_path / run).encode(la.load(data, size=SIDE)) for run in ("run", "back")]
    np.testing.assert_allclose(*same, atol=1e-5)


@pytest.mark.parametrize(("kind", "count"), [("different", 1), ("different", 3), ("alike", 3), ("black", 2)])
def test_the_studio(tmp_path: Path, kind: str, count: int) -> None:
    """Its map, directions and duplicates over HTTP; what it has made beside it is made here."""
    pictures = la.load(folder_of(tmp_path / "d", kind, max(count, 2)), size=SIDE)[:count]
    gallery = tmp_path / "g"
    with la.Gallery.open(gallery, model=small_model()) as held:
        held.update(pictures)
    prepare(("models", "directions", "tsne"), gallery, folder_for(gallery))
    same = count if kind in ("alike", "black") else 1
    with serving(gallery) as studio:
        assert studio.get("/api/v1/gallery").json()["images"] == count
        for method in ("pca", "tsne"):
            told = studio.get(f"/api/v1/map?method={method}").json()
            assert told["ready"]
            points = np.array(told["points"])
            assert points.shape == (count, 2)
            assert np.abs(points).max() <= 1
            assert (np.ptp(points, axis=0).max() > 0) == (same < count)
        directions = studio.get("/api/v1/directions").json()
        assert directions["ready"]
        assert len(directions["directions"]) == (0 if same == count else count - 1)
        groups = [[count]] if same == count > 1 else [[]]
        by_distance = studio.get("/api/v1/duplicates?threshold=1e-6").json()["groups"]
        assert [[len(group) for group in by_distance]] == groups
        if count == 1:
            assert "2 or more" in studio.get("/api/v1/duplicates", 422).json()["detail"]
        else:
            assert [[len(group) for group in studio.get("/api/v1/duplicates").json()["groups"]]] == groups
        found = studio.send("/api/v1/search?k=9", png(pictures[0])).json()["neighbours"]
        assert [one["distance"] for one in found][:same] == pytest.approx([0.0] * same, abs=1e-5)
        assert len(found) == count
