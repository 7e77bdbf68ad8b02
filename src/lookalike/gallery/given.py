"""Codes that somebody else computed, with names, from a file: what a gallery without pictures is filled from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.data.names import readable, unique_namer
from lookalike.errors import DataError
from lookalike.gallery.feed import Entry, Feed
from lookalike.npy import mapped
from lookalike.pixels import Floats

_AT_ONCE = 1024
LARGEST_NAMES = 2**31
"""Bytes of a file of names."""


class Numbers(Sequence[str]):
    """Numbers for names, of five digits or more; made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        places = range(self._count)[place]
        return f"{places:05d}" if isinstance(places, int) else [f"{one:05d}" for one in places]


@dataclass(frozen=True)
class CodeSet:
    """Codes (N, K), finite numbers, with a name for each."""

    codes: npt.NDArray[Any]
    names: Sequence[str]

    def feed(self) -> Feed:
        """As an update takes them, float32."""

        def blocks() -> Iterator[tuple[list[Entry], Any]]:
            for start in range(0, len(self.names), _AT_ONCE):
                rows = slice(start, start + _AT_ONCE)
                yield [Entry(name) for name in self.names[rows]], _checked(self.codes[rows], start)

        return Feed(None, None, None, blocks=blocks, total=len(self.names))


def read_codes(path: Path, names: Path | None = None) -> CodeSet:
    """Codes of an .npy of numbers (N, K), or of Parquet with the columns `name` and `code`.

    Args:
        path: the file, an .npy of which stays on disk, memory-mapped; or a folder of Parquet files, as `encode` writes.
        names: a text file with a name in each line, for an .npy; None numbers them.

    Raises:
        DataError: a file cannot be read, or the two do not fit.
        MissingExtraError: Parquet needs its extra.
    """
    try:
        is_parquet = path.is_dir() or path.suffix.lower() == ".parquet"
        codes, held = _of_parquet(path) if is_parquet else (_of_npy(path), None)
        if held is not None and names is not None:
            raise DataError(f"{path} names its codes itself; leave --names {names} out")
        if names is not None:
            held = _lines(names)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as codes: {' '.join(str(error).split())}") from error
    if codes.ndim != 2 or codes.dtype.kind not in "fiu" or min(codes.shape) < 1:
        raise DataError(f"{path} holds {codes.dtype} {codes.shape}; give numbers of shape (N, K)")
    if held is None:
        return CodeSet(codes, Numbers(len(codes)))
    if len(held) != len(codes):
        raise DataError(f"{path} holds {len(codes):,} codes, and there are {len(held):,} names; give one for each")
    held = [name if name.isascii() else readable(name) for name in held]
    if len(np.unique(np.fromiter(map(hash, held), np.int64, len(held)))) == len(held):
        return CodeSet(codes, held)
    named = unique_namer()
    return CodeSet(codes, [named(name) for name in held])


def _of_npy(path: Path) -> npt.NDArray[Any]:
    with path.open("rb") as file:
        if files.is_hollow(file.fileno(), path.stat().st_size):
            raise ValueError("hardly any of its bytes are stored")
    return mapped(path)


def _of_parquet(path: Path) -> tuple[npt.NDArray[Any], list[str]]:
    """A file's, or those of all files of a folder, in the order of their names."""
    from lookalike.data.parquet import ENCODING, read_vectors

    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if path.is_dir() and (path / ENCODING).is_file() and not files.read_json(path / ENCODING).get("finished"):
        raise ValueError("not all of its pictures are encoded; give the encode command again, which goes on")
    if not paths:
        raise ValueError("it is a folder without Parquet files")
    found = [read_vectors(one, "name", "code") for one in paths]
    sizes = sorted({codes.shape[1] for _, codes in found})
    if len(sizes) > 1:
        raise ValueError(f"its files hold codes of {', '.join(map(str, sizes))} numbers; give codes of one model")
    return np.concatenate([codes for _, codes in found]), [name for names, _ in found for name in names]


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
