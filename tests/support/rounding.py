"""By how much two computations of one network in float32 may differ, in whichever order each adds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

UNIT = 2.0**-24
"""Of float32: half the distance from 1 to the next number, relative to it."""
LARGEST = 5
"""Standard deviations that the largest of some thousand errors reaches."""


def rounding(model: Any, *values: Any) -> float:
    """The bound for outputs (or what else lies within) of the size of `values`, at least of 1.

    A sum of n terms, added one after the other, errs by a standard deviation of sqrt(n / 2) units of its size, since
    its roundings are as often up as down (N. Higham and T. Mary, SIAM J. Sci. Comput. 41, 2019); in blocks, as
    processors with vectors add, by less. The errors of the layers add up, and both computations have them.
    """
    tensors = [tensor for side in model.weights().values() for tensor in side.values() if np.ndim(tensor) > 1]
    # a layer's terms: all its weights of one output, whichever of the first two axes counts those
    terms = [np.size(tensor) / min(np.shape(tensor)[:2]) for tensor in tensors]
    size = max([1.0, *(float(np.abs(np.asarray(one)).max()) for one in values)])
    return 2 * LARGEST * UNIT * size * sum(math.sqrt(count / 2) for count in terms)
