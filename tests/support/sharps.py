"""Sharp decoders that nobody trained: of random weights, so that whatever draws by them can be told from the rest."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from lookalike.models.base import Autoencoder
from lookalike.models.sharp import SharpDecoder, shapes_of

Model = TypeVar("Model", bound=Autoencoder)


def sharpened(model: Model, width: int = 3, strength: float = 0.1) -> Model:
    """The model, fitted, with a decoder that draws something upon its pictures."""
    generator = np.random.default_rng(0)
    shapes = shapes_of(model.image_shape_, model.code_size, width)
    weights = {name: generator.normal(0, strength, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["deviation"] = np.abs(weights["deviation"]) + 1
    model.sharp_ = SharpDecoder(model.image_shape_, model.code_size, width, model.digest, weights, {"seed": 0})
    return model
