"""Files in object storage, and whatever else fsspec reaches by an address: listed and opened as those of a disk."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal, NamedTuple

from lookalike.data.decode import check_length
from lookalike.errors import DataError, PictureError

_HAS_PATTERN = frozenset("*?[")


class Facts(NamedTuple):
    """What is known of a file without opening it; `st_size` is its bytes, as `Path.stat` calls them."""

    st_size: int


@dataclass(frozen=True)
class StoredFile:
    """A file of a file system of fsspec: `path` there, `name` for people, `size` in bytes, `state` of its content.

    It can be sent to other processes and machines, which open it on their own.
    """

    system: Any
    path: str
    name: str
    size: int
    state: str

    def __str__(self) -> str:
        return str(self.system.unstrip_protocol(self.path))

    def open(self, mode: Literal["rb"] = "rb") -> IO[bytes]:
        """Open it for reading; seeking works, and costs a request where it leaves what was read ahead."""
        opened: IO[bytes] = self.system.open(self.path, mode)
        return opened

    def stat(self) -> Facts:
        """Its size."""
        return Facts(self.size)

    def read(self) -> bytes:
        """The content of a picture.

        Raises:
            PictureError: it cannot be read, is empty or too large.
        """
        check_length(self.size)
        try:
            content: bytes = self.system.cat_file(self.path)
        except OSError as error:
            raise PictureError(f"cannot be read: {error.strerror or error}") from error
        return content


def stored_files(address: str) -> list[StoredFile]:
    """The files at an address such as `s3://bucket/folder`, `file:///shards/*.tar` or a path: sorted by their paths.

    Of a folder all files below it; `{000..010}` and `{a,b}` in it stand for several, `*` and `?` for what is there.
    Names are relative to the folder, or the files' own.

    Raises:
        DataError: nothing is there, or it cannot be listed.
    """
    found: dict[str, tuple[Any, str, dict[str, Any]]] = {}
    folders: list[str] = []
    for one in braces_expanded(address):
        system, folder, held = _listed(one)
        folders += [folder] if folder else [place.rpartition("/")[0] for place in held]
        found |= {str(system.unstrip_protocol(place)): (system, place, fact) for place, fact in held.items()}
    above = len(posixpath.commonpath(folders).rstrip("/")) + 1 if folders[0] else 0
    files = [
        StoredFile(system, place, place[above:], int(fact["size"] or 0), _state_of(fact))
        for system, place, fact in found.values()
    ]
    return sorted(files, key=lambda file: file.path)


def is_address(source: str) -> bool:
    """Whether a source is no plain path: it has a protocol, or stands for several files by a pattern."""
    return "://" in source or ("{" in source and "}" in source) or bool(_HAS_PATTERN & set(source))


def braces_expanded(address: str) -> Iterator[str]:
    """Each address that `{000..010}` (as many digits as its first number has) or `{a,b}` stands for, in order."""
    before, opened, rest = address.partition("{")
    inside, closed, after = rest.partition("}")
    if not (opened and closed):
        yield address
        return
    first, dots, last = inside.partition("..")
    if dots and first.isdecimal() and last.isdecimal():
        words = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
    else:
        words = inside.split(",")
    for word in words:
        yield from braces_expanded(f"{before}{word}{after}")


def _listed(address: str) -> tuple[Any, str | None, dict[str, dict[str, Any]]]:
    """The file system, the folder where the address is one, and what is known of each file by its path."""
    folder = None
    try:
        system, path = system_of(address)
        if _HAS_PATTERN & set(path):
            facts = system.glob(path, detail=True)
        elif system.isdir(path):
            folder, facts = path, system.find(path, detail=True)
        else:
            facts = {path: system.info(path)}
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{address} is not there; give a file, a folder or a pattern of files") from error
    except Exception as error:  # each store's library fails in its own ways: rights, addresses, networks
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{address} cannot be listed: {told}") from error
    held = {place: fact for place, fact in facts.items() if fact["type"] == "file"}
    if not held:
        raise DataError(f"{address} holds no files; give a file, a folder or a pattern of files")
    return system, folder, held


def system_of(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path there: fsspec's own, or PyArrow's where fsspec's needs more.

    Raises:
        DataError: neither knows it.
    """
    import fsspec

    if "://" not in address:
        address = os.path.abspath(os.path.expanduser(address))  # noqa: PTH100, PTH111  (a pattern is no path)
    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as missing:
        from fsspec.implementations.arrow import ArrowFSWrapper

        try:
            from pyarrow import fs

            arrow, path = fs.FileSystem.from_uri(address)
        except Exception:
            told = " ".join(str(missing).split())
            raise DataError(f"{address} cannot be reached: {told}") from missing
        return ArrowFSWrapper(arrow), path
    return system, path


def _state_of(fact: dict[str, Any]) -> str:
    """What is another where a file was written anew: its size, and whatever its store has of tags and times."""
    kept = ("size", "ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "created")
    return "|".join(f"{name}={fact[name]}" for name in kept if fact.get(name) is not None)
