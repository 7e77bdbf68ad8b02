"""What this machine is, and how quickly it multiplies and copies."""

from __future__ import annotations

import functools
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lookalike.kernels.build import abilities, compiled

SETTINGS = (
    *("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"),
    *("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE"),
)
"""Variables of the environment that say which of a processor's instructions libraries use."""
SIDE = 1024
"""Of the matrices whose product tells a machine's rate."""
COPIED = 8 * 2**20
"""Bytes that are copied: they stay in a processor's last cache, as a training step's layers do."""
SLOWER = 3.0
"""Times slower than float32 from which on bfloat16 is not looked at more closely."""


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def processor() -> str:
    """The model's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def facts() -> dict[str, Any]:
    """All that what is quickest may depend on, as JSON values."""
    kernels = compiled()
    return {
        "processor": processor(),
        "abilities": abilities(),
        "machine": platform.machine(),
        "cores": cores(),
        "torch": torch.__version__,
        "kernels": None if kernels is None else kernels.stem,
        "settings": {name: os.environ[name] for name in SETTINGS if name in os.environ},
    }


def rates(tries: int = 100, enough: float = 2.0) -> dict[str, float]:
    """FLOP/s of large matrix products in float32 and bfloat16, bytes/s of copying 8 MB.

    Each the best of so many tries, or of those begun before `enough` seconds were spent. Where a small product in
    bfloat16 shows that the processor does not multiply it, the rate is that one's: the large one would take seconds.
    """
    found = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        side = SIDE if name == "float32" or multiplies_bfloat16() else SIDE // 8
        found[name] = product_rate(dtype, side, tries, enough)
    source = torch.ones(COPIED // 4)
    target = torch.empty_like(source)
    found["bytes"] = 2 * COPIED / best_of(partial(target.copy_, source), tries, enough)
    return found


def multiplies_bfloat16() -> bool:
    """Whether products in bfloat16 take at most `SLOWER` times those in float32; found out in some milliseconds.

    By the processor's seconds, which others that work here change little. A processor without instructions for them
    may be a thousand times slower, so small ones are asked for first.
    """

    def rate(dtype: torch.dtype, side: int) -> float:
        return product_rate(dtype, side, tries=4, enough=0.05, worked=time.process_time)

    return all(rate(torch.bfloat16, side) * SLOWER > rate(torch.float32, side) for side in (SIDE // 8, SIDE // 4))


def product_rate(
    dtype: torch.dtype, side: int, tries: int, enough: float, worked: Callable[[], float] = time.perf_counter
) -> float:
    """FLOP/s of a product of square matrices."""
    left = torch.ones(side, side, dtype=dtype)
    product = torch.empty_like(left)
    multiply = partial(torch.mm, left, left, out=product)
    multiply()
    return 2 * side**3 / best_of(multiply, tries, enough, worked)


def best_of(
    call: Callable[[], object], tries: int, enough: float, worked: Callable[[], float] = time.perf_counter
) -> float:
    """The least seconds of so many calls, or of those begun before `enough` seconds were spent: at least one."""
    best, spent = float("inf"), 0.0
    for _ in range(tries):
        started = worked()
        call()
        seconds = worked() - started
        best, spent = min(best, seconds), spent + seconds
        if spent >= enough:
            break
    return best
