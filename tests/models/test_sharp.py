"""A sharp decoder as a model has it: its tensors, its two ways of computing, its files, and which model it is of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import lookalike as la
from lookalike.errors import OptionError, WeightsError
from lookalike.models import sharp as sharps
from lookalike.models.loading import load_model, open_model
from lookalike.models.sharp import DESCRIPTION, WEIGHTS, shapes_of
from lookalike.models.sharp_network import SharpNetwork
from pictures import waves
from sharps import sharpened


def sharp_pca(height: int = 20, width: int = 18, channels: int = 3) -> la.PCAAutoencoder:
    return sharpened(la.PCAAutoencoder(5).fit(waves(30, height, width, channels)))


@pytest.mark.parametrize(("height", "width", "channels", "narrow"), [(16, 16, 3, 4), (9, 21, 1, 3)])
def test_its_tensors_are_told_without_pytorch(height: int, width: int, channels: int, narrow: int) -> None:
    network = SharpNetwork((height, width, channels), 7, narrow)
    found = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes_of((height, width, channels), 7, narrow) == found


@pytest.mark.parametrize(("height", "width", "channels"), [(16, 24, 3), (9, 21, 1)])
def test_both_ways_of_computing_agree(height: int, width: int, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sharp_pca(height, width, channels)
    codes = model.encode(waves(40, height, width, channels, seed=2))
    by_onnx = model.decode(codes, sharp=True)
    monkeypatch.setattr(sharps, "computes_here", lambda device: False)
    np.testing.assert_allclose(model.decode(codes, sharp=True), by_onnx, rtol=1e-4, atol=1e-4)
    assert by_onnx.shape == (40, height, width, channels)
    network = SharpNetwork((height, width, channels), 5, 3)
    assert model.sharp_ is not None
    network.load_state_dict({name: torch.from_numpy(one) for name, one in model.sharp_.weights.items()})
    plain = torch.from_numpy(model.decode(codes)).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = network(torch.from_numpy(codes), plain).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(by_onnx, expected, rtol=1e-4, atol=1e-4)


def test_how_sharp_is_a_choice() -> None:
    model = sharp_pca(16, 24, 3)
    codes = model.encode(waves(5, 16, 24, 3, seed=2))
    plain, sharp = model.decode(codes), model.decode(codes, sharp=True)
    np.testing.assert_array_equal(model.decode(codes, sharp=0.0), plain)
    np.testing.assert_array_equal(model.decode(codes, sharp=1.0), sharp)
    between = np.average(np.stack([plain, sharp]).astype(np.float64), axis=0, weights=[0.75, 0.25])
    np.testing.assert_allclose(model.decode(codes, sharp=0.25), between, atol=1e-6)
    for share in (-0.1, 1.5, np.nan):
        with pytest.raises(OptionError, match=r"sharpness is .*; give 0 .* to 1"):
            model.decode(codes, sharp=share)
    with pytest.raises(OptionError, match="sharpness is 'yes'; give True, or a number from 0 to 1"):
        model.decode(codes, sharp="yes")


def test_what_is_flat_stays_flat_far_from_the_margins() -> None:
    """Whatever its weights: no grid comes from how it goes to finer cells."""
    torch.manual_seed(0)
    network = SharpNetwork((160, 160, 3), 5, 3)
    with torch.no_grad():
        network.dense.weight.zero_()
        network.dense.bias.copy_(torch.randn(12).repeat(20 * 20))
        drawn = network(torch.zeros(1, 5), torch.full((1, 3, 160, 160), 0.2))[0] - 0.2
    inner = drawn[:, 72:88, 72:88]  # 67 pixels from the margins are the farthest that a convolution hands on
    assert inner.abs().amin(dim=(1, 2)).max() > 0.01
    torch.testing.assert_close(inner, inner[:, :1, :1].expand_as(inner), rtol=0, atol=1e-5)


def test_it_goes_where_the_model_goes(tmp_path: Path) -> None:
    model = sharp_pca()
    codes = model.encode(waves(4, 20, 18))
    model.save(tmp_path / "one")
    load_model(tmp_path / "one").save(tmp_path / "two")
    for name in (DESCRIPTION, WEIGHTS, "model.json"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    again = open_model(tmp_path / "two")
    np.testing.assert_array_equal(again.decode(codes, sharp=True), model.decode(codes, sharp=True))
    assert again.digest == model.digest
    assert again.sharp_ is not None
    assert again.sharp_.training == {"seed": 0}


def test_it_is_of_one_model_alone(tmp_path: Path) -> None:
    model = sharp_pca()
    codes = model.encode(waves(4, 20, 18))
    model.fit(waves(30, 20, 18, seed=5))
    with pytest.raises(OptionError, match="made for another one; train it anew with: lookalike sharpen RUN"):
        model.decode(codes, sharp=True)
    model.save(tmp_path)
    assert not (tmp_path / DESCRIPTION).exists()


@pytest.mark.parametrize("damage", ["cut", "other weights", "not finite", "width", "format", "no JSON", "no weights"])
def test_damage_is_told_when_it_is_asked_for(damage: str, tmp_path: Path) -> None:
    model = sharp_pca()
    codes = model.encode(waves(4, 20, 18))
    model.save(tmp_path)
    told = json.loads((tmp_path / DESCRIPTION).read_text())
    content = (tmp_path / WEIGHTS).read_bytes()
    if damage == "cut":
        (tmp_path / WEIGHTS).write_bytes(content[:-5])
    elif damage == "other weights":
        (tmp_path / WEIGHTS).write_bytes(content[:-4] + b"\0\0\0\1")
    elif damage == "not finite":
        assert model.sharp_ is not None
        model.sharp_.weights["mean"][0] = np.nan
        model.sharp_.save(tmp_path)
    elif damage == "width":
        (tmp_path / DESCRIPTION).write_text(json.dumps({**told, "width": 10**9}))
    elif damage == "format":
        (tmp_path / DESCRIPTION).write_text(json.dumps({**told, "format": 99}))
    elif damage == "no JSON":
        (tmp_path / DESCRIPTION).write_text("{")
    else:
        (tmp_path / WEIGHTS).unlink()
    again = load_model(tmp_path)
    np.testing.assert_array_equal(again.encode(waves(4, 20, 18)), codes)  # the rest still works
    with pytest.raises(WeightsError, match=r"is of format 99|sharp decoder in .* is damaged .*lookalike sharpen RUN"):
        again.decode(codes, sharp=True)
