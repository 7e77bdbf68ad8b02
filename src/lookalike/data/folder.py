"""Pictures of a folder, nested as deep as it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lookalike.data.archive import is_picture_name
from lookalike.data.decode import read_file
from lookalike.data.pipeline import Source
from lookalike.errors import DataError, PictureError


class Entry(NamedTuple):
    """A picture file: its path relative to the folder, with slashes, and what tells whether it changed."""

    name: str
    size: int
    modified: int


def entries_of(folder: Path) -> list[Entry]:
    """All files with a picture's suffix, sorted by name; links to folders are not followed, hidden ones left out.

    Raises:
        DataError: the folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise DataError(f"{folder} cannot be listed: {error.strerror}") from error

    found = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent) / name
            relative = path.relative_to(folder).as_posix()
            if is_picture_name(relative):
                found.append(_entry(path, relative))
    return sorted(found)


def pictures_in(folder: Path, entries: list[Entry]) -> Iterator[Source]:
    """The pictures behind the entries; a name that is not UTF-8 is set aside."""
    for entry in entries:
        readable = entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        path = folder / entry.name
        yield Source(readable, _reader(path, readable == entry.name))


def _reader(path: Path, is_utf8: bool):  # type: ignore[no-untyped-def]
    def read() -> bytes:
        if not is_utf8:
            raise PictureError("has a name that is not UTF-8; rename it")
        return read_file(path)

    return read


def _entry(path: Path, relative: str) -> Entry:
    try:
        facts = path.stat()
    except OSError:  # a link to nowhere, say: reading it gives the reason
        return Entry(relative, -1, 0)
    return Entry(relative, facts.st_size, facts.st_mtime_ns)
