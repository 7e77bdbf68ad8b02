"""What is known of pictures beside their pixels: by their source, by a table of any layout, by their own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from lookalike.data import exif
from lookalike.data.columns import Column, Value, matrix
from lookalike.data.images import ImageSet
from lookalike.data.names import photo_and_face
from lookalike.data.options import DataOptions
from lookalike.data.tables import PictureTable, is_lfws, read_table
from lookalike.errors import DataError, OptionError


class Known(NamedTuple):
    """What is known of one picture: who is on it, and a value for each column of its source and the table."""

    person: str | None
    values: tuple[Value, ...]


@dataclass
class Beside:
    """Joins what a source, a table and files know of pictures. All pictures stay: what is not known is missing.

    Attributes:
        own: the source's own columns.
        table: what a table knows, None without one; LFW's own layout chooses pictures, and is the source's.
        exif: whether what cameras wrote comes after that.
        named: how many pictures the table knew.
    """

    own: tuple[Column, ...] = ()
    table: PictureTable | None = None
    exif: bool = False
    named: int = field(default=0, init=False)

    @classmethod
    def asked(cls, options: DataOptions, *, files: bool) -> Self:
        """What is asked for of a source, whose pictures lie in files or do not; the table is read.

        Raises:
            DataError, OptionError, MissingExtraError: as `read_table`; or the options do not fit one another.
        """
        path, key = options.attributes, options.key
        if path is None and key is not None:
            raise OptionError(f"key is {key!r}, but there is no table; give one with --attributes")
        if options.exif and not files:
            raise OptionError("cameras write into files of pictures, which this source has not; leave exif out")
        if path is None or is_lfws(path):
            if key is not None:
                raise OptionError(f"key is {key!r}, but {path} names persons and numbers, as LFW's; leave the key out")
            return cls(exif=bool(options.exif))
        return cls(table=read_table(path, key), exif=bool(options.exif))

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, by falling right to a name that several have: the source's, the table's, the camera's."""
        every = (*self.own, *(self.table.columns if self.table else ()), *(exif.COLUMNS if self.exif else ()))
        taken: set[str] = set()
        columns = []
        for column in every:
            name, number = column.name, 1
            while name.lower() in taken:
                number += 1
                name = f"{column.name} {number}"
            taken.add(name.lower())
            columns.append(replace(column, name=name))
        return tuple(columns)

    def of(self, name: str, person: str | None, own: Sequence[Value] | None) -> Known:
        """What is known of a picture before its file is opened, `own` by its source.

        A face is known by its own row, or else by its photo's; who is on that is the largest face.
        """
        values = (None,) * len(self.own) if own is None else tuple(own)
        if self.table is None:
            return Known(person, values)
        photo, number = photo_and_face(name)
        own_row = None if number is None else self.table.named_whole(name)
        written = own_row or self.table.named(photo)
        if written is None:
            return Known(person, (*values, *[None] * len(self.table.columns)))
        self.named += 1
        if own_row is not None or number in (None, 1):
            person = person or self.table.people.get(written)
        return Known(person, (*values, *self.table.rows[written]))

    def inside(self, content: bytes) -> tuple[Value, ...]:
        """What a file's content tells of its picture: the last of `columns`."""
        return exif.read_exif(content) if self.exif else ()

    def check(self) -> None:
        """Raise `DataError` where the table named none of the pictures: it is of others, or its key is another."""
        if self.table is not None and not self.named:
            first = next(iter(self.table.rows))
            raise DataError(
                f"the table names none of these pictures by its column {self.table.key!r}, such as {first!r}; "
                "give another --key, or the table of these pictures"
            )

    def join(self, images: ImageSet) -> None:
        """Give a set the people and values of the table; what its source and files tell, it has already.

        Raises:
            DataError: the table names none of its pictures.
        """
        if self.table is None and not self.exif:
            return
        held = [tuple(row) for row in images.attribute_values.tolist()] if images.attribute_values is not None else None
        at = len(images.columns) - (len(exif.COLUMNS) if self.exif else 0)
        self.own = images.columns[:at]
        people, rows = [], []
        for i, name in enumerate(images.names):
            before = () if held is None else held[i]
            person, values = self.of(name, None if images.people is None else images.people[i], before[:at])
            people.append(person or "")
            rows.append((*values, *before[at:]))
        self.check()
        if images.people is not None or any(people):
            images.people = people
        images.know(self.columns, matrix(self.columns, rows) if self.columns else None)
