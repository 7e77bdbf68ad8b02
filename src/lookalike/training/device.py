"""Where a training computes, and in which arithmetic this machine is quick."""

from __future__ import annotations

import logging
from typing import Literal

import torch
from lightning_fabric import Fabric

from lookalike.errors import OptionError

DEVICES = ("auto", "cpu", "cuda")
FABRIC_NAMES: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def make_fabric(device: str, precision: str = "float32") -> Fabric:
    """One process on the chosen device, in "float32", or in "bfloat16" with float32 weights.

    Raises:
        OptionError: the device is unknown or not there.
    """
    if device not in DEVICES:
        raise OptionError(f"device {device!r} is unknown; give one of {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' is not there (PyTorch sees no GPU); give device='cpu'")
    # Otherwise it announces bfloat16 on stderr, which belongs to the progress bar.
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
    return Fabric(accelerator=resolve_device(device), devices=1, precision=FABRIC_NAMES[precision])


def resolve_device(device: str) -> str:
    """What "auto" stands for on this machine: "cuda" where PyTorch sees a GPU, else "cpu"."""
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def resolve_precision(precision: str, device: str) -> str:
    """What "auto" stands for on "cpu" or "cuda": "bfloat16" where the processor has it, else "float32"."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_bfloat16(device) else "float32"


def has_bfloat16(device: str) -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere it is slower than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # The instructions for it come with AVX-512 on x86; elsewhere PyTorch does not tell, so float32 stays.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())
