"""Which one of several copies to keep: by rules in the order that a person gives, with the reason for each choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lookalike.choosing import Facts, Rule, deciding, rules_of
from lookalike.gallery.decisions import InForce
from lookalike.gallery.gallery import Gallery
from lookalike.review.facts import facts_of

KEPT, DROPPED = "keep", "drop"


class Choice(NamedTuple):
    """What is to become of a picture ("keep" or "drop"), and why."""

    name: str
    action: str
    reason: str


def chosen_of(group: Sequence[Facts], rules: Sequence[Rule], decided: InForce = InForce()) -> list[Choice]:
    """The choice for each picture of a group of copies, the one to keep first; what was decided goes before rules.

    Where the rules leave a tie, the usual ones decide, and in the end the name.
    """
    names = [one.name for one in group]
    both = {name for pair in decided.both if pair <= set(names) for name in pair}
    left = [one for one in group if one.name not in decided.dropped]
    wanted = [one for one in left if one.name in decided.kept]
    if not left:
        return [Choice(name, DROPPED, "you decided to drop it; no copy of it stays") for name in names]
    first, lost, why = _first(wanted or left, deciding(rules))
    if first.name in decided.kept:
        why = "you decided to keep it"
    choices = [Choice(first.name, KEPT, why)]
    for one in group:
        if one.name in decided.dropped:
            choices.append(Choice(one.name, DROPPED, "you decided to drop it"))
        elif one.name in decided.kept and one is not first:
            choices.append(Choice(one.name, KEPT, "you decided to keep it"))
        elif one.name in both and one is not first:
            choices.append(Choice(one.name, KEPT, "you decided to keep it beside another"))
        elif one is not first:
            rule = lost.get(one.name)
            reason = f"{first.name} is the one that you decided to keep" if wanted else _loss(rule, one, first)
            choices.append(Choice(one.name, DROPPED, reason))
    return choices


def _first(among: Sequence[Facts], rules: Sequence[Rule]) -> tuple[Facts, dict[str, Rule], str]:
    """The one that the rules prefer, the rule by which each other fell, and why it is this one."""
    left: list[Facts] = list(among)
    lost: dict[str, Rule] = {}
    why = "it is alone" if len(left) == 1 else ""
    for rule in rules:
        winners = rule.winners(left)
        fallen = [one for one in left if one not in winners]
        if fallen:
            second = max(fallen, key=lambda one: _sortable(rule.value(one)))
            why = rule.why_kept(winners[0], second)
            lost |= {one.name: rule for one in fallen}
            left = winners
    first = min(left, key=lambda one: one.name)
    if len(left) > 1:
        why = "alike in all; the first by name"
    return first, lost, why


def _sortable(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value


def _loss(rule: Rule | None, one: Facts, first: Facts) -> str:
    if rule is None:
        return "alike in all; not the first by name"
    return rule.why_dropped(one, first)


@dataclass(frozen=True)
class Plan:
    """What is to become of a gallery's pictures; nothing is done before `apply`.

    Attributes:
        rules: as they were asked for.
        groups: the choice for each picture of each group of copies, the one to keep first.
        levels: the loosest level in each group.
        besides: pictures outside of groups that were decided to be dropped.
    """

    gallery: Gallery = field(repr=False, compare=False)
    rules: list[str]
    groups: list[list[Choice]]
    levels: list[str]
    besides: list[Choice]

    @property
    def dropped(self) -> list[Choice]:
        """What is to be dropped, each once."""
        found = {one.name: one for group in self.groups for one in group if one.action == DROPPED}
        return [*found.values(), *self.besides]

    @property
    def keepers(self) -> dict[str, str]:
        """The picture that stays for each dropped one; none for what was decided of a whole group."""
        found = {
            one.name: group[0].name
            for group in self.groups
            for one in group
            if one.action == DROPPED and group[0].action == KEPT
        }
        # What is kept of its copies may itself give way to another of its scene.
        for name, keeper in found.items():
            while keeper in found:
                keeper = found[keeper]
            found[name] = keeper
        return found

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "rules": self.rules,
            "groups": [[one.name for one in group] for group in self.groups],
            "levels": self.levels,
            "choices": [[one._asdict() for one in group] for group in self.groups],
            "dropped_besides": [one._asdict() for one in self.besides],
        }


def choices_of(
    groups: Sequence[Sequence[str]],
    levels: Sequence[str],
    facts: Mapping[str, Facts],
    rules: Sequence[Rule],
    decided: InForce,
) -> Iterator[list[Choice]]:
    """The choices in each group, the one to keep first.

    A picture of a group of scenes that stands for copies of its own gives way to the one of these that is kept.
    """
    stands: dict[str, str] = {}
    for group, level in zip(groups, levels, strict=True):
        choices = chosen_of([facts[stands.get(name, name)] for name in group], rules, decided)
        stands |= dict.fromkeys(group, choices[0].name) if level != "scene" else {}
        yield choices


def plan_of(
    gallery: Gallery,
    groups: Sequence[Sequence[str]],
    levels: Sequence[str],
    rules: str | Iterable[str],
    facts: Mapping[str, Facts] | None = None,
) -> Plan:
    """Choose in each group of copies; groups in which nothing is to be dropped are left out.

    `facts` are those of all pictures in groups, where they are known already.

    Raises:
        OptionError: as `rules_of`.
    """
    snapshot, decided = gallery.snapshot(), gallery.decisions.in_force()
    parsed = rules_of(rules, snapshot.view.names)
    if facts is None:
        facts = facts_of(gallery, snapshot, {name for group in groups for name in group})
    found: list[list[Choice]] = []
    kept_levels: list[str] = []
    for choices, level in zip(choices_of(groups, levels, facts, parsed, decided), levels, strict=True):
        if any(one.action == DROPPED for one in choices):
            found.append(choices)
            kept_levels.append(level)
    grouped = {one.name for group in found for one in group}
    besides = [Choice(name, DROPPED, "you decided to drop it") for name in sorted(decided.dropped - grouped)]
    return Plan(gallery, [rule.name for rule in parsed], found, kept_levels, besides)


def by_decisions(groups: Iterable[Sequence[str]], decided: InForce) -> list[list[str]]:
    """Groups without what is said to be no duplicate of one before it, and without those of which all are to stay."""
    found = []
    for group in groups:
        left: list[str] = []
        for name in group:
            if all(frozenset((name, other)) not in decided.different for other in left):
                left.append(name)
        if len(left) > 1 and not is_settled(left, decided):
            found.append(left)
    return found


def is_settled(group: Iterable[str], decided: InForce) -> bool:
    """Whether all of a group are to stay, as was decided."""
    names = set(group)
    return names <= decided.kept.union(*(pair for pair in decided.both if pair <= names))
