"""ImageSet: pictures of one size as a single uint8 array, with what is known about each."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from lookalike.data.columns import Column
from lookalike.data.framing import DEFAULT_FRAMING, Framing
from lookalike.data.mapped import chosen_from
from lookalike.data.options import DataOptions
from lookalike.errors import DataError, OptionError

if TYPE_CHECKING:
    import pandas as pd

Pixels = npt.NDArray[np.uint8]


EMPTY: Mapping[str, int] = MappingProxyType({})


class Rejected(NamedTuple):
    """A picture that was set aside."""

    name: str
    reason: str


NO_FACE = "no face found"
"""Why a photo is set aside in which there is none."""


class FaceFacts(NamedTuple):
    """Where a picture's face was found in its photo.

    `number` of its `faces`, the largest first; the box in pixels of the upright photo, which it may reach beyond;
    `angle` in degrees by which the face is turned clockwise; the detector's `score` from 0 to 1.
    """

    number: int
    faces: int
    left: float
    top: float
    width: float
    height: float
    angle: float
    score: float


@dataclass(frozen=True)
class DataSpec:
    """How a set was read, so that a run or a gallery can read the same again.

    `source` is what `load` takes, `framing` how each picture came to its size, `attributes` the path of a table,
    `layout` what its names were taken for ("lfw" or "folder"; "auto" where that was not kept), `key` the table's column
    of names where it was said, `exif` whether what cameras wrote was asked for.
    """

    source: str
    framing: Framing = DEFAULT_FRAMING
    attributes: str | None = None
    layout: str = "auto"
    key: str | None = None
    exif: bool = False

    @property
    def options(self) -> DataOptions:
        """What to ask `load` for, to get the same again."""
        table = None if self.attributes is None else Path(self.attributes)
        options = DataOptions(attributes=table, key=self.key, exif=self.exif, layout=self.layout)
        return options.like(self.framing)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; `DataSpec.from_json` reads them back."""
        framed = {name: value for name, value in asdict(self.framing).items() if name != "faces" or value is not None}
        asked = {name: value for name, value in (("key", self.key), ("exif", self.exif)) if value}
        return {"source": self.source, **framed, "attributes": self.attributes, "layout": self.layout, **asked}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> DataSpec:
        """The inverse of `as_json`."""
        framing = Framing.from_json([content["size"], content["crop"], content["fit"], content.get("faces")])
        asked = content.get("layout", "auto"), content.get("key"), content.get("exif", False)
        return cls(content["source"], framing, content["attributes"], *asked)


class Part(NamedTuple):
    """One side of a split: with the `DataSpec`, enough to take the same pictures again."""

    side: str
    test_size: float
    random_state: int


