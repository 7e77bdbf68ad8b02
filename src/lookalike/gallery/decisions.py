"""What a person decided of pictures, kept in the gallery: a journal of which nothing is ever taken out.

A decision is of a picture, not of a name. It holds for the picture of its name while that is the one it was made of
(the same file, or the same framed pixels), and goes with it under another name; of a picture that was changed, and is
another one now, it says nothing any more. An undo is an entry as well, so that each is exact.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from lookalike.data.framing import Framing
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.catalog import Catalog

if TYPE_CHECKING:
    from lookalike.gallery.reader import GalleryReader

NOT_DUPLICATES, KEEP_BOTH, KEEP, DROP, UNDO = "not-duplicates", "keep-both", "keep", "drop", "undo"
OF_PAIRS = (NOT_DUPLICATES, KEEP_BOTH)
OF_PICTURES = (KEEP, DROP)
SETTLED = "settled"
"""The fact that tells the highest id of an item at the end of the last update."""


class Subject(NamedTuple):
    """A picture as it was when it was decided of: its name, the SHA-256 of its file and of its framed pixels."""

    name: str
    content: str | None
    pixels: str | None


@dataclass(frozen=True)
class Decision:
    """One entry of the journal.

    Attributes:
        sequence: its number, rising.
        time: when it was made (UTC).
        kind: "not-duplicates" or "keep-both" of two pictures, "keep" or "drop" of one, "undo" of another entry.
        names: of its pictures, as they are called now.
        undoes: the entry that an undo takes back.
        is_undone: whether an undo took it back.
        holds: whether its pictures are in the gallery as they were when it was made.
    """

    sequence: int
    time: str
    kind: str
    names: tuple[str, ...]
    undoes: int | None = None
    is_undone: bool = False
    holds: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "names": list(self.names)}


Listed = list[Decision]


@dataclass(frozen=True)
class InForce:
    """What holds now, by names of stored pictures."""

    kept: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    different: frozenset[frozenset[str]] = frozenset()
    both: frozenset[frozenset[str]] = frozenset()


class _Held(NamedTuple):
    """What tells whether a stored picture is the one that was decided of."""

    id: int
    name: str
    content: str | None
    pixels: str


@dataclass
class _Entry:
    """A row of the journal."""

    sequence: int
    time: str
    kind: str
    undoes: int | None
    subjects: list[Subject] = field(default_factory=list)


class Decisions:
    """A gallery's decisions: `gallery.decisions`. Each is on disk when the call returns; any process may add."""

    def __init__(self, gallery: GalleryReader, catalog: Catalog) -> None:
        self._gallery = gallery
        self._catalog = catalog

    def add(self, kind: str, name: str, other: str | None = None) -> Decision:
        """Decide: "not-duplicates" or "keep-both" of two pictures, "keep" or "drop" of one.

        What is decided later of the same holds instead; an undo brings back what held before.

        Raises:
            OptionError: the kind is unknown, or is of another number of pictures.
            GalleryError: a picture is not in the gallery, or nothing may be written there.
        """
        names = (name,) if other is None else (name, other)
        wanted = {**dict.fromkeys(OF_PICTURES, 1), **dict.fromkeys(OF_PAIRS, 2)}
        if kind not in wanted:
            raise OptionError(f"decision is {kind!r}; give one of {', '.join(wanted)}")
        if len(set(names)) != wanted[kind]:
            told = "one picture" if wanted[kind] == 1 else "two different pictures"
            raise OptionError(f"{kind!r} is decided of {told}; {', '.join(map(repr, names))} given")
        found = [self._gallery.item(one) for one in names]
        subjects = [Subject(item.name, item.content, item.pixels) for item in found]
        return self._write(kind, None, subjects)

    def undo(self, sequence: int | None = None) -> Decision | None:
        """Take back the entry of that number, or the last that was not taken back; the one it was, None without any.

        Raises:
            GalleryError: there is no such entry, it is taken back already, or nothing may be written.
        """
        history = self.history()
        open_ = {one.sequence: one for one in history if one.kind != UNDO and not one.is_undone}
        if sequence is None and not open_:
            return None
        chosen = max(open_) if sequence is None else sequence
        if chosen not in open_:
            why = "taken back already" if any(one.sequence == chosen for one in history) else "not there"
            raise GalleryError(f"decision {chosen} is {why}; give one that is listed")
        self._write(UNDO, chosen, [])
        return open_[chosen]

    @property
    def newest(self) -> int:
        """The sequence of the last entry, 0 without any: another number whenever something was decided or undone."""
        return self._catalog.newest_decision()

    def list(self) -> Listed:
        """What is decided and not taken back, the last of each picture and pair, in the order it was made.

        Those of pictures that are gone or changed are among them (`holds` is False).
        """
        latest: dict[Any, Decision] = {}
        for one in self.history():
            if one.kind != UNDO and not one.is_undone:
                latest.pop(key := (one.kind in OF_PAIRS, frozenset(one.names)), None)
                latest[key] = one
        return list(latest.values())

    def history(self) -> Listed:
        """Every entry, undone ones and undos too, in the order it was made."""
        entries = _entries(self._catalog)
        undone = {entry.undoes for entry in entries if entry.kind == UNDO}
        stored = _stored(self._catalog) if entries else {}
        of_faces = _of_faces(self._catalog)
        return [
            Decision(
                entry.sequence,
                entry.time,
                entry.kind,
                tuple(one.name for one in entry.subjects),
                entry.undoes,
                entry.sequence in undone,
                all(_is_same(one, stored.get(one.name), of_faces) for one in entry.subjects),
            )
            for entry in entries
        ]

    def in_force(self) -> InForce:
        """What holds of the pictures that are in the gallery now."""
        found: dict[str, set[Any]] = {kind: set() for kind in (*OF_PICTURES, *OF_PAIRS)}
        for one in self.list():
            if one.holds:
                found[one.kind].add(one.names[0] if one.kind in OF_PICTURES else frozenset(one.names))
        return InForce(*(frozenset(found[kind]) for kind in (KEEP, DROP, NOT_DUPLICATES, KEEP_BOTH)))

    def _write(self, kind: str, undoes: int | None, subjects: Iterable[Subject]) -> Decision:
        if not self._catalog.keeps_decisions:
            raise GalleryError(
                f"{self._gallery.folder} is of an older form and could not be brought up to date (another process "
                "writes there, or it may only be read); open it again where it can be written to"
            )
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        subjects = list(subjects)
        flat = [value for one in subjects for value in one] + [None] * (3 * (2 - len(subjects)))
        with self._catalog.transaction():
            sequence = self._catalog.add_decision((time, kind, undoes, *flat))
        return Decision(sequence, time, kind, tuple(one.name for one in subjects), undoes)


