"""Columns: what can be known of a picture beside its pixels, each with its kind, range and unit; and tables of them."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from lookalike.errors import DataError, MissingExtraError, OptionError

Kind = Literal["number", "text", "time", "flag"]
Value = float | str | None
"""What a column holds of a picture; None where it is not known."""
KINDS: tuple[Kind, ...] = get_args(Kind)

KEYS = ("name", "file", "filename", "file_name", "path", "image", "picture", "photo", "key", "id", "image_id")
"""Names of a table's columns that name pictures, in the order in which they are looked for; case does not matter."""
_HEAD = 1 << 16
_FLAGS = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan", re.IGNORECASE)
_CAMERAS = re.compile(r"^(\d{4}):(\d\d):(\d\d)(?!\d)")
_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?P<hour>[01]\d|2[0-3])(?::(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d|60))?)?)?)?)?"
)


@dataclass(frozen=True)
class Column:
    """What is known of a column's values.

    Attributes:
        name: what users call it.
        kind: "number"; "text"; "time", as `2024-05-17T14:30:00` or the beginning of such a text; "flag", 0 or 1.
        about: a few words on what it says.
        unit: of a number, "" where it has none.
        least, most: the range of a number, None where it is open.
    """

    name: str
    kind: Kind = "number"
    about: str = ""
    unit: str = ""
    least: float | None = None
    most: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values of these fields; `from_json` reads them back."""
        return {name: getattr(self, name) for name in ("name", "kind", "about", "unit", "least", "most")}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Column:
        """The inverse of `as_json`."""
        return Column(**content)

    def value(self, given: Any) -> Value:
        """What is kept of a value: None where it is none, is not of the column's kind, or lies beyond its range."""
        if given is None:
            return None
        if self.kind == "text":
            return str(given) or None
        if self.kind == "time":
            return as_time(given)
        try:
            number = float(given)
        except (TypeError, ValueError):
            return None
        is_within = (self.least is None or number >= self.least) and (self.most is None or number <= self.most)
        return number if math.isfinite(number) and is_within else None


def as_time(given: Any) -> str | None:
    """A time, or the beginning of one, as columns hold it, `2024-05-17T14:30`; None for another text.

    A space may stand before the hour, and colons within the date, as cameras write it.
    """
    text = _CAMERAS.sub(r"\1-\2-\3", str(given).strip())
    return text.replace(" ", "T") if _TIME.fullmatch(text) else None


@dataclass(frozen=True)
class PictureTable:
    """What a table knows of pictures, by their names.

    Attributes:
        key: the name of the column that names pictures.
        columns: the others, but for `person`.
        rows: by a picture's name as the table writes it, a value for each column.
        people: who is on a picture, by the same names; empty where the table has no column `person`.
    """

    key: str
    columns: tuple[Column, ...]
    rows: dict[str, tuple[Value, ...]]
    people: dict[str, str]

    def named(self, name: str) -> str | None:
        """How the table writes a picture's name: in full, without its folders, without its suffix; None: not at all."""
        path = PurePosixPath(name)
        for written in (name, str(path.with_suffix("")), path.name, path.stem):
            if written in self.rows:
                return written
        return None


def is_lfws(path: Path) -> bool:
    """Whether a table is of LFW's own layout: a comment, then a header after `#`."""
    with path.open("rb") as file:
        start = file.read(_HEAD).split(b"\n")
    return len(start) > 1 and start[1].startswith(b"#")


