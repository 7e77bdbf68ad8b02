"""What was chosen is done: a list is written, what is kept is copied or linked, or what is dropped goes to the trash.

Nothing is ever deleted. Each file is held against the gallery before it is touched, and each is done whole or not at
all, so that a process may die at any moment: the same call then does the rest.
"""

from __future__ import annotations

import csv
import datetime
import io
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lookalike import files
from lookalike.choosing import HOWS
from lookalike.data.decode import read_file
from lookalike.data.located import Located, locate
from lookalike.errors import OptionError, PictureError
from lookalike.gallery.gallery import Gallery
from lookalike.outputs import Outputs
from lookalike.review.keeping import Plan
from lookalike.review.placing import AlreadyError, LeftError, Target, check_apart, check_content, each
from lookalike.review.records import MARK, Failed, Record, inside, touched, trashed, unfinished
from lookalike.review.trash import found_in_trash, sender

GONE = "it is not in the folder any more; bring the gallery up to date"
TRASHED = "trashed-{}.jsonl"
"""Names of the records of what went to the trash, by when, in the gallery's folder."""


@dataclass(frozen=True)
class Applied:
    """What was done, or with `dry_run` would be.

    Attributes:
        how: "list", "copy", "link" or "trash".
        done: names of the pictures that were copied, linked or moved to the trash; for a list, that are in it.
        already: those of which it was done before.
        failed: those of which it could not be done, with reasons; the others were done all the same.
        out: the file or folder written, None for the trash.
        record: the journal that `undo` takes, None where there is nothing to undo.
        left_out: paths of pictures in the folder that the gallery does not hold, which are not touched.
    """

    how: str
    dry_run: bool
    done: list[str]
    already: list[str]
    failed: list[Failed]
    out: str | None = None
    record: str | None = None
    left_out: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "failed": [one._asdict() for one in self.failed]}


def check(gallery: Gallery, how: str, out: str | Path | None, *, force: bool = False) -> None:
    """Raise as `apply` where this cannot be done, before anything was looked for."""
    if how not in HOWS:
        raise OptionError(f"apply is {how!r}; give one of {', '.join(HOWS)}")
    if (out is None) != (how == "trash"):
        raise OptionError(
            f"--apply {how} writes to no place of its own; leave --out away"
            if out is not None
            else f"--apply {how} needs --out, {'a .csv or .json file' if how == 'list' else 'a folder'}"
        )
    located = None if how == "list" else _located(gallery, how)
    if how == "trash":
        sender()
    elif how == "list" and Path(str(out)).suffix.lower() not in (".csv", ".json"):
        raise OptionError(f"--out is {out}; give a list a name that ends in .csv or .json")
    if how == "list":
        Outputs(force=force).file(str(out))
    elif how != "trash" and located is not None:
        check_apart(str(out), located.path)
        Outputs().own_folder(str(out), MARK)


def apply(plan: Plan, how: str, out: str | Path | None = None, *, dry_run: bool = True, force: bool = False) -> Applied:
    """Do what a plan says.

    Args:
        plan: of `Copies.keep`.
        how: "list" writes the choices, by the suffix of `out` as CSV or JSON; "copy" copies every picture of the
            gallery that is not dropped to the folder `out`, under its path; "link" makes hard links instead; "trash"
            moves what is dropped to the system's trash.
        out: the file or folder to write; none for the trash.
        dry_run: True does nothing, and says what would be done.
        force: whether a list may be written over a file that is there.

    Raises:
        OptionError: `how` is unknown, `out` does not fit it, or the pictures are no files of a folder.
        MissingExtraError: the trash is asked for, and its extra is not installed.
    """
    check(plan.gallery, how, out, force=force)
    if how == "list":
        return _listed(plan, Path(str(out)), dry_run)
    folder = _Folder(plan.gallery, how)
    return _trashed(plan, folder, dry_run) if how == "trash" else _copied(plan, folder, how, Path(str(out)), dry_run)


class _Folder:
    """The folder that a gallery's pictures are files of: where each is, and what it held when it was indexed."""

    def __init__(self, gallery: Gallery, how: str) -> None:
        located = _located(gallery, how)
        self.path = located.path
        labels = located.labels()
        entries = located.wanted_entries(labels) or []
        # Never made of a gallery's name: only what is found in the folder has a path.
        self.paths = {labels.of(entry.name).name: entry.name for entry in entries}
        self.contents: dict[str, str | None] = dict(gallery.snapshot().catalog.fields("name, content", "stored"))
        self.left_out = sorted(self.paths[name] for name in self.paths.keys() - self.contents.keys())
        self._labels = labels

    def path_of(self, name: str) -> Path:
        """Where a picture lies. Raises `LeftError`."""
        relative = self.paths.get(name)
        if relative is None:
            raise LeftError(GONE)
        found = inside(self.path, relative)
        if found is None:
            raise LeftError("a link leads to it out of the folder; left alone")
        return found

    def content_of(self, name: str) -> bytes:
        """A picture's file, which is as it was when it was indexed. Raises `LeftError`."""
        try:
            content = read_file(self.path_of(name))
        except PictureError as error:
            raise LeftError(f"it {error}; left alone") from error
        check_content(content, self.contents[name])
        return content

    def moved_before(self, gallery: Path) -> set[str]:
        """Names of what earlier records of a gallery tell that it went to the trash from this folder."""
        records = gallery.glob(TRASHED.format("*"))
        return {self._labels.of(path).name for record in records for path in trashed(record, self.path)}

    def path_in(self, name: str) -> str:
        """A picture's path within the folder; of one that is in it."""
        return self.paths[name]


