"""Pictures that a user names one by one: each is read, or set aside with its reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lookalike.data.decode import is_deeper_than_8_bits
from lookalike.data.images import Pixels, Rejected
from lookalike.errors import DataError, PictureError

_log = logging.getLogger(__name__)


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


def say_what_8_bits_lose(paths: Iterable[Path]) -> None:
    """Say once which of the pictures hold more than 8 bits a channel, of which models see and give back 8."""
    deep = [path for path in paths if is_deeper_than_8_bits(path)]
    if deep:
        others = "" if len(deep) == 1 else f" and {len(deep) - 1:,} more"
        _log.warning("%s%s: of more than 8 bits a channel the first 8 are taken, and 8 are written", deep[0], others)
