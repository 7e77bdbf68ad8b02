"""HDF5 that others wrote, read without being led elsewhere or asked for more memory than it can fill."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

GROWTH = 8
"""Times the file's own size that what it holds may unfold to: weights hardly compress, so more is taken for a bomb."""
SLACK = 2**20
"""Bytes allowed beyond it, for small files of equal numbers."""
LARGEST_TEXT = 16 * 2**20
"""Bytes of an architecture; that of a network of a thousand layers has one."""
FILTERS = frozenset((h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32))
"""Of HDF5's own library; others would be looked for as plug-ins."""


class Hdf5:
    """A file of which only what lies in it is read, each array once its size was seen to be allowed.

    All raise ValueError, naming the object, where the file asks for more.
    """

    def __init__(self, file: Any, size: int) -> None:
        self.root = file
        self._left = GROWTH * size + SLACK

    def at(self, group: Any, path: str) -> Any:
        """The object below `group` at a path of plain names."""
        for name in path.split("/"):
            if name in ("", ".", ".."):
                raise ValueError(f"{path!r} is no name below {group.name}")
            if not isinstance(group, h5py.Group):
                raise ValueError(f"{group.name} is no group, so there is no {path!r} in it")
            link = group.get(name, getlink=True)
            if link is None:
                raise ValueError(f"{group.name} lacks {name!r}")
            if not isinstance(link, h5py.HardLink):
                raise ValueError(f"{group.name.rstrip('/')}/{name} is a link to elsewhere, which is not followed")
            group = group[name]
        return group

    def find(self, group: Any, path: str) -> Any | None:
        """As `at`, None where nothing of that name is there."""
        there = isinstance(group, h5py.Group) and group.get(path, getlink=True) is not None
        return self.at(group, path) if there else None

    def array(self, group: Any, path: str, shape: tuple[int, ...] | None = None) -> npt.NDArray[np.float32]:
        """An array of numbers as float32, of `shape` if that is known."""
        held = self.shaped(group, path)
        if shape is not None and held.shape != shape:
            raise ValueError(f"{held.name} has shape {held.shape}; {shape} is expected")
        created = held.id.get_create_plist()
        if held.external or held.is_virtual:
            raise ValueError(f"{held.name} keeps its numbers in another file, which is not read")
        if any(created.get_filter(i)[0] not in FILTERS for i in range(created.get_nfilters())):
            raise ValueError(f"{held.name} is packed by a filter other than gzip")
        chunk = int(np.prod(held.chunks, dtype=object)) if held.chunks else 0
        asked = max(int(np.prod(held.shape, dtype=object)), chunk) * max(held.dtype.itemsize, 4)
        if asked > self._left:
            raise ValueError(f"{held.name} declares {asked:,} bytes, more than a file of this size can hold")
        self._left -= asked
        return np.asarray(held[()], np.float32)

    def shaped(self, group: Any, path: str) -> Any:
        """A data set of numbers, unread."""
        held = self.at(group, path)
        if not isinstance(held, h5py.Dataset) or held.dtype.kind not in "fiu" or held.shape is None:
            raise ValueError(f"{held.name} is no array of numbers")
        return held

    def text(self, group: Any, name: str) -> str | None:
        """An attribute that is a text."""
        value = self._attribute(group, name)
        return None if value is None else _text(value)

    def texts(self, group: Any, name: str) -> list[str] | None:
        """An attribute that is a list of texts; Keras splits a long one into NAME0, NAME1 ..."""
        value = self._attribute(group, name)
        if value is not None:
            return [_text(one) for one in np.atleast_1d(value)]
        parts: list[Any] = []
        while (value := self._attribute(group, f"{name}{len(parts)}")) is not None:
            parts.append(value)
        return [_text(one) for part in parts for one in np.atleast_1d(part)] or None

    def _attribute(self, group: Any, name: str) -> Any:
        if name not in group.attrs:
            return None
        held = group.attrs.get_id(name)
        size = int(np.prod(held.shape or (1,), dtype=object)) * int(held.get_type().get_size())
        if size > self._left:
            raise ValueError(f"attribute {name} of {group.name} declares {size:,} bytes")
        self._left -= size
        return group.attrs[name]


@contextmanager
def opened(path: Path) -> Iterator[Hdf5]:
    """A file of HDF5; errors of the library are OSError, KeyError, RuntimeError or ValueError."""
    with h5py.File(path, "r") as file:
        yield Hdf5(file, path.stat().st_size)


@contextmanager
def unpacked(archive: zipfile.ZipFile, member: str) -> Iterator[Hdf5]:
    """A file of HDF5 in an archive; it goes to the disk, not into memory, and only if it can be as large as it says."""
    _check_member(archive, member)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "member.h5"
        with archive.open(member) as packed, path.open("wb") as out:
            shutil.copyfileobj(packed, out, 2**20)
        with opened(path) as file:
            yield file


def member_of(archive: zipfile.ZipFile, name: str) -> bytes:
    """A small member of an archive, in memory."""
    _check_member(archive, name, LARGEST_TEXT)
    return archive.read(name)


def _check_member(archive: zipfile.ZipFile, name: str, most: int | None = None) -> None:
    declared = archive.getinfo(name).file_size
    assert archive.filename is not None
    allowed = GROWTH * Path(archive.filename).stat().st_size + SLACK
    allowed = allowed if most is None else min(allowed, most)
    if declared > allowed:
        raise ValueError(f"{name} declares {declared:,} bytes, more than a file of this size can hold")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
