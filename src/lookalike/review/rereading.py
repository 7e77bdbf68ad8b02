"""Pictures of a gallery's source read once more, on all cores, by who wants to see them larger than a model does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from lookalike.data import arrays
from lookalike.data.decode import read_file
from lookalike.data.images import DataSpec, Pixels
from lookalike.data.located import locate
from lookalike.data.pipeline import available_cores
from lookalike.errors import DataError, PictureError

AHEAD = 4
"""Pictures a core that are being read, or wait to be taken."""

FEW = 16
"""Names for which a folder is not listed: who looks at one pair of 100,000 pictures does not wait for all others."""

T = TypeVar("T")


def read_again(
    spec: DataSpec, wanted: Iterable[str], of_file: Callable[[bytes], T], of_row: Callable[[Pixels], T]
) -> Iterator[tuple[str, T]]:
    """What comes of those of the wanted names that can be read again, in their source's order; others are passed over.

    A few at a time, on all cores. Procedural faces and pictures from memory cannot be read again.

    Args:
        spec: the source. Where it is of faces in photos, names are of photos.
        wanted: the names.
        of_file: is given a file's content, in a worker; what it raises as PictureError is passed over.
        of_row: is given a picture (H, W, C) of an array.
    """
    names = set(wanted)
    if not names:
        return
    try:
        yield from _at_once(_tasks(spec, names, of_file, of_row))
    except DataError:  # the source is not there any more, or damaged from here on
        return


def _tasks(
    spec: DataSpec, names: set[str], of_file: Callable[[bytes], T], of_row: Callable[[Pixels], T]
) -> Iterator[tuple[str, Callable[[], T]]]:
    paths = _paths_of(spec, names)
    if paths is not None:
        yield from ((name, partial(_file, partial(read_file, path), of_file)) for name, path in paths.items())
        return
    located = locate(spec.source, spec.options)
    if located is None:
        return
    if located.kind == "array":
        pictures = arrays.read_array(located.path)
        numbered = {f"{number:05d}": number for number in range(len(pictures))}
        for name in sorted(names & numbered.keys()):
            yield name, partial(_row, pictures, numbered[name], of_row)
        return
    labels = located.labels()
    for source in located.pictures(labels):
        name = labels.of(source.name).name
        if name in names:
            yield name, partial(_file, source.read, of_file)


def _paths_of(spec: DataSpec, names: set[str]) -> dict[str, Path] | None:
    """The files of a few pictures of a plain folder, in its order; None where not all are where their names say."""
    folder = Path(spec.source)
    if len(names) > FEW or spec.layout != "folder" or not folder.is_dir():
        return None
    paths = {name: folder / name for name in sorted(names)}
    try:
        are_there = all(path.is_file() for path in paths.values())
    except OSError:  # a folder on the way that may not be entered
        return None
    return paths if are_there else None


def _row(pictures: Pixels, number: int, of_row: Callable[[Pixels], T]) -> T:
    return of_row(np.array(pictures[number]))


def _file(read: Callable[[], bytes], of_file: Callable[[bytes], T]) -> T:
    return of_file(read())


def _at_once(tasks: Iterable[tuple[str, Callable[[], T]]]) -> Iterator[tuple[str, T]]:
    workers = available_cores()
    waiting: deque[tuple[str, Future[T]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for name, task in tasks:
                waiting.append((name, pool.submit(task)))
                if len(waiting) >= AHEAD * workers:
                    yield from _taken(*waiting.popleft())
            while waiting:
                yield from _taken(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()


def _taken(name: str, future: Future[T]) -> Iterator[tuple[str, T]]:
    try:
        yield name, future.result()
    except PictureError:  # changed since, or gone
        return
