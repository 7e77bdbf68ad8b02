"""The system's trash: files go there by `send2trash`, and come back where the freedesktop.org specification holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from lookalike.errors import MissingExtraError

INFO = ".trashinfo"


class Trashed(NamedTuple):
    """A file in the trash: where it lies, and the note of where it came from."""

    place: Path
    info: Path


def sender() -> Callable[[Path], None]:
    """What moves a file (a link itself, not what it leads to) to the system's trash; raises OSError where it cannot.

    Raises:
        MissingExtraError: the extra is not installed.
    """
    try:
        from send2trash import send2trash
    except ImportError as error:
        raise MissingExtraError("trash", "moving pictures to the trash") from error
    return lambda path: send2trash(os.fspath(path))


def found_in_trash(folder: Path) -> dict[str, list[Trashed]]:
    """What lies in the trash by the absolute paths that it came from, the newest first.

    Looked through are the user's own trash and those at the top of the disk that `folder` is on, as the freedesktop.org
    Trash specification 1.0 has them; nothing is found on macOS and Windows, which keep it otherwise.
    """
    found: dict[str, list[tuple[float, Trashed]]] = {}
    for trash, base in _trashes(folder) if sys.platform not in ("darwin", "win32") else ():
        for info in (trash / "info").glob(f"*{INFO}"):
            place = trash / "files" / info.name.removesuffix(INFO)
            origin = _origin(info, base)
            if origin is not None and os.path.lexists(place):
                found.setdefault(origin, []).append((info.stat().st_mtime, Trashed(place, info)))
    return {origin: [one for _, one in sorted(some, reverse=True)] for origin, some in found.items()}


def _trashes(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Trash folders, and what relative paths in them begin at."""
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    yield data / "Trash", data
    top = folder.resolve()
    while not os.path.ismount(top):
        top = top.parent
    yield top / ".Trash" / str(os.getuid()), top
    yield top / f".Trash-{os.getuid()}", top


def _origin(info: Path, base: Path) -> str | None:
    try:
        lines = info.read_bytes().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(b"Path="):
            return os.path.normpath(base / os.fsdecode(unquote_to_bytes(line.removeprefix(b"Path="))))
    return None
