"""Labeled Faces in the Wild: its layout, its persons, and its table of attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import DataError

CROP = 80
"""Pixels the reference notebook cuts from each side of the 250 x 250 pictures."""

_PICTURE = re.compile(r"(?:.*/)?([^/]+)/(\1)_(\d+)\.jpe?g", re.IGNORECASE)


class Portrait(NamedTuple):
    """Who is on a picture, with spaces, and the number of that person's picture."""

    person: str
    number: int


def portrait(name: str) -> Portrait | None:
    """Read `.../First_Last/First_Last_0001.jpg`; None for a name of another layout."""
    found = _PICTURE.fullmatch(name)
    return None if found is None else Portrait(found[2].replace("_", " "), int(found[3]))


def short_name(name: str) -> str:
    """`First_Last/First_Last_0001.jpg`, whatever folders lie above."""
    return "/".join(name.split("/")[-2:])


def is_lfw(names: Iterable[str]) -> bool:
    """Whether there are names and all are of LFW's layout."""
    found = [portrait(name) is not None for name in names]
    return bool(found) and all(found)


class AttributeTable(NamedTuple):
    """The table's columns, and the row of each picture it names: values float32 (rows, columns)."""

    names: list[str]
    values: npt.NDArray[np.float32]
    rows: dict[Portrait, int]


def read_attributes(path: Path) -> AttributeTable:
    """Read a table in the layout of `lfw_attributes.txt`: a comment, a header after `#`, then tab-separated rows.

    Raises:
        DataError: the file cannot be read, or a line is not of that layout; the text names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"attribute table {path} cannot be read: {error}") from error
    header = lines[1].lstrip("#").strip("\t ").split("\t") if len(lines) > 1 and lines[1].startswith("#") else []
    if [name.strip().lower() for name in header[:2]] != ["person", "imagenum"]:
        raise DataError(f"line 2 of {path} is not '# person<TAB>imagenum<TAB>...'; give a table in LFW's layout")
    names = [name.strip() for name in header[2:]]
    rows: dict[Portrait, int] = {}
    values: list[str] = []
    for number, line in enumerate(lines[2:], 3):
        if not line.strip():
            continue
        person, _, rest = line.partition("\t")
        image, _, numbers = rest.partition("\t")
        if numbers.count("\t") + 1 != len(names) or not image.strip().isdigit():
            raise DataError(f"line {number} of {path} has not a person, a number and {len(names)} values")
        rows[Portrait(person, int(image))] = len(values)
        values.append(numbers)
    return AttributeTable(names, _numbers(values, names, path), rows)


def _numbers(lines: list[str], names: list[str], path: Path) -> npt.NDArray[np.float32]:
    """All values at once, by NumPy's own parser."""
    if not lines:
        return np.empty((0, len(names)), np.float32)
    try:
        return np.loadtxt(lines, np.float32, comments=None, delimiter="\t", ndmin=2)
    except ValueError as error:
        raise DataError(f"{path} holds a value that is not a number ({error})") from error
