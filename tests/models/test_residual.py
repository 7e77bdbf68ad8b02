"""The residual model: it begins at exact PCA, only gains from there, and shapes of any size come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import lookalike as la
from lookalike.errors import OptionError
from lookalike.models.principal import principal_subspace
from lookalike.models.residual import ResidualNetwork
from lookalike.training.optimizer import Muon
from lookalike.training.recipe import RECIPES
from pictures import waves

SHORT = replace(RECIPES["best"], epochs=12, least_steps=0)


def test_untrained_it_is_exact_pca() -> None:
    pictures = waves(200, 20, 18)
    network = ResidualNetwork(pictures.shape[1:], 6, 8, seed=0)
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


def test_weight_decay_takes_its_share() -> None:
    layer = torch.nn.Linear(3, 3, bias=False)
    before = layer.weight.detach().clone()
    optimizer = Muon(layer, 0.1, 0.1, 0.9, 0.9, 1e-7, weight_decay=0.5, half=False)
    layer.weight.grad = torch.zeros(3, 3)
    optimizer.step()
    torch.testing.assert_close(layer.weight.detach(), before * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("options", [{"width": 0}, {"code_size": 0}, {"code_size": 97}])
def test_what_cannot_be_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=r"is (0|97); "):
        la.ResidualAutoencoder(**{"code_size": 4, "width": 8, **options}).fit(waves(96, 16, 16), progress=False)
