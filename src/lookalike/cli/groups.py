"""lookalike groups"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.common import Json, Seed, answer, counted
from lookalike.cli.search import Galleries
from lookalike.errors import OptionError

if TYPE_CHECKING:
    from lookalike.review import Apart, Group, Groups, Sorted

SHOWN = 20
NAMES_SHOWN = 4


def groups(
    gallery: Galleries,
    smallest: Annotated[int, typer.Option(help="Pictures of a group at least, 2 or more.")] = 3,
    apply: Annotated[
        str | None,
        typer.Option(
            help="Sort the files into a folder for each group in --out: 'copy', or 'link' for hard links that take no "
            "space.",
            metavar="copy|link",
            show_default="only listed",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder that --apply sorts into.", show_default="none")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--no-dry-run", help="Only say what --apply would do, or do it.")
    ] = True,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """List groups of look-alikes, the largest first, each with what sets it apart.

    Pictures that are like no others are in none. Where --apply cannot do some files, it does the others, says why and
    exits with 1. Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.gallery import Gallery
    from lookalike.review import groups as find
    from lookalike.review import sort_into

    if (apply is None) != (out is None):
        raise OptionError("--apply and --out go together: how to sort, and into which folder; give both")
    with Gallery.open(gallery, create=False) as held:
        found = find(held, smallest=smallest)
        done = None if apply is None or out is None else sort_into(held, found, apply, out, dry_run=dry_run)
    payload, lines = found.as_json(), _told(found)
    if done is not None:
        payload["applied"] = done.as_json()
        lines += _applied(done)
    answer(payload, lines, json)
    if done is not None and done.failed:
        raise typer.Exit(1)


def _told(found: Groups) -> list[str]:
    lines = []
    for number, one in enumerate(found.groups[:SHOWN], 1):
        lines += _group(number, one)
    if len(found.groups) > SHOWN:
        lines.append(f"and {len(found.groups) - SHOWN:,} more groups; --json lists all")
    inside = sum(one.size for one in found.groups)
    lines.append(f"in {counted(len(found.groups), 'group')}: {inside:,} of {counted(found.images, 'picture')}")
    return lines


def _group(number: int, group: Group) -> list[str]:
    more = f", and {group.size - NAMES_SHOWN:,} more" if group.size > NAMES_SHOWN else ""
    return [
        f"{number}: {counted(group.size, 'picture')}{more and ', such as'}",
        *(f"  {name}" for name in group.members[:NAMES_SHOWN]),
        *(f"  - {_difference(one)}" for one in group.apart),
    ]


def _difference(one: Apart) -> str:
    if one.value is not None:
        return f"{one.column} is {one.value}: {one.inside:.0%}, {one.outside:.1%} elsewhere"
    column = one.column if one.direction is None else f"direction {one.direction} of the code"
    return f"{column} {one.inside:.3g}, {one.outside:.3g} elsewhere ({one.effect:+.1f} sd)"


def _applied(done: Sorted) -> list[str]:
    verb = {"copy": "copied", "link": "linked"}[done.how]
    head = f"would be {verb}" if done.dry_run else verb
    lines = [f"{len(done.done):,} files {head} into {done.out}, {len(done.already):,} are there already"]
    lines += [f"  {name}: {reason}" for name, reason in done.failed[:SHOWN]]
    if len(done.failed) > SHOWN:
        lines.append(f"  and {len(done.failed) - SHOWN:,} more; --json lists all")
    if done.dry_run:
        lines.append("nothing was written; --no-dry-run does it")
    return lines
