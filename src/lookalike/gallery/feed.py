"""Where an update's pictures come from: files that may be left unopened, or pixels that are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from lookalike.data import arrays, cache
from lookalike.data.columns import Column, Value
from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, FaceFacts, ImageSet, Pixels
from lookalike.data.located import Located, locate
from lookalike.data.names import of_face, photo_and_face, readable, unique_namer
from lookalike.data.options import DataOptions
from lookalike.data.pipeline import Progress
from lookalike.data.source import load_with

_AT_ONCE = 1024
"""Pictures of an array that are framed and hashed in one go."""


class Entry(NamedTuple):
    """One picture of a source, before anything is known of it but its label; `read` gives a file's bytes.

    Where faces are found in photos, an entry is a photo at first, and then each of its faces (`of_face`).
    """

    name: str
    person: str | None = None
    values: npt.NDArray[Any] | tuple[Value, ...] | None = None
    size: int | None = None
    modified: int | None = None
    read: Callable[[], bytes] | None = None
    photo: str | None = None
    face: FaceFacts | None = None

    def of_face(self, face: FaceFacts) -> Entry:
        """The entry of a face of this photo."""
        name, person = of_face(self.name, self.person, face.number)
        return self._replace(name=name, person=person, photo=self.name, face=face)


@dataclass(frozen=True)
class Feed:
    """All pictures of a source, in its order.

    `state` stands for all of its content, where that costs less than to look at every picture: a source of the same
    spec and state needs no update. `columns` are what the source itself tells of its pictures. Either `entries` gives
    encoded pictures, `total` of them where that is known, or `blocks` pixels with the entries they belong to. `unseen`
    are folders that cannot be listed, `skipped` counts what is not looked at, of an archive once it was read.
    """

    spec: DataSpec | None
    framing: Framing | None
    state: str | None
    columns: tuple[Column, ...] = ()
    entries: Callable[[], Iterable[Entry]] | None = None
    total: int | None = None
    blocks: Callable[[], Iterable[tuple[list[Entry], Pixels]]] | None = None
    unseen: Sequence[str] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


def feed_of(
    data: ImageSet | str | Path, options: DataOptions, usual: Framing | None, progress: Progress | None
) -> Feed:
    """The pictures of `data`; where nothing is asked for, framed as `usual`, or as the layout of the source suggests.

    Raises:
        DataError: the source is not there or cannot be read.
        OptionError: the options do not fit it.
    """
    if isinstance(data, ImageSet):
        return _of_images(data, options)
    located = locate(data, options if usual is None else options.like(usual), progress)
    if located is None:
        bare = replace(options, attributes=None, key=None, exif=None)  # these are joined by the update
        return _of_images(load_with(data, bare, progress=progress), options)
    return _of_array(located) if located.kind == "array" else _of_files(located)


def _of_images(images: ImageSet, options: DataOptions) -> Feed:
    """Pixels as they are; a set whose source can be read again is found again."""
    found_again = images.spec is not None and not images.parts
    framing = None if images.spec is None else images.spec.framing
    named = unique_namer()
    names = [named(readable(name)) for name in images.names]

    def blocks() -> Iterator[tuple[list[Entry], Pixels]]:
        for start in range(0, len(images), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(images)))
            yield [entry(i) for i in rows], images.pixels[start : start + _AT_ONCE]

    def entry(i: int) -> Entry:
        values = None if images.attribute_values is None else images.attribute_values[i]
        person = None if images.people is None else images.people[i] or None
        if images.faces is None:
            return Entry(names[i], person, values)
        return Entry(names[i], person, values, photo=photo_and_face(names[i])[0], face=images.faces[i])

    spec = images.spec if found_again else None
    if spec is not None and options.attributes is not None:
        spec = replace(spec, attributes=str(options.attributes), key=options.key)
    return Feed(spec, framing, None, images.columns, blocks=blocks, total=len(images))


def _of_array(located: Located) -> Feed:
    pictures = arrays.read_array(located.path)

    def blocks() -> Iterator[tuple[list[Entry], Pixels]]:
        for start in range(0, len(pictures), _AT_ONCE):
            framed = arrays.frame_array(pictures[start : start + _AT_ONCE], located.framing, None)
            yield [Entry(f"{start + i:05d}") for i in range(len(framed))], framed

    state = cache.content_digest(located.path)
    if located.beside:
        state = cache.key_of(state, *located.beside)
    return Feed(located.spec, located.framing, state, blocks=blocks, total=len(pictures))


def _of_files(located: Located) -> Feed:
    labels = located.labels()
    entries = located.wanted_entries(labels)

    def all_entries() -> Iterator[Entry]:
        facts = repeat(None) if entries is None else entries
        for source, file in zip(located.pictures(labels), facts, strict=False):
            label = labels.of(source.name)
            size, modified = (None, None) if file is None else (file.size, file.modified)
            yield Entry(label.name, label.person, labels.values(label.row), size, modified, source.read)

    state = None if entries is not None else cache.key_of(located.state, *located.beside)
    total = None if entries is None else len(entries)
    return Feed(
        located.spec,
        located.framing,
        state,
        tuple(map(Column, labels.attribute_names)),
        all_entries,
        total,
        None,
        located.unseen,
        located.skipped,
    )
