"""Files are put into a folder, copied or linked: each whole or not at all, and none over another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from lookalike import files
from lookalike.data.decode import read_file
from lookalike.errors import NoSpaceError, OptionError, PictureError
from lookalike.review.records import Failed, inside

CHANGED = "it was changed since the gallery was updated; left alone: update, and look again"


class LeftError(Exception):
    """A file is left alone; the text is the reason."""


class AlreadyError(Exception):
    """There is nothing left to do for a file."""


def check_apart(out: str | Path, pictures: Path) -> None:
    """Raise OptionError where one of two folders lies within the other."""
    target, source = files.real(out), files.real(pictures)
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise OptionError(f"--out {out} and the pictures in {pictures} lie within one another; give another folder")


def check_content(content: bytes, digest: str | None) -> None:
    """Raise `LeftError` where a file has not the SHA-256 that the gallery knows of it."""
    if files.sha256(content) != digest:
        raise LeftError(CHANGED)


class Target:
    """A path within a folder that is free for a file. Raises `LeftError`, or `AlreadyError` where that is there.

    Args:
        out: the folder.
        relative: the path within it.
        content: of the file.
    """

    def __init__(self, out: Path, relative: str, content: bytes) -> None:
        made = inside(out, relative)
        if made is None:
            raise LeftError("its path leads out of the folder to write to; left alone")
        if os.path.lexists(made):
            if made.is_file() and read_file(made) == content:
                raise AlreadyError
            raise LeftError(f"{made} is another file; left alone")
        self.path, self.content = made, content

    def copy(self, source: Path | None) -> None:
        """Write it, with the time of the file that it is of, None for one in an archive."""
        facts = None if source is None else source.stat()
        files.write_bytes(self.path, self.content)
        if facts is not None:
            os.utime(self.path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def link(self, source: Path) -> None:
        """Link it to that file. Raises `LeftError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source.resolve(), self.path)
        except OSError as error:
            raise LeftError(f"no hard link can be made there ({error.strerror}); use copy") from error


def each(tasks: Iterable[tuple[str, Callable[[], None]]]) -> tuple[list[str], list[str], list[Failed]]:
    """Do one thing to each, by name; what cannot be done is told, and the rest is done.

    Returns the names of what was done, and of what had been done before; and the others with reasons.
    """
    done: list[str] = []
    already: list[str] = []
    failed: list[Failed] = []
    for name, task in tasks:
        try:
            task()
            done.append(name)
        except AlreadyError:
            already.append(name)
        except LeftError as error:
            failed.append(Failed(name, str(error)))
        except PictureError as error:
            failed.append(Failed(name, f"it {error}; left alone"))
        except NoSpaceError:
            raise
        except OSError as error:
            failed.append(Failed(name, f"{error.strerror or error}; left alone"))
    return done, already, failed
