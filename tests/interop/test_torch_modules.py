"""Encoders as plain modules of PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lookalike as la
from contract import CASES, CODED
from lookalike.errors import OptionError, RunError
from lookalike.pixels import centre
from pictures import waves


@pytest.mark.parametrize("name", CODED)
def test_the_module_gives_the_models_codes(name: str) -> None:
    model, pictures = CASES[name].fit(waves(40, 16, 16)), waves(5, 16, 16, seed=1)
    encoder = la.torch_encoder(model)
    planes = torch.from_numpy(centre(pictures)).permute(0, 3, 1, 2)
    codes = model.encode(pictures)
    with torch.no_grad():
        found = encoder(planes).numpy()
    np.testing.assert_allclose(found, codes, rtol=0, atol=1e-4 * max(1.0, float(np.abs(codes).max())))


def test_it_can_be_trained_on_and_the_model_stays(tmp_path: Path) -> None:
    model = la.ConvAutoencoder(4, channels=(4, 4)).initialise((16, 16, 3))
    model.save(tmp_path)
    digest = model.digest
    classifier = nn.Sequential(la.torch_encoder(tmp_path), nn.Linear(4, 2))
    assert not classifier[0].training
    optimiser = torch.optim.SGD(classifier.parameters(), 0.1)
    before = [tensor.detach().clone() for tensor in classifier[0].parameters()]
    planes = torch.from_numpy(centre(waves(8, 16, 16))).permute(0, 3, 1, 2)
    nn.functional.cross_entropy(classifier(planes), torch.arange(8) % 2).backward()
    optimiser.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, classifier[0].parameters(), strict=True))
    assert la.load_model(tmp_path).digest == digest
    again = la.torch_encoder(model)
    nn.init.zeros_(next(again.parameters()))
    assert model.digest == digest


def test_what_has_no_encoder_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has no code"):
        la.torch_encoder(la.UNetDenoiser().initialise((16, 16, 3)))
    with pytest.raises(RunError, match="not a folder"):
        la.torch_encoder(tmp_path / "nothing")
