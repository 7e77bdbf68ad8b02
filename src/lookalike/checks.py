"""The reference notebook's own assertions, on a model and on the noise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lookalike.data.images import Pixels
from lookalike.models.base import Autoencoder
from lookalike.noise import EVALUATION_EPOCH, Gaussian, corrupt
from lookalike.pixels import centre

LEAST_TENSORS = 6
"""Weight tensors a side: the notebook asks for at least three layers of kernel and bias."""
LARGEST_IMBALANCE = 0.25
"""The notebook asks for encoder and decoder of close sizes; here: no side a quarter larger than the other."""
NOISE_SIGMA = 0.5
NOISE_TOLERANCE = 0.01
"""Both of the notebook's test of its noise, on the scale where a picture spans 1."""


@dataclass(frozen=True)
class Check:
    """One assertion: what was looked at, whether it holds, and the numbers."""

    name: str
    passed: bool
    detail: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def notebook_checks(model: Autoencoder, pictures: Pixels, seed: int = 0) -> list[Check]:
    """Check shapes, layers and sizes of a model, and mean and deviation of the noise on uint8 `pictures`."""
    return [*_shape_checks(model), *_layer_checks(model), *_noise_checks(pictures, seed)]


def _shape_checks(model: Autoencoder) -> list[Check]:
    codes = model.encode(np.zeros((1, *model.image_shape_), np.uint8))
    pictures = model.decode(codes)
    return [
        Check(
            "code shape", codes.shape[1:] == (model.code_size,), f"{codes.shape[1:]} for code size {model.code_size}"
        ),
        Check(
            "image shape", pictures.shape[1:] == model.image_shape_, f"{pictures.shape[1:]} for {model.image_shape_}"
        ),
    ]


def _layer_checks(model: Autoencoder) -> list[Check]:
    sides = model.weights()
    checks = []
    widths = model.layer_widths()
    narrowest = min(widths, key=lambda name: widths[name])
    detail = f"the narrowest is {narrowest} with {widths[narrowest]:,} values, the code has {model.code_size:,}"
    checks.append(Check("no layer narrower than the code", widths[narrowest] >= model.code_size, detail))
    if model.kind == "pca":  # one layer a side by design: the notebook asks for depth and balance in the deep one only
        return checks
    for name, tensors in sides.items():
        detail = f"{len(tensors)} weight tensors, at least {LEAST_TENSORS} asked for"
        checks.append(Check(f"{name} depth", len(tensors) >= LEAST_TENSORS, detail))
    encoder, decoder = (sum(tensor.size for tensor in tensors.values()) for tensors in sides.values())
    close = max(encoder, decoder) <= (1 + LARGEST_IMBALANCE) * min(encoder, decoder)
    checks.append(
        Check("sides of close size", close, f"{encoder:,} parameters in the encoder, {decoder:,} in the decoder")
    )
    return checks


def _noise_checks(pictures: Pixels, seed: int) -> list[Check]:
    clean = centre(pictures)
    noisy = corrupt(clean, Gaussian(NOISE_SIGMA), seed=seed, epoch=EVALUATION_EPOCH, indices=range(len(clean)))
    expected = float(np.sqrt(clean.std(dtype=np.float64) ** 2 + NOISE_SIGMA**2))
    deviation, shift = float(noisy.std(dtype=np.float64)), float((noisy - clean).mean(dtype=np.float64))
    return [
        Check(
            "noise standard deviation",
            abs(deviation - expected) < NOISE_TOLERANCE,
            f"{deviation:.4f} with noise of {NOISE_SIGMA:g}, {expected:.4f} expected, within {NOISE_TOLERANCE:g}",
        ),
        Check(
            "noise mean",
            abs(shift) < NOISE_TOLERANCE,
            f"pictures move by {shift:+.5f} on average, by less than {NOISE_TOLERANCE:g} asked for",
        ),
    ]
