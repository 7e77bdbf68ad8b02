"""Less than all that is proposed: up to a level of sameness, or only what a person decided."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from lookalike.choosing import LEVELS, RANKS
from lookalike.errors import OptionError
from lookalike.review.keeping import DROPPED, Plan


def narrowed(plan: Plan, level: str, decided: Collection[str], *, only_decided: bool = False) -> Plan:
    """A plan without what is only proposed in groups looser than `level`, or with `only_decided` in any group.

    What was decided to be dropped (`decided`) stays in its group, so that it is still known what is kept for it.

    Raises:
        OptionError: the level is unknown.
    """
    if level not in LEVELS:
        raise OptionError(f"level is {level!r}; give one of {', '.join(LEVELS)}")
    groups, levels = [], []
    for group, of_group in zip(plan.groups, plan.levels, strict=True):
        if only_decided or RANKS.index(of_group) > RANKS.index(level):
            group = [one for one in group if one.action != DROPPED or one.name in decided]
        if any(one.action == DROPPED for one in group):
            groups.append(group)
            levels.append(of_group)
    return replace(plan, groups=groups, levels=levels)
