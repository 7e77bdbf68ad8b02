"""Pieces: so many successive pictures of a shard, as whoever encodes them is given them.

A piece is what is encoded together, what is committed together, and what is done again where a worker dies. Where one
ends depends on the source and the framing alone: never on the engine, on workers, or on what was done before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lookalike.data.decode import read_file
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels, Rejected
from lookalike.data.stored import StoredFile
from lookalike.errors import PictureError

MOST = 1000
"""Pictures of a piece."""
MOST_BYTES = 1 << 25
"""Bytes of a piece's files, where it holds these; the picture that passes it is the piece's last."""
MOST_VALUES = 1 << 26
"""Values of a piece's framed pictures."""


class Member(NamedTuple):
    """An encoded picture: its content where a stream gave it, the file it lies in, or the reason why there is none."""

    name: str
    content: bytes | Path | StoredFile | PictureError

    def read(self) -> bytes:
        """Its bytes. Raises PictureError where it cannot be read."""
        content = self.content
        if isinstance(content, PictureError):
            raise content
        if isinstance(content, StoredFile):
            return content.read()
        return read_file(content) if isinstance(content, Path) else content

    @property
    def held(self) -> int:
        """Bytes that are in memory."""
        return len(self.content) if isinstance(self.content, bytes) else 0

    @property
    def length(self) -> int:
        """Bytes, as far as these are known without opening a file."""
        return self.content.size if isinstance(self.content, StoredFile) else self.held


@dataclass
class Piece:
    """The `number`-th piece of the shard of that number, both from 0; `is_last` of its shard.

    Either `members`, or `pixels` (n, H, W, C) with `names`. `rejected` is what the shard itself set aside, `skipped`
    counts what was not looked at: of the last piece, all of its shard's.
    """

    shard: int
    number: int
    is_last: bool = False
    members: list[Member] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    pixels: Pixels | None = None
    rejected: list[Rejected] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Bytes of its source, as far as these are known."""
        return self.pixels.nbytes if self.pixels is not None else sum(member.length for member in self.members)


def pictures_at_once(framing: Framing) -> int:
    """Pictures of a piece, at most, where they are framed so."""
    return max(1, min(MOST, MOST_VALUES // (3 * framing.size[0] * framing.size[1])))


def cut(shard: int, members: Iterable[Member], most: int, done: Collection[int]) -> Iterator[Piece]:
    """The pieces of a shard, but for those whose numbers are done; one at least, which may be empty, is its last."""
    piece, held = Piece(shard, 0), 0
    for member in members:
        if len(piece.members) == most or held > MOST_BYTES:
            if piece.number not in done:
                yield piece
            piece, held = Piece(shard, piece.number + 1), 0
        held += member.held
        piece.members.append(member if piece.number not in done else Member(member.name, b""))
    piece.is_last = True
    if piece.number not in done:
        yield piece


def cut_pixels(shard: int, pictures: Pixels, names: list[str], most: int, done: Collection[int]) -> Iterator[Piece]:
    """The same of pictures (N, H, W, C), 1 or more, that are decoded already."""
    for number, start in enumerate(range(0, len(pictures), most)):
        if number not in done:
            rows = slice(start, start + most)
            taken = np.ascontiguousarray(pictures[rows])
            yield Piece(shard, number, start + most >= len(pictures), names=names[rows], pixels=taken)
