"""The catalog of a gallery: an SQLite database that knows every item, and alone decides what a gallery holds.

Codes and pixels lie in other files; a row of theirs counts once a committed transaction names it. What an update
replaces or no longer finds stays as "retired" until the update's end, so that a picture that only moved keeps its
code, and an update that was cut off goes on as if it had not been.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import GalleryError
from lookalike.files import no_space

SCHEMA = 1
MOST_ATTRIBUTES = 1900
"""SQLite's own limit is 2,000 columns."""
WAIT = 30.0
"""Seconds to wait for another process's transaction; ours take milliseconds."""

_TABLES = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE arrays (key TEXT PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    size INTEGER,
    modified INTEGER,
    content TEXT,
    pixels TEXT,
    state TEXT NOT NULL CHECK (state IN ('stored', 'rejected', 'retired')),
    reason TEXT,
    row INTEGER,
    person TEXT,
    CHECK (state <> 'stored' OR (pixels IS NOT NULL AND row IS NOT NULL)),
    CHECK (state <> 'rejected' OR reason IS NOT NULL)
);
CREATE UNIQUE INDEX one_item_a_name ON items (name) WHERE state <> 'retired';
CREATE INDEX items_pixels ON items (pixels);
CREATE TABLE attributes (item INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE);
"""
_COLUMNS = "id, name, size, modified, content, pixels, state, reason, row, person"


class Item(NamedTuple):
    """One picture of a gallery, or one that was set aside.

    `size` (bytes), `modified` (nanoseconds) and `content` (SHA-256 of the file) are None where the source has no
    files; `pixels` is the SHA-256 of the framed pixels, `row` their place in the files of codes and pixels.
    """

    id: int
    name: str
    size: int | None
    modified: int | None
    content: str | None
    pixels: str | None
    state: str
    reason: str | None
    row: int | None
    person: str | None


class Catalog:
    """A connection to `catalog.sqlite`, safe to share between threads.

    Raises:
        GalleryError: from every method, where the database is damaged, locked for long, or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {setting}")
            self.schema = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if self.schema > SCHEMA:
            self.close()
            raise GalleryError(f"{path} is of version {self.schema}, this program reads {SCHEMA}; update lookalike")

    def close(self) -> None:
        """Close the connection; the last one to close folds the write-ahead log into the database."""
        self._connection.close()

    def create(self, facts: dict[str, Any]) -> None:
        """Make the tables and the first facts, in one transaction."""
        with self.transaction():
            for statement in _TABLES.split(";"):
                self._run(statement)
            for key, value in facts.items():
                self.set_fact(key, value)
            self._run(f"PRAGMA user_version = {SCHEMA}")
        self.schema = SCHEMA

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is written inside is on disk when the block ends, and gone when it raises."""
        yield from self._within("BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All reads inside see one committed state, whatever another process writes meanwhile."""
        yield from self._within("BEGIN")

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

    def next_generation(self) -> int:
        """Count one further state of the gallery; called in every transaction that changes its items."""
        generation = int(self.fact("generation")) + 1
        self.set_fact("generation", generation)
        return generation

    def items(self, *states: str) -> list[Item]:
        """The items of these states, by name."""
        return [Item._make(row) for row in self.fields(_COLUMNS, *states)]

    def fields(self, names: str, *states: str) -> list[tuple[Any, ...]]:
        """Some fields of the items of these states, by name; all of them are half a kilobyte an item."""
        marks = ", ".join("?" * len(states))
        return self._rows(f"SELECT {names} FROM items WHERE state IN ({marks}) ORDER BY name, id", states)

    def item(self, id: int) -> Item:
        """The item of that id.

        Raises:
            GalleryError: it is gone.
        """
        found = self._row(f"SELECT {_COLUMNS} FROM items WHERE id = ?", (id,))
        if found is None:
            raise GalleryError(f"item {id} is no longer in {self.path.parent}; list the names anew")
        return Item._make(found)

    def count(self, state: str) -> int:
        """How many items are of that state."""
        return int(self._row("SELECT count(*) FROM items WHERE state = ?", (state,))[0])

    def ids_of_pixels(self, pixels: str) -> list[int]:
        """The stored items of these very pixels."""
        rows = self._rows("SELECT id FROM items WHERE pixels = ? AND state = 'stored' ORDER BY name", (pixels,))
        return [int(row[0]) for row in rows]

    def add(self, item: Item, values: npt.NDArray[np.float32] | None) -> None:
        """Write a new item under a new id (its own is not looked at), and its attributes."""
        cursor = self._run(f"INSERT INTO items VALUES (NULL{', ?' * (len(Item._fields) - 1)})", item[1:])
        if values is not None:
            self._put_attributes(int(cursor.lastrowid or 0), values)

    def touch(self, id: int, size: int | None, modified: int | None, content: str | None) -> None:
        """Note that an item's file looks otherwise, with the same picture in it."""
        self._run("UPDATE items SET size = ?, modified = ?, content = ? WHERE id = ?", (size, modified, content, id))

    def label(self, id: int, person: str | None, values: npt.NDArray[np.float32] | None) -> None:
        """Write an item's person and attributes."""
        self._run("UPDATE items SET person = ? WHERE id = ?", (person, id))
        if values is not None:
            self._put_attributes(id, values)

    def retire(self, ids: Iterable[int]) -> None:
        """Take items out of the gallery; their rows stay known until `purge`."""
        self._run_many("UPDATE items SET state = 'retired' WHERE id = ?", ((id,) for id in ids))

    def purge(self) -> None:
        """Forget what is retired."""
        self._run("DELETE FROM items WHERE state = 'retired'")

    def forget_files(self) -> None:
        """Trust no file's size and time any more, for items that now come from elsewhere."""
        self._run("UPDATE items SET size = NULL, modified = NULL")

    def move_rows(self, moves: Iterable[tuple[int, int]]) -> None:
        """Write the new places (new row, item's id) of codes and pixels."""
        self._run_many("UPDATE items SET row = ? WHERE id = ?", moves)

    @property
    def attribute_names(self) -> list[str]:
        """The columns of the attribute table; column i of the database is `a{i}`."""
        return list(self.fact("attributes") or [])

    def set_attribute_names(self, names: Sequence[str]) -> None:
        """Begin an attribute table of these columns, empty."""
        if len(names) > MOST_ATTRIBUTES:
            raise GalleryError(f"{len(names):,} attributes; a gallery holds at most {MOST_ATTRIBUTES:,}")
        self._run("DROP TABLE attributes")
        columns = "".join(f", a{i} REAL" for i in range(len(names)))
        self._run(
            f"CREATE TABLE attributes (item INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE{columns})"
        )
        self.set_fact("attributes", list(names))

    def attribute_values(self) -> dict[int, tuple[float | None, ...]]:
        """The attributes of each item that has some, by its id."""
        return {int(row[0]): tuple(row[1:]) for row in self._rows("SELECT * FROM attributes")}

    def attributes_of(self, id: int) -> list[float | None]:
        """The attributes of one item, in the order of `attribute_names`; all None where it has none."""
        row = self._row("SELECT * FROM attributes WHERE item = ?", (id,))
        return [None] * len(self.attribute_names) if row is None else list(row[1:])

    def chosen(self, condition: str, values: Sequence[Any]) -> list[int]:
        """Ids of the stored items that meet a condition of `filters.parse`."""
        rows = self._rows(
            "SELECT items.id FROM items LEFT JOIN attributes ON attributes.item = items.id "
            f"WHERE items.state = 'stored' AND ({condition})",
            values,
        )
        return [int(row[0]) for row in rows]

    def _put_attributes(self, id: int, values: npt.NDArray[np.float32]) -> None:
        self._run(f"INSERT OR REPLACE INTO attributes VALUES (?{', ?' * len(values)})", (id, *values.tolist()))

    def _within(self, begin: str) -> Iterator[None]:
        with self._lock:
            self._run(begin)
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, self._explained():
            return self._connection.execute(statement, values).fetchall()

    def _row(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return next(iter(self._rows(statement, values)), None)

    def _run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._lock, self._explained():
            return self._connection.execute(statement, values)

    def _run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._lock, self._explained():
            self._connection.executemany(statement, rows)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
                raise no_space(self.path, str(error)) from error
            raise GalleryError(
                f"{self.path} cannot be used ({error}); if it is damaged, remove the gallery's folder and build it "
                "again with: lookalike index RUN DATA --gallery FOLDER"
            ) from error
