"""What is hidden, drawn: levels at each pixel, by a U-Net in windows, by a code, and on files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import lookalike as la
from lookalike.denoising import tiling
from lookalike.denoising.inpainting import inpaint
from lookalike.errors import OptionError
from lookalike.models.loading import open_model
from lookalike.models.unet import ToldLevels, UNetDenoiser
from lookalike.noise import LOST, NOT_TOLD, corrupt, levels_of, parse_noise
from lookalike.pixels import centre
from lookalike.training.batches import Epoch
from pictures import waves
from rounding import rounding

OCCLUDE = parse_noise("occlude:0.05-0.5")


def lively(fold: int = 1) -> UNetDenoiser:
    """Untrained, but with an end that is not zero: every weight and every level shows in the result."""
    model = UNetDenoiser(width=4, fold=fold, device="cpu").initialise((16, 16, 3))
    with torch.no_grad():
        model.network_.decoder.tail.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))
    return model


def hole(height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    hidden = np.zeros((height, width), bool)
    hidden[rows, columns] = True
    return hidden


# Levels


def test_nothing_is_left_where_the_rectangle_lies() -> None:
    white = np.full((60, 20, 30, 3), 0.5, np.float32)
    drawn = {"seed": 4, "epoch": 3, "indices": range(60)}
    levels = levels_of(OCCLUDE, (20, 30), **drawn)
    is_black = (corrupt(white, OCCLUDE, **drawn) == -0.5).all(axis=3)
    np.testing.assert_array_equal(levels, np.where(is_black, LOST, 0))
    assert 0.05 < is_black.mean() < 0.5


def test_half_of_the_pictures_are_told_what_is_lost() -> None:
    epoch, members = Epoch(0, 2, 400, OCCLUDE, (8, 12)), np.arange(400)
    told = ToldLevels(epoch)(members)
    assert (told.shape, told.dtype) == ((400, 8, 12), np.float32)
    is_told = (told != NOT_TOLD).all(axis=(1, 2))
    assert 150 < is_told.sum() < 250
    assert (told[~is_told] == NOT_TOLD).all()
    drawn = levels_of(OCCLUDE, (8, 12), seed=0, epoch=2, indices=members)
    np.testing.assert_array_equal(told[is_told], drawn[is_told])
    np.testing.assert_array_equal(ToldLevels(epoch)(np.array([7, 399])), told[[7, 399]])


@pytest.mark.parametrize("fold", [1, 2])
def test_one_level_everywhere_is_the_pictures_level(fold: int) -> None:
    model, pictures = lively(fold), waves(2, 19, 22)
    by_pixel = np.stack([np.full((19, 22), level, np.float32) for level in (0.02, 0.2)])
    whole = model.reconstruct(pictures, [0.02, 0.2])
    np.testing.assert_allclose(model.reconstruct(pictures, by_pixel), whole, rtol=0, atol=rounding(model))
    half = by_pixel.copy()
    half[0, :, 11:] = 0.2
    assert np.abs(model.reconstruct(pictures, half) - whole)[0].max() > 1e-4


@pytest.mark.parametrize("fold", [1, 2])
def test_onnx_runtime_is_told_levels_by_pixel_too(fold: int, tmp_path: Path) -> None:
    model, pictures = lively(fold), waves(2, 19, 22)
    model.save(tmp_path)
    levels = np.random.default_rng(0).uniform(0, 1, (2, 19, 22)).astype(np.float32)
    opened = open_model(tmp_path)
    assert not opened.by_pytorch
    expected = model.reconstruct(pictures, levels)
    np.testing.assert_allclose(opened.reconstruct(pictures, levels), expected, rtol=0, atol=rounding(model))


def test_levels_of_another_shape_are_named() -> None:
    message = r"levels of shape \(2, 8, 9\) for 2 pictures; .* or one for each of their pixels, \(2, 19, 22\)"
    with pytest.raises(OptionError, match=message):
        lively().reconstruct(waves(2, 19, 22), np.zeros((2, 8, 9)))


# By a U-Net


def test_a_training_learns_from_what_it_is_told_at_each_pixel() -> None:
    model, members = lively(), np.arange(8)
    shown = torch.from_numpy(centre(waves(8, 16, 16))).permute(0, 3, 1, 2)
    told = ToldLevels(Epoch(0, 1, 8, OCCLUDE, (16, 16)))(members)
    nothing = np.full_like(told, NOT_TOLD)
    assert (told == LOST).any()
    losses = [model.network_.loss(shown, shown, {"levels": torch.from_numpy(one)}) for one in (told, nothing)]
    assert losses[0].total != losses[1].total
    losses[0].total.backward()
    of_levels = model.network_.encoder.head.weight.grad[:, -1]
    assert (of_levels != 0).all()


def test_a_hole_that_is_too_deep_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    model, picture = lively(), waves(1, 60, 60)[0]
    inpaint(model, picture, hole(60, 60, slice(0, 60), slice(20, 48)))
    assert not caplog.records
    inpaint(model, picture, hole(60, 60, slice(10, 50), slice(20, 50)))
    assert caplog.messages == [
        "what is hidden is 15 pixels deep, and this model sees 28 far: deeper than 14 it draws little but grey"
    ]


def test_windows_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    model, picture = lively(), waves(1, 90, 70)[0]
    hidden = hole(90, 70, slice(20, 60), slice(30, 35)) | hole(90, 70, slice(80, 90), slice(0, 4))
    whole = inpaint(model, picture, hidden)
    monkeypatch.setattr(tiling, "WINDOW", 16)
    shares: list[float] = []
    assert np.abs(whole.astype(int) - inpaint(model, picture, hidden, told=shares.append)).max() <= 1
    assert (len(shares), shares[-1]) == (7, 1.0)  # of 30 windows those with something hidden


def test_what_is_hidden_is_of_no_account_and_the_rest_stays() -> None:
    model, hidden = lively(), hole(24, 24, slice(4, 9), slice(6, 20))
    pictures = np.random.default_rng(0).integers(0, 65_536, (2, 24, 24, 3), dtype=np.uint16)
    pictures[1, ~hidden] = pictures[0, ~hidden]
    first, second = (inpaint(model, picture, hidden) for picture in pictures)
    assert first.dtype == np.uint16
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[~hidden], pictures[0, ~hidden])
    assert (first[hidden] != pictures[0, hidden]).any()


# By a code


def test_a_linear_models_filling_is_that_of_least_squares() -> None:
    model: la.PCAAutoencoder = la.PCAAutoencoder(6).fit(waves(300, 12, 12))
    picture, hidden = waves(1, 12, 12, seed=5)[0], hole(12, 12, slice(4, 8), slice(3, 8))
    values, seen = centre(picture).reshape(-1).astype(float), ~np.repeat(hidden.reshape(-1), 3)
    weights = model.weights()["decoder"]
    directions, mean = (weights[f"dense.{name}"].astype(float) for name in ("weight", "bias"))
    code = np.linalg.lstsq(directions[seen], (values - mean)[seen])[0]
    expected = la.to_uint8((mean + directions @ code).reshape(12, 12, 3).astype(np.float32))
    drawn = inpaint(model, picture, hidden)
    np.testing.assert_array_equal(drawn[~hidden], picture[~hidden])
    assert np.abs(drawn[hidden].astype(int) - expected[hidden]).max() <= 2


# Refusals, in Python


@pytest.mark.parametrize(
    ("shape", "hidden", "message"),
    [
        ((12, 12, 3), np.zeros((12, 12), bool), "hides nothing"),
        ((12, 12, 3), np.ones((12, 12), bool), "hides all of the picture"),
        ((12, 12, 3), np.ones((12, 11), bool), r"\(12, 12, 3\) with a mask of shape \(12, 11\)"),
        ((12, 12), np.ones((12, 12), bool), r"\(12, 12\) with a mask"),
        ((9, 12, 3), hole(9, 12, slice(2), slice(2)), r"takes \(12, 12, 3\)"),
    ],
)
def test_what_cannot_be_filled_is_refused(shape: tuple[int, ...], hidden: np.ndarray, message: str) -> None:
    model: la.PCAAutoencoder = la.PCAAutoencoder(2).fit(waves(20, 12, 12))
    with pytest.raises(OptionError, match=message):
        inpaint(model, np.zeros(shape, np.uint8), hidden)