class ImageSet:
    """Pictures of one size: `pixels` (N, H, W, C) uint8 RGB or grey, often memory-mapped.

    Args:
        pixels: (N, H, W, C) uint8, C = 1 or 3.
        names: N names, unique within the set (relative path, archive member, or a running number).
        people: N names of persons, "" where unknown; None where the source knows of no persons.
        attribute_names: the names of A columns of numbers that are known of the pictures, () where nothing is.
        attribute_values: (N, A), aligned with the pixels: float32 with NaN for what is not known, or objects, numbers
            and words and None, where some `columns` are not of numbers; None where nothing is known.
        columns: the A columns with their kinds, where not all are of numbers; instead of `attribute_names`.
        rejected: pictures of the source that could not be read, with reasons.
        skipped: how many files of the source were not looked at, by suffix or reason.
        unseen: folders of the source that could not be listed.
        faces: where each picture was found in its photo; None where pictures are whole photos.
        spec: where the set comes from; None for one made in memory or chosen picture by picture.
        parts: the splits that lead from the source's whole set to this one, () for the whole.
        cached: whether the pixels were found in the cache.

    Raises:
        DataError: the arrays do not fit one another.
    """

    def __init__(
        self,
        pixels: Pixels,
        names: Sequence[str] | None = None,
        people: Sequence[str] | None = None,
        *,
        attribute_names: Sequence[str] = (),
        attribute_values: npt.NDArray[Any] | None = None,
        columns: Sequence[Column] = (),
        rejected: Sequence[Rejected] = (),
        skipped: Mapping[str, int] = EMPTY,
        unseen: Sequence[str] = (),
        faces: Sequence[FaceFacts] | None = None,
        spec: DataSpec | None = None,
        parts: Sequence[Part] = (),
        cached: bool = False,
    ) -> None:
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[3] not in (1, 3):
            raise DataError(
                f"pixels are {pixels.dtype} of shape {pixels.shape}; an ImageSet holds uint8 of shape "
                "(N, H, W, 1) or (N, H, W, 3)"
            )
        self.pixels = pixels
        self.names: list[str] = [f"{i:05d}" for i in range(len(pixels))] if names is None else list(names)
        self.people: list[str] | None = None if people is None else list(people)
        self.know(tuple(columns) or tuple(map(Column, attribute_names)), attribute_values)
        self.rejected = list(rejected)
        self.skipped = dict(skipped)
        self.unseen = list(unseen)
        self.faces: list[FaceFacts] | None = None if faces is None else list(faces)
        self.spec = spec
        self.parts = tuple(parts)
        self.cached = cached
        for what, values in (
            ("names", self.names),
            ("people", self.people),
            ("faces", self.faces),
        ):
            if values is not None and len(values) != len(pixels):
                raise DataError(f"{len(values)} {what} for {len(pixels)} pictures; give one for each")

    def know(self, columns: tuple[Column, ...], values: npt.NDArray[Any] | None) -> None:
        """Take what is known of the pictures: `columns`, and (N, A) values as `attribute_values`.

        Raises:
            DataError: the values do not fit.
        """
        if values is not None and values.shape != (len(self.pixels), len(columns)):
            raise DataError(
                f"attribute values of shape {values.shape} for {len(self.pixels)} pictures and {len(columns)} "
                "attributes; give a value of each attribute for each picture"
            )
        self.columns = columns
        self.attribute_names = tuple(column.name for column in columns)
        self.attribute_values = values
        self.__dict__.pop("attributes", None)

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        height, width, channels = self.image_shape
        people = f", {self.number_of_people} people" if self.people else ""
        attributes = f", {len(self.attribute_names)} attributes" if self.attribute_names else ""
        return f"ImageSet({len(self)} pictures of {height} x {width} x {channels}{people}{attributes})"

    @overload
    def __getitem__(self, which: int | np.integer[Any]) -> Pixels: ...
    @overload
    def __getitem__(self, which: slice | Sequence[int] | npt.NDArray[Any]) -> ImageSet: ...
    def __getitem__(self, which: Any) -> Pixels | ImageSet:
        """One picture (H, W, C) for a number; an ImageSet for a slice, a list of numbers or a mask.

        What is chosen of many memory-mapped pictures stays on disk (`chosen_from`).
        """
        if isinstance(which, (int, np.integer)):
            return np.asarray(self.pixels[which])
        chosen = np.arange(len(self))[which]
        contiguous = which if isinstance(which, slice) else chosen
        return ImageSet(
            self.pixels[contiguous] if isinstance(which, slice) else chosen_from(self.pixels, chosen),
            [self.names[i] for i in chosen],
            None if self.people is None else [self.people[i] for i in chosen],
            columns=self.columns,
            attribute_values=None if self.attribute_values is None else self.attribute_values[contiguous],
            faces=None if self.faces is None else [self.faces[i] for i in chosen],
            cached=self.cached,
        )

    def __iter__(self) -> Iterator[Pixels]:
        return (np.asarray(picture) for picture in self.pixels)

    @property
    def number_of_people(self) -> int | None:
        """How many persons are known by name; None where the source knows of none."""
        return None if self.people is None else len({*self.people} - {""})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every picture."""
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    @property
    def faceless(self) -> int:
        """How many photos were set aside because no face was found in them."""
        return sum(reason == NO_FACE for _, reason in self.rejected)

    @cached_property
    def attributes(self) -> pd.DataFrame | None:
        """What is known of the pictures, row i of picture i, or None.

        Numbers, in the source's own units, and flags are float32, texts and times strings; the unknown is missing.
        """
        values = self.attribute_values
        if values is None:
            return None
        import pandas as pd

        if values.dtype != object:
            return pd.DataFrame(values, columns=list(self.attribute_names))
        held = {column.name: column.array(values[:, i].tolist()) for i, column in enumerate(self.columns)}
        return pd.DataFrame(held, columns=list(self.attribute_names))

    @cached_property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the shape and the pixels: equal digests mean equal pictures in equal order."""
        hasher = hashlib.sha256(repr(self.pixels.shape).encode())
        for start in range(0, len(self), 4096):
            hasher.update(np.ascontiguousarray(self.pixels[start : start + 4096]).data)
        return hasher.hexdigest()

    def split(self, test_size: float = 0.1, random_state: int = 42) -> tuple[ImageSet, ImageSet]:
        """Divide into (train, test), with the members and order of scikit-learn's `train_test_split`.

        Raises:
            OptionError: `test_size` is not a fraction strictly between 0 and 1, or leaves a side empty.
        """
        if not 0 < test_size < 1:
            raise OptionError(f"test_size is {test_size}; give a fraction between 0 and 1, such as 0.1")
        count = math.ceil(test_size * len(self))
        if count >= len(self):
            raise OptionError(
                f"{len(self)} pictures cannot be split at test_size {test_size}: none is left for training; give more"
            )
        # NumPy's older generator, whose order scikit-learn took over for good; its import takes longer than all else.
        members = np.random.RandomState(random_state).permutation(len(self))
        train, test = members[count:], members[:count]
        return self._part(train, "train", test_size, random_state), self._part(test, "test", test_size, random_state)

    def _part(self, members: npt.NDArray[Any], side: str, test_size: float, random_state: int) -> ImageSet:
        part = self[members]
        part.spec = self.spec
        part.parts = (*self.parts, Part(side, test_size, random_state))
        return part
