"""A process that trains alone does without Lightning what it would do with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lookalike as la
from lookalike.training import ranks
from lookalike.training.device import FABRIC_NAMES
from pictures import waves


@pytest.mark.parametrize("optimizer", ["adamax", "muon"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_process_alone_makes_the_steps_of_fabric(
    precision: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning_fabric import Fabric

    asked = []

    def by_fabric(device: str, precision: str = "float32", place: object = None) -> Any:
        asked.append(precision)
        return Fabric(accelerator="cpu", devices=1, precision=FABRIC_NAMES[precision])

    recipe = la.Recipe(epochs=2, batch_size=8, optimizer=optimizer, precision=precision)
    pictures = waves(20, 12, 12)
    alone = la.ConvAutoencoder(3, channels=(4, 6)).fit(pictures, recipe=recipe, progress=False)
    monkeypatch.setattr(ranks, "make_fabric", by_fabric)
    theirs = la.ConvAutoencoder(3, channels=(4, 6)).fit(pictures, recipe=recipe, progress=False)
    assert asked == [precision]
    assert alone.history_ == theirs.history_
    for side, tensors in alone.weights().items():
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, theirs.weights()[side][name], err_msg=f"{side}.{name}")
