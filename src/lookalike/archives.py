"""Arrays by their names in one file, of which the large ones are read where they lie.

The file is a NumPy archive (.npz) whose members are stored as they are, so that each can be memory-mapped: it opens at
once whatever it holds, and the system reads what is touched, and takes it back when it wants the memory.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, Protocol

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.npy import header_of

Arrays = dict[str, npt.NDArray[Any]]

MAPPED_FROM = 1 << 20
"""Bytes of an array from which on it is left in its file."""
READ_THROUGH = 1 << 28
"""Bytes of a file up to which its digest is taken whenever it is opened, a tenth of a second. A larger one is trusted
while its size and time of change are those that its seal has noted."""
_LENGTHS = 26
"""Where a member's header has the lengths of its name and its extra fields (APPNOTE.TXT 4.3.7)."""
_HEADER, _ZIP64 = 30, 20
"""Bytes of a member's header without these, and of the field that `zipfile` adds for sizes of 64 bits."""
_ALIGNED, _PADDING = 64, 0xD935
"""Bytes whose multiple an array begins at, as NumPy's own header has it, and the field that is there to see to it (that
of Android's zipalign). What lies askew is copied as a whole by much of NumPy, `searchsorted` among it."""


class Streamed(Protocol):
    """Bytes, uint8 (size,), that are written without being held."""

    @property
    def size(self) -> int:
        """How many."""

    def write(self, take: Callable[[Any], object]) -> None:
        """Give them to `take`, some at a time."""


Written = Mapping[str, npt.NDArray[Any] | Streamed]


def write_arrays(file: BinaryIO, arrays: Written) -> None:
    """Write the archive, as `np.savez` does."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(_aligned(f"{name}.npy", file.tell()), "w", force_zip64=True) as member:
                _write_array(member, array)


def _aligned(name: str, start: int) -> zipfile.ZipInfo:
    """A member whose header begins at `start`, with as much padding as aligns what follows it."""
    member = zipfile.ZipInfo(name)
    room = struct.calcsize("<HH")
    before = start + _HEADER + len(name.encode()) + _ZIP64 + room
    padding = -before % _ALIGNED
    member.extra = struct.pack("<HH", _PADDING, padding) + bytes(padding)
    return member


def _write_array(member: IO[bytes], array: npt.NDArray[Any] | Streamed) -> None:
    if isinstance(array, np.ndarray):
        np.lib.format.write_array(member, array, allow_pickle=False)
    else:
        header = {"descr": "|u1", "fortran_order": False, "shape": (array.size,)}
        np.lib.format.write_array_header_1_0(member, header)
        array.write(member.write)


def read_arrays(path: Path) -> Arrays:
    """The arrays of an archive; those of `MAPPED_FROM` bytes or more memory-mapped, read-only. Nothing is unpickled.

    Raises:
        OSError: the file cannot be read.
        ValueError, zipfile.BadZipFile: it is no such archive; its arrays are packed, or declare more than it has.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        members, size = archive.infolist(), path.stat().st_size
        is_packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
        if is_packed or sum(member.file_size for member in members) > size:
            raise ValueError("its arrays are packed, or declare more than it has")
        return {one.filename.removesuffix(".npy"): _array_at(file, one.header_offset) for one in members}


def _array_at(file: BinaryIO, start: int) -> npt.NDArray[Any]:
    """The array of the member whose header begins there."""
    file.seek(start + _LENGTHS)
    file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
    begin = file.tell()
    header = header_of(file)
    if header.dtype.hasobject:
        raise ValueError("an array of it holds objects")
    if 0 in header.shape:
        return np.empty(header.shape, header.dtype)
    order: Literal["F", "C"] = "F" if header.is_fortran else "C"
    mapped = np.memmap(file, header.dtype, "r", begin + header.length, header.shape, order)
    return mapped if mapped.nbytes >= MAPPED_FROM else np.array(mapped)


def seal(path: Path) -> dict[str, Any]:
    """What tells whether a file is the one that was written, as plain JSON values."""
    return {"sha256": files.sha256_of_file(path), "as_written": _looks(path)}


def is_sealed(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether a file is the one of that seal; older seals have no more than `sha256`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is hardly more than holes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if files.is_hollow(file.fileno(), size):
            raise ValueError(f"of its {size:,} bytes hardly any are stored")
    if size > READ_THROUGH and _looks(path) == told.get("as_written"):
        return True
    return bool(files.sha256_of_file(path) == told["sha256"])


def _looks(path: Path) -> list[int]:
    """What changes whenever a file does."""
    known = path.stat()
    return [known.st_size, known.st_mtime_ns]
