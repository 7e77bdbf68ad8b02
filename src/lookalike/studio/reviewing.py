"""The review as a person goes through it: queues of what was found, each decision kept at once, and what becomes of it.

What was found is made once for a state of the gallery (see `preparing`). What was decided since is in the gallery, so
that a queue knows what is done however the server ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lookalike import files
from lookalike.choosing import HOWS, LEVELS, RULES, USUAL, Facts, rules_of
from lookalike.data.decode import decode_picture
from lookalike.data.formats import kind_of
from lookalike.data.images import Pixels
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.decisions import InForce
from lookalike.review.checks import CHECKS
from lookalike.review.keeping import Choice, Plan, by_decisions, choices_of, plan_of
from lookalike.review.narrowing import narrowed

if TYPE_CHECKING:
    from lookalike.data.pipeline import Progress
    from lookalike.gallery.gallery import Gallery
    from lookalike.review.applying import Applied
    from lookalike.review.records import Undone

COPIES, BAD, ODD = "copies", "bad", "odd"
MADE_OF = {COPIES: "copies", BAD: "screening", ODD: "outliers"}
"""What each kind of queue is made of, by the names under which it is prepared."""
APPLIED = "applied.json"
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "BMP": "image/bmp"}
"""Formats that every browser shows."""
Known = Callable[[str], Any]


def copies_value(gallery: Gallery, seed: int) -> dict[str, Any]:
    """All groups of copies, with what is known of their pictures' files, as plain JSON values."""
    from lookalike.review.copies import find_copies
    from lookalike.review.facts import facts_of

    found = find_copies(gallery, level="scene", seed=seed)
    facts = facts_of(gallery, gallery.snapshot(), {name for group in found.groups for name in group})
    return {**found.as_json(), "facts": [list(one) for one in facts.values()]}


def screening_value(gallery: Gallery, progress: Progress) -> dict[str, Any]:
    """The bad pictures by check, the worst first, with their scores; scores of all become the gallery's columns."""
    from lookalike.review.screening import screen

    found = screen(gallery, progress=progress)
    numbers = {name: place for place, name in enumerate(found.names)}
    bad = {
        check: [(name, round(float(found.scores[check][numbers[name]]), 4)) for name in found.bad(check)]
        for check in CHECKS
    }
    return {"bad": bad, "unread": len(found.unread)}


def outliers_value(gallery: Gallery) -> dict[str, Any]:
    """The odd pictures, the oddest first, as plain JSON values."""
    from lookalike.review.odd import outliers

    return outliers(gallery).as_json()


class Queue(NamedTuple):
    """What is gone through one by one: its key, kind, name, and what it is."""

    key: str
    kind: str
    name: str
    about: str


def queues() -> list[Queue]:
    """All queues there may be, in the order in which they are offered."""
    return [
        *(Queue(f"{COPIES}-{level}", COPIES, level, about) for level, about in LEVELS.items()),
        *(Queue(f"{BAD}-{name}", BAD, name, check.about) for name, check in CHECKS.items()),
        Queue(ODD, ODD, ODD, "unlike the rest"),
    ]


class Entry(NamedTuple):
    """One thing to decide: its pictures with the choice for each, the one to keep first, and whether it is decided."""

    choices: list[Choice]
    done: bool


class Due(NamedTuple):
    """What is to be applied, and the names of what a person decided to drop."""

    plan: Plan
    decided: frozenset[str]

    def shares(self, applied: Applied) -> tuple[int, int]:
        """How many pictures are dropped as was decided, and how many as proposed; of the trash, that go there."""
        dropped = {one.name for one in self.plan.dropped}
        if applied.how == "trash":
            dropped.intersection_update(applied.done)
        own = len(dropped & self.decided)
        return own, len(dropped) - own


