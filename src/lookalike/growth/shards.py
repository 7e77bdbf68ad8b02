"""Shards: what a source is made of, each of which becomes one file of codes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from lookalike.data import archive, arrays
from lookalike.data.images import Pixels, Rejected
from lookalike.data.lfw import Labels
from lookalike.data.located import NOT_NAMED
from lookalike.data.names import readable, unique_namer, why_skipped
from lookalike.data.options import DataOptions
from lookalike.data.source import load_with
from lookalike.data.stored import StoredFile
from lookalike.errors import DataError, PictureError
from lookalike.growth.pieces import Member, Piece, cut, cut_pixels
from lookalike.growth.tables import pictures_of_table

FILES_OF_A_SHARD = 10_000
"""Files of a folder, or rows of an array, whose codes come into one file."""


@dataclass(frozen=True)
class Shard(ABC):
    """A part of a source that is read from front to end.

    `name` is what people call it, `state` is another where its content may be, `size` its bytes as far as known, and
    `pictures` how many it holds where that is known before it is read.
    """

    name: str
    state: str
    size: int = 0
    pictures: int | None = None

    @abstractmethod
    def pieces(self, number: int, most: int, done: Collection[int]) -> Iterator[Piece]:
        """Read it: its pieces of `most` pictures, but for those whose numbers are done, as the shard `number`.

        Raises:
            DataError: it cannot be read at all; what is damaged from some place on is set aside there.
        """


@dataclass(frozen=True)
class FolderShard(Shard):
    """Successive picture files of a folder, by the names that they go by."""

    files: tuple[tuple[str, Path | StoredFile], ...] = ()

    def pieces(self, number: int, most: int, done: Collection[int]) -> Iterator[Piece]:
        """Without their contents: whoever encodes them opens them."""
        return cut(number, (Member(*file) for file in self.files), most, done)


@dataclass(frozen=True)
class ArchiveShard(Shard):
    """A tar or a zip; `prefix` goes before its members' names, LFW's layout and table as `Labels` takes them."""

    place: archive.Place = Path()
    prefix: str = ""
    is_lfw: bool = False
    table: Path | None = None

    def pieces(self, number: int, most: int, done: Collection[int]) -> Iterator[Piece]:
        """With its pictures' contents, in its order."""
        labels = Labels(self.is_lfw, self.table)
        skipped: Counter[str] = Counter()

        def is_wanted(name: str) -> bool:
            why = why_skipped(name) or (None if labels.is_wanted(name) else NOT_NAMED)
            if why is not None:
                skipped[why] += 1
            return why is None

        def members() -> Iterator[Member]:
            for source in archive.pictures_in(self.place, is_wanted):
                try:
                    content: bytes | PictureError = source.read()
                except PictureError as error:
                    content = error
                yield Member(self.prefix + labels.of(source.name).name, content)

        return _until_damaged(self, members(), number, most, done, skipped)


@dataclass(frozen=True)
class TableShard(Shard):
    """A Parquet file with a column of encoded pictures."""

    place: Path | StoredFile = Path()
    prefix: str = ""

    def pieces(self, number: int, most: int, done: Collection[int]) -> Iterator[Piece]:
        """With its pictures' contents, in its order."""
        named = unique_namer()
        rows = pictures_of_table(self.place)
        members = (Member(self.prefix + named(readable(name)), content) for name, content in rows)
        return _until_damaged(self, members, number, most, done, Counter())


@dataclass(frozen=True)
class PixelShard(Shard):
    """Rows of pictures that are decoded already, of an .npy or .npz, or procedural faces."""

    options: DataOptions | None = None
    start: int = 0

    def pieces(self, number: int, most: int, done: Collection[int]) -> Iterator[Piece]:
        """With their pixels, which are framed by whoever encodes them."""
        assert self.pictures is not None
        whole, names = self._read()
        rows = slice(self.start, self.start + self.pictures)
        return cut_pixels(number, whole[rows], names[rows], most, done)

    def _read(self) -> tuple[Pixels, list[str]]:
        if self.options is None:
            pictures = arrays.read_array(Path(self.name))
            return pictures, [f"{row:05d}" for row in range(len(pictures))]
        drawn = load_with(self.name, self.options)
        return drawn.pixels, list(drawn.names)


def _until_damaged(
    shard: Shard,
    members: Iterator[Member],
    number: int,
    most: int,
    done: Collection[int],
    skipped: Counter[str],
) -> Iterator[Piece]:
    """The pieces, up to where the shard is damaged, which is set aside like a picture; what fails to be read is not.

    A network or a disk that fails now may not do so the next time, so that nothing is concluded from it.
    """
    rejected: list[Rejected] = []

    def sound() -> Iterator[Member]:
        try:
            yield from members
        except DataError as error:
            if isinstance(error, PictureError) or _is_of_the_system(error.__cause__):
                raise
            rejected.append(Rejected(shard.name, f"is damaged or cut off: {error}"))

    for piece in cut(number, sound(), most, done):
        if piece.is_last:
            piece.rejected, piece.skipped = rejected, dict(skipped)
        yield piece


def _is_of_the_system(error: BaseException | None) -> bool:
    """Whether it has a number of the system's; decompressors raise OSErrors of their own without one."""
    return isinstance(error, OSError) and error.errno is not None


def state_of(shards: list[Shard]) -> str:
    """One digest of all that decides what the shards hold."""
    hasher = hashlib.sha256()
    for shard in shards:
        hasher.update(f"{shard.name}\0{shard.state}\0{shard.pictures}\n".encode(errors="surrogateescape"))
    return hasher.hexdigest()


Left = list[tuple[int, Shard, frozenset[int]]]
"""Shards that are not whole, with their numbers, and those of their pieces that are there."""
