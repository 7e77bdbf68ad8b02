"""Small compiled kernels for what PyTorch does slowly, each beside the plain way it replaces."""

from lookalike.kernels.build import library
from lookalike.kernels.ops import adamax, pool_elu, same_transpose

__all__ = ["adamax", "available", "pool_elu", "same_transpose"]


def available() -> bool:
    """Whether the kernels are compiled and used here."""
    return library() is not None
