"""Every command as a user calls it: its JSON, and one clear line for each kind of bad input."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data import load
from lookalike.models import KINDS
from lookalike.models.loading import open_model
from lookalike.training.interruption import StopRequest
from lookalike.training.recipe import RECIPES
from places import FIXTURES
from waiting import PATIENCE, until

# Keras itself hands its variables to NumPy 2 in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

KERAS = FIXTURES / "keras2"
DATA = "synthetic:60"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained run of each kind, of 16 x 16 pictures."""
    folder = tmp_path_factory.mktemp("runs")
    train, test = load(DATA, size=16).split()
    options = {"test": test, "epochs": 1, "progress": False}
    la.ConvAutoencoder(4, channels=(4, 4, 4, 4), device="cpu").fit(train, run=folder / "conv", **options)
    la.PCAAutoencoder(4).fit(train, run=folder / "pca")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, pixels in enumerate(load("synthetic:3", size=40).pixels):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "bad.png").write_text("?")
    return folder


def test_data(call, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    first = call("data", pictures, "--json").json
    assert first.pop("seconds") > 0
    assert first == {
        "images": 3, "height": 32, "width": 32, "channels": 3, "people": None, "attributes": 0,
        "rejected": [{"name": "bad.png", "reason": "is not a picture in a format that can be read"}], "cached": False,
        "layout": "folder", "skipped": {}, "unseen": [],
    }  # fmt: skip
    assert call("data", pictures, "--json").json["cached"] is True
    text = call("data", pictures, "--size", 20).out
    assert "3 pictures of 20 x 20 x 3" in text
    assert "1 set aside:\n  bad.png: is not a picture" in text
    faces = call("data", DATA, "--json").json
    assert (faces["images"], faces["attributes"] > 10, faces["people"] > 10) == (60, True, True)


@pytest.mark.parametrize("model", [["conv", "--epochs", 2], ["pca"], ["pca", "--solver", "gradient", "--epochs", 2]])
def test_train_and_evaluate(call, tmp_path: Path, model: list) -> None:  # type: ignore[no-untyped-def]
    run = tmp_path / "run"
    command = ["train", DATA, "--run", run, "--model", *model, "--code", 4, "--size", 16, "--json"]
    trained = call(*command).json
    exact = model == ["pca"]
    assert (trained["model"], trained["code_size"], trained["run"]) == (model[0], 4, str(run))
    assert trained["epochs"] == (0 if exact else 2)
    assert trained["validation_mse"] is None
    assert trained["seconds"] > 0
    assert trained["images_per_second"] > 0
    _, test = load(DATA, size=16).split()
    assert trained["test_mse"] == -la.load_model(run).score(test)
    evaluated = call("evaluate", run, "--json").json
    assert (evaluated["images"], evaluated["mse"]) == (6, pytest.approx(trained["test_mse"], rel=1e-6))
    assert {"psnr", "ssim"} <= evaluated.keys()
    assert "noisy_mse" not in evaluated
    noisy = call("evaluate", run, DATA, "--noise", "gaussian:0.1", "--json").json
    assert noisy["images"] == 60
    assert noisy["noisy_mse"] == pytest.approx(0.01, rel=0.05)
    again = call(*command)
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "already holds a training" in again.err
    assert call(*command, "--resume").json["test_mse"] == trained["test_mse"]


def test_validation_is_held_out_of_the_training_part(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ["--code", 4, "--size", 16, "--epochs", 1, "--validation", 0.2, "--json"]
    trained = call("train", DATA, "--run", tmp_path / "run", *options).json
    assert trained["validation_mse"] > 0
    assert la.load_model(tmp_path / "run").data_["images"] == 43  # of 60: 6 for the test, 11 of the rest held out
    assert call("evaluate", tmp_path / "run", "--json").json["mse"] == pytest.approx(trained["test_mse"], rel=1e-6)


@pytest.mark.parametrize("kind", ["conv", "pca"])
def test_reconstruct(call, runs: Path, pictures: Path, tmp_path: Path, kind: str) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out"
    names = sorted(pictures.iterdir())
    result = call("reconstruct", runs / kind, *names, "--out", out, "--json").json
    assert [Path(path).name for path in result["written"]] == ["0.png", "1.png", "2.png", "sheet.png"]
    assert result["skipped"] == [
        {"name": str(pictures / "bad.png"), "reason": "is not a picture in a format that can be read"}
    ]
    with Image.open(out / "1.png") as image:
        written = np.asarray(image)
    model = open_model(runs / kind)
    original = la.load(pictures, size=16, fit="stretch")[1]  # as synthetic faces, which the run was trained on
    np.testing.assert_array_equal(written, la.to_uint8(model.reconstruct(original))[0])
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width > 300


def test_names_from_stdin(call, runs: Path, pictures: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    names = f"{pictures / '0.png'}\n\n{pictures / '2.png'}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names.encode())))
    done = call("reconstruct", runs / "pca", "-", "--out", tmp_path / "out", "--json").json
    assert len(done["written"]) == 3


def test_import_and_export(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = tmp_path / "run"
    files = [KERAS / "elu" / "encoder.h5", KERAS / "elu" / "decoder.h5"]
    imported = call("import", *files, "--run", run, "--dense-activation", "elu", "--json").json
    facts = {"run": str(run), "model": "conv", "code_size": 3, "parameters": la.load_model(run).n_parameters}
    assert imported == {**facts, "max_abs_difference": None}  # weights alone say not what they are to compute
    whole = call("import", KERAS / "elu" / "autoencoder.001.hdf5", "--run", tmp_path / "whole", "--json").json
    assert whole["parameters"] == imported["parameters"]
    assert whole["max_abs_difference"] < 1e-5
    exported = call("export", run, "--out", tmp_path / "keras", "--json").json
    assert all(Path(path).exists() for path in exported["files"])
    assert exported["max_abs_difference"] < 1e-5


def test_check(call, runs: Path) -> None:  # type: ignore[no-untyped-def]
    checks = call("check", runs / "conv", "--json").json["checks"]
    assert {check["passed"] for check in checks} == {True}
    assert {"name", "passed", "detail"} == set(checks[0])
    wide = runs / "wide"
    la.ConvAutoencoder(300, channels=(4, 4, 4, 4)).initialise((32, 32, 3)).save(wide)
    failing = call("check", wide, "--json")
    assert failing.code == 1
    assert [check["name"] for check in json.loads(failing.out)["checks"] if not check["passed"]]


def test_submit(call, runs: Path) -> None:  # type: ignore[no-untyped-def]
    options = ["--email", "a@b.org", "--token", "t"]
    dry = call("submit", runs / "conv", *options, "--dry-run", "--json").json
    parts = dry["payload"]["parts"]
    assert parts["FtBSK"] == {"output": "71"}
    assert parts["83Glu"] == {"output": "16 16 3"}
    mse = call("evaluate", runs / "conv", "--json").json["mse"]
    assert float(parts["fnM1K"]["output"]) == pytest.approx(mse, rel=1e-6)
    unreachable = call("submit", runs / "conv", *options, "--address", "http://127.0.0.1:9/")
    assert (unreachable.code, "cannot be reached" in unreachable.err) == (2, True)


def test_report_and_demo(call, runs: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert call("report", runs / "conv", "--out", tmp_path / "r.html", "--json").json == {
        "out": str(tmp_path / "r.html"),
        "pictures": str(tmp_path / "r_pictures"),
    }
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    words = ("demo", "--out", tmp_path / "demo", "--images", 200, "--epochs", 1, "--json")
    with monkeypatch.context() as patched:
        patched.setattr(StopRequest, "requested", property(lambda _: True, lambda *_: None), raising=False)
        stopped = call(*words)
        assert (stopped.code, "demo: call it again to go on" in stopped.err) == (130, True)
    other = call("demo", "--out", tmp_path / "demo", "--images", 300, "--epochs", 1)
    assert other.code == 2
    assert "images is 300" in other.err
    assert "was begun with --images 200; give that, or another --out" in other.err
    assert (tmp_path / "demo" / "pca" / "model.json").exists()
    assert len(list((tmp_path / "demo" / "residual" / "checkpoints").iterdir())) == 1  # after its first step
    demo = call(*words).json
    assert demo.keys() == {
        "mse", "pca_mse", "denoise_mse", "gallery", "recall", "duplicates", "report", "seconds",
    }  # fmt: skip
    assert Path(demo["report"]).exists()
    again = call(*words).json
    assert (again["mse"], again["denoise_mse"]) == (demo["mse"], demo["denoise_mse"])


BAD = {
    "no such data": (["data", "nowhere"], 2, "nowhere is not there; give a folder"),
    "no data": (["data", ""], 2, "the source's name is empty; give a folder"),
    "bad size": (["data", DATA, "--size", "0"], 2, "size is 0; give 1 to 1024"),
    "size no number": (["data", DATA, "--size", "big"], 2, "Invalid value for '--size'"),
    "bad crop": (["data", "{pictures}", "--crop", "20"], 2, "crop is 20, which leaves nothing"),
    "bad fit": (["data", DATA, "--fit", "melt"], 2, "fit is 'melt'; give one of stretch, crop, pad"),
    "a picture as a table": (
        ["data", "{pictures}", "--attributes", "{pictures}/0.png"],
        2,
        "cannot be read: it is no text",
    ),
    "a key without a table": (["data", DATA, "--key", "photo"], 2, "key is 'photo', but there is no table"),
    "cameras of drawings": (["data", DATA, "--exif"], 2, "leave exif out"),
    "not pictures": (["data", "{pictures}/bad.png"], 2, "is no folder, tar, zip, .npy or .npz"),
    "synthetic too few": (["data", "synthetic:1"], 2, "1"),
    "unknown command": (["dance"], 2, "No such command 'dance'"),
    "unknown option": (["data", DATA, "--sise", "3"], 2, "No such option: --sise"),
    "missing option": (["train", DATA], 2, "Missing option '--run'"),
    "negative seed": (["data", DATA, "--seed", "-1"], 2, "--seed"),
    "unknown model": (
        ["train", DATA, "--run", "{tmp}/r", "--model", "vae"],
        2,
        "'vae' is unknown; give one of conv, pca",
    ),
    "code 0": (["train", DATA, "--run", "{tmp}/r", "--code", "0"], 2, "code size is 0; give 1 to"),
    "code too large": (
        ["train", DATA, "--run", "{tmp}/r", "--model", "pca", "--code", "99"],
        2,
        "these pictures allow 1 to 54",
    ),
    "unknown recipe": (
        ["train", DATA, "--run", "{tmp}/r", "--recipe", "slow"],
        2,
        "'slow' is unknown; give one of course",
    ),
    "no epochs": (["train", DATA, "--run", "{tmp}/r", "--epochs", "0"], 2, "epochs is 0; give 1 or more"),
    "bad noise": (["train", DATA, "--run", "{tmp}/r", "--noise", "fog:1"], 2, "'fog:1' is unknown"),
    "noise too strong": (["train", DATA, "--run", "{tmp}/r", "--noise", "gaussian:2"], 2, "sigma is 2; give a number"),
    "evaluate bad noise": (["evaluate", "{conv}", "--noise", "jpeg"], 2, "'jpeg' has no number after the colon"),
    "denoise nothing": (["denoise", "{conv}", "{pictures}/bad.png", "--out", "{tmp}/o"], 2, "none of 1 pictures"),
    "denoise bad noise": (
        ["denoise", "{conv}", "{pictures}/0.png", "--out", "{tmp}/o", "--noise", "gaussian:0.1+fog"],
        2,
        "'fog' in 'gaussian:0.1+fog' is unknown",
    ),
    "bad validation": (["train", DATA, "--run", "{tmp}/r", "--validation", "2"], 2, "validation is 2; give a share"),
    "solver for conv": (
        ["train", DATA, "--run", "{tmp}/r", "--solver", "svd"],
        2,
        "takes no solver; leave it out: it belongs to pca",
    ),
    "epochs for exact": (
        ["train", DATA, "--run", "{tmp}/r", "--model", "pca", "--epochs", "3"],
        2,
        "does not train in epochs",
    ),
    "no gpu": (["train", DATA, "--run", "{tmp}/r", "--device", "cuda"], 2, "PyTorch sees no GPU"),
    "run is a file": (["train", DATA, "--run", "{pictures}/0.png"], 2, "is a file; give a folder"),
    "resume another": (
        ["train", DATA, "--run", "{conv}", "--size", "16", "--resume"],
        2,
        "model.parameters.channels was [4, 4, 4, 4]",
    ),
    "evaluate nothing": (["evaluate", "{tmp}"], 2, "holds no model"),
    "evaluate nowhere": (["evaluate", "{tmp}/none"], 2, "is not a folder"),
    "evaluate sized": (["evaluate", "{conv}", "--size", "8"], 2, "--size needs DATA"),
    "evaluate another size": (["evaluate", "{conv}", DATA, "--size", "20"], 2, "this model takes (16, 16, 3)"),
    "reconstruct nothing": (
        ["reconstruct", "{conv}", "{pictures}/bad.png", "--out", "{tmp}/o"],
        2,
        "none of 1 pictures",
    ),
    "import text": (["import", "{pictures}/bad.png", "--run", "{tmp}/r"], 2, "cannot be read as Keras weights"),
    "import three": (["import", "a", "b", "c", "--run", "{tmp}/r"], 2, "3 files are given"),
    "import over": (["import", "a", "b", "--run", "{conv}"], 2, "already holds a run"),
    "export format": (["export", "{conv}", "--out", "{tmp}/o", "--format", "excel"], 2, "'excel' is unknown"),
    "submit nobody": (["submit", "{conv}", "--email", "me", "--token", "t"], 2, "e-mail is 'me'"),
    "report nothing": (["report", "{tmp}", "--out", "{tmp}/r.html"], 2, "holds no model"),
    "demo too small": (["demo", "--out", "{tmp}/d", "--images", "5"], 2, "images is 5; give 200 or more"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_clear_line(call, case: str, runs: Path, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    if case == "no gpu":
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
    arguments, code, message = BAD[case]
    places = {"pictures": pictures, "tmp": tmp_path, "conv": runs / "conv"}
    outcome = call(
        *[argument.format(**places) for argument in arguments], *([] if case == "unknown command" else ["--json"])
    )
    assert (outcome.code, outcome.out) == (code, "")
    lines = [line for line in outcome.err.splitlines() if not line.startswith("1/7")]
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("lookalike: ")
    assert message in lines[0]


def test_failures_of_ours_leave_with_one(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    import lookalike.data

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr(lookalike.data, "load_with", broken)
    outcome = call("data", DATA)
    assert (outcome.code, outcome.out) == (1, "")
    assert "internal error: ZeroDivisionError: by us" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_missing_extra_answers_with_its_install_line(call, runs: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from lookalike.interop import keras_export

    monkeypatch.setattr(keras_export, "find_spec", lambda _: None)
    outcome = call("export", runs / "conv", "--out", tmp_path)
    assert outcome.code == 2
    assert "pip install 'lookalike[keras]'" in outcome.err


def test_help_and_version(call) -> None:  # type: ignore[no-untyped-def]
    assert call("--version").out.strip() == f"lookalike {la.__version__}"
    for command in (
        "data",
        "train",
        "evaluate",
        "reconstruct",
        "denoise",
        "index",
        "search",
        "duplicates",
        "morph",
        "directions",
        "edit",
        "report",
        "import",
        "export",
        "check",
        "submit",
        "demo",
        "bench quality",
    ):
        text = call(*command.split(), "--help").out
        assert "--json" in text
        assert "--seed" in text


def test_help_gives_every_recipes_epochs(call) -> None:  # type: ignore[no-untyped-def]
    words = " ".join(call("train", "--help").out.split())
    for name, recipe in RECIPES.items():
        assert f"{recipe.epochs} for {name}" in words
    assert f"{KINDS['pca'].epochs} for pca" in words


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_training_leaves_with_130_and_goes_on(call, tmp_path: Path, number: signal.Signals) -> None:  # type: ignore[no-untyped-def]
    words = ["train", DATA, "--run", str(tmp_path / "run"), "--size", "16", "--epochs"]
    command = [sys.executable, "-m", "lookalike", *words, "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until((tmp_path / "run" / "metrics.csv").exists, "an epoch is done")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert out == ""
    assert "add --resume to go on" in err.splitlines()[-1]
    done = len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) - 1
    assert done >= 1
    assert call(*words, done + 1, "--resume", "--json").json["epochs"] == done + 1
    shutil.rmtree(tmp_path / "run")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells by /proc when signals are caught")
def test_what_does_not_train_says_too_that_it_was_ended() -> None:
    command = [sys.executable, "-m", "lookalike", "data", "synthetic:1000000", "--size", "64"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def catches() -> bool:
        if b"lookalike" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            return False  # not yet that program, but still what this one is
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    until(catches, "the command has begun")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE) == ("", "lookalike: interrupted\n")
    # Python leaves by the signal where one fell into an exec, as of a named tuple; shells call both 130.
    assert process.returncode in (130, -signal.SIGINT)
