"""What an update finds, written chunk by chunk: rows first, then the transaction that names them.

A chunk ends after a fixed number of pictures that had to be encoded, whatever else lies between them. An update that
was cut off has committed whole chunks, so that the next one makes the same chunks of what is left, and codes are the
same to the last bit: a model may give other last bits for a picture in other company.

While a few chunks are being encoded, the next pictures are read; chunks are committed in their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.data.columns import Value
from lookalike.data.images import FaceFacts, Pixels
from lookalike.data.located import reader_state
from lookalike.gallery import decisions
from lookalike.gallery.catalog import Catalog, Item
from lookalike.gallery.columns import COLUMNS, OF_FACE, OF_FILE, OF_PICTURE
from lookalike.gallery.feed import Entry
from lookalike.gallery.storage import Storage

CHUNK = 500
"""Pictures that are encoded and committed together, at most."""
CHUNK_BYTES = 1 << 26
AHEAD = 4
"""Chunks that are being encoded, or wait to be committed, while further pictures are taken."""

Codes = npt.NDArray[np.float32]


Given = tuple[Value, ...]
"""What a source knows of a picture, in the order of the catalog's `given`."""


class Known(NamedTuple):
    """What a file of some content turned out to be: a picture with its row, or the reason why not."""

    pixels: str | None
    row: int | None
    reason: str | None


class Counts(NamedTuple):
    """Items that came, changed, and went."""

    added: int
    updated: int
    removed: int


class _Chunk(NamedTuple):
    """What one transaction writes: rows from number `start` on, `codes` waits for them; None without any."""

    start: int
    pixels: Pixels | None
    codes: Callable[[], Codes] | None
    new: list[tuple[Item, Given | None]]
    touched: list[tuple[int, Given, str | None]]
    retired: list[int]


def pixels_digest(picture: Pixels) -> str:
    """Hexadecimal SHA-256 of a framed picture; within a gallery all have one shape."""
    return files.sha256(np.ascontiguousarray(picture).data)