def follow(catalog: Catalog) -> None:
    """Let decisions go with files that were renamed since the last update; at an update's end, in its transaction.

    A file was renamed where its picture is no longer found under its name, and one other of the same content and pixels
    came with this update. One that was here before is a copy, to which nothing passes.
    """
    newest = catalog.fact(SETTLED) or 0
    entries = _entries(catalog)
    if entries:
        stored, of_faces = _stored(catalog), _of_faces(catalog)
        came: dict[Any, list[str]] = {}
        for item in stored.values():
            if item.id > newest:
                came.setdefault((item.content, item.pixels), []).append(item.name)
        for entry in entries:
            for place, one in enumerate(entry.subjects):
                if not _is_same(one, stored.get(one.name), of_faces):
                    names = came.get((one.content, one.pixels), ())
                    if len(names) == 1:
                        catalog.rename_decided(entry.sequence, place, names[0])
    catalog.set_fact(SETTLED, catalog.newest_id())


def _entries(catalog: Catalog) -> list[_Entry]:
    found = []
    for sequence, time, kind, undoes, *flat in catalog.decisions():
        subjects = [Subject(*flat[start : start + 3]) for start in (0, 3) if flat[start] is not None]
        found.append(_Entry(sequence, time, kind, undoes, subjects))
    return found


def _stored(catalog: Catalog) -> dict[str, _Held]:
    return {one.name: one for one in map(_Held._make, catalog.fields("id, name, content, pixels", "stored"))}


def _of_faces(catalog: Catalog) -> bool:
    """Whether pictures are faces in photos, of which all share one file."""
    framing = catalog.fact("framing")
    return framing is not None and Framing.from_json(framing).faces is not None


def _is_same(one: Subject, item: _Held | None, of_faces: bool) -> bool:
    if item is None:
        return False
    same_file = one.content is not None and one.content == item.content and not of_faces
    return same_file or one.pixels == item.pixels
