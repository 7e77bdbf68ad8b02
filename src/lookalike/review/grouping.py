"""Copies in groups: each picture is checked against the one that stands for its group, so that chains join nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from lookalike.choosing import RANKS
from lookalike.review.sameness import Link

Pair = tuple[int, int]
Check = Callable[[list[Pair]], list[Link | None]]


@dataclass
class Grouping:
    """Pictures by the one that stands for them: a leader, and its members with what they are to it.

    Attributes:
        rank: of two pictures the one of the lower rank leads.
        check: says what pictures are to one another.
        level: the loosest that joins.
        apart: by a picture those that must not be in one group with it; it holds both ways.
    """

    rank: Callable[[int], tuple[object, ...]]
    check: Check
    level: str = "near"
    apart: Mapping[int, set[int]] = field(default_factory=dict)
    leaders: dict[int, int] = field(default_factory=dict)
    members: dict[int, dict[int, Link]] = field(default_factory=dict)
    _known: dict[Pair, Link | None] = field(default_factory=dict)

    def leader(self, place: int) -> int:
        """The one that stands for a picture, which may be itself."""
        return self.leaders.get(place, place)

    def take(self, pairs: Iterable[Pair]) -> int:
        """Join what is found to be the same among candidates; returns how many pictures found another leader."""
        led = {_ordered(self.leader(a), self.leader(b)) for a, b in pairs}
        self._look(sorted(pair for pair in led if pair[0] != pair[1]))
        near: dict[int, set[int]] = {}
        for a, b in led:
            if a != b and self._known[a, b] is not None:
                near.setdefault(a, set()).add(b)
                near.setdefault(b, set()).add(a)
        joined = 0
        taken: set[int] = set()
        for leader in sorted(near, key=self.rank):
            if leader in taken:
                continue
            taken.add(leader)
            waiting = sorted(near[leader] - taken, key=self.rank)
            for other in waiting:
                closer = self._closer(leader, other, near[other] - taken)
                if self._is_apart(leader, other) or any(self._known[_ordered(leader, one)] is None for one in closer):
                    continue
                waiting += sorted(set(closer).difference(waiting), key=self.rank)
                taken.add(other)
                joined += self._join(leader, other)
        return joined

    def _closer(self, leader: int, one: int, near: set[int]) -> list[int]:
        """Those near to a picture that are more like it than a leader is, compared with that leader too.

        Where one of them is not the same as the leader, the picture stays with it: among look-alikes a copy would else
        lose its original to the first that is just alike enough.
        """
        here = _closeness(self._known[_ordered(leader, one)])
        closer = [other for other in near if _closeness(self._known[_ordered(one, other)]) < here]
        self._look(sorted(_ordered(leader, other) for other in closer))
        return closer

    def _join(self, leader: int, other: int) -> int:
        """A former leader and those of its members that are the same as the new one; the rest stand for themselves."""
        before = self.members.pop(other, {})
        for member, link in before.items():
            if link.level == "bytes":  # what holds for a file holds for its twin
                self._known[_ordered(leader, member)] = self._known[_ordered(leader, other)]
        self._look(sorted(_ordered(leader, member) for member in before))
        for member in before:
            del self.leaders[member]
        joined = 0
        for one in (other, *before):
            now = self._known[_ordered(leader, one)]
            if now is not None and not self._is_apart(leader, one):
                self.leaders[one] = leader
                self.members.setdefault(leader, {})[one] = now
                joined += 1
        return joined

    def _is_apart(self, leader: int, one: int) -> bool:
        others = self.apart.get(one, set())
        return bool(others) and (leader in others or not others.isdisjoint(self.members.get(leader, ())))

    def _look(self, pairs: list[Pair]) -> None:
        new = [pair for pair in pairs if pair not in self._known]
        if not new:
            return
        for pair, link in zip(new, self.check(new), strict=True):
            loose = link is not None and RANKS.index(link.level) > RANKS.index(self.level)
            self._known[pair] = None if loose else link


def _closeness(link: Link | None) -> tuple[int, float]:
    """What sorts what two pictures are to one another, the same file first."""
    return (len(RANKS), 0.0) if link is None else (RANKS.index(link.level), -link.likeness)


def _ordered(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)
