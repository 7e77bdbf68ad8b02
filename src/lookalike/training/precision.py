"""Which arithmetic this machine is quick in."""

from __future__ import annotations

from typing import Literal

import torch

FABRIC_NAMES: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


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
