"""Tables of what is known of pictures, by their names: CSV, TSV, JSON lines and Parquet, as programs write them."""

from __future__ import annotations

import codecs
import csv
import io
import json
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from lookalike.data.columns import Column, Kind, Value, as_time
from lookalike.data.parquet import read_parquet
from lookalike.errors import DataError, OptionError

KEYS = ("name", "file", "filename", "file_name", "path", "image", "picture", "photo", "key", "id", "image_id")
"""Names of a table's columns that name pictures, in the order in which they are looked for; case does not matter."""
COLUMNS_SHOWN = 12
LARGEST_TABLE = 2**28
"""Bytes of a table: a million rows of 40 columns have as many."""
MOST_EMPTY = 64
"""Cells of a table of JSON lines for each that its objects name."""
MOST_COLUMNS = 4096
_HEAD = 1 << 16
_AT_ONCE = 10_000
"""Lines that are read before they are put into columns; a million lists at once would take several times as long."""
_FLAGS = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .ods begin, which are zips, and .xls."""
_SEPARATORS = "\t,;"
_EXCELS = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""A first line that Excel takes for the separator."""
_COMMA = re.compile(r"[-+]?\d+(?:,\d+)?")
"""A number where the comma is the decimal mark: there, programs part columns by semicolons."""
_DAY_FIRST = re.compile(
    r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})(?:,? (?P<hour>\d\d?)(?P<rest>:\d\d(?::\d\d)?))?"
)
_log = logging.getLogger(__name__)


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

    @cached_property
    def _heads(self) -> tuple[str, ...]:
        """The folders that all rows lie in, and those above it: a table may count from elsewhere than the source."""
        if not self.rows:
            return ()
        first, last = (name.split("/")[:-1] for name in (min(self.rows), max(self.rows)))
        common = [one for one, other in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))]
        return tuple("/".join(common[: depth + 1]) + "/" for depth in range(len(common)))

    def named_whole(self, name: str) -> str | None:
        """A name as the table writes it, where it does so in full."""
        full = _plain(name)
        return full if full in self.rows else None

    def named(self, name: str) -> str | None:
        """How the table writes a picture's name; None: not at all.

        In full, without its suffix, without its folders; or with the folders before it in which all rows lie.
        """
        full = _plain(name)
        if full in self.rows:
            return full
        folders, slash, last = full.rpartition("/")
        stem = last.rpartition(".")[0] or last
        bare = f"{folders}{slash}{stem}"
        forms = (bare, last, stem, *(head + form for head in self._heads for form in (full, bare)))
        return next((form for form in forms if form in self.rows), None)


