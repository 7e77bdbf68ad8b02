"""A source of pictures on disk: found, its layout recognised, its pictures listed without reading them."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.data import cache, folder, lfw
from lookalike.data.download import fetch_lfw
from lookalike.data.exif import COLUMNS as CAMERAS
from lookalike.data.formats import available_extras
from lookalike.data.framing import Framing, check_crop
from lookalike.data.images import DataSpec
from lookalike.data.names import why_skipped
from lookalike.data.options import DataOptions
from lookalike.data.pipeline import Progress, Source
from lookalike.data.tables import is_lfws
from lookalike.errors import DataError, OptionError
from lookalike.files import named

GIVE = "give a folder, an archive, an .npy or .npz file, 'synthetic', 'portraits', 'leaves' or 'lfw'"
READER = 3
"""Raised when the same source would be read into other pictures, so that no older cache is found."""
NOT_NAMED = "not in the table"
DOWNLOADS = ("lfw", "lfw-funneled", "lfw-deepfunneled")
_log = logging.getLogger(__name__)
PROCEDURAL = {"synthetic": 13_000, "portraits": 13_000, "leaves": 1_000}
"""Sources that are drawn rather than read, and how many pictures each gives unless told."""
_PROCEDURAL = re.compile(rf"({'|'.join(PROCEDURAL)})(?::(\d+))?")


class Drawn(NamedTuple):
    """What is asked of a procedural source: its name in `PROCEDURAL`, and how many pictures."""

    name: str
    pictures: int

    def __str__(self) -> str:
        return f"{self.name}:{self.pictures}"

    @property
    def is_faces(self) -> bool:
        """Whether its pictures are faces."""
        return self.name != "leaves"

    @property
    def called(self) -> str:
        """What the pictures are, for messages."""
        return "synthetic faces" if self.name == "synthetic" else self.name


def drawn_of(source: str | Path) -> Drawn | None:
    """A procedural source, None where it is of another kind."""
    found = _PROCEDURAL.fullmatch(str(source))
    return None if found is None else Drawn(found[1], int(found[2] or PROCEDURAL[found[1]]))


def reader_state() -> list[Any]:
    """JSON values that are others where the same files may be read into other pictures."""
    return [READER, available_extras()]


class Located(NamedTuple):
    """A source on disk: its kind ("folder", "lfw folder", "archive", "lfw archive", "array"), and how it is read.

    `listing` is a folder's, None for a single file; `options` what was asked for; `table` the attribute table in LFW's
    layout, which chooses pictures; `skipped` counts what is not looked at, by suffix or reason: of an archive once it
    was read to its end.
    """

    path: Path
    kind: str
    listing: folder.Listing | None
    framing: Framing
    options: DataOptions
    table: Path | None
    skipped: Counter[str]

    @property
    def layout(self) -> str:
        """What its names were taken for: "lfw" or "folder"."""
        return "lfw" if self.kind.startswith("lfw") else "folder"

    @property
    def unseen(self) -> list[str]:
        """Folders within that cannot be listed."""
        return [] if self.listing is None else self.listing.unseen

    @property
    def spec(self) -> DataSpec:
        """What finds it again."""
        table, key = self.options.attributes, self.options.key
        path = None if table is None else str(table)
        return DataSpec(str(self.path), self.framing, path, self.layout, key, bool(self.options.exif))

    @property
    def state(self) -> list[Any]:
        """JSON values that are others where the same options would give other pictures, or other words of cameras."""
        content = cache.content_digest(self.path) if self.listing is None else [str(self.path), *self.listing.entries]
        table = None if self.table is None else cache.content_digest(self.table)
        cameras = [column.as_json() for column in CAMERAS] if self.options.exif else []
        return [*reader_state(), self.kind, content, table, *self._finder(), *cameras]

    @property
    def beside(self) -> list[Any]:
        """JSON values that are others where a table that chooses no pictures says something else of them."""
        table = self.options.attributes
        return [] if table is None or self.table is not None else [cache.content_digest(table), self.options.key]

    def _finder(self) -> list[str]:
        """What finds faces, where such are looked for."""
        if self.framing.faces is None:
            return []
        from lookalike.data.faces.photos import detector_of

        return [detector_of(self.framing.faces).name]

    def labels(self) -> lfw.Labels:
        """What the names of its pictures say; raises as `lfw.Labels`."""
        return lfw.Labels(self.layout == "lfw", self.table)

    def wanted_entries(self, labels: lfw.Labels) -> list[folder.FileEntry] | None:
        """A folder's files that are to be read, None for a single file."""
        if self.listing is None:
            return None
        wanted = [entry for entry in self.listing.entries if labels.is_wanted(entry.name)]
        if labels.table is not None:
            self.skipped[NOT_NAMED] = len(self.listing.entries) - len(wanted)
        return wanted

    def pictures(self, labels: lfw.Labels) -> Iterator[Source]:
        """The pictures that are to be read, in the source's order, a folder's in that of `wanted_entries`.

        Raises:
            DataError: an archive is damaged or cut off.
        """
        chosen = self.wanted_entries(labels)
        if chosen is not None:
            return folder.pictures_in(self.path, chosen)
        from lookalike.data import archive  # with what unpacks, which a question of a gallery does without

        self.skipped.clear()

        def is_wanted(name: str) -> bool:
            why = why_skipped(name) or (None if labels.is_wanted(name) else NOT_NAMED)
            if why is not None:
                self.skipped[why] += 1
            return why is None

        return archive.pictures_in(self.path, is_wanted)


