"""The catalog's tables, made from the declared columns, and the steps that bring an older catalog up to date.

A catalog carries its version. Each step leads from one version to the next; all that are needed are taken in one
transaction, so that a catalog is of the old form or of the new one, and nothing between. Where a catalog cannot be
written to, it is read in its old form: columns of later versions are then unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lookalike.data.columns import Column
from lookalike.gallery.columns import COLUMNS, SCORES, TYPES

Run = Callable[..., Any]
"""Runs a statement with its values; gives the cursor."""

BOOKKEEPING = ("id", "name", "content", "pixels", "state", "reason", "row")
"""What the catalog itself needs to know of an item, beside the columns that users meet."""


_SUBJECT = "{0} TEXT, {0}_content TEXT, {0}_pixels TEXT"
DECISIONS = f"""
    CREATE TABLE decisions (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        kind TEXT NOT NULL,
        undoes INTEGER REFERENCES decisions (sequence),
        {_SUBJECT.format("first")},
        {_SUBJECT.format("second")}
    )
"""
"""What people decided, one entry after the other; see `decisions`."""


CONTENTS = "CREATE INDEX items_content ON items (content) WHERE content IS NOT NULL"
"""By which an update finds a file's content that is known."""


def tables() -> list[str]:
    """The statements that make an empty catalog."""
    return [
        "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE arrays (key TEXT PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL, content BLOB NOT NULL)",
        f"""
        CREATE TABLE items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            content TEXT,
            pixels TEXT,
            state TEXT NOT NULL CHECK (state IN ('stored', 'rejected', 'retired')),
            reason TEXT,
            row INTEGER,
            {", ".join(column.declaration for column in COLUMNS)},
            CHECK (state <> 'stored' OR (pixels IS NOT NULL AND row IS NOT NULL)),
            CHECK (state <> 'rejected' OR reason IS NOT NULL)
        )
        """,
        "CREATE UNIQUE INDEX one_item_a_name ON items (name) WHERE state <> 'retired'",
        "CREATE INDEX items_pixels ON items (pixels)",
        CONTENTS,
        given_table(()),
        DECISIONS,
        scores_table(),
    ]


def scores_table(version: int | None = None) -> str:
    """The statement that makes the table of scores by contents, of that version; None of the newest.

    `content` is an item's, or where it has none, its `pixels`; `rules` those by which the scores were made.
    """
    declared = (score.declaration for score in SCORES if version is None or score.since <= version)
    return f"""
        CREATE TABLE scores (
            content TEXT PRIMARY KEY,
            rules INTEGER NOT NULL,
            height INTEGER NOT NULL,
            width INTEGER NOT NULL,
            {", ".join(declared)}
        ) WITHOUT ROWID
        """


def given_table(columns: tuple[Column, ...]) -> str:
    """The statement that makes the table of what a source knows of its pictures: column i is `a{i}`."""
    declared = "".join(f", a{number} {TYPES[column.kind]}" for number, column in enumerate(columns))
    return f"CREATE TABLE attributes (item INTEGER PRIMARY KEY REFERENCES items (id) ON DELETE CASCADE{declared})"


def given_columns(fact: list[Any] | None) -> tuple[Column, ...]:
    """The declarations of a source's columns, of the fact `attributes`: version 1 kept names alone, all of numbers."""
    return tuple(Column(one) if isinstance(one, str) else Column.from_json(one) for one in fact or ())


def _declare_given_columns(run: Run) -> None:
    """To version 2: a source's columns are kept with their kinds, so that they may be texts and times."""
    found = run("SELECT value FROM facts WHERE key = 'attributes'").fetchone()
    if found is not None:
        declared = [column.as_json() for column in given_columns(json.loads(found[0]))]
        run("UPDATE facts SET value = ? WHERE key = 'attributes'", (json.dumps(declared),))


def _keep_scores(run: Run) -> None:
    """To the version that has scores."""
    run(scores_table(SCORED))


def _make_decisions(run: Run) -> None:
    """To version 5: what people decide is kept; pictures that are here now came before any decision."""
    run(DECISIONS)
    run("INSERT INTO facts SELECT 'settled', coalesce(max(id), 0) FROM items")


def _find_contents(run: Run) -> None:
    """To version 6: items are found by their files' contents."""
    run(CONTENTS)


SCORED = min(score.since for score in SCORES)
"""The version that has a table of scores first."""
WITH_DECISIONS = 5
"""The version that has a table of decisions first."""
STEPS: dict[int, Callable[[Run], None]] = {
    2: _declare_given_columns,
    SCORED: _keep_scores,
    WITH_DECISIONS: _make_decisions,
    6: _find_contents,
}
"""By the version they lead to, what is to be done beside adding the columns that are declared since then."""
VERSION = max(*STEPS, *(column.since for column in COLUMNS), *(score.since for score in SCORES))


def upgrade(run: Run, version: int) -> None:
    """Bring the tables from an older version to this one; inside a transaction of the caller's."""
    for step in range(version + 1, VERSION + 1):
        for column in COLUMNS:
            if column.since == step:
                run(f"ALTER TABLE items ADD COLUMN {column.declaration}")
        for score in SCORES:
            if score.since == step > SCORED:
                run(f"ALTER TABLE scores ADD COLUMN {score.declaration}")
        if step in STEPS:
            STEPS[step](run)
    run(f"PRAGMA user_version = {VERSION}")