class Changes:
    """The changes of one update.

    Args:
        catalog: with its lock held by this process.
        storage: the files of rows.
        encode: begins to encode pictures (n, H, W, C); what it returns waits for the codes (n, K).
    """

    def __init__(self, catalog: Catalog, storage: Storage, encode: Callable[[Pixels], Callable[[], Codes]]) -> None:
        self.catalog = catalog
        self.storage = storage
        self.encode = encode
        self.chunk = max(1, min(CHUNK, CHUNK_BYTES // (storage.pixels.row_bytes or storage.codes.row_bytes)))
        self.items: dict[str, Item] = {}
        self.contents: dict[str, Known] = {}
        self.rows: dict[str, int] = {}
        # Another reader may make other pictures of the same files: all are then read once more.
        self.is_same_reader = catalog.fact("reader") == reader_state()
        for item in catalog.items("retired", "stored", "rejected"):
            if item.state != "retired":
                self.items[item.name] = item
            if item.pixels is not None and item.row is not None:
                self.rows[item.pixels] = item.row
            if item.content is not None and self.is_same_reader:
                self.contents[item.content] = Known(item.pixels, item.row, item.reason)
        self.of_photo: dict[str, list[Item]] = {}
        for item in self.items.values():
            if item.photo is not None:
                self.of_photo.setdefault(item.photo, []).append(item)
        self.row_count = int(catalog.fact("rows"))
        self.width = len(catalog.given)
        self.entries: dict[str, Entry] = {}
        self.unseen: list[str] = []
        self.present: set[str | None] = set()
        self.stored = 0
        self.first_reason: str | None = None
        self.added = self.updated = self.removed = 0
        self._begun: deque[_Chunk] = deque()
        self._new: list[tuple[Item, Given | None]] = []
        self._touched: list[tuple[int, Given, str | None]] = []
        self._retired: list[int] = []
        self._pictures: list[Pixels] = []

    def is_unchanged(self, entry: Entry) -> bool:
        """Whether an entry's file looks as it did when it was last read, so that it need not be opened."""
        items = self.items_of(entry.name)
        if entry.modified is None or not items or not self.is_same_reader:
            return False
        # What could not even be read has no content: a permission may have come back. Of a photo's faces some are
        # missing where an update was cut off between two chunks.
        columns = _at(OF_FILE, _columns(entry))
        return len(items) == (items[0].faces or 1) and all(
            item.content is not None and _at(OF_FILE, item.columns) == columns for item in items
        )

    def keep(self, entry: Entry) -> None:
        """The item of that name stays as it is, or those of all faces of the photo of that name."""
        for item in self.items_of(entry.name):
            self._see(entry if item.photo is None else entry.of_face(_face_of(item)))
            self.present.add(item.pixels)
            self.stored += item.state == "stored"

    def items_of(self, file: str) -> list[Item]:
        """What a file is here: its item, or those of its faces."""
        if file in self.of_photo:
            return self.of_photo[file]
        return [self.items[file]] if file in self.items else []

    def take_content(self, entry: Entry, content: str) -> None:
        """A file whose content is known, under this name or another."""
        known = self.contents[content]
        if known.reason is not None:
            self.reject(entry, content, known.reason)
        else:
            assert known.pixels is not None
            self._place(entry, content, known.pixels, None)

    def take_picture(self, entry: Entry, content: str | None, picture: Pixels) -> None:
        """A picture that was decoded, or came as pixels."""
        self._place(entry, content, pixels_digest(picture), picture)

    def reject(self, entry: Entry, content: str | None, reason: str) -> None:
        """A file that holds no usable picture."""
        self.first_reason = self.first_reason or reason
        item = self.items.get(entry.name)
        if item is not None and item.state == "rejected" and (item.content, item.reason) == (content, reason):
            self._see(entry)
            self._touch(item, entry, content)
            return
        self._replace(entry, content, "rejected", None, reason, None)

    def keep_unseen(self, places: Iterable[str]) -> None:
        """Files, and all in folders, of which nobody knows what they hold now: what was stored of them stays."""
        self.unseen += places

    def lost(self) -> int:
        """Stored pictures that are nowhere in the source any more, also not under another name."""
        return sum(item.state == "stored" and item.pixels not in self.present for item in self._gone())

    def _gone(self) -> list[Item]:
        unseen, below = set(self.unseen), tuple(f"{place}/" for place in self.unseen)
        return [
            item
            for name, item in self.items.items()
            if name not in self.entries and (item.photo or name) not in unseen and not name.startswith(below)
        ]

    def settle(self) -> None:
        """Commit every chunk that is whole, as soon as it is encoded."""
        self._commit(0)

    def finish(self) -> Counts:
        """Write what is left, take out what was not found, and label everything, in one last transaction."""
        gone = self._gone()
        last = self._cut()
        self.settle()
        self._write_rows(last)
        with self.catalog.transaction():
            is_other = bool(last.new or last.retired or gone)
            self._write_items(last)
            self.catalog.retire(item.id for item in gone)
            self.catalog.purge()
            decisions.follow(self.catalog)
            if self._label() or is_other:
                self.catalog.next_generation()
        self.removed += sum(item.state == "stored" for item in gone)
        return Counts(self.added, self.updated, self.removed)

    def _place(self, entry: Entry, content: str | None, pixels: str, picture: Pixels | None) -> None:
        item = self.items.get(entry.name)
        self.present.add(pixels)
        self.stored += 1
        if item is not None and item.pixels == pixels:
            self._see(entry)
            self._touch(item, entry, content)
            return
        row = self.rows.get(pixels)
        if row is None:
            assert picture is not None
            row = self.rows[pixels] = self.row_count + len(self._pictures)
            self._pictures.append(np.array(picture))
        self._replace(entry, content, "stored", pixels, None, row)
        if len(self._pictures) == self.chunk:
            self._begun.append(self._cut())
            self._commit(AHEAD)

    def _see(self, entry: Entry) -> None:
        self.entries[entry.name] = entry._replace(read=None)  # which may hold a whole file's content

    def _touch(self, item: Item, entry: Entry, content: str | None) -> None:
        columns = _columns(entry)
        if (_at(OF_FILE, item.columns), item.content) != (_at(OF_FILE, columns), content):
            self._touched.append((item.id, columns, content))

    def _replace(
        self, entry: Entry, content: str | None, state: str, pixels: str | None, reason: str | None, row: int | None
    ) -> None:
        before = self.items.get(entry.name)
        if before is not None:
            self._retired.append(before.id)
        was_stored, is_stored = before is not None and before.state == "stored", state == "stored"
        self.updated += was_stored and is_stored
        self.added += is_stored and not was_stored
        self.removed += was_stored and not is_stored
        self._see(entry)
        fresh = Item(0, entry.name, content, pixels, state, reason, row, _columns(entry))
        self._new.append((fresh, self._given(entry, None)))

    def _cut(self) -> _Chunk:
        """End the chunk that is being gathered: its pictures are encoded from now on."""
        pixels = np.stack(self._pictures) if self._pictures else None
        codes = None if pixels is None else self.encode(pixels)
        chunk = _Chunk(self.row_count, pixels, codes, self._new, self._touched, self._retired)
        self.row_count += len(self._pictures)
        self._new, self._touched, self._retired, self._pictures = [], [], [], []
        return chunk

    def _commit(self, most: int) -> None:
        """Commit begun chunks, the first ones first, until no more than `most` are left."""
        while len(self._begun) > most:
            chunk = self._begun.popleft()
            self._write_rows(chunk)
            with self.catalog.transaction():
                self._write_items(chunk)
                self.catalog.next_generation()

    def _write_rows(self, chunk: _Chunk) -> None:
        if chunk.pixels is not None and chunk.codes is not None:
            self.storage.write(chunk.start, chunk.pixels, chunk.codes())

    def _write_items(self, chunk: _Chunk) -> None:
        """Inside a transaction, after the rows are on disk."""
        self.catalog.retire(chunk.retired)
        for id, columns, content in chunk.touched:
            self.catalog.touch(id, columns, content)
        for item, given in chunk.new:
            self.catalog.add(item, given)
        self.catalog.set_fact("rows", chunk.start + (0 if chunk.pixels is None else len(chunk.pixels)))

    def _label(self) -> bool:
        """Write what describes pictures where it differs from the catalog's; whether there was any."""
        is_other = False
        values = self.catalog.given_values() if self.width else {}
        names = ", ".join(("id", "name", *(COLUMNS[place].name for place in OF_PICTURE)))
        for id, name, *held in self.catalog.fields(names, "stored", "rejected"):
            entry = self.entries.get(name)  # None for what could not be seen
            if entry is None:
                continue
            columns, given = _columns(entry), self._given(entry, values.get(id))
            if tuple(held) != _at(OF_PICTURE, columns) or given != values.get(id):
                self.catalog.label(id, columns, given)
                is_other = True
        return is_other

    def _given(self, entry: Entry, held: Given | None) -> Given | None:
        """What the source knows of a picture; what its file alone tells is as held, where it was not opened."""
        if not self.width or (entry.values is None and held is None):
            return None
        known = () if entry.values is None else plain_values(entry.values)
        return known + (held or (None,) * self.width)[len(known) :]


def plain_values(values: Sequence[Any] | npt.NDArray[np.float32]) -> Given:
    """Values as SQLite holds and gives them back: None where a number is none."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return tuple(None if value != value else value for value in listed)


def _columns(entry: Entry) -> Given:
    return tuple(column.read(entry) for column in COLUMNS)


def _at(places: tuple[int, ...], values: Given) -> Given:
    return tuple(values[place] for place in places)


def _face_of(item: Item) -> FaceFacts:
    values: Any = _at(OF_FACE, item.columns)
    return FaceFacts(*values)
