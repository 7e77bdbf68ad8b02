"""The record of what was applied: JSON lines, each on disk before the file it is about is touched, and its undoing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lookalike import files
from lookalike.errors import OptionError
from lookalike.review.trash import found_in_trash

MARK = "lookalike-applied.jsonl"
"""The record's name in a folder of copies, which it tells as ours."""
FINISHED = {"finished": True}
"""The last line of a record of which nothing was cut off."""
LARGEST = 2**28
_MADE = ("copy", "link")


class Failed(NamedTuple):
    """A picture of which something could not be done, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Undone:
    """What an undo did: names of pictures that were taken back, and those that were left, with reasons."""

    how: str
    dry_run: bool
    undone: list[str]
    failed: list[Failed]
    record: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "failed": [one._asdict() for one in self.failed]}


class Record:
    """A record that is written, one line at a time; what is there is gone on with."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists() or not path.stat().st_size
        self._file = path.open("ab")
        if not is_new and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # after a line that was cut off
        self.add(**header)
        if is_new:
            files.sync_folder(path.parent)

    def add(self, **line: Any) -> None:
        """Write a line, and flush it to disk."""
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Say that nothing was cut off."""
        self.add(**FINISHED)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Entry(NamedTuple):
    """A file that was touched: its path within the folder, and the SHA-256 of its content."""

    path: str
    content: str


def undo(record: str | Path, *, dry_run: bool = True) -> Undone:
    """Take back what a record tells was applied.

    Copies and links are removed where they are as they were made and the picture that they were made of is still there
    and the same. What went to the trash comes back from there, where nothing is in its place meanwhile; the newest of
    that content that came from that path is taken.

    Args:
        record: its path, as `apply` gave it.
        dry_run: True only says what would be done.

    Raises:
        OptionError: it is no such record.
    """
    path = Path(record)
    how, folder, entries = _read(path)
    done: list[str] = []
    failed: list[Failed] = []
    undoer = _Restorer(folder, dry_run) if how == "trash" else _Remover(folder, path.parent, dry_run)
    written = None if dry_run else Record(path, {"undo": how, "how": how, "folder": str(folder)})
    try:
        for entry in entries:
            reason = undoer(entry)
            if reason:
                failed.append(Failed(files.printable(entry.path), reason))
            elif reason is None:
                done.append(files.printable(entry.path))
                if written is not None:
                    written.add(undone=entry.path)
    finally:
        if written is not None:
            written.close()
    return Undone(how, dry_run, done, failed, str(path))


def touched(record: Path) -> set[str]:
    """The paths of a record that were not taken back; none where there is no record."""
    return {entry.path for entry in _read(record)[2]} if record.exists() else set()


def trashed(record: Path, folder: Path) -> set[str]:
    """The paths that a record tells went from this folder to the trash; none where it tells nothing of the kind."""
    try:
        how, of, entries = _read(record)
    except OptionError:  # cut off as it was begun
        return set()
    return {entry.path for entry in entries} if how == "trash" and files.real(of) == files.real(folder) else set()


def unfinished(records: Iterable[Path], folder: Path) -> Path | None:
    """The last of some records of this folder that was cut off before all was done; None where there is none."""
    for record in sorted(records, reverse=True):
        if trashed(record, folder) and not record.read_bytes().rstrip().endswith(json.dumps(FINISHED).encode()):
            return record
    return None


def _read(path: Path) -> tuple[str, Path, list[_Entry]]:
    """How it was applied, to which folder, and what was touched and not taken back since, the last first."""
    try:
        if path.stat().st_size > LARGEST:
            raise OptionError(f"{path} has over {LARGEST:,} bytes, more than any record; give one that apply wrote")
        lines = []
        for line in path.read_bytes().splitlines():
            try:
                lines.append(json.loads(line))
            except (ValueError, RecursionError):  # cut off by a crash
                continue
        header = lines[0]
        how, folder = str(header["how"]), Path(str(header["folder"]))
        if how not in (*_MADE, "trash") or not folder.is_absolute():
            raise ValueError
        entries: dict[str, _Entry] = {}
        for line in lines:
            if "path" in line:
                entries[str(line["path"])] = _Entry(str(line["path"]), str(line["content"]))
            elif "undone" in line:
                entries.pop(str(line["undone"]), None)
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}; give the record that apply wrote") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise OptionError(f"{path} is no record of what was applied; give one that apply wrote") from error
    return how, folder, list(entries.values())[::-1]


def inside(folder: Path, relative: str) -> Path | None:
    """A path within a folder, None for one that leads out of it, by its parts or through links."""
    parts = Path(relative).parts
    if not parts or Path(relative).is_absolute() or ".." in parts or "\0" in relative:
        return None
    found = folder / relative
    return found if found.parent.resolve().is_relative_to(folder.resolve()) else None


def digest_of(path: Path) -> str | None:
    """The SHA-256 of a regular file, None where there is none that can be read."""
    try:
        return files.sha256_of_file(path) if path.is_file() else None
    except OSError:
        return None


class _Remover:
    """Removes copies and links that were made in `out`, and the folders that are empty then."""

    def __init__(self, folder: Path, out: Path, dry_run: bool) -> None:
        self.folder, self.out, self.dry_run = folder, out, dry_run

    def __call__(self, entry: _Entry) -> str | None:
        """None where it is done, "" where there was nothing to do, else the reason why not."""
        made, origin = inside(self.out, entry.path), inside(self.folder, entry.path)
        if made is None or origin is None:
            return "its path leads out of the folder; left alone"
        if not os.path.lexists(made):
            return ""
        if digest_of(made) != entry.content:
            return f"{made} was changed since; left alone"
        if digest_of(origin) != entry.content:
            return f"{origin}, which it was made of, is gone or changed, so this may be the only one; left alone"
        if self.dry_run:
            return None
        try:
            made.unlink()
        except OSError as error:
            return f"{made} cannot be removed: {error.strerror}"
        for parent in made.relative_to(self.out).parents:
            if parent != Path() and not any((self.out / parent).iterdir()):
                (self.out / parent).rmdir()
        return None


class _Restorer:
    """Brings files back from the trash."""

    def __init__(self, folder: Path, dry_run: bool) -> None:
        self.folder, self.dry_run = folder, dry_run
        self.trash = found_in_trash(folder)

    def __call__(self, entry: _Entry) -> str | None:
        """As that of `_Remover`."""
        origin = inside(self.folder, entry.path)
        if origin is None:
            return "its path leads out of the folder; left alone"
        if os.path.lexists(origin):
            return "" if digest_of(origin) == entry.content else f"{origin} is another file by now; left alone"
        lying = self.trash.get(os.path.normpath(origin.absolute()), [])
        one = next((one for one in lying if digest_of(one.place) == entry.content), None)
        if one is None:
            return f"not found in the trash; look there by hand for {origin}"
        if self.dry_run:
            return None
        try:
            origin.parent.mkdir(parents=True, exist_ok=True)
            os.link(one.place, origin, follow_symlinks=False)  # which writes over nothing
            one.place.unlink()
            one.info.unlink(missing_ok=True)
        except OSError as error:
            return f"{one.place} cannot be moved back ({error.strerror}); move it from there by hand"
        return None
