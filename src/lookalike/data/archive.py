"""Members of tar and zip archives, read as a stream; nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

from isal import isal_zlib

from lookalike.data.decode import LARGEST_FILE
from lookalike.data.pipeline import Source
from lookalike.data.stored import StoredFile
from lookalike.data.tarstream import Inflated, PlainTar, Stream
from lookalike.errors import DataError, PictureError

_TAR_BUFFER = 1 << 14
"""tarfile copies what is left of its buffer at every read, so a large one is slow."""
_BROKEN: tuple[type[Exception], ...] = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError),
    *(zlib.error, cast("type[Exception]", isal_zlib.error), lzma.LZMAError),
)
_BROKEN_MEMBER: tuple[type[Exception], ...] = (*_BROKEN, NotImplementedError, RuntimeError)
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
GROWTH = 250
"""Times its packed size that an archive may unfold to: masks of two colours do by 150, zeros by a thousand."""
SLACK = 128 * 2**20
"""Bytes allowed beyond it, for small archives."""


Place = Path | StoredFile


def is_archive(path: Place) -> bool:
    """Whether a file is a tar (plain, gzip, bzip2, xz) or a zip, by its content."""
    with path.open("rb") as file:
        start = file.read(512)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06") or start[257:262] == b"ustar":
        return True
    return start.startswith(_COMPRESSED)


Wanted = Callable[[str], bool]
"""Asked of each file's name before it is read."""


def pictures_in(path: Place, wanted: Wanted) -> Iterator[Source]:
    """The members of an archive that are wanted, in its order.

    Raises:
        DataError: the archive is damaged or cut off.
    """
    try:
        if _is_zip(path):
            yield from _zip_members(path, wanted)
        else:
            yield from _tar_members(path, wanted)
    except _BROKEN as error:
        raise DataError(
            f"{path} is damaged or cut off ({' '.join(str(error).split()) or type(error).__name__}); get it again"
        ) from error


def _tar_members(path: Place, wanted: Wanted) -> Iterator[Source]:
    done = 0
    with _decompressed(path) as stream:
        plain = PlainTar(stream, LARGEST_FILE)
        for name, content in plain:
            done += 1
            if wanted(name):
                yield _holding(name, content)
    if plain.unusual:
        yield from _unusual_members(path, wanted, skip=done)


def _unusual_members(path: Place, wanted: Wanted, skip: int) -> Iterator[Source]:
    """All regular files but the first `skip`, as tarfile reads them."""
    with _decompressed(path) as file:
        stream = _WithTail(file)
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", bufsize=_TAR_BUFFER) as archive:
            regular = (member for member in archive if member.isreg())
            for member in islice(regular, skip, None):
                if not wanted(member.name):
                    continue
                if member.size > LARGEST_FILE:
                    yield Source(member.name, _failing(f"has {member.size:,} bytes; the limit is {LARGEST_FILE:,}"))
                    continue
                data = archive.extractfile(member)
                assert data is not None
                content = data.read()
                if len(content) < member.size:
                    raise EOFError("a member ends too early")
                yield _holding(member.name, content)
        # What follows the last member holds the compressor's checksum, which is verified by reading it.
        while stream.read(1 << 20):
            pass
    if stream.tail.strip(b"\0"):
        raise EOFError("the mark at its end is missing")


class _WithTail:
    """A stream that remembers its last block: a whole tar ends in zeros, which tarfile does not insist on.

    Nor does tarfile see the end of a file while it passes over a member, for as many steps as that claims to take.
    """

    def __init__(self, file: Stream) -> None:
        self.file = file
        self.tail = b""
        self._ends = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; an EOFError for who will not take the end for an answer."""
        content = self.file.read(size)
        if content:
            self.tail = content[-512:] if len(content) >= 512 else (self.tail + content)[-512:]
        elif self._ends > 2:
            raise EOFError("the archive ends too early")
        else:
            self._ends += 1
        return content


class _Bounded:
    """What an archive unfolds to, as long as pictures can unfold so; the parts of it that were read are the measure."""

    def __init__(self, path: Place, stream: Stream, packed: IO[bytes]) -> None:
        self.path, self.stream, self.packed = path, stream, packed
        self.done = 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`.

        Raises:
            DataError: it is a bomb.
        """
        content = self.stream.read(size)
        self.done += len(content)
        if self.done > SLACK:
            _check_growth(self.path, self.done, self.packed.tell())
        return content


def _check_growth(path: Place, done: int, packed: int) -> None:
    if done > GROWTH * packed + SLACK:
        raise DataError(
            f"{path} unfolds to more than {GROWTH} times its size, which pictures do not; give the pictures themselves"
        )


@contextmanager
def _decompressed(path: Place) -> Iterator[Stream]:
    with path.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith(b"\x1f\x8b"):
            yield _Bounded(path, Inflated(file), file)
        elif start.startswith(b"BZh"):
            with bz2.open(file) as stream:
                yield _Bounded(path, cast("IO[bytes]", stream), file)
        elif start.startswith(b"\xfd7zXZ"):
            with lzma.open(file) as packed:
                yield _Bounded(path, cast("IO[bytes]", packed), file)
        else:
            yield file


def _is_zip(path: Place) -> bool:
    with path.open("rb") as file:
        return zipfile.is_zipfile(file)


def _zip_members(path: Place, wanted: Wanted) -> Iterator[Source]:
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        done, packed, size = 0, 0, path.stat().st_size
        for member in archive.infolist():
            if member.is_dir() or not wanted(member.filename):
                continue
            if member.flag_bits & 1:
                yield Source(member.filename, _failing("is encrypted"))
            elif member.file_size > LARGEST_FILE:
                yield Source(
                    member.filename, _failing(f"has {member.file_size:,} bytes; the limit is {LARGEST_FILE:,}")
                )
            else:
                done, packed = done + member.file_size, min(packed + member.compress_size, size)
                _check_growth(path, done, packed)
                yield _zip_member(archive, member)


def _zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Source:
    try:
        with archive.open(member) as file:
            content = file.read(LARGEST_FILE + 1)  # the directory's size may lie
    except _BROKEN_MEMBER as error:
        return Source(member.filename, _failing(f"cannot be unpacked: {error}"))
    return _holding(member.filename, content)


def _holding(name: str, content: bytes) -> Source:
    return Source(name, lambda: content, len(content))


def _failing(reason: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise PictureError(reason)

    return read
