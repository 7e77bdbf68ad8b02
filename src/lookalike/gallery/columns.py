"""The columns of every gallery, declared once.

From this list come the catalog's tables, what an update writes and compares, the filters in Python and in the page,
and what the server says of a picture. A new column is one entry here, with `since` one more than the highest before;
galleries that exist gain it when they are next opened (see `schema`). What a source knows besides, such as the
attributes of a table, comes as columns of its own, which the catalog remembers by their own declarations. What is
found out of a picture's file later, when it is asked for, are `SCORES`.
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
        of_face: whether it is of a face in a photo, and not met where pictures are whole photos.
    """

    read: Callable[[Entry], Value] = field(kw_only=True)
    since: int = field(default=1, kw_only=True)
    of_file: bool = field(default=False, kw_only=True)
    stored: str = field(default="", kw_only=True)
    told: str = field(default="{}", kw_only=True)
    in_row: bool = field(default=False, kw_only=True)
    of_face: bool = field(default=False, kw_only=True)

    @property
    def declaration(self) -> str:
        """As `CREATE TABLE` and `ALTER TABLE` take it."""
        return f"{self.name} {self.stored or TYPES[self.kind]}"

    @property
    def sql(self) -> str:
        """The value that users meet, in a statement."""
        return self.told.format(f"items.{self.name}")


def _of_face(place: int, name: str, about: str, unit: str = "", least: float | None = None, stored: str = "") -> Kept:
    """The column of one of `FaceFacts`."""
    return Kept(
        *(name, "number", about, unit, least),
        read=lambda entry: None if entry.face is None else entry.face[place],
        since=3,
        of_face=True,
        stored=stored,
    )


@dataclass(frozen=True)
class Score(Column):
    """A column of what screening finds: from 0, fine, to 1, bad; kept for a file's content, whoever has it.

    `since` is the version of the catalog that has it first.
    """

    least: float | None = 0.0
    most: float | None = 1.0
    since: int = field(default=4, kw_only=True)

    @property
    def declaration(self) -> str:
        """As `CREATE TABLE` and `ALTER TABLE` take it."""
        return f"{self.name} REAL"

    @property
    def sql(self) -> str:
        """The value that users meet, in a statement."""
        return f"scores.{self.name}"


def _score(name: str, about: str) -> Score:
    return Score(name, about=f"{about}: 0 fine, 1 bad")


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
    Kept(*("photo", "text", "the photo that the face is in"), read=lambda entry: entry.photo, since=3, of_face=True),
    _of_face(0, "face", "the face's number in its photo, the largest first", least=1, stored="INTEGER"),
    _of_face(1, "faces", "how many faces its photo has", least=1, stored="INTEGER"),
    _of_face(2, "face_left", "left edge of the face's box in its photo", "pixels"),
    _of_face(3, "face_top", "upper edge of the face's box in its photo", "pixels"),
    _of_face(4, "face_width", "width of the face's box", "pixels", 0),
    _of_face(5, "face_height", "height of the face's box", "pixels", 0),
    _of_face(6, "face_angle", "by which the face is turned clockwise in its photo", "degrees", -180),
    _of_face(7, "face_score", "how sure the detector is that it is a face", "", 0),
)
SCORES = (
    _score("blur", "how blurred its sharpest part is"),
    _score("dark", "how dark its brighter parts are"),
    _score("bright", "how bright its darker parts are"),
    _score("low_contrast", "how little its dark and bright parts differ"),
    _score("empty", "how little there is on it"),
    _score("odd_aspect", "how long and narrow it is"),
    _score("odd_size", "how far its size is from that of the gallery's others"),
    _score("grey", "how little colour it has"),
    _score("noisy", "how much noise it has"),
    _score("jpeg_blocks", "how much the blocks of JPEG show"),
)
"""What screening tells of a picture, in the order of its answers; `review.checks` has a check for each."""
OF_FACE = tuple(place for place, column in enumerate(COLUMNS) if column.of_face)[1:]
"""The places of the values of `FaceFacts`, in its order."""
OF_FILE = tuple(place for place, column in enumerate(COLUMNS) if column.of_file)
OF_PICTURE = tuple(place for place, column in enumerate(COLUMNS) if not column.of_file)


class Listed(NamedTuple):
    """A column that users meet: its declaration, how it is asked for in SQL, and whether each row of a list has it."""

    column: Column
    sql: str
    in_row: bool


def listed(version: int, given: Iterable[Column], faces: bool = False, scored: bool = False) -> list[Listed]:
    """What the users of a gallery meet: its own columns at that version of its catalog, and those its source gave.

    Those of faces only where `faces` says that its pictures are such, scores where it was screened.

    Where a source calls a column as the gallery its own, the source's is meant, but for `RESERVED`.
    """
    own = [column for column in (NAME, *COLUMNS) if column.since <= version and (faces or not column.of_face)]
    found = {column.name: Listed(column, column.sql, column.in_row) for column in own}
    if scored:
        found |= {score.name: Listed(score, score.sql, False) for score in SCORES if score.since <= version}
    for number, column in enumerate(given):
        if plain(column.name) not in RESERVED:
            found.pop(plain(column.name), None)
            found.setdefault(column.name, Listed(column, f"attributes.a{number}", False))
    return list(found.values())


def plain(name: str) -> str:
    """A name as filters compare it: without regard to case, with "_" for a space."""
    return name.strip().lower().replace(" ", "_")
