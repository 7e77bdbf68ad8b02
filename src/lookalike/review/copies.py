"""The copies in a gallery, and what of a new source is in it already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.source import load_with
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Snapshot
from lookalike.review.candidates import NEIGHBOURS, Candidates
from lookalike.review.grouping import Grouping
from lookalike.review.hints import Floats, Ids
from lookalike.review.originals import contents_of
from lookalike.review.sameness import LEVELS, Album

MORE = 4
"""Times as many neighbours are looked through where a group took most of them."""


@dataclass(frozen=True)
class Member:
    """A picture of a group: the level at which it is the same as the group's first, and how alike they are, 0 to 1."""

    name: str
    level: str
    likeness: float


@dataclass(frozen=True)
class Copies:
    """Groups of pictures that are the same, the largest group first.

    Attributes:
        groups: the names of each; the first stands for the others, which were compared with it.
        levels: the loosest level in each group: "bytes", "picture" or "near".
        members: those after each group's first.
        threshold: how far apart, in the gallery's metric, copies were looked for.
        stored_only: the compared pictures that could not be read again, and were judged as the model sees them.
    """

    groups: list[list[str]]
    levels: list[str]
    members: list[list[Member]]
    threshold: float
    stored_only: list[str]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "groups": self.groups,
            "levels": self.levels,
            "members": [[vars(one) for one in group] for group in self.members],
            "threshold": self.threshold,
            "stored_only": self.stored_only,
        }


def find_copies(
    gallery: Gallery, *, level: str = "near", against: str | Path | ImageSet | None = None, seed: int = 0
) -> Copies:
    """The copies in a gallery; with `against`, which of these pictures are in it already.

    Candidates are named by codes, as far apart as changed copies of the gallery's own pictures lie, as they are and
    mirrored, turned, cut and without borders; then the pictures themselves decide, read again from their source. The
    largest picture of a group stands for it, and every other was compared with that one.

    Args:
        gallery: whose pictures are compared.
        level: the loosest that counts: "bytes" (the same file), "picture" (the same pixels, if need be mirrored or
            turned) or "near" (saved again, resized, recoloured, bordered, cut, mirrored, turned, written on).
        against: other pictures, as `load` takes them. Each is then the first of a group, followed by the gallery's
            pictures it is the same as; they are not compared with one another.
        seed: of the changed copies that tell how far apart they lie.

    Raises:
        OptionError: the level is unknown.
        GalleryError: the gallery holds no picture.
        DataError: `against` cannot be read.
    """
    if level not in LEVELS:
        raise OptionError(f"level is {level!r}; give one of {', '.join(LEVELS)}")
    snapshot = gallery.snapshot()
    others = None if against is None else _others(gallery, against)
    album = _album(gallery, snapshot, others)
    try:
        search = _Search(gallery, snapshot, album, level, seed)
        found = search.within() if others is None else search.against(len(others))
    finally:
        album.originals.close()
    return found


def _others(gallery: Gallery, against: str | Path | ImageSet) -> ImageSet:
    if isinstance(against, ImageSet):
        return against
    from lookalike.data.options import DataOptions

    return load_with(against, DataOptions.checked().like(gallery.framing))


def _album(gallery: Gallery, snapshot: Snapshot, others: ImageSet | None) -> Album:
    view = snapshot.view
    known = dict(snapshot.catalog.fields("name, content", "stored"))
    names, contents = list(view.names), [known.get(name) for name in view.names]
    sources: list[tuple[DataSpec | None, dict[str, int]]] = [(gallery.source, view.numbers)]
    count = len(names)
    if others is not None:
        if others.pixels.shape[1:] != view.all_pixels.shape[1:]:
            raise GalleryError(
                f"the pictures are {others.pixels.shape[1:]}, those of the gallery {view.all_pixels.shape[1:]}; "
                "frame them alike"
            )
        spec = None if others.parts else others.spec
        hashes = {} if spec is None or spec.framing.faces is not None else contents_of(spec)
        names += others.names
        contents += [hashes.get(name) for name in others.names]
        sources.append((spec, {name: count + place for place, name in enumerate(others.names)}))

    def small(places: Ids) -> Pixels:
        places = np.asarray(places, np.int64)
        own = places < count
        found = np.empty((len(places), *view.all_pixels.shape[1:]), np.uint8)
        found[own] = view.all_pixels[view.rows[places[own]]]
        if others is not None:
            found[~own] = others.pixels[places[~own] - count]
        return found

    return Album(names, contents, small, sources)


