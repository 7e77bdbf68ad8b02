"""Runs, galleries and cards of the first form: they open, and give what the program of then recorded of them.

`tests/fixtures/before/make.py` made them once. Bits that are only read must be the same; what is computed anew may
differ by rounding, since other processors add in another order. Those bounds are worked out here, from u = 2^-24, the
unit roundoff of float32.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data.images import ImageSet
from lookalike.editing.store import load_directions
from lookalike.experiment import split_of_run, train_run
from places import FIXTURES

BEFORE = FIXTURES / "before"
TOLD: dict[str, Any] = json.loads((BEFORE / "expected.json").read_text())
RUNS, GALLERIES = sorted(TOLD["runs"]), sorted(TOLD["galleries"])
ATTRIBUTES = ("smile", "glasses", "beard", "hair_lightness", "turn")
STORED, SHOWN = 60, 3
U = 2.0**-24
SMALL = {"channels": (4, 8, 8), "device": "cpu"}


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    with np.load(BEFORE / "expected.npz") as held:
        return dict(held)


@pytest.fixture(scope="module")
def pictures() -> ImageSet:
    with np.load(BEFORE / "faces.npz") as held:
        pixels, names, people, values = (held[name] for name in ("pixels", "names", "people", "values"))
    return ImageSet(
        pixels, names.tolist(), people.tolist(), attribute_names=ATTRIBUTES, attribute_values=values.astype(np.float32)
    )


def copied(kind: str, name: str, to: Path) -> Path:
    return Path(shutil.copytree(BEFORE / kind / name, to / name))


def rounding(model: la.Autoencoder) -> float:
    """How far two ways of adding in float32 may come apart, as a share of the largest number that comes out.

    A sum of n products is off by up to n u of the sum of their sizes (Higham, Accuracy and Stability, 3.1), and a layer
    passes on what came in; so, for two sums that are both off, 2 u times the terms of all layers in a row.
    """
    layers = [weight for side in model.weights().values() for weight in side.values() if weight.ndim > 1]
    return 2 * U * sum(max(weight[0].size, weight[:, 0].size) for weight in layers)


def assert_close(found: np.ndarray, expected: np.ndarray, model: la.Autoencoder) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding(model) * np.abs(expected).max())


def assert_measures(found: dict[str, Any], expected: dict[str, Any], model: la.Autoencoder) -> None:
    """The same measures, as far as the pictures they are of are the same.

    An MSE of pictures that are off by e is off by up to 2 e sqrt(mse), to first order, and a picture's values are
    within 0.5; PSNR is off by 10 / ln 10 of the MSE's relative error; SSIM's terms are ratios of variances to which the
    constant (0.03)^2 is added, so that it moves by no more than e over that constant's root, on both sides of it.
    """
    error = 0.5 * rounding(model)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name.endswith("mse"):
            assert found[name] == pytest.approx(value, rel=0, abs=2 * error * value**0.5)
        elif name.endswith("psnr"):
            relative = 2 * error / (10 ** (-value / 20))
            assert found[name] == pytest.approx(value, rel=0, abs=10 / np.log(10) * relative)
        elif name == "ssim":
            assert found[name] == pytest.approx(value, rel=0, abs=4 * error / 0.03)
        else:
            assert found[name] == value


@pytest.mark.parametrize("name", RUNS)
def test_a_run_gives_what_it_gave(
    name: str, pictures: ImageSet, recorded: dict[str, np.ndarray], tmp_path: Path
) -> None:
    told, test = TOLD["runs"][name], split_of_run(pictures)[1]
    model = la.load_model(copied("runs", name, tmp_path))
    assert (model.kind, len(model.history_)) == (told["model"], told["epochs"])
    assert model.digest == told["digest"]  # galleries and directions are bound to it
    assert_close(model.reconstruct(test[:SHOWN]), recorded[f"{name}/back"], model)
    if model.has_code:
        assert model.code_size == told["code_size"]
        codes = recorded[f"{name}/codes"]
        assert_close(model.encode(test[:SHOWN]), codes, model)
        assert_close(model.decode(codes), recorded[f"{name}/back"], model)
    assert_measures(model.evaluate(test).as_json(), told["evaluation"], model)
    if told["noise"] is not None:
        assert_measures(model.evaluate(test, told["noise"]).as_json(), told["noisy"], model)


@pytest.mark.parametrize("name", RUNS)
def test_a_card_says_what_is_measured(name: str, pictures: ImageSet) -> None:
    model, test = la.load_model(BEFORE / "runs" / name), split_of_run(pictures)[1]
    _, front, words = (BEFORE / "runs" / name / "card.md").read_text().split("---\n", 2)
    assert model.digest in front
    metrics = {metric: float(value) for metric, value in re.findall(r'name: "(Test .+)"\n *value: (\S+)', front)}
    measured = model.evaluate(test).as_json()
    said = {"mse": metrics["Test MSE"], "psnr": metrics["Test PSNR (dB)"], "ssim": metrics["Test SSIM"]}
    assert_measures({key: measured[key] for key in said}, said, model)
    assert f"{said['mse']:.5f}" in words


def test_a_finished_run_is_finished(pictures: ImageSet, tmp_path: Path) -> None:
    """Resumed, it trains no further step: weights, curves and checkpoints keep their bits."""
    run, told = copied("runs", "conv", tmp_path), TOLD["runs"]["conv"]
    before = {path.relative_to(run): path.read_bytes() for path in run.rglob("*.*") if path.is_file()}
    model = la.ConvAutoencoder(6, **SMALL)
    payload = train_run(model, pictures, run, validation=0.1, epochs=told["epochs"], resume=True, progress=False)
    after = {path.relative_to(run): path.read_bytes() for path in run.rglob("*.*") if path.is_file()}
    same = [path for path in before if path.suffix in (".safetensors", ".csv", ".jsonl")]
    assert len(same) > 4
    assert {path: after[path] for path in same} == {path: before[path] for path in same}
    assert (payload["train_mse"], payload["epochs"]) == (told["train_mse"], told["epochs"])  # read of its history
    assert payload["test_mse"] == pytest.approx(told["test_mse"], rel=1e-4)
    assert (run / "card.md").read_text().startswith("---\n")


def test_the_interrupted_run_goes_on(pictures: ImageSet, recorded: dict[str, np.ndarray], tmp_path: Path) -> None:
    """It ends where the program of then ended, up to what rounding does to the steps that were left.

    A gradient that is a sum of n terms is off by about sqrt(n) u of a typical gradient s: call it d. Adamax divides by
    a running maximum, so that a weight with a gradient g moves by rate * min(2, d / |g|) otherwise, and gradients are
    as dense around 0 as at 1 / s: the mean square of that is about 8 d / s times the rate's. Here n is at most 32
    pictures times 12 x 12 places times 8 channels, so the root is 0.0095 of the way that the weights move.
    """
    run = copied("runs", "interrupted", tmp_path)
    train, test = split_of_run(pictures)
    stopped = la.load_model(run)
    assert_close(stopped.encode(test[:SHOWN]), recorded["interrupted/codes"], stopped)
    model = la.ConvAutoencoder(6, **SMALL)
    model.fit(train, test=test, epochs=3, noise="gaussian:0.1", run=run, resume=True, progress=False)
    assert not list((run / "checkpoints").glob("*step*"))
    share = (8 * (32 * 12 * 12 * 8) ** 0.5 * U) ** 0.5
    assert share < 0.01
    far = moved = 0.0
    for side, tensors in model.weights().items():
        for name, tensor in tensors.items():
            expected = recorded[f"interrupted/{side}.{name}"]
            far += float(np.square(tensor - expected).sum())
            moved += float(np.square(expected - stopped.weights()[side][name]).sum())
    assert far**0.5 <= share * moved**0.5
    for now, then in zip(model.history_, TOLD["interrupted"]["history"], strict=True):
        assert now.keys() == then.keys()
        assert (now["epoch"], now["validation_mse"]) == (then["epoch"], None)
        for key in ("train_mse", "test_mse", "learning_rate"):  # all in all the error falls by a fiftieth
            assert now[key] == pytest.approx(then[key], rel=share / 50)


def test_directions_are_found_again(recorded: dict[str, np.ndarray]) -> None:
    run = BEFORE / "runs" / "pca"
    directions = load_directions(la.load_model(run), run)
    assert [one.as_json() for one in directions.values()] == TOLD["runs"]["pca"]["directions"]
    np.testing.assert_array_equal([one.vector for one in directions.values()], recorded["pca/directions"])


def bound_of(gallery: la.Gallery) -> float:
    """How far distances may be off by rounding: that of codes, times what the metric's transform may blow up.

    Whitening divides by the deviations of the codes along their principal axes, so its condition number is theirs.
    """
    codes = gallery.codes.astype(np.float64)
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(codes.T)))
    condition = deviations[-1] / deviations[0] if gallery.metric.startswith("whitened") else 1.0
    return float(4 * rounding(gallery.model) * condition * max(1.0, np.abs(codes).max()))


@pytest.mark.parametrize("name", GALLERIES)
def test_a_gallery_answers_what_it_answered(
    name: str, pictures: ImageSet, recorded: dict[str, np.ndarray], tmp_path: Path
) -> None:
    told = TOLD["galleries"][name]
    with la.Gallery.open(copied("galleries", name, tmp_path), create=False) as gallery:
        assert (len(gallery), gallery.metric) == (STORED, told["metric"])
        np.testing.assert_array_equal(gallery.codes, recorded[f"{name}/codes"])
        bound = bound_of(gallery)
        asked: dict[str, tuple[Any, str | None]] = {
            "stored": (gallery.names[0], None),
            "several": (gallery.names[:3], None),
            "filtered": (pictures[STORED], "smile > 0.4 and glasses <= 0.5"),
            **{f"new {i}": (pictures[i], None) for i in range(STORED, STORED + 5)},
        }
        for key, expected in told["found"].items():
            query, where = asked[key]
            found = gallery.search(query, 5, where=where)
            np.testing.assert_allclose(found.distances, expected["distances"], rtol=0, atol=bound)
            apart = np.flatnonzero(np.diff(expected["distances"]) > 2 * bound) + 1  # nearer ones may change places
            groups = zip(np.split(found.names, apart), np.split(expected["names"], apart), strict=True)
            assert all(set(now) == set(then) for now, then in groups)
        assert gallery.search(gallery.names[0], 1).distances[0] == 0
        assert gallery.known_threshold() is None  # what was kept spoke of pairs, and not of searches
        groups, threshold = gallery.duplicates(told["duplicates"]["threshold"])
        assert [groups, threshold] == [told["duplicates"]["groups"], told["duplicates"]["threshold"]]
        assert [one.name for one in gallery.rejected] == [one["name"] for one in told["update"]["rejected"]]


def test_a_gallery_knows_persons_and_attributes(pictures: ImageSet, tmp_path: Path) -> None:
    with la.Gallery.open(copied("galleries", "graph", tmp_path), create=False) as gallery:
        order = np.argsort(pictures.names[:STORED])
        assert pictures.people is not None
        assert pictures.attribute_values is not None
        assert gallery.names == [pictures.names[i] for i in order]
        assert gallery.people == [pictures.people[i] for i in order]
        np.testing.assert_array_equal(gallery.picture(gallery.names[0]), pictures.pixels[order[0]])
        table = gallery.attributes
        assert table is not None
        assert tuple(table.columns) == ATTRIBUTES
        np.testing.assert_array_equal(table.to_numpy(), pictures.attribute_values[order])


def test_a_gallery_in_memory_takes_an_update(
    pictures: ImageSet, recorded: dict[str, np.ndarray], tmp_path: Path
) -> None:
    model = la.load_model(BEFORE / "runs" / "search")
    folder = copied("galleries", "graph", tmp_path)
    with la.Gallery.open(folder, model) as gallery:
        before = dict(zip(gallery.names, gallery.codes, strict=True))
        done = gallery.update(pictures[5:])
        assert (done.images, done.added, done.updated, done.removed) == (75, 20, 0, 5)
        assert done.recall_measured >= gallery.promised_recall
        for name, code in zip(gallery.names, gallery.codes, strict=True):
            if name in before:
                np.testing.assert_array_equal(code, before[name])  # not encoded anew
        names, distances = gallery.search(pictures[-1], 1)
        assert (names, distances[0]) == ([pictures.names[-1]], 0)
        table = gallery.attributes
        assert table is not None
        assert pictures.attribute_values is not None
        np.testing.assert_array_equal(table.loc[pictures.names[-1]], pictures.attribute_values[-1])
    with la.Gallery.open(folder, create=False) as again:
        assert len(again) == 75


def test_a_gallery_of_a_folder_takes_an_update(
    pictures: ImageSet, recorded: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """The same pictures in another folder, one gone, one changed, one new: the rest is not encoded again."""
    source = tmp_path / "pictures"
    source.mkdir()
    for i in range(1, STORED + 1):
        pixels = pictures.pixels[STORED + 5 if i == 1 else i]
        Image.fromarray(pixels).save(source / f"{pictures.names[i]}.png")
    gone, changed, new = (f"{pictures.names[i]}.png" for i in (0, 1, STORED))
    with la.Gallery.open(copied("galleries", "exact", tmp_path)) as gallery:
        before = dict(zip(gallery.names, gallery.codes, strict=True))
        done = gallery.update(source)
        assert (done.images, done.added, done.updated, done.removed) == (STORED, 1, 1, 1)
        assert done.method == "exact"
        assert done.rejected == []  # the torn file is gone
        after = dict(zip(gallery.names, gallery.codes, strict=True))
        assert set(after) - set(before) == {new}
        assert set(before) - set(after) == {gone}
        same = [name for name in before if name not in (gone, changed)]
        np.testing.assert_array_equal([after[name] for name in same], [before[name] for name in same])
        assert_close(after[changed][None], gallery.model.encode(pictures[STORED + 5]), gallery.model)
