"""What callers give is checked once, here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.search.metric import CHUNK, Floats

Ids = npt.NDArray[np.int64]


def as_codes(codes: npt.ArrayLike, width: int | None = None) -> Floats:
    """Codes as float32 (N, K), (1, K) of a single one; checked to be finite, and of `width` numbers where it is given.

    Raises:
        OptionError: they are not.
    """
    given = np.asarray(codes)
    if given.dtype.kind not in "fiub":
        raise OptionError(f"codes are {given.dtype}; give numbers")
    given = given[None] if given.ndim == 1 else given
    if given.ndim != 2 or not given.shape[1] or (width is not None and given.shape[1] != width):
        of = "K" if width is None else width
        raise OptionError(f"codes of shape {given.shape}; this index takes codes of shape (N, {of})")
    with np.errstate(over="ignore"):
        plain = np.ascontiguousarray(given, np.float32)
    for start in range(0, len(plain), CHUNK):
        finite = np.isfinite(plain[start : start + CHUNK])
        if not finite.all():
            row = int(np.argmin(finite.all(axis=1)))
            wrong = given[start + row][~finite[row]][0]
            raise OptionError(f"code {start + row} holds {wrong}; codes must be finite float32 numbers")
    return plain


def as_ids(ids: npt.ArrayLike, count: int) -> Ids:
    """Ids as int64 (count,), checked to be whole, unique and 0 or more.

    Raises:
        OptionError: they are not.
    """
    given = whole(ids)
    if given.shape != (count,):
        raise OptionError(f"ids of shape {given.shape} for {count} codes; give one id a code")
    if count and (given.max() > np.iinfo(np.int64).max or given.min() < 0):
        wrong = given[(given < 0) | (given > np.iinfo(np.int64).max)][0]
        raise OptionError(f"id {wrong} is not held; ids lie from 0 to 2**63 - 1")
    names = given.astype(np.int64)
    ordered = np.sort(names)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise OptionError(f"id {twice[0]} is given twice; every code needs its own")
    return names


def whole(ids: npt.ArrayLike) -> npt.NDArray[Any]:
    """Ids as an array of whole numbers.

    Raises:
        OptionError: they are none.
    """
    given = np.asarray(ids)
    if given.size and given.dtype.kind not in "iu":
        raise OptionError(f"ids are {given.dtype}; give whole numbers")
    return given
