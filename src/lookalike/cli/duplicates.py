"""lookalike duplicates"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.common import Json, Seed, answer
from lookalike.cli.search import Galleries
from lookalike.errors import OptionError

if TYPE_CHECKING:
    from lookalike.review import Copies

GROUPS_SHOWN = 20
NAMES_SHOWN = 8
CODES = "codes"
"""The level of groups for which codes alone decided."""
TITLES = {
    "bytes": "files of the same bytes",
    "picture": "files of the same picture",
    "near": "near copies",
    CODES: "near-duplicates",
}


def duplicates(
    gallery: Galleries,
    level: Annotated[
        str | None,
        typer.Option(
            help="The loosest that counts: bytes (the same file), picture (the same pixels, if need be mirrored or "
            "turned) or near (saved again, resized, recoloured, bordered, cut, mirrored, turned).",
            show_default="near",
        ),
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
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """List groups of copies: the largest group first, and in each the picture that the others were compared with.

    Codes name candidates, and the pictures decide, read again from their source. The seed draws the pictures whose
    changed copies tell how far apart copies are to be looked for.
    """
    from lookalike.gallery import Gallery

    if threshold is not None and (level is not None or against is not None):
        raise OptionError(
            f"threshold {threshold:g} lets codes alone decide, and {'--level' if level is not None else '--against'} "
            "asks for a look at the pictures; leave one of them out"
        )
    with Gallery.open(gallery, create=False) as held:
        if threshold is not None:
            groups = held.duplicates(threshold, seed=seed).groups
            levels = [CODES] * len(groups)
            lines = _listed(groups, [f"{len(group)} {TITLES[CODES]}" for group in groups])
            lines.append(f"{len(groups):,} groups within a distance of {threshold:.4g}")
            answer({"groups": groups, "threshold": threshold, "levels": levels}, "\n".join(lines), json)
            return
        from lookalike.review import find_copies

        found = find_copies(held, level=level or "near", against=against, seed=seed)
    answer(found.as_json(), "\n".join(_told(found, against)), json)


def _told(found: Copies, against: str | None) -> list[str]:
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
        lines.append(f"{len(found.groups):,} groups, {spare:,} pictures to spare")
    else:
        lines.append(f"{len(found.groups):,} pictures of {against} are in the gallery already")
    if found.stored_only:
        lines.append(
            f"({len(found.stored_only):,} pictures could not be read again and were compared as they are stored)"
        )
    return lines


def _listed(groups: Sequence[Sequence[str]], heads: Sequence[str]) -> list[str]:
    lines = []
    for group, head in zip(groups[:GROUPS_SHOWN], heads, strict=False):
        lines += [head, *(f"  {name}" for name in group[:NAMES_SHOWN])]
        if len(group) > NAMES_SHOWN:
            lines.append(f"  and {len(group) - NAMES_SHOWN:,} more")
    if len(groups) > GROUPS_SHOWN:
        lines.append(f"and {len(groups) - GROUPS_SHOWN:,} more groups; --json lists all")
    return lines