def _located(gallery: Gallery, how: str) -> Located:
    """The folder of a gallery's pictures."""
    spec = gallery.source
    located = None if spec is None or spec.framing.faces is not None else locate(spec.source, spec.options)
    if located is not None and located.kind.endswith("folder"):
        return located
    if spec is None:
        what = "from memory"
    elif spec.framing.faces is not None:
        what = "faces found in photos"
    elif located is None:
        what = "drawn"
    else:
        what = "rows of an array" if located.kind == "array" else f"inside the archive {located.path.name}"
    raise OptionError(f"--apply {how} needs files of a folder, and this gallery's pictures are {what}; use list")


def rows_of(plan: Plan) -> list[dict[str, Any]]:
    """A plan as a table: group (from 1), level, name, action, reason."""
    rows: list[dict[str, Any]] = [
        {"group": number, "level": level, **one._asdict()}
        for number, (group, level) in enumerate(zip(plan.groups, plan.levels, strict=True), 1)
        for one in group
    ]
    return rows + [{"group": None, "level": None, **one._asdict()} for one in plan.besides]


def _listed(plan: Plan, path: Path, dry_run: bool) -> Applied:
    suffix = path.suffix.lower()
    rows = rows_of(plan)
    if not dry_run and suffix == ".json":
        files.write_json(path, rows)
    elif not dry_run:
        written = io.StringIO()
        table = csv.DictWriter(written, ("group", "level", "name", "action", "reason"), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        files.write_text(path, written.getvalue())
    return Applied("list", dry_run, [str(row["name"]) for row in rows], [], [], str(path))


def _copied(plan: Plan, folder: _Folder, how: str, out: Path, dry_run: bool) -> Applied:
    dropped = {one.name for one in plan.dropped}
    kept = [name for name in folder.contents if name not in dropped]
    others = touched(out / MARK) - {folder.paths[name] for name in kept if name in folder.paths}
    if others:
        raise OptionError(
            f"{out} holds {len(others):,} pictures of another choice, such as {files.printable(min(others))}; take "
            f"them back with --undo {out / MARK}, or give another folder"
        )
    if dry_run:
        return Applied(how, True, kept, [], [], str(out), None, folder.left_out)
    record = Record(out / MARK, {"how": how, "folder": str(folder.path), "time": _now()})

    def one(name: str) -> None:
        target = Target(out, folder.path_in(name), folder.content_of(name))
        record.add(path=folder.path_in(name), content=folder.contents[name])
        (target.link if how == "link" else target.copy)(folder.path_of(name))

    try:
        return Applied(
            how, False, *each((name, partial(one, name)) for name in kept), str(out), str(record.path), folder.left_out
        )
    finally:
        record.close()


def _trashed(plan: Plan, folder: _Folder, dry_run: bool) -> Applied:
    send = sender()
    names, keepers = [one.name for one in plan.dropped], plan.keepers
    led_to = _led_to(folder, set(names))
    moved_before = folder.moved_before(plan.gallery.folder)
    sound: dict[str, bool] = {}
    moved: dict[str, Path] = {}

    def is_sound(name: str) -> bool:
        if name not in sound:
            try:
                folder.content_of(name)
                sound[name] = True
            except LeftError:
                sound[name] = False
        return sound[name]

    def one(name: str) -> None:
        if name not in folder.paths and name in moved_before:
            raise AlreadyError
        path = folder.path_of(name)
        folder.content_of(name)
        keeper = keepers.get(name)
        if keeper is not None and not is_sound(keeper):
            raise LeftError(f"{keeper}, which is kept for it, is gone or changed; left alone")
        if not path.is_symlink() and str(files.real(path)) in led_to:
            raise LeftError(f"{led_to[str(files.real(path))]} is a link to it, and is kept; left alone")
        if dry_run:
            return
        record.add(path=folder.path_in(name), content=folder.contents[name])
        send(path)
        moved[folder.path_in(name)] = path

    if dry_run or not names:
        return Applied(
            "trash", dry_run, *each((name, partial(one, name)) for name in names), None, None, folder.left_out
        )
    path = unfinished(plan.gallery.folder.glob(TRASHED.format("*")), folder.path)
    path = path or Outputs().free(plan.gallery.folder / TRASHED.format(_now()[:19].replace(":", "")))
    record = Record(path, {"how": "trash", "folder": str(folder.path), "time": _now()})
    try:
        done, already, failed = each((name, partial(one, name)) for name in names)
        lying = found_in_trash(folder.path)
        for relative, was in moved.items():
            places = lying.get(os.path.normpath(was.absolute()), [])
            if places:
                record.add(in_trash=relative, place=str(places[0].place))
        record.finish()
    finally:
        record.close()
    if not trashed(path, folder.path):  # nothing that could be taken back
        path.unlink()
        return Applied("trash", False, done, already, failed, None, None, folder.left_out)
    return Applied("trash", False, done, already, failed, None, str(path), folder.left_out)


def _led_to(folder: _Folder, dropped: set[str]) -> dict[str, str]:
    """Real paths of what kept pictures that are links lead to, with their names."""
    found = {}
    for name, relative in folder.paths.items():
        path = folder.path / relative
        if name not in dropped and path.is_symlink():
            found[str(files.real(path))] = name
    return found


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
