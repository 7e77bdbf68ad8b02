"""The benchmark of test MSE over code size: its figures, and that runs are taken up rather than trained again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

import lookalike as la
from places import ROOT

BENCHMARKS = ROOT / "benchmarks"
DATA, SIZE = "synthetic:80", 16


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Run the benchmark on small pictures; returns its exit code."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import rate_distortion

    def run(*arguments: object, epochs: int | None = 1) -> int:
        given = ["rate_distortion", DATA, "--size", SIZE, *([] if epochs is None else ["--epochs", epochs]), *arguments]
        monkeypatch.setattr(sys, "argv", [str(argument) for argument in given])
        return rate_distortion.main()

    return run


def marks(out: Path) -> dict[str, int]:
    """Epochs that each run in epochs has trained in all its sessions."""
    return {path.parent.name: len(path.read_text().splitlines()) for path in out.glob("*-seed*/timings.jsonl")}


def test_figures_are_those_of_the_runs(bench, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert bench("--codes", "8,4", "--seeds", "0,1", "--models", "pca,conv", "--out", tmp_path) == 0
    told = json.loads((tmp_path / "rate_distortion.json").read_text())
    assert {Path(run["run"]).name for run in told["runs"]} == {
        "pca-code4", "pca-code8", *(f"conv-code{code}-seed{seed}" for code in (4, 8) for seed in (0, 1)),
    }  # fmt: skip
    train, test = la.load(DATA, size=SIZE).split()
    rows = [pictures.pixels.reshape(len(pictures), -1) / 255 - 0.5 for pictures in (train, test)]
    by_place = {(row["code"], row["model"]): row for row in told["rows"]}
    for code in (4, 8):
        pca = PCA(code, svd_solver="full").fit(rows[0])
        exact = np.mean((pca.inverse_transform(pca.transform(rows[1])) - rows[1]) ** 2)
        assert by_place[code, "pca"]["mean"] == pytest.approx(exact, rel=1e-4)
        models = [la.load_model(tmp_path / f"conv-code{code}-seed{seed}") for seed in (0, 1)]
        scores = [-model.score(test) for model in models]
        row = by_place[code, "conv"]
        assert (row["seeds"], row["least"], row["most"]) == (2, min(scores), max(scores))
        assert row["mean"] == pytest.approx(sum(scores) / 2)
        assert row["under_pca"] == pytest.approx(1 - sum(scores) / 2 / exact, rel=1e-3)
        assert models[1].get_params()["seed"] == 1
        noted = [json.loads((tmp_path / f"conv-code{code}-seed{s}" / "timings.jsonl").read_text()) for s in (0, 1)]
        assert row["cpu_seconds"] == pytest.approx(sum(one["cpu_seconds"] for one in noted) / 2)
    page = (tmp_path / "rate_distortion.md").read_text()
    assert page.index("\n| 4 |") < page.index("\n| 8 |")
    conv = by_place[8, "conv"]
    assert f"{conv['mean']:.5f} ({conv['least']:.5f} to {conv['most']:.5f}) | {conv['under_pca']:.1%} |" in page
    assert page.split("\n| ", 1)[1].strip() in "| " + capsys.readouterr().out
    with Image.open(tmp_path / "rate_distortion.png") as picture:
        assert picture.width > 1000


def test_runs_are_taken_up_and_not_trained_again(bench, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    elsewhere = ["--model", "residual", "--code", 4, "--seed", 2, "--size", SIZE, "--epochs", 1]
    call("train", DATA, "--run", tmp_path / "residual-code4-seed2", *elsewhere, "--json").json  # noqa: B018
    options = ("--codes", "4", "--models", "residual", "--out", tmp_path)
    assert bench(*options, "--seeds", "2") == 0
    assert marks(tmp_path) == {"residual-code4-seed2": 1}
    before = (tmp_path / "residual-code4-seed2" / "encoder.safetensors").read_bytes()
    first = json.loads((tmp_path / "rate_distortion.json").read_text())["runs"]
    assert bench(*options, "--seeds", "2,0") == 0  # extended
    assert marks(tmp_path) == {"residual-code4-seed2": 1, "residual-code4-seed0": 1}
    assert (tmp_path / "residual-code4-seed2" / "encoder.safetensors").read_bytes() == before
    both = json.loads((tmp_path / "rate_distortion.json").read_text())
    assert both["runs"][:1] == first
    assert both["rows"][0]["under_pca"] is None


def test_a_run_that_is_there_keeps_its_epochs(bench, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for seed in (0, 1):
        shape = ["--model", "conv", "--code", 4, "--seed", seed, "--size", SIZE, "--epochs", 2 + seed]
        call("train", DATA, "--run", tmp_path / f"conv-code4-seed{seed}", *shape, "--json").json  # noqa: B018
    options = ("--models", "conv", "--out", tmp_path)
    assert bench(*options, "--codes", "4", "--seeds", "0,1", epochs=None) == 0
    assert marks(tmp_path) == {"conv-code4-seed0": 2, "conv-code4-seed1": 3}
    assert bench(*options, "--codes", "8", "--seeds", "0") == 0
    assert "Epochs of the course network: 1.\n" in (tmp_path / "rate_distortion.md").read_text()
    assert bench(*options, "--codes", "4,8", "--seeds", "0", epochs=None) == 0
    assert "Epochs of the course network: 1 (code 8); 2 (code 4).\n" in (tmp_path / "rate_distortion.md").read_text()


def test_another_run_in_its_place_is_refused(bench, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ("--codes", "4", "--seeds", "0", "--models", "conv", "--out", tmp_path)
    train = la.load("synthetic:60", size=SIZE).split()[0]
    la.ConvAutoencoder(4).fit(train, epochs=1, run=tmp_path / "conv-code4-seed0", progress=False)
    assert bench(*options) == 2
    err = capsys.readouterr().err
    assert "was begun differently" in err
    assert "Traceback" not in err
    assert not (tmp_path / "rate_distortion.md").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--codes", "73"), "codes are 73; these pictures allow 1 to 72"),
        (("--codes", "0,4"), "codes are 0, 4; these pictures allow 1 to 72"),
    ],
)
def test_codes_that_cannot_be_are_named_before_training(  # type: ignore[no-untyped-def]
    bench, capsys: pytest.CaptureFixture[str], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    assert bench(*options, "--out", tmp_path) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_diverged_run_leaves_the_others(bench, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from lookalike import experiment
    from lookalike.errors import TrainingDiverged

    trained = experiment.train_run

    def diverging(model: la.Autoencoder, *arguments: object, **options: object) -> dict:
        if model.kind == "conv" and model.seed == 0:  # type: ignore[attr-defined]
            raise TrainingDiverged("the loss is nan at epoch 1")
        return trained(model, *arguments, **options)  # type: ignore[arg-type]

    import rate_distortion

    monkeypatch.setattr(rate_distortion, "train_run", diverging)
    options = ("--codes", "4", "--seeds", "0,1", "--models", "pca,conv", "--out", tmp_path)
    assert bench(*options) == 1
    told = json.loads((tmp_path / "rate_distortion.json").read_text())
    assert told["failed"] == ["conv-code4-seed0: the loss is nan at epoch 1"]
    assert [(row["model"], row["seeds"]) for row in told["rows"]] == [("pca", 1), ("conv", 1)]
    assert "Diverged: conv-code4-seed0" in (tmp_path / "rate_distortion.md").read_text()
