"""Every kind of model as the tests of the contract take it: small, and trained by its own recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lookalike.models import learners, model_class, new_model
from lookalike.models.base import Autoencoder
from lookalike.training.recipe import RECIPES, Recipe

CODE = 5
SMALL: dict[str, dict[str, Any]] = {
    "conv": {"channels": (8, 8, 8, 8)},
    "denoiser": {"channels": (8, 8, 8, 8)},
    "residual": {"width": 8},
    "unet": {"width": 4},
}
"""Parameters of some kinds that make them quick; a new kind is covered without."""


class Case(NamedTuple):
    """A kind with parameters, and how it is trained."""

    kind: str
    parameters: dict[str, Any]
    recipe: str | Recipe | None
    noise: str | None

    def new(self, **changes: object) -> Autoencoder:
        """An unfitted model on the CPU, with a code of 5 where the kind has codes."""
        given = {"device": "cpu", **SMALL.get(self.kind, {}), **self.parameters, **changes}
        return new_model(self.kind, **({"code_size": CODE} if self.has_code else {}) | given)

    @property
    def has_code(self) -> bool:
        return model_class(self.kind).has_code

    def fit(
        self, pictures: np.ndarray, *, epochs: int = 1, model: Autoencoder | None = None, **options: object
    ) -> Autoencoder:
        """A new model, or `model`, fitted to uint8 (N, H, W, C); `options` go to `fit`."""
        model = self.new() if model is None else model
        if model.trains_in_epochs:
            options = {"recipe": self.recipe, "epochs": epochs, "noise": self.noise, "progress": False, **options}
        return model.fit(pictures, **options)  # type: ignore[call-arg]


CASES = {name: Case(name, {}, kind.recipe, kind.noise) for name, kind in learners().items()}
# Pieces smaller than these pictures, as its own are smaller than photographs.
CASES["unet"] = CASES["unet"]._replace(recipe=replace(RECIPES["unet"], piece=8))
CASES["pca by gradient"] = Case("pca", {"solver": "gradient"}, "course", None)
CASES["conv, fast"] = CASES["conv"]._replace(recipe="fast")

CODED = [name for name, case in CASES.items() if case.has_code]
UNCODED = [name for name in CASES if name not in CODED]
IN_EPOCHS = [name for name, case in CASES.items() if case.new().trains_in_epochs]
AT_ONCE = [name for name in CASES if name not in IN_EPOCHS]
