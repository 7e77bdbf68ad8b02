"""Filters such as `smile > 0.5 and taken >= '2024-05' and camera like 'Pixel%'`, as conditions for the catalog.

    condition  = both { "or" both }
    both       = term { "and" term }
    term       = "(" condition ")" | name operator value
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "like"
    value      = number | 'text'
    name       = letters, digits and "_", or anything "in double quotes"

Names are those of the gallery's columns; case does not matter in them, and "_" stands for a space. A text is compared
with texts and times, a number with numbers and flags; `like`, with % for any characters and _ for one, goes with texts,
and the case of letters does not matter to it. A time may be written in part, and then stands for all of that year,
month, day, hour or minute: `taken <= '2024-05'` takes in the last of May. Whatever the user writes reaches SQLite as a
parameter, never as a statement.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lookalike.data.columns import as_time
from lookalike.errors import GalleryError
from lookalike.gallery.columns import SCORES, Listed, plain
from lookalike.gallery.database import ALIKE

LONGEST = 4000
"""Characters of a filter."""
DEEPEST = 20
MOST_TERMS = 200
"""SQLite's expressions may be 1,000 deep, and every `and` is one deeper."""
OPERATORS = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "like": "LIKE"}
NUMBERS = ("number", "flag")
"""Kinds of columns that are compared with numbers."""
NEAR = 3

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"[^"]+")|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|<>|!=|==|[=<>()]))"""
)


class Condition(NamedTuple):
    """A condition in SQL with a mark for each of its values."""

    sql: str
    values: list[float | str]


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


def parse(text: str, columns: Sequence[Listed]) -> Condition:
    """Read a filter over a catalog with these columns.

    Raises:
        GalleryError: it is not of the grammar, or names what is not there; the text says where, and what is near.
    """
    if len(text) > LONGEST:
        raise GalleryError(f"the filter has {len(text):,} characters; give at most {LONGEST:,}")
    return _Parser(text, columns).whole()


class _Parser:
    def __init__(self, text: str, columns: Sequence[Listed]) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.columns = {plain(one.column.name): one for one in columns}
        self.values: list[float | str] = []
        self.at = 0

    def whole(self) -> Condition:
        sql = self.condition(0)
        if self.at < len(self.tokens):
            raise self.expected("'and', 'or' or the end")
        return Condition(sql, self.values)

    def condition(self, depth: int) -> str:
        parts = [self.both(depth)]
        while self.takes("word", "or"):
            parts.append(self.both(depth))
        return f"({' OR '.join(parts)})"

    def both(self, depth: int) -> str:
        parts = [self.term(depth)]
        while self.takes("word", "and"):
            parts.append(self.term(depth))
        return f"({' AND '.join(parts)})"

    def term(self, depth: int) -> str:
        if self.takes("sign", "("):
            if depth == DEEPEST:
                raise GalleryError(f"the filter has more than {DEEPEST} parentheses in one another; write it flatter")
            inner = self.condition(depth + 1)
            if not self.takes("sign", ")"):
                raise self.expected("')'")
            return inner
        column = self.column()
        operator = self.operator(column)
        value = self.value(column)
        self.values.append(value)
        if len(self.values) > MOST_TERMS:
            raise GalleryError(f"the filter compares more than {MOST_TERMS} times; write a shorter one")
        held = f"substr({column.sql}, 1, {len(str(value))})" if column.column.kind == "time" else column.sql
        if operator == "like" and not str(value).isascii():
            return f"{ALIKE}(?, {held})"
        return f"{held} {OPERATORS[operator]} ?"

    def column(self) -> Listed:
        token = self.next()
        if token is None or token.kind not in ("word", "quoted"):
            raise self.expected("the name of a column, such as 'person'", token)
        name = plain(token.text.strip('"'))
        if name not in self.columns and name in (score.name for score in SCORES):
            raise GalleryError(
                f"the filter names {token.text}, and no picture was screened yet; do so in Python with: "
                "lookalike.review.screen(gallery)"
            )
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, NEAR, 0.5) or sorted(self.columns)[: 2 * NEAR]
            known = ", ".join(self.columns[one].column.name for one in near)
            raise GalleryError(f"the filter names {token.text}, which this gallery does not know; near are: {known}")
        return self.columns[name]

    def operator(self, column: Listed) -> str:
        token = self.next()
        if token is None or token.text.lower() not in OPERATORS:
            raise self.expected("one of = != < <= > >= like", token)
        name, kind = column.column.name, column.column.kind
        if token.text.lower() == "like" and kind != "text":
            raise GalleryError(f"'like' goes with texts only, and {name} is a {kind}; compare it with = < >")
        return token.text.lower()

    def value(self, column: Listed) -> float | str:
        token = self.next()
        name, kind = column.column.name, column.column.kind
        if kind in NUMBERS:
            if token is None or token.kind != "number":
                raise self.expected(f"a number to compare {name} with", token)
            return float(token.text)
        if token is None or token.kind != "text":
            raise self.expected(f"a {kind} in single quotes to compare {name} with", token)
        text = token.text[1:-1].replace("''", "'")
        if kind == "text":
            return text
        time = as_time(text)
        if time is None:
            raise GalleryError(
                f"the filter compares {name} with {token.text}, which is no time; write as: '2024', '2024-05', "
                "'2024-05-17' or '2024-05-17 14:30'"
            )
        return time

    def next(self) -> _Token | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        self.at += token is not None
        return token

    def takes(self, kind: str, text: str) -> bool:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.kind != kind or token.text.lower() != text:
            return False
        self.at += 1
        return True

    def expected(self, what: str, token: _Token | None = None) -> GalleryError:
        if token is None and self.at < len(self.tokens):
            token = self.tokens[self.at]
        found = "its end" if token is None else f"{token.text} at character {token.place + 1}"
        return GalleryError(f"the filter has {found} where {what} belongs; write as: smile > 0.5 and person = 'Ann'")


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise GalleryError(
                f"the filter cannot be read from character {place + 1} on ({text[place : place + 12]!r}); "
                "write as: smile > 0.5 and person = 'Ann'"
            )
        kind = found.lastgroup or ""
        yield _Token(kind, found[kind], found.start(kind))
        at = found.end()
