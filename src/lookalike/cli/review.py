"""lookalike review"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.choosing import LEVELS, TITLES, USUAL, in_words, rules_in_words
from lookalike.cli.common import Force, Json, Seed, answer, counted, pasted, progress_shown
from lookalike.cli.duplicates import unread
from lookalike.cli.search import Galleries
from lookalike.outputs import Outputs

if TYPE_CHECKING:
    from lookalike.review import Review


def review(
    gallery: Galleries,
    against: Annotated[
        str | None,
        typer.Option(
            help="Say as well which of these pictures are in the gallery already.",
            metavar="DATA",
            show_default="none",
        ),
    ] = None,
    level: Annotated[str, typer.Option(help=f"The loosest sameness that counts: {in_words(LEVELS)}.")] = "near",
    keep: Annotated[
        str,
        typer.Option(
            help=f"Which one of each group of copies to keep, by rules in your order: {rules_in_words()}.",
            metavar="RULE,...",
        ),
    ] = USUAL,
    false_alarms: Annotated[
        float, typer.Option(help="Of ordinary pictures, the share that may be called odd: above 0, below 1.")
    ] = 0.01,
    out: Annotated[
        Path | None,
        typer.Option(
            help="An HTML file that shows it all by itself; beside it, of the same name, go a .csv file with a row for "
            "each picture and a .json file.",
            show_default="none",
        ),
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Go through a gallery: copies and which to keep, bad pictures, odd ones, and groups of look-alikes.

    Nothing is changed but the gallery's own scores; `lookalike duplicates --apply` and `lookalike groups --apply` do
    what is proposed. The seed draws the pictures whose changed copies tell how far apart copies are to be looked for.
    """
    written = Outputs(force=force)
    from lookalike.gallery import Gallery
    from lookalike.report.review_page import files_of, write_review
    from lookalike.review import review as go_through

    files = [] if out is None else [written.file(path) for path in files_of(out)]

    with Gallery.open(gallery, create=False) as held, progress_shown("judging pictures") as progress:
        found = go_through(
            held,
            level=level,
            keep=keep,
            against=against,
            false_alarms=false_alarms,
            progress=progress,
            say=lambda line: print(f"lookalike: {line}", file=sys.stderr),
            seed=seed,
        )
        payload, lines = found.as_json(), _told(found)
        if out is not None:
            write_review(held, found, out)
            lines.append(f"wrote {', '.join(map(str, files))}")
        lines += unread(found.copies, gallery)
        if found.plan.dropped and found.copies.away is None:
            lines.append(
                f"to have a copy without them: lookalike duplicates {pasted(gallery)} --apply copy --out FOLDER"
            )
    answer({**payload, "out": [str(path) for path in files]}, lines, json)


def _told(found: Review) -> list[str]:
    plan, screening, odd, groups = found.plan, found.screening, found.outliers, found.groups
    lines = [counted(len(found.names), "picture")]
    for level in LEVELS:
        chosen = [choices for choices, one in zip(plan.groups, plan.levels, strict=True) if one == level]
        if chosen:
            spare = sum(one.action == "drop" for choices in chosen for one in choices)
            lines.append(f"  {counted(len(chosen), 'group')} of {TITLES[level]}: {counted(spare, 'picture')} to spare")
    if not plan.groups:
        lines.append("  no copies")
    if found.against is not None:
        lines.append(f"  {len(found.against.groups):,} of the others are here already")
    bad = [f"{len(names):,} {check}" for check in screening.scores if (names := screening.bad(check))]
    lines.append(f"  something wrong: {', '.join(bad) or 'none'}")
    if screening.unread:
        lines.append(f"  {len(screening.unread):,} could not be read again, and were not judged")
    line = "no line can be drawn" if odd.threshold is None else f"a score of {odd.threshold:.2f} or more"
    lines.append(f"  {len(odd.outliers):,} unlike the rest ({line}; see lookalike outliers)")
    inside = sum(one.size for one in groups.groups)
    lines.append(f"  {counted(len(groups.groups), 'group')} of look-alikes, of {counted(inside, 'picture')}")
    return lines
