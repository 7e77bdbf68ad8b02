"""Writing files so that no moment of a crash leaves half of one, and where files are cached."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import platformdirs

from lookalike.errors import NoSpaceError, WriteError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


LARGEST_JSON = 2**26
"""Bytes of a description that is read; that of a training of a thousand epochs has a hundredth."""
LEAST_STORED = 8
"""A file of which less than this part is on the disk is an empty claim: pictures and weights are no holes."""
SLACK = 2**20
"""Bytes of holes that any file may have."""
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""The folder or the disk may not be written to."""
NO_SPACE = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
"""The disk is full, the user's share of it is, or a file would be larger than the system lets it be."""


def cache_folder() -> Path:
    """`LOOKALIKE_CACHE`, or the system's folder for caches: what lies in it can be made again."""
    return Path(os.environ.get("LOOKALIKE_CACHE") or platformdirs.user_cache_dir("lookalike"))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk, then rename it into place."""
    with _name_told(path), want_of_space_told(path, lambda: _length_of(write)):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name may have 255 bytes, and the temporary one is only to show whose it is.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def _name_told(path: Path) -> Iterator[None]:
    """Say of a write that is not allowed which file it was to be; the temporary name tells nobody anything."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_ALLOWED:
            raise
        raise WriteError(
            f"{path} cannot be written ({(error.strerror or 'not allowed').lower()}); nothing was changed: give "
            "another place, or allow writing there"
        ) from error


@contextmanager
def want_of_space_told(path: Path, needed: Callable[[], int]) -> Iterator[None]:
    """Say of a write that fails for want of room which file it was, and how much it `needed`, in bytes.

    Raises:
        NoSpaceError: in the place of the system's own error, which knows no more than that a disk is full.
    """
    try:
        yield
    except OSError as error:
        is_short = error.errno is None and "written" in str(error)  # NumPy's own words for a write that was cut short
        if isinstance(error, WriteError) or not (is_short or error.errno in NO_SPACE):
            raise
        raise no_space(path, error.strerror or "no space left", f"{needed():,} bytes") from error


def no_space(path: Path, reason: str, needed: str) -> NoSpaceError:
    """The error of a file that found no room: which it was, how much it needed in words, and what is safe."""
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    return NoSpaceError(
        f"{path} cannot be written ({reason.lower()}): it needs {needed}, {shutil.disk_usage(folder).free:,} bytes are "
        "free on that disk; what was there before is as it was: make room, and give the command again"
    )


def write_bytes(path: Path, content: bytes) -> None:
    """Atomic `Path.write_bytes`."""
    write_atomically(path, lambda file: file.write(content))


def write_text(path: Path, content: str) -> None:
    """Atomic `Path.write_text`, in UTF-8; of names that are not UTF-8, the bytes become escapes (as JSON has them)."""
    write_bytes(path, content.encode(errors="backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically; NaN and infinity are refused (ValueError)."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file that may be anybody's.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or has more than 64 MiB or too many levels.
    """
    if (length := path.stat().st_size) > LARGEST_JSON:
        raise ValueError(f"it has {length:,} bytes; the limit is {LARGEST_JSON:,}")
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def is_hollow(handle: int, size: int) -> bool:
    """Whether nearly all of an open file is holes, which take no room and read as zeros (where the system can tell)."""
    if not hasattr(os, "SEEK_DATA"):
        return False
    enough = (size - SLACK) // LEAST_STORED
    stored = at = 0
    try:
        while at < size and stored < enough:
            start = os.lseek(handle, at, os.SEEK_DATA)
            at = os.lseek(handle, start, os.SEEK_HOLE)
            stored += at - start
    except OSError as error:
        if error.errno != errno.ENXIO:  # which says that no data follow; others, that it cannot be told
            return False
    return stored < enough


def read_stored(path: Path, most: int) -> bytes:
    """The content of a file of at most so many bytes.

    Raises:
        ValueError: it is longer, or its length an empty claim.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > most:
        raise ValueError(f"it has {size:,} bytes; at most {most:,} are read")
    with path.open("rb") as file:
        if is_hollow(file.fileno(), size):
            raise ValueError(f"it says that it has {size:,} bytes, but hardly any are stored")
    return path.read_bytes()  # opened anew: to look for holes moves the place in a file


def with_end(path: Path, end: str) -> Path:
    """`path` with `end` after its stem, which is cut where the name would be longer than file systems take."""
    stem, rest = path.stem, f"{end}{path.suffix}"
    while len(os.fsencode(stem + rest)) > LONGEST_NAME:
        stem = stem[:-1]
    return path.with_name(stem + rest)


LONGEST_NAME = 255
"""Bytes of a file's name."""


def real(path: str | Path) -> Path:
    """The absolute path that one leads to through links; where these lead round, Python before 3.13 would raise."""
    return Path(os.path.realpath(path))


def named(path: str | Path) -> Path:
    """The absolute path of what a person names: `~` is their home, and links are followed."""
    return real(Path(path).expanduser())


def printable(text: str) -> str:
    """Text of any origin as a terminal or a figure may have it, lines kept: all other control characters, and bytes
    that are no text, become escapes."""
    shown = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return shown.encode(errors="backslashreplace").decode()


def one_line(text: str) -> str:
    """Text of any origin as a line of a terminal may have it: `printable`, with its line ends as escapes too."""
    return printable(text).replace("\n", "\\n")


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def sha256(content: bytes | memoryview) -> str:
    """Hexadecimal SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename in it survives a power cut (where the system can)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Counter(io.RawIOBase):
    """Takes what is written, and keeps its length alone."""

    length = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Buffer, /) -> int:
        length = memoryview(content).nbytes
        self.length += length
        return length


def _length_of(write: Callable[[BinaryIO], object]) -> int:
    counter = _Counter()
    write(cast(BinaryIO, counter))
    return counter.length


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
