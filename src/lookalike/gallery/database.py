"""A connection to an SQLite database that threads may share: all or nothing, and errors that say what to do."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from lookalike.errors import GalleryError
from lookalike.files import no_space

WAIT = 30.0
"""Seconds to wait for another process's transaction; ours take milliseconds."""
NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
"""What SQLite says where the disk is full, the user's share of it is, or the log's index finds no room."""
TO_OPEN = 2**15 + 2 * 2**12
"""Bytes that a connection writes before anything is asked of it: the log's index, and a page each of file and log."""
FRAME = 24
"""Bytes that the log has before each page."""
ALIKE = "alike"
"""A function of (pattern, text): as SQLite's LIKE, which however knows the case of ASCII's letters alone."""
AT_ONCE = 1 << 14
"""Rows of a long answer that are held."""


class Database:
    """A connection to the database of a gallery, made where there is none.

    Raises:
        GalleryError: from every method, where the database is damaged, or locked for long.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._needed = f"{TO_OPEN:,} bytes to be opened"
        """In words, once it is known, and else an empty text: what SQLite writes next."""
        with self._explained():
            self._connection = _connected(path)
        self._needed = ""

    def close(self) -> None:
        """Close the connection; the last one to close folds the write-ahead log into the database."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is written inside is on disk when the block ends, and gone when it raises."""
        yield from self._within("BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All reads inside see one committed state, whatever another process writes meanwhile."""
        yield from self._within("BEGIN")

    def _within(self, begin: str) -> Iterator[None]:
        with self._lock:
            self._run(begin)
            try:
                yield
                self._needed = self._most_needed()
                self._run("COMMIT")
                self._needed = ""
            except BaseException:
                self._needed = ""
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise

    def _most_needed(self) -> str:
        """What a commit may need, in words: the log takes each page that changed, and later the file grows by it."""
        pages, size = (int(self._row(f"PRAGMA {name}")[0]) for name in ("page_count", "page_size"))
        grown = pages * size - self.path.stat().st_size
        return f"at most {pages * (size + FRAME) + max(grown, 0):,} bytes"

    def _least_needed(self) -> str:
        """The same in the midst of a transaction that memory does not hold: more than is written of it."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return f"a log of more than {log.stat().st_size if log.exists() else 0:,} bytes"

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, self._explained():
            return self._connection.execute(statement, values).fetchall()

    def _blocks(self, statement: str, values: Sequence[Any] = ()) -> Iterator[list[Any]]:
        """As `_rows`, some at a time; inside `reading`, so that all are of one state."""
        cursor = self._run(statement, values)
        while True:
            with self._lock, self._explained():
                rows = cursor.fetchmany(AT_ONCE)
            if not rows:
                return
            yield rows

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
            code = getattr(error, "sqlite_errorcode", 0)  # which those of Python's own module lack
            if code in NO_ROOM:
                raise no_space(self.path, str(error), self._needed or self._least_needed()) from error
            if code & 0xFF == sqlite3.SQLITE_READONLY:
                raise GalleryError(
                    f"{self.path} cannot be used so: it may only be read here; copy the gallery to where you may write"
                ) from error
            raise GalleryError(
                f"{self.path} cannot be used ({error}); if it is damaged, remove the gallery's folder and build it "
                "again with: lookalike index RUN DATA --gallery FOLDER"
            ) from error


def _connected(path: Path) -> sqlite3.Connection:
    """A connection that writes where that may be, and else reads what nobody can be writing."""
    options: dict[str, Any] = {"timeout": WAIT, "isolation_level": None, "check_same_thread": False}
    connection: sqlite3.Connection = sqlite3.connect(path, **options)
    try:
        # The last is but read: with the first read the log's index is made.
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "user_version"):
            connection.execute(f"PRAGMA {setting}").fetchall()
    except sqlite3.OperationalError as error:
        connection.close()
        log = path.with_name(f"{path.name}-wal")
        is_forbidden = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
        if not is_forbidden or not path.is_file() or (log.exists() and log.stat().st_size):
            raise
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, **options)
    connection.create_function(ALIKE, 2, _alike, deterministic=True)
    return connection


def _alike(pattern: str, text: str | None) -> bool | None:
    """Part by part, each at the first place where it fits: what a regular expression tries could be without end."""
    if text is None:
        return None
    (start, _), *others = _parts(pattern)
    text = text.lower()
    if not others:
        return start.fullmatch(text) is not None
    found = start.match(text)
    for part, _ in others[:-1]:
        found = None if found is None else part.search(text, found.end())
    if found is None:
        return False
    last, length = others[-1]
    return len(text) - length >= found.end() and last.match(text, len(text) - length) is not None


@lru_cache(64)
def _parts(pattern: str) -> list[tuple[re.Pattern[str], int]]:
    """What stands between a pattern's %, and how many characters each is."""
    parts = pattern.lower().split("%")
    expressions = ("".join("." if one == "_" else re.escape(one) for one in part) for part in parts)
    return [(re.compile(one, re.DOTALL), len(part)) for one, part in zip(expressions, parts, strict=True)]
