"""The catalog of a gallery: an SQLite database that knows every item, and alone decides what a gallery holds.

Codes and pixels lie in other files; a row of theirs counts once a committed transaction names it. What an update
replaces or no longer finds stays as "retired" until the update's end, so that a picture that only moved keeps its
code, and an update that was cut off goes on as if it had not been.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.columns import Column, Value
from lookalike.data.framing import Framing
from lookalike.errors import GalleryError
from lookalike.gallery import schema
from lookalike.gallery.columns import COLUMNS, OF_FILE, OF_PICTURE, Listed, listed
from lookalike.gallery.database import Database

MOST_GIVEN = 1900
"""SQLite's own limit is 2,000 columns."""
LISTING = "listing"
"""The fact that tells which file has the stored items of a state; see `listing`."""
AT_ONCE = 500
"""Items that are asked for in one statement."""

_PLACES = {column.name: place for place, column in enumerate(COLUMNS)}


class Item(NamedTuple):
    """One picture of a gallery, or one that was set aside.

    `content` is the SHA-256 of the file, None where the source has no files; `pixels` that of the framed pixels, `row`
    their place in the files of codes and pixels. `columns` holds a value for each of `columns.COLUMNS`, which are read
    by their names as well: `item.person`.
    """

    id: int
    name: str
    content: str | None
    pixels: str | None
    state: str
    reason: str | None
    row: int | None
    columns: tuple[Value, ...]

    def __getattr__(self, name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"an item has no column {name!r}; its columns: {', '.join(_PLACES)}")
        return self.columns[_PLACES[name]]


