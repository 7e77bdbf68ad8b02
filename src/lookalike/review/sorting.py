"""Groups become folders: their files are copied or linked, each whole or not at all, and none is moved or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from lookalike import files
from lookalike.data.located import Located, locate
from lookalike.errors import OptionError
from lookalike.files import with_end
from lookalike.gallery.gallery import Gallery
from lookalike.outputs import Outputs
from lookalike.review.lookalikes import Groups
from lookalike.review.placing import Target, check_apart, check_content, each
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
    check_apart(out, located.path)
    items = {item.name: item for item in gallery.snapshot().catalog.items("stored")}
    targets: dict[str, list[str]] = {}
    for number, group in enumerate(groups.groups, 1):
        place = f"group-{number:0{len(str(max(len(groups.groups), 10)))}}"
        photos = dict.fromkeys(items[name].photo or name for name in group.members if name in items)
        for photo, named in zip(photos, _named(photos), strict=True):
            targets.setdefault(photo, []).append(f"{place}/{named}")
    _claim(Path(out), targets, dry_run)
    contents = {item.photo or name: item.content for name, item in items.items()}
    unread = dict(targets)

    def one(target: str, name: str, path: Path, read: Callable[[], bytes]) -> None:
        content = read()
        if contents[name] is not None:
            check_content(content, contents[name])
        free = Target(Path(out), target, content)
        if dry_run:
            return
        if how == "link":
            free.link(path)
        else:
            free.copy(path if located.listing is not None else None)

    tasks = (
        (target, partial(one, target, name, path, read))
        for name, path, read in _sources(located)
        for target in unread.pop(name, ())
    )
    done, already, failed = each(tasks)
    failed.extend(Failed(target, "its file is not there any more") for some in unread.values() for target in some)
    return Sorted(how, str(out), dry_run, done, already, failed)


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
    try:
        is_another = mark.is_file() and files.read_json(mark) != targets
    except ValueError:  # it is none of ours
        is_another = True
    if is_another:
        raise OptionError(f"{out} holds other groups; give a folder of its own")
    if not dry_run:
        files.write_json(mark, targets)


def _sources(located: Located) -> Iterator[tuple[str, Path, Callable[[], bytes]]]:
    labels = located.labels()
    for source in located.pictures(labels):
        yield labels.of(source.name).name, (located.path / source.name), source.read