def locate(source: str | Path, options: DataOptions, progress: Progress | None = None) -> Located | None:
    """What `load` would read, without reading its pictures; None for procedural pictures, which lie nowhere.

    Raises:
        DataError: the source is not there, or of no kind that can be read.
        OptionError: the options do not fit it.
    """
    if not str(source):  # as of a variable of the shell that is not set; the current folder is "."
        raise DataError(f"the source's name is empty; {GIVE}")
    _warn_of_namesake(source)
    table = None if options.attributes is None or not is_lfws(options.attributes) else options.attributes
    drawn = drawn_of(source)
    if drawn is not None:
        if table is not None:
            own = f"{drawn.called} have {'their own' if drawn.is_faces else 'none'}"
            raise OptionError(f"attributes in LFW's layout go with LFW only; {own}")
        return None
    path = fetch_lfw(str(source), progress) if str(source) in DOWNLOADS else named(source)
    if not path.exists():
        raise DataError(f"{source} is not there; {GIVE}")
    listing = folder.listing_of(path) if path.is_dir() else None
    kind = _kind_of(path, listing, "lfw" if str(source) in DOWNLOADS else options.layout)
    is_faces = kind.startswith("lfw")
    if table is not None and not is_faces:
        raise OptionError(f"attributes in LFW's layout go with LFW only; {path} is not so (NAME/NAME_0001.jpg)")
    framing = options.framing(lfw.FRAMING if is_faces or options.faces else Framing())
    if framing.faces is not None:
        _check_faces(path, kind, framing)
    return Located(path, kind, listing, framing, options, table, Counter() if listing is None else listing.skipped)


def _check_faces(path: Path, kind: str, framing: Framing) -> None:
    """Raise where faces cannot be looked for, before the first photo is read."""
    from lookalike.data.faces.align import SIDE
    from lookalike.data.faces.photos import detector_of

    if kind == "array":
        raise OptionError(f"faces are looked for in files of photos; {path} is an array: read it without faces")
    check_crop(framing.crop, SIDE, SIDE)
    detector_of(str(framing.faces))


def _warn_of_namesake(source: str | Path) -> None:
    """Say that a keyword was taken as one where a file or folder of its name is here too."""
    if not isinstance(source, str) or not (source in DOWNLOADS or drawn_of(source) is not None):
        return
    if Path(source).exists():
        _log.warning("%s is a keyword, and also the name of something here; for that, write ./%s", source, source)


def _kind_of(path: Path, listing: folder.Listing | None, layout: str) -> str:
    if listing is None and not path.is_file():
        raise DataError(f"{path} is neither a file nor a folder; give one")
    if listing is None and path.suffix.lower() in (".npy", ".npz"):
        return "array"
    if listing is None:
        from lookalike.data.archive import is_archive

        if not is_archive(path):
            raise DataError(f"{path} is no folder, tar, zip, .npy or .npz; put single pictures into a folder")
    if layout == "auto":
        layout = "lfw" if _looks_like_lfw(path, listing) else "folder"
    kind = "archive" if listing is None else "folder"
    return f"lfw {kind}" if layout == "lfw" else kind


def _looks_like_lfw(path: Path, listing: folder.Listing | None) -> bool:
    """Whether the first pictures, up to one of a second person, are named and sized as LFW's; a folder's names all."""
    if listing is not None and not lfw.are_portraits(entry.name for entry in listing.entries):
        return False
    if listing is not None:
        sources = folder.pictures_in(path, listing.entries)
    else:
        from lookalike.data import archive

        sources = archive.pictures_in(path, lambda name: why_skipped(name) is None)
    people = set()
    for source in sources:
        if not lfw.is_portrait(source):
            return False
        people.add(lfw.short_name(source.name).partition("/")[0])
        if len(people) > 1:
            return True
    return False
