"""The stored items by name as arrays: read from the catalog, or from the file that the last update left of them.

The catalog decides; the file beside it only spares who opens a large gallery to ask for every item. It is named by the
catalog with the state that it is of, and counts in that state alone.
"""

from __future__ import annotations

import zipfile
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from lookalike import archives, files
from lookalike.gallery.catalog import LISTING, Catalog

Ids = npt.NDArray[np.int64]

_NOBODY = b"\xff"
"""Stands for None: no byte of UTF-8."""
FEW = 1 << 16
"""So many texts are all made, when some have been asked for: 10 MB at most, and as quick as a list."""
_SOME = 100
"""Texts that are made one by one before: a search on the command line shows few, and does not wait for the others."""
_AT_ONCE = 1 << 14
"""Texts that are made at once where all of more are gone through."""


class Texts(Sequence[Any]):
    """Texts, or None, that are made when they are asked for, of one array of bytes and one of where each ends."""

    def __init__(self, content: npt.NDArray[np.uint8], ends: Ids) -> None:
        self.content = np.asarray(content)  # of a mapped one, without what makes its parts slow
        self.ends = np.asarray(ends)
        self._asked = 0

    @classmethod
    def of(cls, parts: Sequence[bytes], lengths: Sequence[Ids]) -> Texts:
        """Of joined texts and the length of each."""
        ends = np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths]), dtype=np.int64)
        return cls(np.frombuffer(b"".join(parts), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            if len(self.ends) <= FEW:
                return self.made[place]
            return [self[at] for at in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"place {place} of {len(self):,} texts")
        if len(self.ends) <= FEW and self._asked >= _SOME:
            return self.made[place]
        self._asked += 1
        return _text(self.bytes_of(place % len(self)))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.made) if len(self.ends) <= FEW else self._one_by_one()

    @cached_property
    def made(self) -> list[Any]:
        """All of them; of few."""
        return list(self._one_by_one())

    def _one_by_one(self) -> Iterator[Any]:
        for start in range(0, len(self), _AT_ONCE):
            first = int(self.ends[start - 1]) if start else 0
            ends = (self.ends[start : start + _AT_ONCE] - first).tolist()
            content = self.content[first : first + ends[-1]].tobytes()
            for begin, end in zip([0, *ends], ends, strict=False):
                yield _text(content[begin:end])

    def bytes_of(self, place: int) -> bytes:
        """The text at that place, 0 or more, in UTF-8."""
        return self.content[self.ends[place - 1] if place else 0 : self.ends[place]].tobytes()

    @property
    def are_known(self) -> bool:
        """Whether any is not None."""
        return len(self.content) != len(self) or bool((self.content != _NOBODY[0]).any())


def _text(content: bytes) -> str | None:
    return None if content == _NOBODY else content.decode()


def places_of(texts: Texts) -> Mapping[str, int]:
    """The place of each of some texts in rising order."""
    return {text: place for place, text in enumerate(texts)} if len(texts) <= FEW else Places(texts)


class Places(Mapping[str, int]):
    """The place of each of many texts in rising order, by bisection."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __getitem__(self, name: str) -> int:
        texts, sought = self._texts, name.encode(errors="surrogatepass")
        place = bisect_left(range(len(texts)), sought, key=texts.bytes_of)
        if place == len(texts) or texts.bytes_of(place) != sought:
            raise KeyError(name)
        return place

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)


@dataclass(frozen=True)
class Listing:
    """The stored items by name: place i of all is item i, but for `by_id`, the places in the order of the ids.

    `file` is where they lie, None where they are in memory.
    """

    ids: Ids
    rows: Ids
    by_id: Ids
    names: Texts
    people: Texts
    file: str | None = None


def read_listing(catalog: Catalog, folder: Path, generation: int) -> Listing:
    """The stored items of the catalog's state, of that generation; inside `reading`."""
    told = catalog.fact(LISTING)
    if told is not None and told["generation"] == generation:
        with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):  # the catalog has it all
            path = folder / Path(told["file"]).name
            if archives.is_sealed(path, told):
                return _of_arrays(archives.read_arrays(path), path.name)
    return _of_catalog(catalog)


def keep_listing(catalog: Catalog, folder: Path, listing: Listing, generation: int) -> None:
    """Write what was read of a state to a file of the folder, and let the catalog name it; by the only writer."""
    path = folder / f"listing-{generation}.npz"
    files.write_atomically(path, lambda file: archives.write_arrays(file, _arrays_of(listing)))
    with catalog.transaction():
        catalog.set_fact(LISTING, {"file": path.name, "generation": generation, **archives.seal(path)})
    remove_leftovers(catalog, folder)


def remove_leftovers(catalog: Catalog, folder: Path) -> None:
    """Remove files that the catalog does not name."""
    told = catalog.fact(LISTING)
    for path in folder.glob("listing-*.npz"):
        if told is None or path.name != told["file"]:
            with suppress(OSError):  # Windows keeps what is still mapped
                path.unlink()


def _of_catalog(catalog: Catalog) -> Listing:
    names, people = _Gathered(), _Gathered()
    numbers: list[Ids] = []
    for block in catalog.field_blocks("id, row, name, person", "stored"):
        ids, rows, named, who = zip(*block, strict=True)
        numbers.append(np.array([ids, rows], np.int64))
        names.add([name.encode() for name in named])
        people.add([_NOBODY if person is None else person.encode() for person in who])
    ids_, rows_ = np.concatenate(numbers, axis=1) if numbers else np.empty((2, 0), np.int64)
    by_id = np.argsort(ids_, kind="stable").astype(np.int64)
    return Listing(ids_, rows_, by_id, names.texts(), people.texts())


class _Gathered:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.lengths: list[Ids] = []

    def add(self, encoded: list[bytes]) -> None:
        self.parts.append(b"".join(encoded))
        self.lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))

    def texts(self) -> Texts:
        return Texts.of(self.parts, self.lengths)


def _arrays_of(listing: Listing) -> archives.Written:
    texts = {"names": listing.names, "people": listing.people}
    return (
        {"ids": listing.ids, "rows": listing.rows, "by_id": listing.by_id}
        | {name: held.content for name, held in texts.items()}
        | {f"{name}_ends": held.ends for name, held in texts.items()}
    )


def _of_arrays(arrays: archives.Arrays, file: str) -> Listing:
    names, people = (Texts(arrays[name], arrays[f"{name}_ends"]) for name in ("names", "people"))
    ids, rows, by_id = (np.asarray(arrays[name]) for name in ("ids", "rows", "by_id"))
    return Listing(ids, rows, by_id, names, people, file)