class Catalog(Database):
    """The items of a gallery and what is known of them, in `catalog.sqlite`.

    Raises:
        GalleryError: from every method, where the database is damaged, locked for long, or of a later version.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.version = int(self._row("PRAGMA user_version")[0])
        if self.version > schema.VERSION:
            self.close()
            raise GalleryError(
                f"{path} is of version {self.version}, this program reads {schema.VERSION}; update lookalike"
            )

    def create(self, facts: dict[str, Any]) -> None:
        """Make the tables and the first facts, in one transaction."""
        with self.transaction():
            for statement in schema.tables():
                self._run(statement)
            for key, value in facts.items():
                self.set_fact(key, value)
            self._run(f"PRAGMA user_version = {schema.VERSION}")
        self.version = schema.VERSION

    def upgrade(self) -> None:
        """Bring a catalog of an older version to this program's, all at once; with the gallery's lock held."""
        if self.version == schema.VERSION:
            return
        with self.transaction():
            self.version = int(self._row("PRAGMA user_version")[0])  # another process may have been quicker
            if self.version < schema.VERSION:
                schema.upgrade(self._run, self.version)
        self.version = schema.VERSION

    def fact(self, key: str) -> Any:
        """A fact (JSON value), None where there is none."""
        found = self._row("SELECT value FROM facts WHERE key = ?", (key,))
        return None if found is None else json.loads(found[0])

    def set_fact(self, key: str, value: Any) -> None:
        """Write a fact."""
        self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, json.dumps(value)))

    def array(self, key: str) -> npt.NDArray[Any] | None:
        """A small array kept in the database, None where there is none."""
        found = self._row("SELECT dtype, shape, content FROM arrays WHERE key = ?", (key,))
        return None if found is None else np.frombuffer(found[2], found[0]).reshape(json.loads(found[1]))

    def set_array(self, key: str, values: npt.NDArray[Any]) -> None:
        """Write a small array."""
        values = np.ascontiguousarray(values)
        row = (key, values.dtype.str, json.dumps(values.shape), values.tobytes())
        self._run("INSERT OR REPLACE INTO arrays VALUES (?, ?, ?, ?)", row)

    def next_generation(self, *, same_items: bool = False) -> int:
        """Count one further state of the gallery; called in every transaction that changes what readers see.

        `same_items`: ids, names, persons and rows of the stored items are as before, and so is what was kept of them.
        """
        before = int(self.fact("generation"))
        self.set_fact("generation", before + 1)
        kept = self.fact(LISTING)
        if same_items and kept is not None and kept["generation"] == before:
            self.set_fact(LISTING, {**kept, "generation": before + 1})
        return before + 1

    def items(self, *states: str) -> list[Item]:
        """The items of these states, by name."""
        return [_item(row) for row in self.fields(self._of_item, *states)]

    def fields(self, names: str, *states: str) -> list[tuple[Any, ...]]:
        """Some fields of the items of these states, by name; all of them are half a kilobyte an item."""
        return self._rows(self._fields(names, states), states)

    def field_blocks(self, names: str, *states: str) -> Iterator[list[tuple[Any, ...]]]:
        """As `fields`, some items at a time; inside `reading`."""
        return self._blocks(self._fields(names, states), states)

    def _fields(self, names: str, states: tuple[str, ...]) -> str:
        marks = ", ".join("?" * len(states))
        # said once more for SQLite, which then takes the order from the index of names, and need not sort
        living = "" if "retired" in states else "state <> 'retired' AND "
        return f"SELECT {names} FROM items WHERE {living}state IN ({marks}) ORDER BY name, id"

    def item(self, id: int) -> Item:
        """The item of that id.

        Raises:
            GalleryError: it is gone.
        """
        found = self._row(f"SELECT {self._of_item} FROM items WHERE id = ?", (id,))
        if found is None:
            raise GalleryError(f"item {id} is no longer in {self.path.parent}; list the names anew")
        return _item(found)

    def count(self, state: str) -> int:
        """How many items are of that state."""
        return int(self._row("SELECT count(*) FROM items WHERE state = ?", (state,))[0])

    def ids_of_pixels(self, pixels: str) -> list[int]:
        """The stored items of these very pixels."""
        rows = self._rows("SELECT id FROM items WHERE pixels = ? AND state = 'stored' ORDER BY name", (pixels,))
        return [int(row[0]) for row in rows]

    def items_where(self, condition: str, values: Sequence[Any]) -> list[Item]:
        """The items of a condition, and in the order, that a file of this room writes."""
        return [_item(row) for row in self._rows(f"SELECT {self._of_item} FROM items WHERE {condition}", values)]

    def add(self, item: Item, given: Sequence[Value] | None) -> None:
        """Write a new item under a new id (its own is not looked at), and what its source knows of it."""
        self.add_all([(item, given)])

    def add_all(self, items: Iterable[tuple[Item, Sequence[Value] | None]]) -> None:
        """As `add`, for many."""
        names = [*schema.BOOKKEEPING[1:], *_PLACES]
        statement = f"INSERT INTO items ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        for is_bare, some in groupby(items, lambda one: one[1] is None):
            rows = ((*item[1:-1], *item.columns) for item, _ in some) if is_bare else ()
            self._run_many(statement, rows)
            for item, given in () if is_bare else some:
                cursor = self._run(statement, (*item[1:-1], *item.columns))
                self._put_given(int(cursor.lastrowid or 0), given or ())

    def touch(self, id: int, columns: Sequence[Value], content: str | None) -> None:
        """Note that an item's file looks otherwise, with the same picture in it."""
        self._set(id, OF_FILE, columns)
        self._run("UPDATE items SET content = ? WHERE id = ?", (content, id))

    def label(self, id: int, columns: Sequence[Value], given: Sequence[Value] | None) -> None:
        """Write what describes an item's picture, and what its source knows of it."""
        self._set(id, OF_PICTURE, columns)
        if given is not None:
            self._put_given(id, given)

    def retire(self, ids: Iterable[int]) -> None:
        """Take items out of the gallery; their rows stay known until `purge`."""
        self._run_many("UPDATE items SET state = 'retired' WHERE id = ?", ((id,) for id in ids))

    def purge(self) -> None:
        """Forget what is retired."""
        self._run("DELETE FROM items WHERE state = 'retired'")

    def forget_files(self) -> None:
        """Trust nothing that is known of files any more, so that all are looked at."""
        self._run(f"UPDATE items SET {', '.join(f'{COLUMNS[place].name} = NULL' for place in OF_FILE)}")

    def move_rows(self, moves: Iterable[tuple[int, int]]) -> None:
        """Write the new places (new row, item's id) of codes and pixels."""
        self._run_many("UPDATE items SET row = ? WHERE id = ?", moves)

    @property
    def given(self) -> tuple[Column, ...]:
        """The columns that the source knows its pictures by; column i of the database is `a{i}`."""
        return schema.given_columns(self.fact("attributes"))

    @property
    def listed(self) -> list[Listed]:
        """All columns that users meet."""
        framing = self.fact("framing")
        faces = framing is not None and Framing.from_json(framing).faces is not None
        return listed(self.version, self.given, faces, self.is_scored)

    @property
    def is_scored(self) -> bool:
        """Whether pictures were screened."""
        return self.version >= schema.SCORED and self._row("SELECT 1 FROM scores LIMIT 1") is not None

    @property
    def known_of_items(self) -> str:
        """The tables of what users meet, as a statement joins them."""
        given = "items LEFT JOIN attributes ON attributes.item = items.id"
        if self.version < schema.SCORED:
            return given
        return f"{given} LEFT JOIN scores ON scores.content = coalesce(items.content, items.pixels)"

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query of a file of this room that has a table of its own."""
        return self._rows(statement, values)

    def tell(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows to such a table; inside a transaction."""
        self._run_many(statement, rows)

    def set_given(self, columns: Sequence[Column]) -> None:
        """Begin to keep these columns of a source, without a value yet.

        Raises:
            GalleryError: they are too many.
        """
        if len(columns) > MOST_GIVEN:
            raise GalleryError(f"{len(columns):,} attributes; a gallery holds at most {MOST_GIVEN:,}")
        self._run("DROP TABLE attributes")
        self._run(schema.given_table(tuple(columns)))
        self.set_fact("attributes", [column.as_json() for column in columns])

    def given_values(self, ids: Sequence[int] | None = None) -> dict[int, tuple[Value, ...]]:
        """What the source knows of each item, or of some, that it knows something of: by id, as `given` has it."""
        if ids is None:
            rows = self._rows("SELECT * FROM attributes")
        else:
            rows = self._rows(f"SELECT * FROM attributes WHERE item IN ({', '.join('?' * len(ids))})", ids)
        return {int(row[0]): tuple(row[1:]) for row in rows}

    def values_of(self, ids: Sequence[int]) -> dict[int, dict[str, Value]]:
        """All that users meet of some items, by id and the columns' names; those that are gone are left out."""
        columns = self.listed
        asked = ", ".join(column.sql for column in columns)
        names = [column.column.name for column in columns]
        found: dict[int, dict[str, Value]] = {}
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            rows = self._rows(
                f"SELECT items.id, {asked} FROM {self.known_of_items} WHERE items.id IN ({', '.join('?' * len(some))})",
                some,
            )
            found |= {int(row[0]): dict(zip(names, row[1:], strict=True)) for row in rows}
        return found

    def values_in(self, name: str) -> dict[int, Value]:
        """What users meet in one column, by the ids of the stored items.

        Raises:
            GalleryError: there is no such column.
        """
        sql = {one.column.name: one.sql for one in self.listed}
        if name not in sql:
            raise GalleryError(f"column is {name!r}; give one of {', '.join(sql)}")
        rows = self._rows(f"SELECT items.id, {sql[name]} FROM {self.known_of_items} WHERE items.state = 'stored'")
        return {int(row[0]): row[1] for row in rows}

    def chosen(self, condition: str, values: Sequence[Any]) -> list[int]:
        """Ids of the stored items that meet a condition of `filters.parse`."""
        rows = self._rows(
            f"SELECT items.id FROM {self.known_of_items} WHERE items.state = 'stored' AND ({condition})",
            values,
        )
        return [int(row[0]) for row in rows]

    @property
    def keeps_decisions(self) -> bool:
        """Whether there is a place for decisions."""
        return self.version >= schema.WITH_DECISIONS

    def decisions(self) -> list[tuple[Any, ...]]:
        """All entries of the journal of decisions, in their order: sequence, time, kind, undoes, two subjects."""
        return self._rows("SELECT * FROM decisions ORDER BY sequence") if self.keeps_decisions else []

    def newest_decision(self) -> int:
        """The sequence of the last entry, 0 without any."""
        return int(self._row("SELECT coalesce(max(sequence), 0) FROM decisions")[0]) if self.keeps_decisions else 0

    def add_decision(self, values: Sequence[Value]) -> int:
        """Write an entry, all but its sequence, which is given back."""
        return int(self._run(f"INSERT INTO decisions VALUES (NULL{', ?' * len(values)})", values).lastrowid or 0)

    def rename_decided(self, sequence: int, place: int, name: str) -> None:
        """Note under which name the first (place 0) or second (1) picture of an entry is found now."""
        self._run(f"UPDATE decisions SET {('first', 'second')[place]} = ? WHERE sequence = ?", (name, sequence))

    def newest_id(self) -> int:
        """The highest id of an item."""
        return int(self._row("SELECT coalesce(max(id), 0) FROM items")[0])

    @property
    def _of_item(self) -> str:
        """The fields of `Item`; columns of a later version than the catalog's are unknown."""
        own = (name if column.since <= self.version else "NULL" for name, column in zip(_PLACES, COLUMNS, strict=True))
        return ", ".join((*schema.BOOKKEEPING, *own))

    def _set(self, id: int, places: Sequence[int], columns: Sequence[Value]) -> None:
        changed = ", ".join(f"{COLUMNS[place].name} = ?" for place in places)
        self._run(f"UPDATE items SET {changed} WHERE id = ?", (*(columns[place] for place in places), id))

    def _put_given(self, id: int, values: Sequence[Value]) -> None:
        self._run(f"INSERT OR REPLACE INTO attributes VALUES (?{', ?' * len(values)})", (id, *values))


def _item(row: tuple[Any, ...]) -> Item:
    own = len(schema.BOOKKEEPING)
    return Item._make((*row[:own], tuple(row[own:])))
