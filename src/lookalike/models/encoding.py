"""Codes by the quickest arithmetic that leaves neighbours as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lookalike.models.base import Autoencoder, Floats, Pictures
from lookalike.training.loop import resolve_device
from lookalike.training.precision import has_bfloat16


def search_codes(model: Autoencoder, X: Pictures) -> Floats:
    """Codes for an index: as `model.encode`, but in bfloat16 where the processor multiplies that itself.

    They differ from the float32 codes by about 0.3% of their spread; of the ten nearest neighbours on LFW 99.3% stay
    the same (docs/performance.md), at more than twice the speed. Closed forms, which are quick, stay in float32.

    Raises:
        NotFittedError, OptionError: as `model.encode`.
    """
    with quick_arithmetic(getattr(model, "device", "cpu")):
        return model.encode(X)


@contextmanager
def quick_arithmetic(device: str = "auto") -> Iterator[None]:
    """Let PyTorch compute in bfloat16 on that device where it is quicker than float32."""
    on = resolve_device(device)
    with torch.autocast(on, torch.bfloat16, enabled=has_bfloat16(on)):
        yield