class Desk:
    """The review of one gallery.

    Args:
        gallery: whose pictures are gone through.
        folder: where it is remembered what was applied.
    """

    def __init__(self, gallery: Gallery, folder: Path) -> None:
        self.gallery = gallery
        self._applied = folder / APPLIED

    def facts(self, known: Known) -> dict[str, Any]:
        """What there is to go through, how far it is, and what may be chosen, as plain JSON values."""
        decided = self.gallery.decisions.in_force()
        told = []
        for queue in queues():
            things = _things(queue, known)
            done = sum(_is_done(names, decided) for names, _ in things)
            told.append({**queue._asdict(), "total": len(things), "done": done})
        return {
            "queues": told,
            "rules": [{"name": one.name, "best": one.best, "argument": one.argument} for one in RULES],
            "usual": USUAL,
            "hows": HOWS,
            "decided": any(vars(decided).values()),
            "applied": self.applied(),
        }

    def entries(self, key: str, known: Known, rules: str, number: int | None = None) -> list[Entry]:
        """What is in a queue, in its order, or the one of that number, counted from 0.

        Raises:
            OptionError: there is no such queue, or nothing of that number; or as `rules_of`.
        """
        queue = next((one for one in queues() if one.key == key), None)
        if queue is None:
            raise OptionError(f"queue is {key!r}; give one of {', '.join(one.key for one in queues())}")
        things = _things(queue, known)
        if number is not None and number >= len(things):
            raise OptionError(f"number is {number}; {key} has {len(things):,} entries: count from 0")
        decided = self.gallery.decisions.in_force()
        if queue.kind != COPIES:
            asked = things if number is None else [things[number]]
            return [_single(names[0], reason, decided) for names, reason in asked]
        value, parsed = known(MADE_OF[COPIES]), rules_of(rules, self.gallery.names)
        if value is None:
            return []
        groups, levels = value["groups"], value["levels"]
        if number is not None and queue.name != "scene":  # which no other group has a say in
            groups, levels = [list(things[number][0])], [queue.name]
        chosen = choices_of(groups, levels, _known_facts(value), parsed, decided)
        found = [
            Entry(choices, _is_done(group, decided))
            for group, level, choices in zip(groups, levels, chosen, strict=True)
            if level == queue.name
        ]
        return found if number is None or len(found) == 1 else [found[number]]

    def decide(self, decisions: Iterable[tuple[str, Sequence[str]]]) -> list[int]:
        """Keep decisions, each of a kind and names; the numbers by which they can be taken back.

        Raises:
            OptionError, GalleryError: as `Decisions.add`; those before it are kept.
        """
        return [self.gallery.decisions.add(kind, *names).sequence for kind, names in decisions]

    def take_back(self, numbers: Sequence[int]) -> list[str]:
        """Take these decisions back, or the last one; the names of their pictures.

        Raises:
            GalleryError: as `Decisions.undo`.
        """
        asked: list[int | None] = [*sorted(numbers, reverse=True)] or [None]
        undone = [self.gallery.decisions.undo(number) for number in asked]
        return [name for one in undone if one is not None for name in one.names]

    def plan(self, known: Known, rules: str, level: str = "near", *, only_decided: bool = False) -> Due:
        """What is to become of copies up to a level, or only of what was decided, which counts whatever its level.

        Raises:
            OptionError: as `rules_of` and `narrowed`.
            GalleryError: copies are still being looked for.
        """
        value = known(MADE_OF[COPIES])
        if value is None:
            raise GalleryError("copies are still being looked for; ask again once they are found")
        decided = self.gallery.decisions.in_force()
        kept = []
        for group, of_group in zip(value["groups"], value["levels"], strict=True):
            kept += [(left, of_group) for left in by_decisions([group], decided)]
        groups, levels = [one for one, _ in kept], [of_group for _, of_group in kept]
        plan = plan_of(self.gallery, groups, levels, rules, _known_facts(value))
        return Due(narrowed(plan, level, decided.dropped, only_decided=only_decided), decided.dropped)

    def apply(self, plan: Plan, how: str, out: str | None, confirmed: int | None) -> Applied:
        """Say what would be done or, with the number of pictures that this said, do it.

        Raises:
            OptionError: as `applying.apply`; or another number of pictures is due by now.
        """
        from lookalike.review.applying import Applied, apply, rows_of

        if how == "list" and out is None:  # which whoever asks writes down themselves
            return Applied(how, True, [row["name"] for row in rows_of(plan)], [], [])
        due = apply(plan, how, out, dry_run=True)
        if confirmed is None:
            return due
        if confirmed != len(due.done):
            raise OptionError(
                f"{confirmed:,} pictures were confirmed, and {len(due.done):,} are due by now; look again"
            )
        done = apply(plan, how, out, dry_run=False)
        if done.record is not None:
            told = {"how": how, "out": done.out, "record": done.record, "pictures": len(done.done)}
            files.write_json(self._applied, [told, *(one for one in self.applied() if one["record"] != done.record)])
        return done

    def applied(self) -> list[dict[str, Any]]:
        """What was applied here and can be undone, the latest first."""
        try:
            found = json.loads(self._applied.read_bytes())
        except (OSError, ValueError):
            return []
        return [one for one in found if Path(one["record"]).is_file()]

    def undo(self, number: int, *, dry_run: bool) -> Undone:
        """Take back what was applied; `number` counts `applied` from 0.

        Raises:
            OptionError: there is no such one; or as `records.undo`.
        """
        from lookalike.review.records import undo

        known = self.applied()
        if number >= len(known):
            raise OptionError(f"number is {number}; {len(known):,} times something was applied: count from 0")
        undone = undo(known[number]["record"], dry_run=dry_run)
        if not dry_run and not undone.failed:
            files.write_json(self._applied, [one for place, one in enumerate(known) if place != number])
        return undone


