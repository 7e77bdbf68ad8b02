"""The residual model: it begins at exact PCA, only gains from there, and shapes of any size come back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA

import lookalike as la
from lookalike.errors import OptionError
from lookalike.models import residual
from lookalike.models.principal import principal_subspace
from lookalike.models.residual_network import ResidualNetwork
from lookalike.training.optimizer import Muon
from lookalike.training.recipe import RECIPES
from pictures import waves

SHORT = replace(RECIPES["best"], epochs=12, least_steps=0)


@pytest.mark.parametrize("form", [{}, {"fold": 2}, {"fold": 2, "guided": True}])
def test_untrained_it_is_exact_pca(form: dict[str, Any]) -> None:
    pictures = waves(200, 20, 18)
    network = ResidualNetwork(pictures.shape[1:], 6, 8, seed=0, **form)
    network.begin_at(principal_subspace(pictures, 6))
    exact = la.PCAAutoencoder(6).fit(pictures)
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5
    with torch.no_grad():
        found = network(batch).permute(0, 2, 3, 1).numpy()
        codes = network.encoder(batch).numpy()
    np.testing.assert_allclose(found, exact.reconstruct(pictures), atol=1e-4)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(6), atol=1e-3)


def test_training_gains_on_faces_never_seen() -> None:
    train, test = la.load("synthetic:1000", size=16).split()
    exact = la.PCAAutoencoder(16).fit(train)
    model = la.ResidualAutoencoder(16, width=16).fit(train, recipe=SHORT, progress=False)
    assert model.score(test) > 0.97 * exact.score(test)


def test_five_pictures_are_learned_and_nothing_explodes() -> None:
    """By the usual recipe to its end: what is whitened from five pictures could be made as large as one likes."""
    pictures = waves(5, 16, 16)
    model = la.ResidualAutoencoder(3, width=8).fit(pictures, progress=False)
    spread = float((pictures / 255.0).var(axis=0).mean())
    losses = [one["train_mse"] for one in model.history_]
    assert len(losses) == RECIPES["best"].most_epochs
    assert max(losses) < 2 * spread
    assert -model.score(pictures) < spread / 2  # what a model that knows but the mean picture would have


def test_the_linear_part_stays_as_it_is() -> None:
    pictures = waves(96, 16, 16)
    model = la.ResidualAutoencoder(4, width=8).fit(pictures, recipe=replace(SHORT, epochs=2), progress=False)
    subspace = principal_subspace(pictures, 4)
    np.testing.assert_allclose(model.weights()["decoder"]["linear.bias"], subspace.mean, atol=1e-6)
    names = {name for name, _ in model.network_.named_parameters()}
    assert not any("linear" in name for name in names)


def test_odd_sides_are_seen_as_if_the_edge_went_on() -> None:
    pictures = torch.rand(8, 3, 20, 18, generator=torch.Generator().manual_seed(2)) - 0.5
    larger = torch.from_numpy(np.pad(pictures.numpy(), ((0, 0), (0, 0), (0, 12), (0, 14)), mode="edge"))
    odd, even = (ResidualNetwork((*side, 3), 6, 8, seed=0).encoder for side in ((20, 18), (32, 32)))
    # Without principal components a code is the correction alone
    torch.nn.init.normal_(odd.dense.weight, generator=torch.Generator().manual_seed(1))
    even.trunk.load_state_dict(odd.trunk.state_dict())
    even.dense.load_state_dict(odd.dense.state_dict())
    with torch.no_grad():
        codes = odd(pictures)
        torch.testing.assert_close(codes, even(larger))
    assert codes.abs().min() > 0


def test_a_folded_encoder_sees_squares_of_pixels_as_channels() -> None:
    """As one of whole grids does that is given the squares as channels, and what lies outside as the edge's pixels."""
    pictures = torch.rand(8, 3, 40, 37, generator=torch.Generator().manual_seed(2)) - 0.5
    larger = np.pad(pictures.numpy(), ((0, 0), (0, 0), (0, 24), (0, 27)), mode="edge")
    squares = np.stack([larger[:, c, i::2, j::2] for c in range(3) for i in range(2) for j in range(2)], axis=1)
    folded = ResidualNetwork((40, 37, 3), 6, 8, seed=0, fold=2).encoder
    whole = ResidualNetwork((32, 32, 12), 6, 8, seed=0).encoder
    torch.nn.init.normal_(folded.dense.weight, generator=torch.Generator().manual_seed(1))
    whole.trunk.load_state_dict(folded.trunk.state_dict())
    whole.dense.load_state_dict(folded.dense.state_dict())
    with torch.no_grad():
        codes = folded(pictures)
        torch.testing.assert_close(codes, whole(torch.from_numpy(squares)))
    assert codes.abs().min() > 0


