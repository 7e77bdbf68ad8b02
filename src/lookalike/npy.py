"""What an array's file (.npy) says before its numbers, of a file that a stranger may have written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

LONGEST_HEADER = 2**14
"""Bytes before an array's numbers; those of NumPy's own have a hundred."""
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # which differs in the letters of columns' names alone
}


class Header(NamedTuple):
    """Of an array: its shape, whether the first axis is the quickest, its numbers, and the header's bytes."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]
    length: int


def header_of(file: IO[bytes]) -> Header:
    """The header that begins where the file stands.

    NumPy makes room for as many bytes as a header says that it has, up to 4 GB, before it reads them.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no header, is cut off, or is longer than `LONGEST_HEADER`.
    """
    start = io.BytesIO(file.read(LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    if version not in _READERS:
        raise ValueError(f"an array of it is of version {version}")
    shape, is_fortran, dtype = _READERS[version](start)
    return Header(shape, is_fortran, dtype, start.tell())


def mapped(path: Path) -> npt.NDArray[Any]:
    """The array of a file, memory-mapped, read-only; raises as `header_of`, and ValueError where it is cut off."""
    with path.open("rb") as file:
        header_of(file)
    return np.lib.format.open_memmap(path, mode="r")
