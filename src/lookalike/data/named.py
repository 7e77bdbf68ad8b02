"""Pictures that a user names one by one: each is read, or set aside with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lookalike.data.images import Pixels, Rejected
from lookalike.errors import DataError, PictureError


def read_each(
    paths: Iterable[Path], read: Callable[[Path], Pixels], skipped: list[Rejected]
) -> Iterator[tuple[Path, Pixels]]:
    """Each path with its pixels, one in memory at a time; what cannot be read goes to `skipped` with its reason.

    Raises:
        DataError: at the end, where none could be read.
    """
    found = 0
    for path in paths:
        try:
            pixels = read(path)
        except PictureError as error:
            skipped.append(Rejected(str(path), str(error)))
            continue
        found += 1
        yield path, pixels
    if not found:
        first = f"; the first: {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(f"none of {len(skipped)} pictures can be read{first}")
