"""`lookalike sharpen`, `train --sharp`, and what draws with --sharp afterwards"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.experiment import sharpen_run, train_run
from lookalike.models import INVENTED, NEW_PICTURE
from lookalike.models.loading import load_model, open_model
from lookalike.pixels import to_uint8
from lookalike.sharpening.fitting import training_folder
from lookalike.training.recipe import RECIPES

DATA = "synthetic:120"
SMALL = ("--epochs", 1, "--width", 4)


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def said(path: Path) -> str:
    """What a PNG says of itself."""
    with Image.open(path) as image:
        return image.info.get("Description", "")


@pytest.fixture(scope="module")
def faces() -> la.ImageSet:
    return la.load(DATA, size=16)


@pytest.fixture(scope="module")
def files(faces: la.ImageSet, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    for number in (0, 1):
        Image.fromarray(faces.pixels[number]).save(folder / f"{number}.png")
    return [folder / "0.png", folder / "1.png"]


@pytest.fixture(scope="module")
def run(faces: la.ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sharpened one."""
    folder = tmp_path_factory.mktemp("runs") / "pca"
    model = la.PCAAutoencoder(8)
    train_run(model, faces, folder)
    sharpen_run(model, folder, *faces.split(), epochs=1, width=4, pull=0.1, seed=3, progress=False)
    return folder


def test_a_run_is_sharpened(call, run: Path, faces: la.ImageSet) -> None:  # type: ignore[no-untyped-def]
    told = call("sharpen", run, *SMALL, "--pull", 0.1, "--seed", 3, "--resume", "--json").json
    model = load_model(run)
    train, test = faces.split()
    decoder = model.require_sharp()
    assert decoder.training["data"] == train.digest  # the test split has no part in it
    codes = model.encode(test)
    real = test.pixels / 255 - 0.5
    for name, sharp in (("test_mse", False), ("sharp_mse", True)):
        found = np.mean((model.decode(codes, sharp=sharp) - real) ** 2)
        assert told[name] == pytest.approx(found, rel=1e-4)
    assert (told["epochs"], told["model"], told["code_size"], decoder.width) == (1, "pca", 8, 4)
    assert told["sharp_detail"] != told["detail"]
    card = (run / "card.md").read_text()
    assert card.count("## Drawn sharp") == 1
    assert INVENTED in card
    assert f"| its sharp decoder | {told['sharp_mse']:.5f} |" in card
    assert card.index("## Measured") < card.index("## Drawn sharp") < card.index("## Learned from")
    train_run(la.PCAAutoencoder(8), faces, run, resume=True)  # a card written anew still says it
    said = card[card.index("## Drawn sharp") : card.index("## Learned from")]
    assert said in (run / "card.md").read_text()
    code, _, err = call("sharpen", run, *SMALL)
    assert (code, "already holds a training (1 of 1 epochs done)" in err) == (2, True)
    assert "or begin anew with --force" in err
    code, _, err = call("sharpen", run, *SMALL, "--seed", 5, "--resume")
    assert (code, "was begun differently" in err, "begin anew with --force" in err) == (2, True, True)
    code, _, err = call("sharpen", run, *SMALL, "--resume", "--force")
    assert (code, "give one of them" in err) == (2, True)
    folder = training_folder(run, model)
    code, _, err = call("reconstruct", folder, folder / "loss.png", "--out", run / "out")
    assert (code, f"{folder} holds no model" in err) == (2, True)


