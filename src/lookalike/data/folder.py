"""Pictures of a folder, nested as deep as it goes, with what was left out and what could not be seen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lookalike.data.decode import read_file
from lookalike.data.names import is_system_folder, readable, why_skipped
from lookalike.data.pipeline import Source
from lookalike.errors import DataError
from lookalike.run_files import CHECKPOINTS, CONFIG, METRICS, PLOT

LINKED_TWICE = "folders linked to twice"
OWN_PLOTS = "plots of trainings"
OF_A_RUN = {CONFIG, CHECKPOINTS, METRICS}
"""What a training's folder has; its plot of losses is no picture of its owner's, and many train where these lie."""
LATEST = 2**63 - 1
"""Nanoseconds since 1970, in 2262: clocks that run wild write later times into files, which databases cannot hold."""


class FileEntry(NamedTuple):
    """A picture file: its path relative to the folder, with slashes, and what tells whether it changed."""

    name: str
    size: int
    modified: int


class Listing(NamedTuple):
    """What a folder holds: picture files sorted by name, what else by reason, and folders that cannot be listed."""

    entries: list[FileEntry]
    skipped: Counter[str]
    unseen: list[str]


def listing_of(folder: Path) -> Listing:
    """All files with a picture's suffix; links to folders are followed, each real folder is taken once.

    Where a folder can be reached by a link too, it goes by its own path. Hidden files and what systems put beside
    people's own (thumbnails, recycle bins) are left out and counted.

    Raises:
        DataError: the folder itself cannot be listed.
    """
    listing = Listing([], Counter(), [])
    been: set[tuple[int, int]] = set()
    real: list[str] = [""]
    linked: list[str] = []
    while real or linked:
        # All that lies below by itself comes before what is linked to.
        place = real.pop() if real else linked.pop(0)
        path = folder / place
        try:
            facts = path.stat()
            if (facts.st_dev, facts.st_ino) in been:
                listing.skipped[LINKED_TWICE] += 1
                continue
            been.add((facts.st_dev, facts.st_ino))
            with os.scandir(path) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError as error:
            if not place:
                raise DataError(f"{folder} cannot be listed: {error.strerror}") from error
            listing.unseen.append(readable(place.rstrip("/")))
            continue
        is_run = {item.name for item in items} >= OF_A_RUN
        for item in items:
            if is_run and item.name == PLOT:
                listing.skipped[OWN_PLOTS] += 1
                continue
            _take(item, f"{place}{item.name}", listing, real, linked)
    listing.entries.sort()
    return listing


def _take(item: os.DirEntry[str], name: str, listing: Listing, real: list[str], linked: list[str]) -> None:
    if _is_folder(item):
        if is_system_folder(item.name):
            listing.skipped[item.name] += sum(len(names) for _, _, names in os.walk(item.path))
        elif item.name.startswith("."):
            listing.skipped["hidden"] += 1
        else:
            (linked if item.is_symlink() else real).append(f"{name}/")
        return
    why = why_skipped(name)
    if why is None:
        listing.entries.append(_entry(item, name))
    elif why == "no suffix" and item.is_symlink() and not Path(item.path).exists():
        listing.unseen.append(readable(name))  # perhaps a folder on a drive that is not there
    else:
        listing.skipped[why] += 1


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:
        return False


def _entry(item: os.DirEntry[str], name: str) -> FileEntry:
    try:
        facts = item.stat()
    except OSError:  # a link to nowhere, say: reading it gives the reason
        return FileEntry(name, -1, 0)
    return FileEntry(name, facts.st_size, min(facts.st_mtime_ns, LATEST))


def pictures_in(folder: Path, entries: list[FileEntry]) -> Iterator[Source]:
    """The pictures behind the entries; a name that is not UTF-8 is shown with escapes."""
    for entry in entries:
        yield Source(readable(entry.name), _reader(folder / entry.name))


def _reader(path: Path) -> Callable[[], bytes]:
    return lambda: read_file(path)
