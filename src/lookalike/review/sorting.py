"""Groups become folders: their files are copied or linked, each whole or not at all, and none is moved or changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lookalike import files
from lookalike.data.decode import read_file
from lookalike.data.located import Located, locate
from lookalike.errors import NoSpaceError, OptionError, PictureError
from lookalike.files import with_end
from lookalike.gallery.gallery import Gallery
from lookalike.outputs import Outputs
from lookalike.review.lookalikes import Groups
from lookalike.review.records import Failed

HOWS = ("copy", "link")
MARK = "lookalike-groups.json"
"""Names a folder as one of groups, and says which files are whose."""


@dataclass(frozen=True)
class Sorted:
    """What was done, or with `dry_run` would be: paths of files within `out`."""

    how: str
    out: str
    dry_run: bool
    done: list[str]
    already: list[str]
    failed: list[Failed]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "failed": [one._asdict() for one in self.failed]}


def sort_into(gallery: Gallery, groups: Groups, how: str, out: str | Path, *, dry_run: bool = True) -> Sorted:
    """Copy or link the files of groups into a folder for each, `group-01` for the first; called again it goes on.

    Of a face that was found in a photo, the photo is taken: it may belong to several groups. A file that has changed
    since the gallery was updated is left alone, and so is what is there under a name already.

    Args:
        gallery: where the groups were found.
        how: "copy", or "link" for hard links.
        out: a new or empty folder, or one that the same groups were sorted into before.
        dry_run: True writes nothing.

    Raises:
        OptionError: `how` is unknown, the pictures are no files, or `out` holds something else or lies among them.
    """
    if how not in HOWS:
        raise OptionError(f"apply is {how!r}; give one of {', '.join(HOWS)}")
    located = _files_of(gallery, how)
    folder, source = Path(out).resolve(), located.path.resolve()
    if folder.is_relative_to(source) or source.is_relative_to(folder):
        raise OptionError(f"--out {out} and the pictures in {located.path} lie within one another; give another folder")
    items = {item.name: item for item in gallery.snapshot().catalog.items("stored")}
    targets: dict[str, list[str]] = {}
    for number, group in enumerate(groups.groups, 1):
        place = f"group-{number:0{len(str(max(len(groups.groups), 10)))}}"
        photos = dict.fromkeys(items[name].photo or name for name in group.members if name in items)
        for photo, named in zip(photos, _named(photos), strict=True):
            targets.setdefault(photo, []).append(f"{place}/{named}")
    _claim(Path(out), targets, dry_run)
    contents = {item.photo or name: item.content for name, item in items.items()}
    done = Sorted(how, str(out), dry_run, [], [], [])
    unread = dict(targets)
    for name, path, read in _sources(located):
        for target in unread.pop(name, ()):
            _put(done, Path(out) / target, target, contents[name], path if how == "link" else None, read)
    done.failed.extend(Failed(target, "its file is not there any more") for one in unread.values() for target in one)
    return done


def _files_of(gallery: Gallery, how: str) -> Located:
    spec = gallery.source
    located = None if spec is None else locate(spec.source, spec.options)
    if spec is None or located is None or located.kind == "array":
        what = "come from memory" if spec is None else "are no files"
        raise OptionError(f"--apply {how} needs files, and this gallery's pictures {what}; take the names of --json")
    if how == "link" and located.listing is None:
        raise OptionError(f"the pictures lie inside {located.path}, and cannot be linked; give --apply copy")
    return located


def _named(photos: dict[str, None]) -> Iterator[str]:
    """A free name in one folder for each: the last part of its own, with a number where several share it."""
    taken: set[str] = set()
    for photo in photos:
        name, number = PurePosixPath(photo).name, 1
        wanted = name
        while wanted.casefold() in taken:
            number += 1
            wanted = str(with_end(Path(name), f"-{number}"))
        taken.add(wanted.casefold())
        yield wanted


def _claim(out: Path, targets: dict[str, list[str]], dry_run: bool) -> None:
    """Take the folder for these groups. Raises OptionError where it holds something else."""
    Outputs().own_folder(out, MARK)
    mark = out / MARK
    if mark.is_file() and files.read_json(mark) != targets:
        raise OptionError(f"{out} holds other groups; give a folder of its own")
    if not dry_run:
        files.write_json(mark, targets)


def _sources(located: Located) -> Iterator[tuple[str, Path, Any]]:
    labels = located.labels()
    for source in located.pictures(labels):
        yield labels.of(source.name).name, (located.path / source.name), source.read


def _put(done: Sorted, made: Path, target: str, content: str | None, path: Path | None, read: Any) -> None:
    """One file, copied, or linked where its path is given."""
    try:
        given = read()
        if content is not None and files.sha256(given) != content:
            done.failed.append(Failed(target, "it was changed since the gallery was updated; update, and try again"))
        elif os.path.lexists(made):
            is_same = made.is_file() and read_file(made) == given
            _note(done, target, is_same)
        elif not done.dry_run:
            made.parent.mkdir(parents=True, exist_ok=True)
            if path is None:
                files.write_bytes(made, given)
            else:
                os.link(path.resolve(), made)
            done.done.append(target)
        else:
            done.done.append(target)
    except (PictureError, OSError, NoSpaceError) as error:
        done.failed.append(Failed(target, str(error)))


def _note(done: Sorted, target: str, is_same: bool) -> None:
    if is_same:
        done.already.append(target)
    else:
        done.failed.append(Failed(target, "another file of that name is there"))
