"""lookalike duplicates"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.choosing import HOWS, LEVELS, TITLES, USUAL, in_words, rules_in_words, rules_of
from lookalike.cli.common import Force, Json, Seed, answer, counted, pasted, set_aside
from lookalike.cli.search import Galleries
from lookalike.errors import OptionError
from lookalike.files import one_line

if TYPE_CHECKING:
    from lookalike.gallery import Gallery
    from lookalike.review import Applied, Copies, Plan, Undone

GROUPS_SHOWN = 20
NAMES_SHOWN = 8
WIDTH = 80
CODES, OF_CODES = "codes", "near-duplicates"
"""The level of groups for which codes alone decided, and what their pictures are."""
LEFT_SHOWN = 3
DONE = {
    "list": ("choice", "would be written to {}", "written to {}"),
    "copy": ("picture", "would be copied to {}", "copied to {}"),
    "link": ("picture", "would be linked in {}", "linked in {}"),
    "trash": ("picture", "would be moved to the trash", "moved to the trash"),
}


def duplicates(
    gallery: Galleries,
    level: Annotated[
        str | None, typer.Option(help=f"The loosest that counts: {in_words(LEVELS)}.", show_default="near")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Let codes alone decide: the distance up to which two pictures are near-duplicates, in the gallery's "
            "metric, 0 or more.",
            show_default="the pictures themselves decide",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Say which of these pictures are in the gallery already.", metavar="DATA"),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help=f"Choose which one of each group to keep, by rules in your order: {rules_in_words()}.",
            metavar="RULE,...",
            show_default=f"with --apply: {USUAL}",
        ),
    ] = None,
    how: Annotated[
        str | None, typer.Option("--apply", help=f"Do what was chosen: {in_words(HOWS)}.", metavar="HOW")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="For --apply: the file of the list, or the folder of copies or links.")
    ] = None,
    undo: Annotated[
        Path | None, typer.Option(help="Take back what this record tells that --apply did.", metavar="RECORD")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run/--no-dry-run", help="Only show what --apply or --undo would do, with the reasons."),
    ] = True,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """List groups of copies, choose which of each to keep, and do it: nothing is ever deleted.

    Codes name candidates, and the pictures decide, read again from their source. The largest group comes first, and in
    each the picture to keep; without --keep the one that the others were compared with. What was decided of pictures
    (not duplicates, keep both, keep, drop) holds. Where --apply cannot do some files, it does the others, says why
    and exits with 1. The seed draws the pictures whose changed copies tell how far apart copies are to be looked for.
    """
    if undo is not None:
        if any(one is not None for one in (level, threshold, against, keep, how, out)):
            raise OptionError(f"--undo {undo} goes with --no-dry-run and --json alone; leave the others out")
        _undo(undo, dry_run, json)
        return
    if how is None and not dry_run:
        raise OptionError(
            "--no-dry-run does what --apply or --undo says, and neither is given; give --apply HOW as well"
        )
    _check(level, threshold, against, keep, how, out)
    from lookalike.gallery import Gallery

    with Gallery.open(gallery, create=False) as held:
        if threshold is not None:
            _by_codes(held, threshold, seed, json)
            return
        from lookalike.review import apply, find_copies
        from lookalike.review.applying import check

        rules_of(keep or USUAL, held.names)  # a mistake shows before all pictures are compared
        if how is not None:
            check(held, how, out, force=force)
        found = find_copies(held, level=level or "near", against=against, seed=seed)
        if keep is None and how is None:
            answer({**found.as_json(), "applied": None}, _told(found, gallery, against), json)
            return
        plan = found.keep(keep or USUAL)
        applied = None if how is None else apply(plan, how, out, dry_run=dry_run, force=force)
    payload = {
        **plan.as_json(),
        "threshold": found.threshold,
        "stored_only": found.stored_only,
        "applied": None if applied is None else applied.as_json(),
    }
    answer(payload, [*_chosen(plan, found, gallery), *_applied(applied, gallery)], json)
    if applied is not None and applied.failed:
        raise typer.Exit(1)


def _by_codes(held: Gallery, threshold: float, seed: int, json: bool) -> None:
    from lookalike.review.keeping import by_decisions

    groups = by_decisions(held.duplicates(threshold, seed=seed).groups, held.decisions.in_force())
    lines = _listed(groups, [f"{len(group)} {OF_CODES}" for group in groups])
    lines.append(f"{counted(len(groups), 'group')} within a distance of {threshold:.4g}")
    payload = {"groups": groups, "threshold": threshold, "levels": [CODES] * len(groups), "applied": None}
    answer(payload, lines, json)


def _check(
    level: str | None, threshold: float | None, against: str | None, keep: str | None, how: str | None, out: Path | None
) -> None:
    asked = {"--level": level, "--against": against, "--keep": keep, "--apply": how}
    given = [name for name, value in asked.items() if value is not None]
    if threshold is not None and given:
        raise OptionError(
            f"threshold {threshold:g} lets codes alone decide, and {given[0]} asks for a look at the pictures; leave "
            "one of them out"
        )
    if against is not None and (keep is not None or how is not None):
        raise OptionError(
            f"--against {against} asks about pictures that are not the gallery's, of which nothing is kept or dropped; "
            f"leave {'--keep' if keep is not None else '--apply'} out"
        )
    if out is not None and how is None:
        raise OptionError(f"--out {out} is for what --apply writes; give --apply list, copy or link")


def _undo(record: Path, dry_run: bool, json: bool) -> None:
    from lookalike.review import undo

    undone = undo(record, dry_run=dry_run)
    answer(undone.as_json(), _undone(undone), json)
    if undone.failed:
        raise typer.Exit(1)


def _told(found: Copies, gallery: Path, against: str | None) -> list[str]:
    if against is None:
        heads = [f"{len(group)} {TITLES[level]}" for group, level in zip(found.groups, found.levels, strict=True)]
    else:
        heads = [f"{group[0]} is in the gallery:" for group in found.groups]
    names = [
        [*([] if against else group[:1]), *(f"{one.name}  ({one.level})" for one in members)]
        for group, members in zip(found.groups, found.members, strict=True)
    ]
    lines = _listed(names, heads)
    if against is None:
        spare = sum(len(group) - 1 for group in found.groups)
        lines.append(f"{counted(len(found.groups), 'group')}, {counted(spare, 'picture')} to spare")
        if spare:
            lines.append("--apply copy --out FOLDER shows a copy without them, and why each is kept or dropped")
    else:
        lines.append(f"in the gallery already: {counted(len(found.groups), 'picture')} of {against}")
        lines += set_aside(found.rejected)
    return [*lines, *unread(found, gallery)]


def unread(found: Copies, gallery: Path) -> list[str]:
    """What is said of pictures whose files could not be read again, and what to do."""
    if found.away is not None:
        return [f"{one_line(found.away)} is not there: pictures were compared as they are stored"]
    if not found.stored_only:
        return []
    told = f"{counted(len(found.stored_only), 'picture')} could not be read again, and compared as stored"
    return [told, up_to_date(gallery)]


def up_to_date(gallery: Path) -> str:
    """The line that says how a gallery follows its pictures."""
    return f"to bring the gallery up to date: lookalike index --gallery {pasted(gallery)}"


def _chosen(plan: Plan, found: Copies, gallery: Path) -> list[str]:
    """Every choice with its reason, on the same line where it fits in."""
    groups = [[_line(one) for one in group] for group in plan.groups]
    heads = [f"{len(group)} {TITLES[level]}" for group, level in zip(plan.groups, plan.levels, strict=True)]
    lines = _listed(groups, heads)
    if plan.besides:
        lines += _listed([[_line(one) for one in plan.besides]], ["dropped by decision"])
    lines = [line for choice in lines for line in choice.split("\n")]
    lines.append(f"{counted(len(plan.groups), 'group')}, {counted(len(plan.dropped), 'picture')} to drop")
    return [*lines, *unread(found, gallery)]


def _line(choice: Any) -> str:
    line = one_line(f"{choice.action}  {choice.name}")
    together = f"{line}  ({choice.reason})"
    return together if len(together) + 2 <= WIDTH else f"{line}\n        ({choice.reason})"


def _applied(applied: Applied | None, gallery: Path) -> list[str]:
    if applied is None:
        return []
    what, *forms = DONE[applied.how]
    lines = [f"{counted(len(applied.done), what)} {forms[not applied.dry_run].format(applied.out)}"]
    if applied.already:
        lines.append(f"done before: {counted(len(applied.already), 'picture')}")
    if applied.left_out:
        lines.append(f"left out, since the gallery does not hold them: {counted(len(applied.left_out), 'picture')}")
        lines += [f"  {one_line(path)}" for path in applied.left_out[:LEFT_SHOWN]]
        if len(applied.left_out) > LEFT_SHOWN:
            lines.append(f"  and {len(applied.left_out) - LEFT_SHOWN:,} more; --json lists all")
    lines += _failed(applied.failed)
    if applied.dry_run:
        lines.append("nothing was done yet; give the command again with --no-dry-run")
    elif applied.record is not None:
        lines.append(f"to undo: lookalike duplicates {pasted(gallery)} --undo {pasted(applied.record)} --no-dry-run")
    if applied.how == "trash" and not applied.dry_run:
        lines.append(up_to_date(gallery))
    return lines


def _undone(undone: Undone) -> list[str]:
    would = "would be " if undone.dry_run else ""
    what = "moved back from the trash" if undone.how == "trash" else "removed again"
    lines = [f"{counted(len(undone.undone), 'picture')} {would}{what}", *_failed(undone.failed)]
    return [*lines, "nothing was done yet; give the command again with --no-dry-run"] if undone.dry_run else lines


def _failed(failed: Sequence[Any]) -> list[str]:
    lines = [f"not done: {one.name}: {one.reason}" for one in failed[:GROUPS_SHOWN]]
    return lines + (
        [f"and {len(failed) - GROUPS_SHOWN:,} more; --json lists all"] if len(failed) > GROUPS_SHOWN else []
    )


def _listed(groups: Sequence[Sequence[str]], heads: Sequence[str]) -> list[str]:
    lines = []
    for group, head in zip(groups[:GROUPS_SHOWN], heads, strict=False):
        lines += [head, *(f"  {name}" for name in group[:NAMES_SHOWN])]
        if len(group) > NAMES_SHOWN:
            lines.append(f"  and {len(group) - NAMES_SHOWN:,} more")
    if len(groups) > GROUPS_SHOWN:
        lines.append(f"and {len(groups) - GROUPS_SHOWN:,} more groups; --json lists all")
    return lines