class _Search:
    """One search for copies, of a gallery's pictures among themselves or of others among these."""

    def __init__(self, gallery: Gallery, snapshot: Snapshot, album: Album, level: str, seed: int) -> None:
        self.snapshot = snapshot
        self.album = album
        self.count = len(snapshot.view.ids)
        self.level = level
        self.encode = gallery.encode
        self.threshold = gallery.copy_threshold(seed=seed).distance or 0.0 if self.count > 1 else float("inf")

    def within(self) -> Copies:
        """The gallery's own, in groups."""
        grouping = Grouping(self._rank, self._links, self.level)
        grouping.take(self._twins(self.album.contents))
        if self.level != "bytes":
            grouping.take(self._twins(self._stored_digests()))
            candidates = self._candidates()
            k, asked = NEIGHBOURS, np.arange(self.count)
            while len(asked):
                pairs = self._asked(candidates, asked, k)
                joined = grouping.take(pairs)
                full = [one for one, members in grouping.members.items() if 2 * len(members) >= k]
                asked = np.array(sorted(full) if joined and k < self.count else [], np.int64)
                k *= MORE
        groups = [[leader, *sorted(found, key=self._rank)] for leader, found in grouping.members.items()]
        return self._told([(group, [grouping.members[group[0]][one] for one in group[1:]]) for group in groups])

    def against(self, count: int) -> Copies:
        """Each of `count` others with those of the gallery that it is the same as, the most alike first."""
        holders: dict[str, list[int]] = {}
        for place, content in enumerate(self.album.contents[: self.count]):
            if content is not None:
                holders.setdefault(content, []).append(place)
        pairs = {
            (other, place)
            for other in range(self.count, self.count + count)
            for place in holders.get(self.album.contents[other] or "", ())
        }
        if self.level != "bytes":
            pairs |= self._asked(self._candidates(), np.arange(self.count, self.count + count), NEIGHBOURS)
        ordered = sorted(pairs)
        groups: dict[int, list[tuple[int, Any]]] = {}
        for (other, place), link in zip(ordered, self._links(ordered), strict=True):
            if link is not None and LEVELS.index(link.level) <= LEVELS.index(self.level):
                groups.setdefault(other, []).append((place, link))
        told = []
        for other, found in groups.items():
            found.sort(key=lambda one: (LEVELS.index(one[1].level), -one[1].likeness, one[0]))
            told.append(([other, *(place for place, _ in found)], [link for _, link in found]))
        return self._told(told)

    def _candidates(self) -> Candidates:
        view, index = self.snapshot.view, self.snapshot.index

        def nearest(codes: Floats, k: int) -> tuple[Ids, Floats]:
            found = index.query(codes, k)
            return view.places_or_none(found.ids), found.distances

        return Candidates(self.encode, nearest, self.threshold, self.album.small, self.count)

    def _asked(self, candidates: Candidates, asked: Ids, k: int) -> set[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        for pairs in candidates.of(lambda some: self.album.small(asked[some]), len(asked), k):
            for number, place in pairs.tolist():
                if (one := int(asked[number])) != place:
                    found.add((one, place) if one >= self.count else (min(one, place), max(one, place)))
        return found

    def _links(self, pairs: list[tuple[int, int]]) -> list[Any]:
        return self.album.links(np.array(pairs, np.int64).reshape(-1, 2))

    def _rank(self, place: int) -> tuple[Any, ...]:
        """The picture of most pixels leads, then the first by name."""
        return -int(self.album.originals.area[place]), self.album.names[place]

    def _twins(self, keys: list[str | None]) -> Iterator[tuple[int, int]]:
        """Pairs of pictures of one key, each with the first of that key."""
        first: dict[str, int] = {}
        for place, key in enumerate(keys[: self.count]):
            if key is not None and first.setdefault(key, place) != place:
                yield first[key], place

    def _stored_digests(self) -> list[str | None]:
        known = dict(self.snapshot.catalog.fields("name, pixels", "stored"))
        return [known.get(name) for name in self.snapshot.view.names]

    def _told(self, groups: list[tuple[list[int], list[Any]]]) -> Copies:
        names = self.album.names
        groups.sort(key=lambda one: (-len(one[0]), names[one[0][0]]))
        original = self.album.originals
        unread = np.flatnonzero(original.asked & ~original.is_there)
        return Copies(
            [[names[place] for place in places] for places, _ in groups],
            [max((link.level for link in links), key=LEVELS.index) for _, links in groups],
            [
                [
                    Member(names[place], link.level, round(link.likeness, 4))
                    for place, link in zip(p[1:], links, strict=True)
                ]
                for p, links in groups
            ],
            float(self.threshold),
            [names[place] for place in unread],
        )
