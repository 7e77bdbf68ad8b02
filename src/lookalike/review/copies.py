"""The copies in a gallery, and what of a new source is in it already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from lookalike.choosing import LEVELS, RANKS, USUAL
from lookalike.data.images import DataSpec, ImageSet, Rejected
from lookalike.data.located import drawn_of
from lookalike.errors import OptionError
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Snapshot
from lookalike.review.candidates import LIKELY, NEIGHBOURS, Candidates, Gate
from lookalike.review.gathering import album_of, others_of
from lookalike.review.grouping import Grouping, Pair
from lookalike.review.hints import Floats, Ids
from lookalike.review.keeping import Plan, is_settled, plan_of
from lookalike.review.sameness import BURST, SCENE_LIKELY, Album

WIDER = 2.0
"""Times as far apart as copies, shots of one scene are looked for."""
FOLLOWING = 5
"""Pictures taken after one within `BURST` that are compared with it."""
FEW = 50
"""Pictures of a gallery that are all compared with one another: of so few, codes tell little of how far copies lie. Of
two whitened ones any two lie as far apart as can be."""
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
    """Groups of pictures that are the same, the largest group first; groups of one scene come last.

    Attributes:
        groups: the names of each; the first stands for the others, which were compared with it. In a group of a scene
            are pictures that stand for groups of copies, and such as have none.
        levels: the loosest level in each group: "bytes", "picture", "near" or "scene".
        members: those after each group's first.
        threshold: how far apart, in the gallery's metric, copies were looked for, but among up to `FEW` pictures.
        stored_only: the compared pictures that could not be read again, and were judged as the model sees them.
        gallery: whose they are, which has to be open for `keep`.
        of_others: whether the first of each group is no picture of the gallery.
        rejected: files of the other source that cannot be read, of which nothing is known.
        away: the file or folder that the gallery's pictures are from, if it is not there.
    """

    groups: list[list[str]]
    levels: list[str]
    members: list[list[Member]]
    threshold: float
    stored_only: list[str]
    gallery: Gallery = field(repr=False, compare=False)
    of_others: bool = False
    rejected: list[Rejected] = field(default_factory=list)
    away: str | None = None

    def keep(self, rules: str | Iterable[str] = USUAL) -> Plan:
        """Choose which one of each group to keep, by rules in their order: the words of `choosing.RULES`.

        Raises:
            OptionError: a rule is unknown or does not fit, or the groups begin with pictures of another source.
        """
        if self.of_others:
            raise OptionError("copies of other pictures: of these nothing is kept or dropped; leave --against out")
        return plan_of(self.gallery, self.groups, self.levels, rules)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "groups": self.groups,
            "levels": self.levels,
            "members": [[vars(one) for one in group] for group in self.members],
            "threshold": self.threshold,
            "stored_only": self.stored_only,
            "rejected": [one._asdict() for one in self.rejected],
        }


def find_copies(
    gallery: Gallery, *, level: str = "near", against: str | Path | ImageSet | None = None, seed: int = 0
) -> Copies:
    """The copies in a gallery; with `against`, which of these pictures are in it already.

    Candidates are named by codes, as far apart as changed copies of the gallery's own pictures lie, as they are and
    mirrored, turned, cut, without colours and without borders; then the pictures themselves decide, read again from
    their source. The largest picture of a group stands for it, and every other was compared with that one. Decisions
    hold: pictures that are said to be no duplicates are in no group together, and groups of which all are to stay are
    not shown.

    Args:
        gallery: whose pictures are compared.
        level: the loosest that counts: "bytes" (the same file), "picture" (the same pixels, if need be mirrored or
            turned), "near" (saved again, resized, recoloured, bordered, cut, mirrored, turned, written on) or "scene"
            (other shots of what is seen, as bursts are).
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
    snapshot.view.require_pictures()
    others = None if against is None else others_of(gallery, against)
    album = album_of(gallery, snapshot, others)
    try:
        search = _Search(gallery, snapshot, album, level, seed)
        found = search.within() if others is None else search.against(len(others))
        found = found if others is None else replace(found, rejected=others.rejected)
    finally:
        album.originals.close()
    return found


