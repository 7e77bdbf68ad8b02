"""`denoise`, `evaluate` at several levels, and `train --model denoiser`, as a user calls them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike import metrics
from lookalike.denoising import denoise
from lookalike.models.loading import open_model
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.pixels import centre
from pictures import waves


@pytest.fixture
def json_of(call):  # type: ignore[no-untyped-def]
    return lambda *arguments: call(*arguments, "--json").json


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model takes the noise from 16 x 16 pieces of waves."""
    pieces = waves(20, 64, 64, seed=3).reshape(20, 4, 16, 4, 16, 3).swapaxes(2, 3).reshape(-1, 16, 16, 3)
    folder = tmp_path_factory.mktemp("run")
    la.PCAAutoencoder(20).fit(pieces).save(folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Wide, of the model's size, grey, tiny, turned by its EXIF tag, and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(waves(1, 50, 90)[0]).save(folder / "wide.png")
    Image.fromarray(waves(1, 16, 16)[0]).save(folder / "exact.png")
    Image.fromarray(waves(1, 40, 30, 1)[0, ..., 0]).save(folder / "grey.png")
    Image.fromarray(waves(1, 5, 7)[0]).save(folder / "tiny.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: 90 degrees clockwise to be upright
    Image.fromarray(waves(1, 20, 48)[0]).save(folder / "turned.png", exif=exif)
    (folder / "bad.png").write_text("?")
    return folder


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_pictures_come_back_at_their_own_size(json_of, run: Path, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out"
    names = [pictures / f"{name}.png" for name in ("wide", "exact", "bad", "grey", "tiny", "turned")]
    result = json_of("denoise", run, *names, "--out", out)
    assert result["skipped"] == [{"name": str(names[2]), "reason": "is not a picture in a format that can be read"}]
    written = [Path(path) for path in result["written"]]
    assert [path.name for path in written] == [
        "wide.png",
        "exact.png",
        "grey.png",
        "tiny.png",
        "turned.png",
        "sheet.png",
    ]
    model = open_model(run)
    for name in ("wide", "exact", "tiny"):
        np.testing.assert_array_equal(read(out / f"{name}.png"), denoise(model, read(pictures / f"{name}.png")))
    exact = read(pictures / "exact.png")
    np.testing.assert_array_equal(read(out / "exact.png"), la.to_uint8(model.reconstruct(exact))[0])
    grey = read(pictures / "grey.png")
    np.testing.assert_array_equal(read(out / "grey.png"), denoise(model, grey[..., None])[..., 0])
    upright = np.rot90(read(pictures / "turned.png"), -1)  # as the model sees it; the file stays as it was stored
    assert upright.shape == (48, 20, 3)
    np.testing.assert_array_equal(np.rot90(read(out / "turned.png"), -1), denoise(model, upright))
    with Image.open(out / "turned.png") as image:
        assert image.getexif()[0x0112] == 6
    assert result["level"].keys() == {str(name) for name in names if name.name != "bad.png"}
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width > 300


def test_added_noise_is_seen_and_taken_away(json_of, run: Path, pictures: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    picture, names = pictures / "wide.png", [pictures / "exact.png", pictures / "wide.png"]
    options = ["--noise", "gaussian:0.1", "--seed", 4]
    json_of("denoise", run, *names, "--out", tmp_path / "out", *options)
    clean = read(picture)
    noisy = corrupt(centre(clean)[None], parse_noise("gaussian:0.1"), seed=4, epoch=EVALUATION_EPOCH, indices=[1])[0]
    restored = read(tmp_path / "out" / "wide.png")
    np.testing.assert_array_equal(restored, denoise(open_model(run), noisy))
    before, after = (metrics.psnr(centre(clean)[None], other[None])[0] for other in (noisy, centre(restored)))
    assert after > before + 8
    json_of("denoise", run, *names, "--out", tmp_path / "again", *options)
    for name in ("wide.png", "sheet.png"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    json_of("denoise", run, *names, "--out", tmp_path / "other", "--noise", "gaussian:0.1", "--seed", 5)
    assert (read(tmp_path / "other" / "wide.png") != restored).any()
    # Noise so strong that it leaves what a model takes for a picture.
    json_of("denoise", run, *names, "--out", tmp_path / "loud", "--noise", "gaussian:1")


def test_nothing_that_is_read_is_written_over(json_of, run: Path, pictures: Path) -> None:  # type: ignore[no-untyped-def]
    twin = pictures / "twin"
    twin.mkdir()
    (twin / "exact.jpg").write_bytes((pictures / "exact.png").read_bytes())
    before = (pictures / "exact.png").read_bytes()
    result = json_of("denoise", run, pictures / "exact.png", twin / "exact.jpg", "--out", pictures)
    assert [Path(path).name for path in result["written"]] == ["exact-2.png", "exact-3.png", "sheet.png"]
    assert (pictures / "exact.png").read_bytes() == before


def test_names_from_stdin(json_of, run: Path, pictures: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    names = f"{pictures / 'wide.png'}\n\n{pictures / 'bad.png'}\n{pictures / 'tiny.png'}\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(names))
    result = json_of("denoise", run, "-", "--out", tmp_path / "out")
    assert [Path(path).name for path in result["written"]] == ["wide.png", "tiny.png", "sheet.png"]
    assert [Path(item["name"]).name for item in result["skipped"]] == ["bad.png"]


def test_a_denoiser_is_conv_with_the_courses_code_and_noise(json_of, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data, short = tmp_path / "waves.npy", ["--size", 16, "--epochs", 1]
    np.save(data, waves(40, 16, 16))
    trained = json_of("train", data, "--run", tmp_path / "a", "--model", "denoiser", *short)
    assert (trained["model"], trained["code_size"]) == ("conv", 512)
    assert json.loads((tmp_path / "a" / "config.json").read_text())["noise"] == "gaussian:0.1"
    same = json_of(
        "train", data, "--run", tmp_path / "b", "--model", "conv", "--code", 512, "--noise", "gaussian:0.1", *short
    )
    assert same["test_mse"] == trained["test_mse"]
    other = ["--model", "denoiser", "--code", 8, "--noise", "occlude:0.25+gaussian:0-0.2"]
    assert json_of("train", data, "--run", tmp_path / "c", *other, *short)["code_size"] == 8
    assert json.loads((tmp_path / "c" / "config.json").read_text())["noise"] == other[-1]
    code, _, err = call("train", data, "--run", tmp_path / "c", "--model", "denoiser", "--code", 8, "--resume", *short)
    assert (code, err.count("\n")) == (2, 1)
    assert "noise was occlude:0.25+gaussian:0-0.2, is now gaussian:0.1" in err


def test_a_mistake_in_the_noise_shows_before_anything_is_read(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("train", "nowhere", "--run", tmp_path / "r", "--noise", "gaussian:2")
    assert (code, err.count("\n")) == (2, 1)
    assert "gaussian: sigma is 2; give a number above 0 and up to 1" in err


def test_evaluate_at_several_levels_makes_one_table(json_of, call, run: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = tmp_path / "waves.npy"
    np.save(data, waves(40, 16, 16, seed=9))
    levels = ["gaussian:0.1", "gaussian:0-0.25", "occlude:0.25+poisson"]
    options = [option for level in levels for option in ("--noise", level)]
    result = json_of("evaluate", run, data, *options, "--seed", 3)
    clean = json_of("evaluate", run, data)
    assert {name: result[name] for name in clean} == clean
    assert [level["noise"] for level in result["levels"]] == levels
    for level in result["levels"]:
        alone = json_of("evaluate", run, data, "--noise", level["noise"], "--seed", 3)
        assert alone == level
        assert {"mse", "psnr", "ssim", "noisy_mse", "noisy_psnr"} <= alone.keys()
    assert result["levels"][0]["noisy_mse"] == pytest.approx(0.01, rel=0.02)
    assert result["levels"][1]["noisy_mse"] == pytest.approx(0.25**2 / 3, rel=0.4)
    lines = call("evaluate", run, data, *options, "--seed", 3)[1].splitlines()
    assert lines[0] == "40 pictures"
    assert len({len(line) for line in lines[3:]} | {len(lines[1])}) == 1  # columns stand under one another
    assert lines[3].split()[:2] == ["gaussian:0.1", f"{result['levels'][0]['mse']:.5f}"]
