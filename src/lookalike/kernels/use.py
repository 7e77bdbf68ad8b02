"""In which arithmetic networks compute: who computes says so, since each gives other last bits."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch

from lookalike.kernels.build import library

_IN_USE: ContextVar[bool] = ContextVar("kernels in use", default=False)


@dataclass(frozen=True)
class Way:
    """An arithmetic: `precision` "float32" or "bfloat16", and whether by the compiled kernels where these can."""

    precision: str = "float32"
    fused: bool = False

    def __str__(self) -> str:
        return f"{self.precision}, {'with' if self.fused else 'without'} kernels"


PLAIN = Way()
"""Everywhere the same up to rounding: what is measured, and models' own codes, are computed so."""


@contextmanager
def fused(on: bool = True) -> Iterator[None]:
    """Within this, in this thread, networks compute by the kernels where there are any, or without."""
    before = _IN_USE.set(on)
    try:
        yield
    finally:
        _IN_USE.reset(before)


@contextmanager
def computing(way: Way, device: str = "cpu") -> Iterator[None]:
    """Within this, in this thread, networks compute in that way on "cpu" or "cuda"."""
    with torch.autocast(device, torch.bfloat16, enabled=way.precision == "bfloat16"), fused(way.fused):
        yield


def loaded() -> ctypes.CDLL | None:
    """The kernels, where they are in use and there are any."""
    return library() if _IN_USE.get() else None
