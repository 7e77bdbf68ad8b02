"""The columns of every gallery, declared once.

From this list come the catalog's tables, what an update writes and compares, the filters in Python and in the page,
and what the server says of a picture. A new column is one entry here, with `since` one more than the highest before;
galleries that exist gain it when they are next opened (see `schema`). What a source knows besides, such as the
attributes of a table, comes as columns of its own, which the catalog remembers by their own declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from lookalike.data.columns import Column, Value
from lookalike.gallery.feed import Entry

TYPES = {"number": "REAL", "text": "TEXT", "time": "TEXT", "flag": "INTEGER"}
"""SQLite's type for values of each kind."""
RESERVED = ("name", "person")
"""Names by which a filter means the gallery's own columns, whatever a source calls its own."""


@dataclass(frozen=True)
class Kept(Column):
    """A column that every gallery has.

    Attributes:
        read: its value from an entry of a source.
        since: the version of the catalog that has it first.
        of_file: whether it describes the file, so that another value means that the file is to be looked at; others
            describe the picture and are brought up to date without opening it.
        stored: SQLite's type, where that is not the kind's.
        told: how SQLite makes the value that users meet of what is stored, `{}`.
        in_row: whether it goes with every picture of a list, and not only with all that is known of one.
    """

    read: Callable[[Entry], Value] = field(kw_only=True)
    since: int = field(default=1, kw_only=True)
    of_file: bool = field(default=False, kw_only=True)
    stored: str = field(default="", kw_only=True)
    told: str = field(default="{}", kw_only=True)
    in_row: bool = field(default=False, kw_only=True)

    @property
    def declaration(self) -> str:
        """As `CREATE TABLE` and `ALTER TABLE` take it."""
        return f"{self.name} {self.stored or TYPES[self.kind]}"

    @property
    def sql(self) -> str:
        """The value that users meet, in a statement."""
        return self.told.format(f"items.{self.name}")


NAME = Kept("name", "text", "the picture's name in its source", read=lambda entry: entry.name, in_row=True)
"""The one column by which items are told apart; the tables name it themselves."""
COLUMNS: tuple[Kept, ...] = (
    Kept(
        *("size", "number", "the file's size", "bytes", 0),
        read=lambda entry: entry.size,
        of_file=True,
        stored="INTEGER",
    ),
    Kept(
        *("modified", "time", "when the file was changed (UTC)"),
        read=lambda entry: entry.modified,
        of_file=True,
        stored="INTEGER",  # nanoseconds since 1970, since a change within a second counts
        told="strftime('%Y-%m-%dT%H:%M:%S', {} / 1000000000, 'unixepoch')",
    ),
    Kept("person", "text", "who is on the picture", read=lambda entry: entry.person, in_row=True),
)
OF_FILE = tuple(place for place, column in enumerate(COLUMNS) if column.of_file)
OF_PICTURE = tuple(place for place, column in enumerate(COLUMNS) if not column.of_file)


class Listed(NamedTuple):
    """A column that users meet: its declaration, how it is asked for in SQL, and whether each row of a list has it."""

    column: Column
    sql: str
    in_row: bool


def listed(version: int, given: Iterable[Column]) -> list[Listed]:
    """What the users of a gallery meet: its own columns at that version of its catalog, and those its source gave.

    Where a source calls a column as the gallery its own, the source's is meant, but for `RESERVED`.
    """
    own = [column for column in (NAME, *COLUMNS) if column.since <= version]
    found = {column.name: Listed(column, column.sql, column.in_row) for column in own}
    for number, column in enumerate(given):
        if plain(column.name) not in RESERVED:
            found.pop(plain(column.name), None)
            found.setdefault(column.name, Listed(column, f"attributes.a{number}", False))
    return list(found.values())


def plain(name: str) -> str:
    """A name as filters compare it: without regard to case, with "_" for a space."""
    return name.strip().lower().replace(" ", "_")