def read_table(path: Path, key: str | None = None) -> PictureTable:
    """Read a CSV, TSV, JSON lines or Parquet file with a column of pictures' names.

    Each column's kind is that of all its values: flags (0 and 1, yes and no, true and false), numbers, times, or texts.

    Args:
        path: the file; anything but `.jsonl`, `.ndjson`, `.json` and `.parquet` is read as text with commas,
            semicolons or tabs.
        key: the column that names pictures. None takes the first of `KEYS` that is there, else the first column of
            texts that are all different.

    Raises:
        DataError: it cannot be read, names no pictures, or names one twice.
        OptionError: the key is no column of it.
        MissingExtraError: Parquet needs an extra.
    """
    try:
        names, lines = _READERS.get(path.suffix.lower(), _read_text)(path)
    except (OSError, ValueError, csv.Error) as error:  # JSON's, UnicodeDecodeError and Arrow's are ValueErrors
        raise DataError(f"table {path} cannot be read: {error}") from error
    texts = [tuple(_written(value) for value in line) for line in lines]
    held = {name: tuple(text[place] for text in texts) for place, name in enumerate(names)}
    chosen = _key_of(path, held, key)
    keys = [text.removeprefix("./").replace("\\", "/") for text in held.pop(chosen)]
    if len(set(keys)) < len(keys):
        twice = next(one for one in keys if keys.count(one) > 1)
        raise DataError(f"table {path} has several rows of {twice!r} in its column {chosen!r}; give another --key")
    person = next((name for name in held if name.lower() == "person"), None)
    people = {} if person is None else {one: text for one, text in zip(keys, held.pop(person), strict=True) if text}
    columns = tuple(Column(name, _kind_of(values)) for name, values in held.items())
    values = [[_meant(column, text) for text in held[column.name]] for column in columns]
    rows = zip(*values, strict=True) if columns else iter([()] * len(keys))
    return PictureTable(chosen, columns, dict(zip(keys, rows, strict=True)), people)


def _read_text(path: Path) -> tuple[list[str], list[list[Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        separator = max("\t,;", key=head.count)
        lines = [line for line in csv.reader(file, delimiter=separator) if line]
    if not lines:
        raise ValueError("it is empty")
    names = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(names):
            raise ValueError(f"row {number} has {len(line)} values for {len(names)} columns")
    return _distinct(names), list(lines[1:])


def _read_json_lines(path: Path) -> tuple[list[str], list[list[Any]]]:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("it does not hold one JSON object a line")
    names = list(dict.fromkeys(name for record in records for name in record))
    return names, [[record.get(name) for name in names] for record in records]


def _read_parquet(path: Path) -> tuple[list[str], list[list[Any]]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("parquet", "reading Parquet") from None
    table = parquet.read_table(path)
    columns = [column.to_pylist() for column in table.columns]
    return _distinct(list(table.column_names)), [list(line) for line in zip(*columns, strict=True)]


_READERS: dict[str, Callable[[Path], tuple[list[str], list[list[Any]]]]] = {
    ".json": _read_json_lines,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"its header names a column twice, or not at all: {', '.join(map(repr, names))[:200]}")
    return names


def _written(value: Any) -> str:
    """Any value as a text file would have it."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="seconds")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value).strip()


def _key_of(path: Path, held: dict[str, tuple[str, ...]], key: str | None) -> str:
    by_name = {name.lower(): name for name in held}
    if key is not None:
        if key.lower() not in by_name:
            raise OptionError(f"key is {key!r}, which is no column of {path}; give one of {', '.join(list(held)[:12])}")
        return by_name[key.lower()]
    for name in KEYS:
        if name in by_name:
            return by_name[name]
    for name, values in held.items():
        if _kind_of(values) == "text" and all(values) and len(set(values)) == len(values):
            return name
    raise DataError(f"no column of {path} names pictures; say which by --key: one of {', '.join(list(held)[:12])}")


def _kind_of(texts: tuple[str, ...]) -> Kind:
    known = {text for text in texts if text}
    if known and {text.lower() for text in known} <= _FLAGS.keys():
        return "flag"
    if known and all(_NUMBER.fullmatch(text) for text in known):
        return "number"
    return "time" if known and all(as_time(text) for text in known) else "text"


def _meant(column: Column, text: str) -> Value:
    return column.value(_FLAGS.get(text.lower()) if column.kind == "flag" else text)