def test_anew_by_force(call, run: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = shutil.copytree(run, tmp_path / "again")
    before = (again / "sharp.safetensors").read_bytes()
    (again / "sharp.safetensors").write_bytes(before[:-1])
    code, _, err = call("reconstruct", again, again / "loss.png", "--sharp", "--out", tmp_path / "out")
    assert (code, "lookalike sharpen RUN --force" in err) == (2, True)
    assert call("sharpen", again, *SMALL, "--pull", 0.1, "--seed", 3, "--force").code == 0
    assert (again / "sharp.safetensors").read_bytes() == before  # begun as the first time, to the same bits
    assert call("sharpen", again, *SMALL, "--seed", 5, "--force").code == 0
    assert (again / "sharp.safetensors").read_bytes() != before
    assert (again / "card.md").read_text().count("## Drawn sharp") == 1


def test_of_pictures_that_are_all_alike(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "alike").mkdir()
    for number in range(12):
        Image.fromarray(np.full((16, 16, 3), 130, np.uint8)).save(tmp_path / "alike" / f"{number}.png")
    run = tmp_path / "run"
    assert call("train", tmp_path / "alike", "--size", 16, "--model", "pca", "--code", 2, "--run", run).code == 0
    told = call("sharpen", run, *SMALL, "--json").json
    assert told["test_mse"] < 1e-5
    assert load_model(run).require_sharp().training["measured"]["images"] == 2
    assert "## Drawn sharp" in (run / "card.md").read_text()


def test_training_and_sharpening_in_one(  # type: ignore[no-untyped-def]
    call, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "sharp", replace(RECIPES["sharp"], epochs=2, least_steps=0))
    told = call(
        *("train", DATA, "--size", 16, "--run", tmp_path / "run", "--model", "pca", "--code", 8, "--sharp", "--json")
    ).json
    assert told["sharp"]["test_mse"] == pytest.approx(told["test_mse"], rel=1e-4)
    assert (told["epochs"], told["sharp"]["epochs"]) == (0, 2)
    one, other = (load_model(folder) for folder in (tmp_path / "run", run))
    assert one.digest == other.digest
    assert one.require_sharp().training["data"] == other.require_sharp().training["data"]


def test_what_draws_sharp(call, run: Path, files: list[Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = open_model(run)
    codes = model.encode(np.stack([picture(path) for path in files]))
    drawn = to_uint8(model.decode(codes, sharp=True))

    code, out, _ = call("reconstruct", run, *files, "--out", tmp_path / "back", "--sharp")
    assert (code, INVENTED in out) == (0, True)
    for path, one in zip(files, drawn, strict=True):
        np.testing.assert_array_equal(picture(tmp_path / "back" / path.name), one)
    call("reconstruct", run, *files, "--out", tmp_path / "plain")
    for name in ("0.png", "sheet.png"):
        assert (INVENTED in said(tmp_path / "back" / name), said(tmp_path / "plain" / name)) == (True, "")
    assert (picture(tmp_path / "plain" / "0.png") != drawn[0]).any()

    code, out, _ = call("morph", run, *files, "--steps", 2, "--sharp", "--out", tmp_path / "morph.png")
    assert (code, INVENTED in out) == (0, True)
    strip = picture(tmp_path / "morph.png")
    call("morph", run, *files, "--steps", 2, "--out", tmp_path / "plain.png")
    plain = picture(tmp_path / "plain.png")
    assert strip.shape[1:] == plain.shape[1:]
    assert (strip[: len(plain)] != plain).any()
    note = strip[len(plain) :]  # it is said below the strip, and in the file
    assert (note.min(), note.max()) == (0, 255)
    assert (INVENTED in said(tmp_path / "morph.png"), said(tmp_path / "plain.png")) == (True, "")
    call("morph", run, *files, "--steps", 2, "--sharp", "--out", tmp_path / "morph.gif")
    with Image.open(tmp_path / "morph.gif") as gif:
        assert gif.height > len(plain)

    _, out, _ = call("reconstruct", run, *files, "--out", tmp_path / "half", "--sharpness", 0.5)
    assert INVENTED in out
    for path, one in zip(files, to_uint8((model.decode(codes, sharp=True) + model.decode(codes)) / 2), strict=True):
        assert np.abs(picture(tmp_path / "half" / path.name).astype(int) - one).max() <= 1

    call("directions", run)
    for name, sharp in (("edit.png", ["--sharp"]), ("edit-plain.png", [])):
        code, out, _ = call(
            *("edit", run, files[0], "--along", "principal-1", "--no-residual", *sharp, "--out", tmp_path / name)
        )
        assert (code, INVENTED in out) == (0, bool(sharp))
    plain = picture(tmp_path / "edit-plain.png")
    assert (picture(tmp_path / "edit.png")[: len(plain)] != plain).any()
    assert (INVENTED in said(tmp_path / "edit.png"), said(tmp_path / "edit-plain.png")) == (True, "")

    for name, sharp in (("new", ["--sharp"]), ("new-plain", [])):
        code, out, _ = call("sample", run, "--count", 2, *sharp, "--out", tmp_path / name)
        assert (code, NEW_PICTURE in out, INVENTED in out) == (0, True, bool(sharp))
        for file in ("sample-01.png", "sample-02.png", "sheet.png"):
            told = said(tmp_path / name / file)
            assert (NEW_PICTURE in told, INVENTED in told) == (True, bool(sharp))
    assert (picture(tmp_path / "new" / "sample-01.png") != picture(tmp_path / "new-plain" / "sample-01.png")).any()


def test_a_run_that_learned_on_gets_another_one(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    conv = ("--model", "conv", "--code", 4, "--set", "channels=4,4", "--run", tmp_path)
    train = ("train", DATA, "--size", 16, *conv)
    assert call(*train, "--epochs", 1).code == 0
    assert call("sharpen", tmp_path, *SMALL).code == 0
    first = training_folder(tmp_path, load_model(tmp_path))
    assert call(*train, "--epochs", 2, "--resume").code == 0
    code, _, err = call("reconstruct", tmp_path, first / "loss.png", "--out", tmp_path / "back", "--sharp")
    assert (code, "made for another one; train it anew with: lookalike sharpen RUN" in err) == (2, True)
    assert "Drawn sharp" not in (tmp_path / "card.md").read_text()
    assert call("sharpen", tmp_path, *SMALL).code == 0
    assert training_folder(tmp_path, load_model(tmp_path)) != first
    assert call("reconstruct", tmp_path, first / "loss.png", "--out", tmp_path / "back", "--sharp").code == 0


BAD = {
    "too sharp": (["reconstruct", "{run}", "{a}", "--out", "{tmp}/x", "--sharpness", "2"], "sharpness is 2; give 0"),
    "sharp and not": (
        ["morph", "{run}", "{a}", "{a}", "--out", "{tmp}/x.png", "--sharp", "--sharpness", "0"],
        "--sharp draws sharp, --sharpness 0 does not",
    ),
    "no sharp decoder": (["morph", "{bare}", "{a}", "{a}", "--sharp", "--out", "{tmp}/m.png"], "lookalike sharpen RUN"),
    "none to sample with": (["sample", "{bare}", "synthetic:120", "--sharp", "--out", "{tmp}/m.png"], "sharpen RUN"),
    "no pictures": (["sharpen", "{bare}"], "name DATA"),
    "no code": (["sharpen", "ready"], "has no code"),
    "pull": (["sharpen", "{run}", "--pull", "2"], "pull is 2; give 0 to 1"),
    "width": (["sharpen", "{run}", "--width", "0"], "width is 0; give 1 to 512"),
    "no code to train": (
        ["train", "synthetic:40", "--model", "unet", "--sharp", "--run", "{tmp}/u"],
        "has no code",
    ),
    "several processes": (
        ["train", "synthetic:40", "--devices", "2", "--sharp", "--run", "{tmp}/u"],
        "--sharp trains in one process, not in 2",
    ),
    "crop": (["sharpen", "{run}", "--crop", "3"], "--crop does not go with the run's own"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_clear_line(  # type: ignore[no-untyped-def]
    call, run: Path, faces: la.ImageSet, files: list[Path], tmp_path: Path, case: str
) -> None:
    la.PCAAutoencoder(4).fit(faces.pixels).save(tmp_path / "bare")
    arguments, message = BAD[case]
    places = {"{run}": run, "{tmp}": tmp_path, "{bare}": tmp_path / "bare", "{a}": files[0]}
    words = arguments
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    code, out, err = call(*words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["bare"]