def test_a_guided_one_sees_what_principal_components_draw_and_leave() -> None:
    """Beside scikit-learn's: the encoder what they leave, beside the picture; the decoder what they draw, twice."""
    pictures = waves(60, 20, 18)
    flat = pictures.reshape(60, -1) / 255 - 0.5
    exact = PCA(6, svd_solver="full").fit(flat)
    drawn = exact.inverse_transform(exact.transform(flat)).reshape(pictures.shape)
    network = ResidualNetwork(pictures.shape[1:], 6, 8, seed=0, fold=2, guided=True)
    network.begin_at(principal_subspace(pictures, 6))
    seen = {}
    decoder, trunk = network.decoder, network.encoder.trunk
    for name, module in (("encoder", trunk), ("coarse", decoder.see_coarse), ("fine", decoder.see_fine)):
        module.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0].numpy()}))
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5
    with torch.no_grad():
        network(batch)
    both = np.concatenate([flat.reshape(pictures.shape), 4 * (flat.reshape(pictures.shape) - drawn)], axis=-1)
    for name, shown, stride, side in (("encoder", both, 32, 2), ("coarse", drawn, 16, 8), ("fine", drawn, 16, 4)):
        height, width = (-(-one // stride) * stride for one in pictures.shape[1:3])
        padded = np.pad(shown, ((0, 0), (0, height - 20), (0, width - 18), (0, 0)), mode="edge")
        channels = range(padded.shape[-1])
        places = [padded[:, i::side, j::side, c] for c in channels for i in range(side) for j in range(side)]
        np.testing.assert_allclose(seen[name], np.stack(places, axis=1), atol=1e-4)


def test_whole_grids_are_not_guided() -> None:
    expected = {(32, 32): False, (64, 64): True}
    models = {sides: la.ResidualAutoencoder(4, width=1).initialise((*sides, 1)) for sides in expected}
    assert {sides: model.settled()["guided"] for sides, model in models.items()} == expected
    assert clone(models[32, 32]).initialise((64, 64, 1)).guided_


def test_large_pictures_have_a_finest_grid_of_squares() -> None:
    expected = {(47, 300): 1, (48, 48): 2, (95, 200): 2, (200, 96): 4, (256, 256): 4, (64, 64): 2, (128, 128): 4}
    found = {sides: la.ResidualAutoencoder(4, width=1).initialise((*sides, 1)).fold_ for sides in expected}
    assert found == expected


def test_a_fold_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    for fold in (0, 1, 2, 3):
        la.ResidualAutoencoder(4, width=2, fold=fold).initialise((48, 50, 3)).save(tmp_path / f"{fold}")
        model = la.load_model(tmp_path / f"{fold}")
        assert isinstance(model, la.ResidualAutoencoder)
        assert model.fold_ == (fold or 2)
        again = clone(model).initialise((16, 16, 3))
        assert again.fold_ == (1 if fold in (0, 2) else fold)  # what the size gave is no wish for other sizes


@pytest.mark.parametrize("form", [{"fold": 1}, {"fold": 2, "guided": False}])
def test_runs_of_before_go_on_as_they_were(form: dict[str, Any], tmp_path: Path) -> None:
    """The first say nothing of a fold, and had none whatever the size; those with one were not guided."""
    pictures = waves(40, 48, 48)
    first, both = (replace(SHORT, epochs=epochs, schedule="constant") for epochs in (1, 2))
    la.ResidualAutoencoder(4, width=2, **form).fit(pictures, recipe=first, run=tmp_path / "run", progress=False)
    said = json.loads((tmp_path / "run" / "model.json").read_text())["parameters"]
    own = {} if form["fold"] == 1 else {"fold": 2}
    assert said == {"code_size": 4, "width": 2, "seed": 0, "device": "auto", **own}
    copy = Path(shutil.copytree(tmp_path / "run", tmp_path / "copy"))
    going_on = {"recipe": both, "resume": True, "progress": False}
    expected = la.ResidualAutoencoder(4, width=2, **form).fit(pictures, run=copy, **going_on)
    model = la.ResidualAutoencoder(4, width=2).fit(pictures, run=tmp_path / "run", **going_on)
    assert (model.settled()["fold"], model.settled()["guided"], len(model.history_)) == (form["fold"], False, 2)
    for side in ("encoder.safetensors", "decoder.safetensors"):
        assert (tmp_path / "run" / side).read_bytes() == (copy / side).read_bytes()
    assert la.load_model(tmp_path / "run").digest == expected.digest == model.digest


def test_it_begins_by_passes_where_the_exact_pca_would_take_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "EXACT_UP_TO", 1000)
    known = {}
    for fold in (0, 1):
        model = la.ResidualAutoencoder(4, width=2, fold=fold).fit(waves(60, 48, 48), epochs=1, progress=False)
        known[fold] = model.data_.get("approximation")
    assert known[1] is None
    assert known[0]["excess"] <= 1e-3


def test_weight_decay_takes_its_share() -> None:
    layer = torch.nn.Linear(3, 3, bias=False)
    before = layer.weight.detach().clone()
    optimizer = Muon(layer, 0.1, 0.1, 0.9, 0.9, 1e-7, weight_decay=0.5, half=False)
    layer.weight.grad = torch.zeros(3, 3)
    optimizer.step()
    torch.testing.assert_close(layer.weight.detach(), before * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("options", [{"width": 0}, {"code_size": 0}, {"code_size": 97}, {"fold": 9}])
def test_what_cannot_be_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=r"is (0|97|9); "):
        la.ResidualAutoencoder(**{"code_size": 4, "width": 8, **options}).fit(waves(96, 16, 16), progress=False)
