"""Columns: what can be known of a picture beside its pixels, each with its kind, range and unit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "text", "time", "flag"]
Value = float | str | None
"""What a column holds of a picture; None where it is not known."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_CAMERAS = re.compile(r"^(\d{4}):(\d\d):(\d\d)(?!\d)")
_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?P<hour>[01]\d|2[0-3])(?::(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d|60))?)?)?)?)?"
)
_FINER = re.compile(r"(?<=[T ])(?P<clock>\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?(?: ?(?:Z|UTC|[-+]\d\d(?::?\d\d)?))?$")


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

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers: flags are, 0 and 1."""
        return self.kind in ("number", "flag")

    def array(self, values: Sequence[Value]) -> npt.NDArray[Any]:
        """Values as tables of pictures hold them: float32 with NaN for None, or objects where they are words."""
        return np.array(values, np.float32 if self.is_number else object)

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

    A space may stand before the hour, and colons within the date, as cameras write it. Fractions of a second and the
    zone are left out: what counts is the clock where the picture was taken.
    """
    text = _FINER.sub(r"\g<clock>", _CAMERAS.sub(r"\1-\2-\3", str(given).strip()))
    return text.replace(" ", "T") if _TIME.fullmatch(text) else None


def matrix(columns: Sequence[Column], rows: Sequence[Sequence[Value]]) -> npt.NDArray[Any]:
    """Rows of values as one array (N, A): float32 where all columns are of numbers, NaN for None; else objects."""
    if all(column.is_number for column in columns):
        return np.array(rows, np.float32).reshape(len(rows), len(columns))
    held = np.empty((len(rows), len(columns)), object)
    for i, row in enumerate(rows):
        held[i] = row
    return held


def two_sided(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that have two sides, as float32: numbers and flags, and words of which there are two, as 0 and 1.

    These go by the second word of the alphabet: `camera: Pixel 7`. Other words, and times, are left out.
    """
    import pandas as pd

    found = {}
    for name, column in table.items():
        if pd.api.types.is_numeric_dtype(column):
            found[str(name)] = column
            continue
        words = sorted(map(str, column.dropna().unique()))
        if len(words) == 2 and not all(map(as_time, words)):
            found[f"{name}: {words[1]}"] = column.map({words[0]: 0.0, words[1]: 1.0}).astype("float32")
    return pd.DataFrame(found, index=table.index)
