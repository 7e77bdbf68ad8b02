"""What is known of a source's pictures beside their pixels: by the source itself, by a table, by their own files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lookalike.data import cache, exif
from lookalike.data.columns import Column, PictureTable, Value, is_lfws, read_table
from lookalike.errors import DataError
from lookalike.gallery.feed import Entry, Feed


@dataclass(frozen=True)
class Wanted:
    """What is asked for beside pixels, as a gallery remembers it.

    Attributes:
        attributes: a table's path.
        key: its column that names pictures, None to find it.
        exif: whether files are asked what their camera wrote.
    """

    attributes: str | None = None
    key: str | None = None
    exif: bool = False

    @property
    def lfws(self) -> str | None:
        """The table, where it is of LFW's own layout, which the source reads itself: only what it names is kept."""
        return self.attributes if self.attributes is not None and is_lfws(_present(self.attributes)) else None

    def labels(self, feed: Feed) -> Labels:
        """How the entries of a source are labelled.

        Raises:
            DataError, OptionError, MissingExtraError: as `read_table`.
        """
        own = tuple(Column(name) for name in feed.attribute_names)
        table = None
        if self.attributes is not None and self.lfws is None:
            table = read_table(_present(self.attributes), self.key)
        return Labels(self, own, table, self.exif and feed.entries is not None)

    def of(self, feed: Feed) -> Feed:
        """The source with what is asked for in its spec, and in the state that stands for all of it."""
        state = feed.state
        if state is not None and self.attributes is not None and self.lfws is None:
            state += cache.content_digest(_present(self.attributes)) + f":{self.key}"
        if state is not None and self.exif:
            state += ":exif"
        spec = feed.spec
        if spec is not None and self.attributes is not None:
            spec = replace(spec, attributes=self.attributes)
        return replace(feed, state=state, spec=spec)


@dataclass
class Labels:
    """Gives entries their persons and values.

    Attributes:
        wanted: what was asked for.
        own: the source's own columns.
        table: what a table knows, None without one.
        exif: whether what cameras wrote comes after that.
        named: how many entries the table knew.
    """

    wanted: Wanted
    own: tuple[Column, ...]
    table: PictureTable | None
    exif: bool
    named: int = field(default=0, init=False)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, by falling right to a name that several have: the source's, the table's, the camera's."""
        every = (*self.own, *(self.table.columns if self.table else ()), *(exif.COLUMNS if self.exif else ()))
        taken: set[str] = set()
        columns = []
        for column in every:
            name = column.name
            while name.lower() in taken:
                name += " 2"
            taken.add(name.lower())
            columns.append(replace(column, name=name))
        return tuple(columns)

    def entries(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Entries with what is known of them before their files are opened."""
        return map(self._labelled, entries)

    def inside(self, content: bytes) -> tuple[Value, ...]:
        """What a file's content tells of its picture: the last of `columns`."""
        return exif.read_exif(content) if self.exif else ()

    def check(self) -> None:
        """Raise `DataError` where the table named none of the pictures: it is of others, or its key is another."""
        if self.table is not None and self.table.rows and not self.named:
            first = next(iter(self.table.rows))
            raise DataError(
                f"the table names none of these pictures by its column {self.table.key!r}, such as {first!r}; "
                "give another --key, or the table of these pictures"
            )

    def _labelled(self, entry: Entry) -> Entry:
        if self.table is None:
            return entry
        written = self.table.named(entry.name)
        self.named += written is not None
        none: tuple[Any, ...] = (None,) * len(self.own)
        own = none if entry.values is None else tuple(entry.values)
        found = self.table.rows[written] if written is not None else (None,) * len(self.table.columns)
        person = entry.person or (None if written is None else self.table.people.get(written))
        return entry._replace(person=person, values=(*own, *found))


def _present(path: str) -> Path:
    """The table's path.

    Raises:
        DataError: there is no such file.
    """
    found = Path(path).expanduser()
    if not found.is_file():
        raise DataError(f"attribute table {path} cannot be read: there is no such file")
    return found
