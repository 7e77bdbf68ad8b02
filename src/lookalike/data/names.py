"""Names of pictures: those a user gives one by one, those that come twice, and those that are no text."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from lookalike.data.decode import is_deeper_than_8_bits
from lookalike.data.formats import SUFFIXES
from lookalike.data.images import Rejected
from lookalike.errors import DataError, PictureError

_log = logging.getLogger(__name__)
Read = TypeVar("Read")


def read_each(
    paths: Iterable[Path], read: Callable[[Path], Read], skipped: list[Rejected]
) -> Iterator[tuple[Path, Read]]:
    """Each path with what `read` makes of it, one in memory at a time; what cannot be read goes to `skipped`, with why.

    Raises:
        DataError: at the end, where none could be read.
    """
    found = 0
    for path in paths:
        try:
            content = read(path)
        except PictureError as error:
            skipped.append(Rejected(str(path), str(error)))
            continue
        found += 1
        yield path, content
    if not found:
        first = f"; the first: {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(f"none of {len(skipped)} pictures can be read{first}")


def say_what_8_bits_lose(paths: Iterable[Path]) -> None:
    """Say once which of the pictures hold more than 8 bits a channel, of which models see and give back 8."""
    deep = [path for path in paths if is_deeper_than_8_bits(path)]
    if deep:
        others = "" if len(deep) == 1 else f" and {len(deep) - 1:,} more"
        _log.warning("%s%s: of more than 8 bits a channel the first 8 are taken, and 8 are written", deep[0], others)


_SYSTEM = (
    *("@eaDir", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "RECYCLER", "lost+found", "__MACOSX"),
    "System Volume Information",
)
"""Folders that systems and storage devices put beside people's own: thumbnails, bins, snapshots."""
_LEFT_OUT = re.compile(
    rf"(?:^|/)(?:(?P<system>(?:{'|'.join(map(re.escape, _SYSTEM))}|\.Trash[^/]*))/|(?P<hidden>\.(?!\.?(?:/|$))[^/]*))",
    re.IGNORECASE,
)


def is_system_folder(name: str) -> bool:
    """Whether a folder of that name holds what a system put there."""
    found = _LEFT_OUT.match(f"{name}/")
    return found is not None and found["system"] is not None


def why_skipped(name: str) -> str | None:
    """Why a file is no picture of its owner's, by its relative path, in a word; None where it may be one.

    The word is a system folder's name, "hidden", the suffix, or "no suffix".
    """
    found = _LEFT_OUT.search(name)
    if found is not None:
        return found["system"] or "hidden"
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    if not (stem and dot):
        return "no suffix"
    suffix = f".{suffix.lower()}"
    return None if suffix in SUFFIXES else suffix


def told(skipped: Mapping[str, int]) -> str:
    """What was not looked at, by suffix or reason, the most first."""
    return ", ".join(f"{count:,} {why}" for why, count in sorted(skipped.items(), key=lambda one: (-one[1], one[0])))


_OF_FACE = re.compile(r"(.+)#face-([1-9]\d*)", re.DOTALL)


def of_face(photo: str, person: str | None, number: int) -> tuple[str, str | None]:
    """The name of a photo's face of that number, and who it is where the photo tells of a person: the largest face."""
    return f"{photo}#face-{number}", person if number == 1 else None


def photo_and_face(name: str) -> tuple[str, int | None]:
    """What `of_face` named: the photo, and the number of its face; the name itself and None for another name."""
    found = _OF_FACE.fullmatch(name)
    return (name, None) if found is None else (found[1], int(found[2]))


def readable(name: str) -> str:
    """A name as text that files and databases can hold: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def unique_namer() -> Callable[[str], str]:
    """A function that gives each name back, with a running number where it came before."""
    seen: dict[str, int] = {}

    def named(name: str) -> str:
        seen[name] = seen.get(name, 0) + 1
        return name if seen[name] == 1 else f"{name}#{seen[name]}"

    return named
