"""What a catalog held when an update began, asked for as the update comes to it: in memory is what is near.

Sources are mostly walked in the order of their names, so that of one name the next ones are asked for along with it;
the more, the longer that goes well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lookalike.data.columns import Value
from lookalike.data.framing import Framing
from lookalike.data.names import of_face
from lookalike.gallery.catalog import AT_ONCE, Catalog, Item

Given = tuple[Value, ...]
"""What a source knows of a picture, in the order of the catalog's `given`."""

FIRST, MOST = 8, 1024
"""Items that are asked for along with a first one, and at most."""
_LIVING = "state <> 'retired' AND id <= ?"
STRETCHES = 4
"""Places of the source that are worked on at a time: what is read ahead, and what comes out of it."""


class Known(NamedTuple):
    """What a file of some content turned out to be: a picture with its row, or the reason why not."""

    pixels: str | None
    row: int | None
    reason: str | None


@dataclass
class _Stretch:
    """All items from one name on up to another; to the end where `last` is None."""

    first: str
    last: str | None
    items: dict[str, Item]
    given: dict[int, Given]
    size: int
    asked: int = field(default=0)

    def covers(self, name: str) -> bool:
        return self.first <= name and (self.last is None or name <= self.last)


class Held:
    """The items of a catalog at one moment; what is added later is not among them.

    Attributes:
        newest: the highest id.
        count, stored: items that are stored or set aside, and those that are stored.
        has_faces: whether pictures are faces in photos.
    """

    def __init__(self, catalog: Catalog, *, same_reader: bool) -> None:
        self._catalog = catalog
        self._same_reader = same_reader
        self._width = len(catalog.given)
        self._stretches: deque[_Stretch] = deque(maxlen=STRETCHES)
        self.newest = catalog.newest_id()
        if not self.newest:  # all is new: nothing need be asked for, one by one, while others wait for it
            self._stretches.append(_Stretch("", None, {}, {}, FIRST))
        self.stored = catalog.count("stored")
        self.count = self.stored + catalog.count("rejected")
        framing = catalog.fact("framing")
        self.has_faces = framing is not None and Framing.from_json(framing).faces is not None

    def item(self, name: str) -> Item | None:
        """The item of that name that is stored or set aside."""
        return self._stretch(name).items.get(name)

    def items_of(self, file: str) -> list[Item]:
        """What a file is: its item, or those of its faces."""
        if self.has_faces:
            between = f"{_LIVING} AND name BETWEEN ? AND ? ORDER BY name"
            named = self._catalog.items_where(between, (self.newest, *_names_of_faces(file)))
            if faces := [item for item in named if item.photo == file]:
                return faces
        item = self.item(file)
        return [] if item is None else [item]

    def given(self, item: Item) -> Given | None:
        """What the source knew of an item; None where it knew nothing."""
        return self._stretch(item.name).given.get(item.id)

    def known(self, content: str) -> Known | None:
        """What a file of that content was."""
        if not self.newest or not self._same_reader:  # another reader may make other pictures of the same files
            return None
        statement = "SELECT pixels, row, reason FROM items WHERE content = ? AND id <= ? LIMIT 1"
        return next((Known(*found) for found in self._catalog.ask(statement, (content, self.newest))), None)

    def __contains__(self, content: object) -> bool:
        return isinstance(content, str) and self.known(content) is not None

    def rows_of(self, pixels: Sequence[str]) -> dict[str, int]:
        """The rows of those of some pixels that the catalog names by now."""
        return dict(self._of_pixels("pixels, row", pixels, "row IS NOT NULL"))

    def living(self, pixels: Sequence[str]) -> list[tuple[str, int]]:
        """Pixels and ids of the items of some pixels that are not retired by now."""
        return list(self._of_pixels("pixels, id", pixels, "state <> 'retired'"))

    def _of_pixels(self, names: str, pixels: Sequence[str], condition: str) -> Iterator[tuple[str, int]]:
        for start in range(0, len(pixels), AT_ONCE):
            some = pixels[start : start + AT_ONCE]
            marks = ", ".join("?" * len(some))
            yield from self._catalog.ask(f"SELECT {names} FROM items WHERE pixels IN ({marks}) AND {condition}", some)

    def _stretch(self, name: str) -> _Stretch:
        for stretch in reversed(self._stretches):
            if stretch.covers(name):
                stretch.asked += 1
                return stretch
        before = next((one for one in reversed(self._stretches) if one.last is not None and one.last < name), None)
        goes_on = before is not None and 2 * before.asked >= before.size
        size = min(2 * before.size, MOST) if goes_on and before is not None else FIRST
        onward = f"{_LIVING} AND name >= ? ORDER BY name LIMIT ?"
        found = self._catalog.items_where(onward, (self.newest, name, size))
        last = found[-1].name if len(found) == size else None
        given = self._catalog.given_values([item.id for item in found]) if self._width else {}
        self._stretches.append(_Stretch(name, last, {item.name: item for item in found}, given, size))
        return self._stretches[-1]


def _names_of_faces(photo: str) -> tuple[str, str]:
    """Names between which those of a photo's faces lie."""
    first = of_face(photo, None, 0)[0].removesuffix("0")
    return first, f"{first}\U0010ffff"