def is_lfws(path: Path) -> bool:
    """Whether a table is of LFW's own layout: a comment, then a header after `#`.

    Raises:
        DataError: there is no such file, or it is a folder or a pipe, which is read but once.
    """
    if not path.is_file():
        raise DataError(
            f"attribute table {path} is {'no regular file' if path.exists() else 'not there'}; give the path of a CSV, "
            "TSV, JSON lines or Parquet file, or of lfw_attributes.txt"
        )
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
        DataError: it cannot be read, is too large, names no pictures, or names one twice.
        OptionError: the key is no column of it.
        MissingExtraError: Parquet needs an extra.
    """
    try:
        check_length(path)
        held = _READERS.get(path.suffix.lower(), _read_text)(path)
    except (OSError, ValueError, csv.Error, RecursionError) as error:  # JSON's, Unicode's and Arrow's are ValueErrors
        raise DataError(f"table {path} cannot be read: {error}") from error
    chosen = _key_of(path, held, key)
    keys = [_plain(text.replace("\\", "/")) for text in held.pop(chosen)]
    if len(set(keys)) < len(keys):
        twice, times = Counter(keys).most_common(1)[0]
        raise DataError(
            f"table {path} has {times} rows of {twice!r} in its column {chosen!r}; keep one of them, or give another "
            f"column by --key: one of {_listed(held)}"
        )
    person = next((name for name in held if name.lower() == "person"), None)
    people = {} if person is None else {one: text for one, text in zip(keys, held.pop(person), strict=True) if text}
    columns = tuple(Column(name, _kind_of(set(texts))) for name, texts in held.items())
    values = [_meant(column, held[column.name]) for column in columns]
    rows = zip(*values, strict=True) if columns else iter([()] * len(keys))
    return PictureTable(chosen, columns, dict(zip(keys, rows, strict=True)), people)


_Columns = dict[str, list[str]]
"""The values of each column, as a text file has them."""


def _decoded(path: Path) -> str:
    """A file's text: UTF-8, UTF-16 with its mark, or what Windows wrote before these."""
    content = path.read_bytes()
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if content.startswith(_WORKBOOKS):
        raise ValueError("it is a spreadsheet program's own file; save the sheet as CSV")
    if b"\0" in content:
        raise ValueError("it is no text, or UTF-16 without its mark; save it as UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
        _log.warning("table %s is not UTF-8, and was read as Windows-1252; save it as UTF-8 if words look odd", path)
        return text


def _read_text(path: Path) -> _Columns:
    text = _decoded(path)
    excels = _EXCELS.match(text)
    if excels is not None:
        text = text[excels.end() :]
    head = re.sub(r'"[^"]*"', "", text[:_HEAD].lstrip().partition("\n")[0])
    separator = max(_SEPARATORS, key=head.count) if excels is None else excels[1]
    # Rows without a value, and columns without a name or a value, are what spreadsheets leave behind.
    read = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    lines = (line for line in read if any(map(str.strip, line)))
    names = [name.strip() for name in next(lines, [])]
    if not names:
        raise ValueError("it is empty")
    while not names[-1]:
        names.pop()
    if not names[0] and "index" not in names:
        names[0] = "index"  # pandas writes a frame's index so
    columns: list[list[str]] = [[] for _ in _distinct(names)]
    while some := list(islice(lines, _AT_ONCE)):
        for number, line in enumerate(some, len(columns[0]) + 2):
            if len(line) > len(names) and not any(map(str.strip, line[len(names) :])):
                del line[len(names) :]
            if len(line) != len(names):
                raise ValueError(f"row {number} has {len(line)} values for {len(names)} columns")
        for column, values in zip(columns, zip(*some, strict=True), strict=True):
            column += map(str.strip, values)
    if not columns[0]:
        raise ValueError(f"it has a header ({_listed(names)}) and no rows")
    return {name: _of_here(texts, separator) for name, texts in zip(names, columns, strict=True)}


def _of_here(texts: list[str], separator: str) -> list[str]:
    """A column's numbers and times, where all are as other countries write them, as they are written here."""
    known = set(texts) - {""}
    if separator == ";" and all(map(_COMMA.fullmatch, known)):
        return [text.replace(",", ".") for text in texts]
    found = {text: _day_first(text) for text in known} if all(map(_DAY_FIRST.fullmatch, known)) else {}
    return [found.get(text, text) for text in texts] if all(map(as_time, found.values())) else texts


def _day_first(text: str) -> str:
    """`17.5.2024 9:30` as `2024-05-17T09:30`."""
    found = _DAY_FIRST.fullmatch(text)
    assert found is not None
    clock = f"T{found['hour']:0>2}{found['rest']}" if found["hour"] else ""
    return f"{found['year']}-{found['month']:0>2}-{found['day']:0>2}{clock}"


def _read_json_lines(path: Path) -> _Columns:
    text = _decoded(path)
    whole = text.lstrip().startswith("[") and path.suffix.lower() == ".json"
    records = json.loads(text) if whole else [json.loads(line) for line in text.split("\n") if line.strip()]
    if not records or not all(isinstance(record, dict) for record in records):
        raise ValueError("it does not hold one JSON object a line")
    names = list(dict.fromkeys(name for record in records for name in record))
    if len(names) * len(records) > MOST_EMPTY * sum(map(len, records)) + LARGEST_TABLE // 64:
        raise ValueError(f"its {len(records):,} objects name {len(names):,} columns, of which each has but a few")
    return {name: [_written(record.get(name)) for record in records] for name in names}


def _read_parquet(path: Path) -> _Columns:
    names, columns = read_parquet(path)
    return {name: list(map(_written, values)) for name, values in zip(_distinct(names), columns, strict=True)}


_READERS: dict[str, Callable[[Path], _Columns]] = {
    ".json": _read_json_lines,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _plain(name: str) -> str:
    """A name in the one form in which names are compared: Unicode has several for the same letters."""
    short = name.removeprefix("./")
    return short if short.isascii() else unicodedata.normalize("NFC", short)


def _listed(names: Iterable[str]) -> str:
    """The first names, for an error's one line."""
    return ", ".join(list(names)[:COLUMNS_SHOWN])


def check_length(path: Path) -> None:
    """Raise ValueError for a table of more than `LARGEST_TABLE` bytes."""
    if (length := path.stat().st_size) > LARGEST_TABLE:
        raise ValueError(f"it has {length:,} bytes; the limit is {LARGEST_TABLE:,}")


def _distinct(names: list[str]) -> list[str]:
    if len(names) > MOST_COLUMNS:
        raise ValueError(f"it has {len(names):,} columns; the limit is {MOST_COLUMNS:,}")
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"its header names a column twice, or not at all: {', '.join(map(repr, names))[:200]}")
    return names


def _written(value: Any) -> str:
    """Any value as a text file would have it."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="seconds")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value).strip()


def _key_of(path: Path, held: dict[str, list[str]], key: str | None) -> str:
    by_name = {name.lower(): name for name in held}
    if key is not None:
        if key.lower() not in by_name:
            raise OptionError(f"key is {key!r}, which is no column of {path}; give one of {_listed(held)}")
        return by_name[key.lower()]
    for name in KEYS:
        if name in by_name:
            return by_name[name]
    for name, texts in held.items():
        different = set(texts)
        if len(different) == len(texts) and "" not in different and _kind_of(different) == "text":
            return name
    raise DataError(f"no column of {path} names pictures; say which by --key: one of {_listed(held)}")


def _kind_of(different: set[str]) -> Kind:
    known = different - {""}
    if known and {text.lower() for text in known} <= _FLAGS.keys():
        return "flag"
    if known and all(map(_NUMBER.fullmatch, known)):
        return "number"
    return "time" if known and all(map(as_time, known)) else "text"


def _meant(column: Column, texts: list[str]) -> list[Value]:
    """What a column's texts stand for; each different one is looked at once."""
    is_flag = column.kind == "flag"
    meanings = {text: column.value(_FLAGS.get(text.lower()) if is_flag else text) for text in set(texts)}
    return [meanings[text] for text in texts]
