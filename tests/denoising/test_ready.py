"""The denoiser that comes with the package."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

import lookalike as la
from lookalike import metrics
from lookalike.cli import app
from lookalike.denoising import denoise, judging, ready
from lookalike.errors import RunError
from lookalike.pixels import centre

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import train_ready


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without weights, whose folder for them is given back."""
    monkeypatch.setattr(ready, "ready_folder", lambda: tmp_path / "ready")
    ready.load_ready.cache_clear()
    yield tmp_path / "ready"
    ready.load_ready.cache_clear()


def test_without_weights_it_says_what_to_do(elsewhere: Path) -> None:
    assert ready.ready_run() is None
    with pytest.raises(RunError, match=r"no denoiser of its own .*; name a run, .* --model unet"):
        ready.load_ready()


def test_it_is_read_once_and_as_any_run(elsewhere: Path) -> None:
    model = la.UNetDenoiser(width=4, device="cpu").initialise((16, 16, 3))
    model.save(elsewhere)
    assert ready.ready_run() == elsewhere
    assert ready.load_ready().digest == model.digest
    assert ready.load_ready() is ready.load_ready()


@pytest.mark.parametrize("level", [None, 25 / 255])
@pytest.mark.parametrize(("colours", "times"), [(3, 7), (1, 5)])
def test_it_cleans_a_photograph_that_it_has_not_seen(level: float | None, colours: int, times: int) -> None:
    """chelsea, held out: at sigma 25 of 255 no more than that part of the noise's power may be left."""
    clean = data.chelsea()[60:188, 100:228, :colours]
    restored = denoise(ready.load_ready(), judging.with_noise(clean, 25 / 255), level)
    assert restored.shape == clean.shape
    assert metrics.squared_errors(centre(restored)[None], centre(clean)[None])[0] < (25 / 255) ** 2 / times


def test_hardly_anything_is_taken_from_a_clean_photograph() -> None:
    clean = data.chelsea()[60:188, 100:228]
    left = metrics.psnr(centre(denoise(ready.load_ready(), clean, 0.0))[None], centre(clean)[None])[0]
    assert left > 35


def test_its_files_are_small_and_its_card_names_all_that_it_learned_from() -> None:
    folder = ready.ready_folder()
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
    assert json.loads((folder / "model.json").read_text())["kind"] == "unet"
    card = (folder / "card.md").read_text()
    assert f"{ready.load_ready().n_parameters:,} weights" in card
    for place, (licence, _, _) in {**train_ready.PHOTOGRAPHS, **train_ready.HELD_OUT}.items():
        assert f"`{place}`" in card
        assert licence in (train_ready.CC0, train_ready.PUBLIC, train_ready.CC_BY)
    assert not set(train_ready.PHOTOGRAPHS) & set(train_ready.HELD_OUT)


def test_squares_of_its_training_are_half_leaves_half_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.full((40, train_ready.SIDE, train_ready.SIDE, 3), 7, np.uint8)
    monkeypatch.setattr(la, "load", lambda source, size: la.ImageSet(drawn))
    monkeypatch.setattr(train_ready, "PHOTOGRAPHS", dict(list(train_ready.PHOTOGRAPHS.items())[:2]))
    pictures = train_ready.to_learn_from(40, None, None)
    assert pictures.shape == (80, train_ready.SIDE, train_ready.SIDE, 3)
    assert (pictures == 7).all(axis=(1, 2, 3)).sum() == 40


def test_a_folder_is_learned_from_without_the_names_of_another(tmp_path: Path) -> None:
    from PIL import Image

    for folder, names in (("all", ("1.jpg", "2.jpg", "3.jpg")), ("judged", ("2.png",))):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.new("RGB", (300, 256), (80 * int(name[0]), 0, 0)).save(tmp_path / folder / name)
    squares = train_ready.to_learn_from(0, tmp_path / "all", tmp_path / "judged")
    assert len(squares) == 4  # two squares a picture
    assert {round(value, -1) for value in squares[..., 0].mean(axis=(1, 2)).tolist()} == {80, 240}


def test_it_is_named_like_a_run(tmp_path: Path) -> None:
    app(["export", "ready", "--format", "onnx", "--out", str(tmp_path / "out")], standalone_mode=False)
    assert (tmp_path / "out" / "denoiser.onnx").stat().st_size < 3_000_000
