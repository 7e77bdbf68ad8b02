"""Small compiled kernels for what PyTorch does slowly, each beside the plain way it replaces."""

from lookalike.kernels.alignment import Limits, lay_over
from lookalike.kernels.build import is_compiled, library
from lookalike.kernels.convolutions import conv_pool_elu, conv_same
from lookalike.kernels.ops import adamax, pool_elu, same_transpose
from lookalike.kernels.use import Way, computing, fused

__all__ = [
    "Limits",
    "Way",
    "adamax",
    "available",
    "computing",
    "conv_pool_elu",
    "conv_same",
    "fused",
    "is_compiled",
    "lay_over",
    "pool_elu",
    "same_transpose",
]


def available() -> bool:
    """Whether the kernels are compiled and may be used here; compiles them where they are not yet."""
    return library() is not None
