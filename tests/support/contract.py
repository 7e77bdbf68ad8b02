"""Every kind of model as the tests of the contract take it: small, and trained by its own recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lookalike.models import MODELS, model_class
from lookalike.models.base import Autoencoder
from lookalike.models.presets import PRESETS, preset
from lookalike.training.recipe import RECIPES, Recipe

CODE = 5
SMALL: dict[str, dict[str, Any]] = {
    "conv": {"channels": (8, 8, 8, 8)},
    "residual": {"width": 8},
    "unet": {"width": 4},
}
"""Parameters of some kinds that make them quick; a new kind is covered without."""


class Case(NamedTuple):
    """A kind with parameters, and how it is trained."""

    kind: str
    parameters: dict[str, Any]
    recipe: str | Recipe
    noise: str | None

    def new(self, **changes: object) -> Autoencoder:
        """An unfitted model on the CPU, with a code of 5 where the kind has codes."""
        learner = model_class(self.kind)
        given: dict[str, Any] = {"device": "cpu", "code_size": CODE, **SMALL.get(self.kind, {}), **self.parameters}
        known = learner._get_param_names()
        return learner(**{name: value for name, value in {**given, **changes}.items() if name in known})

    def fit(
        self, pictures: np.ndarray, *, epochs: int = 1, model: Autoencoder | None = None, **options: object
    ) -> Autoencoder:
        """A new model, or `model`, fitted to uint8 (N, H, W, C); `options` go to `fit`."""
        model = self.new() if model is None else model
        if model.trains_in_epochs:
            options = {"recipe": self.recipe, "epochs": epochs, "noise": self.noise, "progress": False, **options}
        return model.fit(pictures, **options)  # type: ignore[call-arg]


def _case(name: str) -> Case:
    own = preset(name)
    return Case(own.kind, {}, own.recipe, own.noise)


CASES = {name: _case(name) for name in (*MODELS, *PRESETS)}
# Pieces smaller than these pictures, as its own are smaller than photographs.
CASES["unet"] = CASES["unet"]._replace(recipe=replace(RECIPES["unet"], piece=8))
CASES["pca by gradient"] = Case("pca", {"solver": "gradient"}, "course", None)
CASES["conv, fast"] = CASES["conv"]._replace(recipe="fast")

CODED = [name for name, case in CASES.items() if model_class(case.kind).has_code]
UNCODED = [name for name in CASES if name not in CODED]
IN_EPOCHS = [name for name, case in CASES.items() if case.new().trains_in_epochs]
AT_ONCE = [name for name in CASES if name not in IN_EPOCHS]
