"""What an update finds, written chunk by chunk: rows first, then the transaction that names them.

A chunk ends after a fixed number of pictures that had to be encoded, whatever else lies between them. An update that
was cut off has committed whole chunks, so that the next one makes the same chunks of what is left, and codes are the
same to the last bit: a model may give other last bits for a picture in other company.

While a few chunks are being encoded, the next pictures are read; chunks are committed in their order.

What is in memory does not grow with the gallery, but for a byte an item: whether it was met, and stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.data.images import FaceFacts, Pixels
from lookalike.data.located import reader_state
from lookalike.gallery import decisions
from lookalike.gallery.catalog import Catalog, Item
from lookalike.gallery.columns import COLUMNS, OF_FACE, OF_FILE, OF_PICTURE
from lookalike.gallery.feed import Entry
from lookalike.gallery.held import Given, Held, Known
from lookalike.gallery.storage import Storage

CHUNK = 500
"""Pictures that are encoded and committed together, at most."""
CHUNK_BYTES = 1 << 26
CODES_CHUNK = 1 << 16
"""Codes that are committed together where they come alone, and nothing is encoded."""
LABELS = 1 << 14
"""Items that are labelled anew in one transaction, at most."""
AHEAD = 4
"""Chunks that are being encoded, or wait to be committed, while further pictures are taken."""

Codes = npt.NDArray[np.float32]

_KEPT, _REPLACED = 1, 2


class Counts(NamedTuple):
    """Items that came, changed, and went."""

    added: int
    updated: int
    removed: int


class _Gone(NamedTuple):
    """An item that the source does not hold any more."""

    id: int
    state: str
    pixels: str | None


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
        row_bytes = storage.pixels.row_bytes or storage.codes.row_bytes
        most = CHUNK if storage.pixels.row_bytes else CODES_CHUNK
        self.chunk = max(1, min(most, CHUNK_BYTES // row_bytes))
        self.ahead = AHEAD if storage.pixels.row_bytes else 0
        self.is_same_reader = catalog.fact("reader") == reader_state()
        self.held = Held(catalog, same_reader=self.is_same_reader)
        self.row_count = int(catalog.fact("rows"))
        self.width = len(catalog.given)
        self.seen = 0
        self.unseen: list[str] = []
        self.stored = 0
        self.first_reason: str | None = None
        self.added = self.updated = self.removed = 0
        self._fate = np.zeros(self.held.newest + 1, np.uint8)  # of each id: not met, or one of these
        self._rows: dict[str, int] = {}  # of pixels that came with this update, until the catalog tells of them
        self._is_committed = False
        self._begun: deque[_Chunk] = deque()
        self._new: list[tuple[Item, Given | None]] = []
        self._touched: list[tuple[int, Given, str | None]] = []
        self._labelled: list[tuple[int, Given, Given | None]] = []
        self._retired: list[int] = []
        self._pictures: list[Pixels] = []

    def is_unchanged(self, entry: Entry) -> bool:
        """Whether an entry's file looks as it did when it was last read, so that it need not be opened."""
        if entry.modified is None or not self.is_same_reader:
            return False
        items = self.held.items_of(entry.name)
        # What could not even be read has no content: a permission may have come back. Of a photo's faces some are
        # missing where an update was cut off between two chunks.
        columns = _at(OF_FILE, _columns(entry))
        return (
            bool(items)
            and len(items) == (items[0].faces or 1)
            and all(item.content is not None and _at(OF_FILE, item.columns) == columns for item in items)
        )

    def keep(self, entry: Entry) -> None:
        """The item of that name stays as it is, or those of all faces of the photo of that name."""
        for item in self.held.items_of(entry.name):
            self._keep(item, entry if item.photo is None else entry.of_face(_face_of(item)))
            self.stored += item.state == "stored"

    def take_known(self, entry: Entry, content: str, known: Known) -> None:
        """A file whose content is known, under this name or another."""
        if known.reason is not None:
            self.reject(entry, content, known.reason)
        else:
            assert known.pixels is not None
            self._place(entry, content, known.pixels, None, known.row)

    def take_pictures(self, came: Sequence[tuple[Entry, str | None, Pixels]]) -> None:
        """Pictures that were decoded, or came as pixels: of each its entry, and its file's content."""
        digests = [pixels_digest(picture) for _, _, picture in came]
        rows = self.held.rows_of(digests)
        if self._is_committed:  # the catalog tells of these now
            self._rows = {pixels: row for pixels, row in self._rows.items() if row >= self.row_count}
            self._is_committed = False
        for (entry, content, picture), pixels in zip(came, digests, strict=True):
            self._place(entry, content, pixels, picture, rows.get(pixels))

    def reject(self, entry: Entry, content: str | None, reason: str) -> None:
        """A file that holds no usable picture."""
        self.first_reason = self.first_reason or reason
        item = self.held.item(entry.name)
        if item is not None and item.state == "rejected" and (item.content, item.reason) == (content, reason):
            self._touch(item, entry, content)
            return
        self._replace(item, entry, content, "rejected", None, reason, None)

    def keep_unseen(self, places: Iterable[str]) -> None:
        """Files, and all in folders, of which nobody knows what they hold now: what was stored of them stays."""
        self.unseen += places

    def lost(self) -> int:
        """Stored pictures that are nowhere in the source any more, also not under another name."""
        stored = [item for item in self._gone if item.state == "stored" and item.pixels is not None]
        came = {item.pixels for new in (self._new, *(chunk.new for chunk in self._begun)) for item, _ in new}
        living = self.held.living(list({str(item.pixels) for item in stored} - came))
        came |= {pixels for pixels, id in living if id > self.held.newest or self._fate[id] == _KEPT}
        return sum(item.pixels not in came for item in stored)

    @cached_property
    def _gone(self) -> list[_Gone]:
        """What was not met, and could be seen; once the source was gone through."""
        if np.count_nonzero(self._fate) == self.held.count:
            return []
        unseen, below = set(self.unseen), tuple(f"{place}/" for place in self.unseen)
        with self.catalog.reading():
            return [
                _Gone(id, state, pixels)
                for block in self.catalog.field_blocks("id, name, photo, state, pixels", "stored", "rejected")
                for id, name, photo, state, pixels in block
                if id <= self.held.newest and not self._fate[id]
                if (photo or name) not in unseen and not name.startswith(below)
            ]

    def settle(self) -> None:
        """Commit every chunk that is whole, as soon as it is encoded."""
        self._commit(0)

    def finish(self) -> Counts:
        """Write what is left, take out what was not found, and label everything, in one last transaction."""
        gone = self._gone
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

    def _place(self, entry: Entry, content: str | None, pixels: str, picture: Pixels | None, row: int | None) -> None:
        """A picture with its row, where that is known."""
        item = self.held.item(entry.name)
        self.stored += 1
        if item is not None and item.pixels == pixels:
            self._touch(item, entry, content)
            return
        row = self._rows.get(pixels, row)
        if row is None:
            assert picture is not None
            row = self._rows[pixels] = self.row_count + len(self._pictures)
            self._pictures.append(np.array(picture))
        self._replace(item, entry, content, "stored", pixels, None, row)
        if len(self._pictures) == self.chunk:
            self._begun.append(self._cut())
            self._commit(self.ahead)

    def _keep(self, item: Item, entry: Entry) -> None:
        """An item stays; what describes its picture is written where it differs from the catalog's."""
        self.seen += 1
        self._fate[item.id] = _KEPT
        held = self.held.given(item) if self.width else None
        columns, given = _columns(entry), self._given(entry, held)
        if _at(OF_PICTURE, item.columns) != _at(OF_PICTURE, columns) or given != held:
            self._labelled.append((item.id, columns, given))
        if len(self._labelled) == LABELS:
            with self.catalog.transaction():
                self._label()
                self.catalog.next_generation()

    def _touch(self, item: Item, entry: Entry, content: str | None) -> None:
        self._keep(item, entry)
        columns = _columns(entry)
        if (_at(OF_FILE, item.columns), item.content) != (_at(OF_FILE, columns), content):
            self._touched.append((item.id, columns, content))

    def _replace(
        self,
        before: Item | None,
        entry: Entry,
        content: str | None,
        state: str,
        pixels: str | None,
        reason: str | None,
        row: int | None,
    ) -> None:
        self.seen += 1
        if before is not None:
            self._retired.append(before.id)
            self._fate[before.id] = _REPLACED
        was_stored, is_stored = before is not None and before.state == "stored", state == "stored"
        self.updated += was_stored and is_stored
        self.added += is_stored and not was_stored
        self.removed += was_stored and not is_stored
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
            self._is_committed = not self._begun

    def _write_rows(self, chunk: _Chunk) -> None:
        if chunk.pixels is not None and chunk.codes is not None:
            self.storage.write(chunk.start, chunk.pixels, chunk.codes())

    def _write_items(self, chunk: _Chunk) -> None:
        """Inside a transaction, after the rows are on disk."""
        self.catalog.retire(chunk.retired)
        for id, columns, content in chunk.touched:
            self.catalog.touch(id, columns, content)
        self.catalog.add_all(chunk.new)
        self.catalog.set_fact("rows", chunk.start + (0 if chunk.pixels is None else len(chunk.pixels)))

    def _label(self) -> bool:
        """Write what describes pictures otherwise than the catalog had it; whether there was any."""
        for id, columns, given in self._labelled:
            self.catalog.label(id, columns, given)
        is_other, self._labelled = bool(self._labelled), []
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
