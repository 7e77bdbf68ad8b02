"""The plain part of a tar, fast: what a reader thread does in Python keeps the decoding threads waiting.

Python's tarfile and gzip take 50 microseconds a member and give up the interpreter's lock every 8 KB. This reads
ordinary members in a tenth of that and inflates a quarter of a megabyte at a time; whatever is not ordinary (long
names, extended headers, sparse files, odd numbers, files larger than any picture) is left to tarfile.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, Protocol

from isal import isal_zlib

BLOCK = 512
_PIECE = 1 << 18
_MOST_AT_ONCE = 1 << 22
_REGULAR, _FOLDER = (b"0", b"\0"), b"5"


class Inflated:
    """A gzip file's content; the inflater itself verifies length and checksum at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.inflater = isal_zlib.decompressobj(31)
        self.waiting = b""
        self.buffer = b""
        self.at = 0

    def read(self, size: int) -> bytes:
        """The next bytes, `size` of them unless the content ends before.

        Raises:
            EOFError: the file was cut off.
            isal_zlib.error: it is damaged.
        """
        pieces, missing = [], size
        while missing > 0:
            if self.at == len(self.buffer):
                self.buffer, self.at = self._more(), 0
                if not self.buffer:
                    break
            piece = self.buffer[self.at : self.at + missing]
            self.at += len(piece)
            missing -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _more(self) -> bytes:
        while True:
            self.waiting = self.waiting or self.file.read(_PIECE)
            if self.inflater.eof:
                self.waiting = self.waiting.lstrip(b"\0")  # padding is allowed behind a gzip file, and another file
                if not self.waiting:
                    if not (following := self.file.read(_PIECE)):
                        return b""
                    self.waiting = following
                    continue
                self.inflater = isal_zlib.decompressobj(31)
            elif not self.waiting:
                raise EOFError("the compressed data ends too early")
            content = self.inflater.decompress(self.waiting, _MOST_AT_ONCE)
            self.waiting = self.inflater.unused_data if self.inflater.eof else self.inflater.unconsumed_tail
            if content:
                return content


class Stream(Protocol):
    """What is read from front to end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` of them unless the content ends before."""


class PlainTar:
    """The regular files of a tar as (name, content), until something is not ordinary: `unusual` is then True.

    A file of more than `largest` bytes is not ordinary either.
    """

    def __init__(self, stream: Stream, largest: int) -> None:
        self.stream = stream
        self.largest = largest
        self.unusual = False

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        while True:
            header = self._exactly(BLOCK)
            if not header.strip(b"\0"):
                while self.stream.read(_PIECE):  # so that what lies behind is verified too
                    pass
                return
            kind, size = header[156:157], _size(header)
            if size is None or size > self.largest or (kind not in _REGULAR and kind != _FOLDER):
                self.unusual = True
                return
            content = self._exactly(-(-size // BLOCK) * BLOCK)[:size]
            if kind != _FOLDER:
                yield _name(header), content

    def _exactly(self, size: int) -> bytes:
        content = self.stream.read(size)
        if len(content) < size:
            raise EOFError("the archive ends too early")
        return content


def _size(header: bytes) -> int | None:
    """The member's size, None where the header's numbers are not plain octal or its checksum is wrong."""
    try:
        size = int(header[124:136].strip(b"\0 ") or b"0", 8)
        checksum = int(header[148:156].strip(b"\0 "), 8)
    except ValueError:
        return None
    # The sum of all bytes, its own place counted as spaces. Adler's lower half is that sum too, ten times as fast.
    total = checksum - 8 * ord(" ") + sum(header[148:156])
    return size if zlib.adler32(header) & 0xFFFF == (total + 1) % 65521 else None


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "surrogateescape")
