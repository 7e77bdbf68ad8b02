"""Where an update's pictures come from: files that may be left unopened, or pixels that are there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data import archive, arrays, cache, folder, lfw
from lookalike.data.columns import Value
from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.pipeline import Progress
from lookalike.data.source import Located, load, locate, unique_namer

_AT_ONCE = 1024
"""Pictures of an array that are framed and hashed in one go."""


class Entry(NamedTuple):
    """One picture of a source, before anything is known of it but its label; `read` gives a file's bytes."""

    name: str
    person: str | None = None
    values: npt.NDArray[np.float32] | tuple[Value, ...] | None = None
    size: int | None = None
    modified: int | None = None
    read: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class Feed:
    """All pictures of a source, in its order.

    `state` stands for all of its content, where that costs less than to look at every picture: a source of the same
    spec and state needs no update. Either `entries` gives encoded pictures, `total` of them where that is known, or
    `blocks` pixels with the entries they belong to.
    """

    spec: DataSpec | None
    framing: Framing | None
    state: str | None
    attribute_names: tuple[str, ...] = ()
    entries: Callable[[], Iterable[Entry]] | None = None
    total: int | None = None
    blocks: Callable[[], Iterable[tuple[list[Entry], Pixels]]] | None = None


def feed_of(
    data: ImageSet | str | Path,
    *,
    size: tuple[int, int],
    crop: int | None,
    fit: str | None,
    attributes: str | Path | None,
    usual: DataSpec | None,
    progress: Progress | None,
) -> Feed:
    """The pictures of `data`; where `crop` and `fit` are None, as `usual`, or as the layout of the source suggests.

    Raises:
        DataError: the source is not there or cannot be read.
        OptionError: the options do not fit it.
    """
    if isinstance(data, ImageSet):
        return _of_images(data)
    located = locate(
        data,
        size=size,
        crop=usual.crop if crop is None and usual is not None else crop,
        fit=usual.fit if fit is None and usual is not None else fit,
        attributes=attributes,
        progress=progress,
    )
    if located is None:
        return _of_images(load(data, size=size, crop=crop, fit=fit, attributes=attributes, progress=progress))
    return _of_array(located) if located.kind == "array" else _of_files(located)


def _of_images(images: ImageSet) -> Feed:
    """Pixels as they are; a set whose source can be read again is found again."""
    found_again = images.spec is not None and not images.parts
    framing = None if images.spec is None else Framing(images.spec.size, images.spec.crop, images.spec.fit)
    named = unique_namer()
    names = [named(_text(name)) for name in images.names]

    def blocks() -> Iterator[tuple[list[Entry], Pixels]]:
        for start in range(0, len(images), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(images)))
            yield [entry(i) for i in rows], images.pixels[start : start + _AT_ONCE]

    def entry(i: int) -> Entry:
        values = None if images.attribute_values is None else images.attribute_values[i]
        return Entry(names[i], None if images.people is None else images.people[i] or None, values)

    spec = images.spec if found_again else None
    return Feed(spec, framing, None, images.attribute_names, blocks=blocks, total=len(images))


def _of_array(located: Located) -> Feed:
    pictures = arrays.read_array(located.path)

    def blocks() -> Iterator[tuple[list[Entry], Pixels]]:
        for start in range(0, len(pictures), _AT_ONCE):
            framed = arrays.frame_array(pictures[start : start + _AT_ONCE], located.framing, None)
            yield [Entry(f"{start + i:05d}") for i in range(len(framed))], framed

    state = cache.content_digest(located.path)
    return Feed(located.spec, located.framing, state, blocks=blocks, total=len(pictures))


def _of_files(located: Located) -> Feed:
    is_faces = located.kind.startswith("lfw")
    table = None if located.table is None else lfw.read_attributes(located.table)

    def wanted(name: str) -> bool:
        return table is None or lfw.portrait(name) in table.rows

    def entry(name: str, read: Callable[[], bytes], size: int | None = None, modified: int | None = None) -> Entry:
        one = lfw.portrait(name) if is_faces else None
        values = None if table is None or one is None else table.values[table.rows[one]]
        shown = named(_text(lfw.short_name(name) if is_faces else name))
        return Entry(shown, None if one is None else one.person, values, size, modified, read)

    def of_folder() -> Iterator[Entry]:
        for facts, source in zip(chosen, folder.pictures_in(located.path, chosen), strict=True):
            yield entry(facts.name, source.read, facts.size, facts.modified)

    def of_archive() -> Iterator[Entry]:
        for source in archive.pictures_in(located.path, wanted):
            yield entry(source.name, source.read)

    named = unique_namer()
    names = () if table is None else tuple(table.names)
    if located.entries is not None:
        chosen = [one for one in located.entries if wanted(one.name)]
        return Feed(located.spec, located.framing, None, names, of_folder, len(chosen))
    state = cache.content_digest(located.path)
    if located.table is not None:
        state += cache.content_digest(located.table)
    return Feed(located.spec, located.framing, state, names, of_archive)


def _text(name: str) -> str:
    """A name that SQLite can hold: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