def original_of(gallery: Gallery, name: str) -> tuple[bytes, str] | None:
    """A stored picture's own file and its media type, as PNG where browsers may not show its format.

    None where it cannot be read again from where the gallery has it from, as faces in photos cannot be.
    """
    from lookalike import plots
    from lookalike.review.rereading import read_again

    def of_row(picture: Pixels) -> tuple[bytes, str]:
        return plots.picture_png(picture), TYPES["PNG"]

    def of_file(content: bytes) -> tuple[bytes, str]:
        kind = TYPES.get(kind_of(content) or "")
        return (content, kind) if kind else of_row(decode_picture(content, None))

    spec = gallery.source
    if spec is None or spec.framing.faces is not None:
        return None
    return next((found for _, found in read_again(spec, [name], of_file, of_row)), None)


def _things(queue: Queue, known: Known) -> list[tuple[Sequence[str], str]]:
    """What is in a queue: the names of each, and of single pictures the reason."""
    value = known(MADE_OF[queue.kind])
    if value is None:
        return []
    if queue.kind == COPIES:
        pairs = zip(value["groups"], value["levels"], strict=True)
        return [(group, "") for group, level in pairs if level == queue.name]
    if queue.kind == BAD:
        told = queue.name.replace("_", " ")
        return [([name], f"{told} {score:.2f}") for name, score in value["bad"][queue.name]]
    return [([one["name"]], f"{one['why']} {one['score']:.2f}") for one in value["outliers"]]


def _is_done(names: Sequence[str], decided: InForce) -> bool:
    """Whether nothing is left to decide: of one picture, or of what is not dropped of a group."""
    if len(names) == 1:
        return names[0] in decided.dropped or names[0] in decided.kept
    left = [name for name in names if name not in decided.dropped]
    return len(left) < 2 or not by_decisions([left], decided)


def _known_facts(value: Any) -> dict[str, Facts]:
    return {one[0]: Facts(*one) for one in value["facts"]}


def _single(name: str, reason: str, decided: InForce) -> Entry:
    action = "drop" if name in decided.dropped else "keep"
    return Entry([Choice(name, action, reason)], _is_done([name], decided))
