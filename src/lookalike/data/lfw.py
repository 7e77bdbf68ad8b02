"""Labeled Faces in the Wild: its layout, its persons, and its table of attributes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.data.framing import Framing
from lookalike.data.names import of_face, readable, unique_namer
from lookalike.data.pipeline import Source
from lookalike.data.tables import check_length
from lookalike.errors import DataError, PictureError

FRAMING = Framing(crop=80, fit="stretch")
"""The reference notebook's: of the 250 x 250 pictures the middle 90 x 90 are kept."""

SIDE = 250
_EXACT = re.compile(r"(?:.*/)?([^/]+)/(\1)_\d{4}\.jpe?g", re.IGNORECASE)
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


def are_portraits(names: Iterable[str]) -> bool:
    """Whether there are names and all are exactly as LFW's, with four digits."""
    found = [_EXACT.fullmatch(name) is not None for name in names]
    return bool(found) and all(found)


def is_portrait(source: Source) -> bool:
    """Whether a picture is named and sized as LFW's; nothing is decoded."""
    if not are_portraits([source.name]):
        return False
    try:
        with Image.open(io.BytesIO(source.read())) as image:
            return image.size == (SIDE, SIDE)
    except (PictureError, OSError, ValueError):
        return False


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
        check_length(path)
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
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


class Label(NamedTuple):
    """What is known of a picture by its name: what it is called, who is on it, and its row in the table."""

    name: str
    person: str | None
    row: int | None


class Labels:
    """What a source says of its pictures by their names: of LFW persons and attributes, of any other their names.

    Args:
        is_lfw: whether the source has LFW's layout.
        table: the path of an attribute table; only the pictures that it names are wanted.

    Raises:
        DataError: the table cannot be read.
    """

    def __init__(self, is_lfw: bool, table: Path | None) -> None:
        self.is_lfw = is_lfw
        self.table = None if table is None else read_attributes(table)
        self._named = unique_namer()

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The table's columns, () where there is none."""
        return () if self.table is None else tuple(self.table.names)

    def is_wanted(self, name: str) -> bool:
        """Whether a picture is to be read."""
        return self.table is None or portrait(name) in self.table.rows

    def of(self, name: str) -> Label:
        """The label of a wanted picture; a name that came before gets a number, since archives may hold one twice."""
        if not self.is_lfw:
            return Label(self._named(readable(name)), None, None)
        one = portrait(name)
        row = None if self.table is None or one is None else self.table.rows[one]
        return Label(self._named(readable(short_name(name))), None if one is None else one.person, row)

    def of_face(self, photo: Label, number: int) -> Label:
        """The label of a photo's face of that number: the photo's row, since tables are of photos."""
        return Label(*of_face(photo.name, photo.person, number), photo.row)

    def values(self, row: int | None) -> npt.NDArray[np.float32] | None:
        """A row's attributes, float32 (A,), None for none."""
        return None if self.table is None or row is None else self.table.values[row]


def _numbers(lines: list[str], names: list[str], path: Path) -> npt.NDArray[np.float32]:
    """All values at once, by NumPy's own parser."""
    if not lines:
        return np.empty((0, len(names)), np.float32)
    try:
        return np.loadtxt(lines, np.float32, comments=None, delimiter="\t", ndmin=2)
    except ValueError as error:
        raise DataError(f"{path} holds a value that is not a number ({error})") from error
