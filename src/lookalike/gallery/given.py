"""Codes that somebody else computed, with names, from a file: what a gallery without pictures is filled from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.data.names import readable, unique_namer
from lookalike.errors import DataError
from lookalike.gallery.feed import Entry, Feed
from lookalike.pixels import Floats

_AT_ONCE = 1024
LARGEST_NAMES = 2**31
"""Bytes of a file of names."""


@dataclass(frozen=True)
class CodeSet:
    """Codes (N, K), finite numbers, with a name for each."""

    codes: npt.NDArray[Any]
    names: list[str]

    def feed(self) -> Feed:
        """As an update takes them, float32."""

        def blocks() -> Iterator[tuple[list[Entry], Any]]:
            for start in range(0, len(self.names), _AT_ONCE):
                rows = slice(start, start + _AT_ONCE)
                yield [Entry(name) for name in self.names[rows]], _checked(self.codes[rows], start)

        return Feed(None, None, None, blocks=blocks, total=len(self.names))


def read_codes(path: Path, names: Path | None = None) -> CodeSet:
    """Codes of an .npy of numbers (N, K), or of a Parquet file with the columns `name` and `code`.

    Args:
        path: the file; an .npy stays on disk, memory-mapped.
        names: a text file with a name in each line, for an .npy; None numbers them.

    Raises:
        DataError: a file cannot be read, or the two do not fit.
        MissingExtraError: Parquet needs its extra.
    """
    try:
        codes, held = _of_parquet(path) if path.suffix.lower() == ".parquet" else (_of_npy(path), None)
        if held is not None and names is not None:
            raise DataError(f"{path} names its codes itself; leave --names {names} out")
        if names is not None:
            held = _lines(names)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as codes: {' '.join(str(error).split())}") from error
    if codes.ndim != 2 or codes.dtype.kind not in "fiu" or min(codes.shape) < 1:
        raise DataError(f"{path} holds {codes.dtype} {codes.shape}; give numbers of shape (N, K)")
    held = [f"{i:05d}" for i in range(len(codes))] if held is None else held
    if len(held) != len(codes):
        raise DataError(f"{path} holds {len(codes):,} codes, and there are {len(held):,} names; give one for each")
    named = unique_namer()
    return CodeSet(codes, [named(readable(name)) for name in held])


def _of_npy(path: Path) -> npt.NDArray[Any]:
    with path.open("rb") as file:
        if files.is_hollow(file.fileno(), path.stat().st_size):
            raise ValueError("hardly any of its bytes are stored")
    return np.lib.format.open_memmap(path, mode="r")


def _of_parquet(path: Path) -> tuple[npt.NDArray[Any], list[str]]:
    from lookalike.data.parquet import read_parquet

    columns = dict(zip(*read_parquet(path), strict=True))
    if not {"name", "code"} <= columns.keys():
        raise ValueError(f"it has the columns {', '.join(columns)}; give name and code")
    return np.array(columns["code"], np.float32), [str(name) for name in columns["name"]]


def _lines(path: Path) -> list[str]:
    if path.stat().st_size > LARGEST_NAMES:
        raise ValueError(f"{path} has more than {LARGEST_NAMES:,} bytes of names")
    return path.read_text(encoding="utf-8").splitlines()


def _checked(codes: npt.NDArray[Any], start: int) -> Floats:
    with np.errstate(over="ignore"):
        plain = np.asarray(codes, np.float32)
    spoilt = np.flatnonzero(~np.isfinite(plain).all(axis=1))
    if len(spoilt):
        raise DataError(f"code {start + int(spoilt[0]):,} holds numbers that are not finite in float32; leave it out")
    return plain