class _Search:
    """One search for copies, of a gallery's pictures among themselves or of others among these."""

    def __init__(self, gallery: Gallery, snapshot: Snapshot, album: Album, level: str, seed: int) -> None:
        self.snapshot = snapshot
        self.album = album
        self.count = len(snapshot.view.ids)
        self.level = level
        self.gallery = gallery
        self.decided = gallery.decisions.in_force()
        self.apart = self._said_apart()
        self.encode = gallery.encode
        self.threshold = gallery.copy_threshold(seed=seed).distance or 0.0 if self.count > 1 else float("inf")
        reach = float("inf") if self.count <= FEW else self.threshold
        self.gates = {"near": Gate(reach, LIKELY), "scene": Gate(WIDER * reach, SCENE_LIKELY)}
        self.neighbours = self.count if self.count <= FEW else NEIGHBOURS

    def within(self) -> Copies:
        """The gallery's own, in groups."""
        grouping = Grouping(self._rank, self._links, self.level, self.apart)
        grouping.take(self._twins(self.album.contents))
        shots: set[Pair] = set()
        if self.level != "bytes":
            grouping.take(self._twins(self._stored_digests()))
            levels = ("near", "scene") if self.level == "scene" else ("near",)
            pairs, *wider = self._asked(np.arange(self.count), self.neighbours, levels)
            shots = shots.union(*wider)
            k, joined = self.neighbours, grouping.take(pairs)
            while joined and k < self.count:
                full = [one for one, members in grouping.members.items() if 2 * len(members) >= k]
                k *= MORE
                joined = grouping.take(self._asked(np.array(sorted(full), np.int64), k, ("near",))[0])
        scenes = self._scenes(grouping, shots) if self.level == "scene" else None
        return self._told(
            [
                (group, [found.members[group[0]][one] for one in group[1:]])
                for found in (grouping, scenes)
                if found is not None
                for group in ([leader, *sorted(some, key=self._rank)] for leader, some in found.members.items())
                if not is_settled((self.album.names[place] for place in group), self.decided)
            ]
        )

    def _scenes(self, copies: Grouping, pairs: set[Pair]) -> Grouping:
        """Shots of one scene among the pictures that stand for copies or are alone, and these candidates."""

        def links(pairs: list[tuple[int, int]]) -> list[Any]:
            return self.album.scenes(np.array(pairs, np.int64).reshape(-1, 2))

        grouping = Grouping(self._rank, links, "scene", self.apart)
        taken = self.album.taken[: self.count]
        order = np.argsort(taken, kind="stable")[: int(np.isfinite(taken).sum())]
        for step in range(1, min(FOLLOWING, max(len(order) - 1, 0)) + 1):
            soon = taken[order[step:]] - taken[order[:-step]] <= BURST
            pairs |= {(min(a, b), max(a, b)) for a, b in zip(order[:-step][soon], order[step:][soon], strict=True)}
        led = {tuple(sorted((copies.leader(int(a)), copies.leader(int(b))))) for a, b in pairs}
        grouping.take((a, b) for a, b in led if a != b)
        return grouping

    def _said_apart(self) -> dict[int, set[int]]:
        """By a picture those that someone said are no duplicates of it; what holds for a file holds for its twins."""
        numbers, contents = self.snapshot.view.numbers, self.album.contents
        found: dict[int, set[int]] = {}
        twins: dict[str | None, set[int]] = {}
        for place, content in enumerate(contents[: self.count] if self.decided.different else ()):
            twins.setdefault(content, set()).add(place)
        for pair in self.decided.different:
            a, b = (numbers[name] for name in pair)
            are_twins = contents[a] == contents[b]
            first, second = ({one} if are_twins or contents[one] is None else twins[contents[one]] for one in (a, b))
            for one in first:
                found.setdefault(one, set()).update(second)
            for one in second:
                found.setdefault(one, set()).update(first)
        return found

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
            level = "scene" if self.level == "scene" else "near"
            pairs |= self._asked(np.arange(self.count, self.count + count), self.neighbours, (level,))[0]
        ordered = sorted(pairs)
        links = self._links(ordered)
        if self.level == "scene":
            left = [number for number, link in enumerate(links) if link is None]
            shots = np.array([ordered[number] for number in left], np.int64).reshape(-1, 2)
            for number, link in zip(left, self.album.scenes(shots), strict=True):
                links[number] = link
        groups: dict[int, list[tuple[int, Any]]] = {}
        for (other, place), link in zip(ordered, links, strict=True):
            if link is not None and RANKS.index(link.level) <= RANKS.index(self.level):
                groups.setdefault(other, []).append((place, link))
        told = []
        for other, found in groups.items():
            found.sort(key=lambda one: (RANKS.index(one[1].level), -one[1].likeness, one[0]))
            told.append(([other, *(place for place, _ in found)], [link for _, link in found]))
        return self._told(told, of_others=True)

    @cached_property
    def _candidates(self) -> Candidates:
        view, index = self.snapshot.view, self.snapshot.index

        def nearest(codes: Floats, k: int) -> tuple[Ids, Floats]:
            found = index.query(codes, k)
            return view.places_or_none(found.ids), found.distances

        return Candidates(self.encode, nearest, self.album.small, self.count, self.gallery.framing.fit == "crop")

    def _asked(self, asked: Ids, k: int, levels: Sequence[str]) -> list[set[Pair]]:
        """Candidates for each level; pairs of the gallery's own begin with the lower place."""
        found: list[set[Pair]] = [set() for _ in levels]
        gates = [self.gates[level] for level in levels]
        for several in self._candidates.of(lambda some: self.album.small(asked[some]), len(asked), gates, k):
            for pairs, taken in zip(several, found, strict=True):
                for number, place in pairs.tolist():
                    if (one := int(asked[number])) != place:
                        taken.add((one, place) if one >= self.count else (min(one, place), max(one, place)))
        return found

    def _links(self, pairs: list[tuple[int, int]]) -> list[Any]:
        return self.album.links(np.array(pairs, np.int64).reshape(-1, 2))

    def _rank(self, place: int) -> tuple[Any, ...]:
        """The picture that shows most leads, since others are compared with it; then the first by name.

        Under a border a copy that was cut as well would have to be found in a part of a part.
        """
        return -float(self.album.originals.shown[place]), self.album.names[place]

    def _twins(self, keys: list[str | None]) -> Iterator[tuple[int, int]]:
        """Pairs of pictures of one key, each with the first of that key."""
        first: dict[str, int] = {}
        for place, key in enumerate(keys[: self.count]):
            if key is not None and first.setdefault(key, place) != place:
                yield first[key], place

    def _stored_digests(self) -> list[str | None]:
        known = dict(self.snapshot.catalog.fields("name, pixels", "stored"))
        return [known.get(name) for name in self.snapshot.view.names]

    def _told(self, groups: list[tuple[list[int], list[Any]]], *, of_others: bool = False) -> Copies:
        names = self.album.names
        groups.sort(key=lambda one: (one[1][0].level == "scene" and not of_others, -len(one[0]), names[one[0][0]]))
        original = self.album.originals
        is_of_file = np.zeros(len(names), bool)
        for spec, named in self.album.sources:
            if _is_of_files(spec):  # else what is stored is all that there is
                is_of_file[list(named.values())] = True
        unread = np.flatnonzero(original.asked & ~original.is_there & is_of_file)
        return Copies(
            [[names[place] for place in places] for places, _ in groups],
            [max((link.level for link in links), key=RANKS.index) for _, links in groups],
            [
                [
                    Member(names[place], link.level, round(link.likeness, 4))
                    for place, link in zip(p[1:], links, strict=True)
                ]
                for p, links in groups
            ],
            float(self.threshold),
            [names[place] for place in unread],
            self.gallery,
            of_others,
            away=_away(self.gallery),
        )


def _away(gallery: Gallery) -> str | None:
    spec = gallery.source
    return spec.source if _is_of_files(spec) and not Path(spec.source).exists() else None


def _is_of_files(spec: DataSpec | None) -> TypeGuard[DataSpec]:
    return spec is not None and drawn_of(spec.source) is None
