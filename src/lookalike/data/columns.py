"""Columns: what can be known of a picture beside its pixels, each with its kind, range and unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["number", "text", "time", "flag"]
Value = float | str | None
"""What a column holds of a picture; None where it is not known."""
KINDS: tuple[Kind, ...] = get_args(Kind)

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
    """A time, or the beginning of one, as columns hold it: a space before the hour becomes T; None for another text."""
    text = str(given).strip()
    return text.replace(" ", "T") if _TIME.fullmatch(text) else None
