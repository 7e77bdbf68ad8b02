"""A page about a gallery that was gone through: copies and which to keep, bad pictures, odd ones, and groups."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from lookalike import files
from lookalike.choosing import TITLES
from lookalike.data.decode import decode_picture
from lookalike.data.images import Pixels
from lookalike.gallery.gallery import Gallery
from lookalike.report.markup import duration, section
from lookalike.report.page import document
from lookalike.review import Review
from lookalike.review.checks import BAD, CHECKS
from lookalike.review.keeping import Choice
from lookalike.review.rereading import read_again

SIDE = 160
"""Pixels of a shown picture's sides."""
GROUPS, MEMBERS, WORST = 40, 12, 12
"""Of each kind, how many are shown; the table beside the page has all."""
QUALITY = 82
"""Of the shown pictures' JPEG."""
LAYOUT = """\
ul.pictures { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; margin: .4rem 0 1.6rem; padding: 0; }
ul.pictures li { width: 10rem; font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
ul.pictures img { display: block; width: 10rem; height: 10rem; object-fit: contain; background: var(--card); }
ul.pictures li.keep img { outline: 3px solid var(--mark); outline-offset: -3px; }
.groups { display: flex; flex-wrap: wrap; gap: 0 1.6rem; }
.groups > p { width: 100%; }
ul.pictures b { color: var(--ink); }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
"""


def files_of(page: str | Path) -> list[Path]:
    """The files of a review: its page, a table with a row for each picture, and all of it as JSON."""
    return [Path(page), *(Path(page).with_suffix(suffix) for suffix in (".csv", ".json"))]


def write_review(gallery: Gallery, review: Review, page: str | Path) -> list[Path]:
    """Write a review as an HTML file that holds everything it shows, and a .csv and a .json file beside it.

    Shown pictures are read again from the gallery's source; what cannot be read is shown as the gallery keeps it.

    Args:
        gallery: that was gone through, open.
        review: what was found in it.
        page: the HTML file to write.
    """
    paths = files_of(page)
    files.write_text(paths[0], _page(gallery, review))
    files.write_text(paths[1], review.frame().to_csv())
    files.write_json(paths[2], review.as_json())
    return paths


def _page(gallery: Gallery, review: Review) -> str:
    plan, screening = review.plan, review.screening
    copies = list(zip(plan.groups, plan.levels, strict=True))
    bad = {name: names for name in CHECKS if (names := screening.bad(name))}
    wanted = {one.name for choices, _ in copies[:GROUPS] for one in choices[:MEMBERS]}
    wanted |= {name for names in bad.values() for name in names[:WORST]}
    wanted |= {one.name for one in review.outliers.outliers[:WORST]}
    wanted |= {name for group in review.groups.groups[:GROUPS] for name in group.members[:MEMBERS]}
    shown = _Shown(gallery, review, wanted)
    parts = [_copies(copies, shown), _against(review), _bad(bad, review, shown), _odd(review, shown)]
    parts.append(_groups(review, shown))
    title = f"{len(review.names):,} pictures, gone through"
    footer = "Nothing was changed: <code>lookalike duplicates --keep --apply</code> does what is proposed here."
    return document(title, _opening(review, bad), "".join(parts), footer, LAYOUT)


class _Shown:
    """The pictures of the page, by their names."""

    def __init__(self, gallery: Gallery, review: Review, wanted: set[str]) -> None:
        self._view = review.snapshot.view
        self._images: dict[str, str] = {}
        spec = gallery.source
        if spec is not None and spec.framing.faces is None:
            self._images |= read_again(spec, wanted, lambda content: _jpeg(decode_picture(content, None)), _jpeg)

    def __call__(self, name: str, words: Sequence[str], mark: str = "") -> str:
        """A picture with its name and some more words, as an item of a list."""
        if name not in self._images:
            view = self._view
            self._images[name] = _jpeg(view.all_pixels[view.rows[view.numbers[name]]])
        lines = "<br>".join(escape(word) for word in words)
        picture = f'<img alt="" src="data:image/jpeg;base64,{self._images[name]}">'
        return f'<li class="{mark}">{picture}<b>{escape(name)}</b><br>{lines}</li>'


def _jpeg(picture: Pixels) -> str:
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.thumbnail((SIDE, SIDE))
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY)
    return base64.b64encode(held.getvalue()).decode()


def _list(items: Iterable[str]) -> str:
    return f'<ul class="pictures">{"".join(items)}</ul>'


def _more(count: int, shown: int, what: str) -> str:
    return f"<p>And {count - shown:,} more {what}; the table beside this page has all.</p>" if count > shown else ""


def _opening(review: Review, bad: dict[str, list[str]]) -> str:
    figures = [
        (len(review.plan.groups), "groups of copies"),
        (len(review.plan.dropped), "pictures to spare"),
        (len({name for names in bad.values() for name in names}), "with something wrong"),
        (len(review.outliers.outliers), "unlike the rest"),
        (len(review.groups.groups), "groups of look-alikes"),
    ]
    cards = "".join(f"<li><b>{number:,}</b><span>{escape(about)}</span></li>" for number, about in figures)
    seconds = duration(sum(review.seconds.values()))
    return f'<p class="lead">It took {seconds}; nothing was changed.</p>\n<ul class="cards">{cards}</ul>\n'


def _copies(copies: Sequence[tuple[list[Choice], str]], shown: _Shown) -> str:
    parts = []
    for choices, level in copies[:GROUPS]:
        items = [shown(one.name, [one.action, one.reason], one.action) for one in choices[:MEMBERS]]
        head = f"<h3>{len(choices):,} {escape(TITLES[level])}</h3>"
        parts.append(f"<div>{head}{_list(items)}{_more(len(choices), MEMBERS, 'of this group')}</div>")
    parts.append(_more(len(copies), GROUPS, "groups"))
    text = "In each group the picture to keep comes first, with a frame and the reason for it." if copies else "None."
    return section("The same", text, f'<div class="groups">{"".join(parts)}</div>')


def _against(review: Review) -> str:
    if review.against is None:
        return ""
    rows = [f"<li>{escape(group[0])} is {escape(', '.join(group[1:]))}</li>" for group in review.against.groups]
    text = f"{len(rows):,} of the other pictures are here already."
    return section("Already here", text, f"<ul>{''.join(rows)}</ul>" if rows else "")


def _bad(bad: dict[str, list[str]], review: Review, shown: _Shown) -> str:
    parts = []
    place = {name: number for number, name in enumerate(review.screening.names)}
    for check, names in bad.items():
        scores = review.screening.scores[check]
        items = [shown(name, [f"{scores[place[name]]:.2f}"]) for name in names[:WORST]]
        head = f"<h3>{len(names):,} {escape(check.replace('_', ' '))}: {escape(CHECKS[check].about)}</h3>"
        parts.append(head + _list(items) + _more(len(names), WORST, "such"))
    unread = len(review.screening.unread)
    text = f"Scores go from 0, fine, to 1; shown are those from {BAD:g}, the worst first." if bad else "None."
    text += f" {unread:,} pictures could not be read again and have no score." if unread else ""
    return section("Something wrong", text, "\n".join(parts))


def _odd(review: Review, shown: _Shown) -> str:
    odd = review.outliers
    items = [shown(one.name, [f"{one.score:.2f}, by its {one.why}"]) for one in odd.outliers[:WORST]]
    if odd.threshold is None:
        text = f"{odd.images:,} pictures give no line between odd and ordinary ones at this rate of false alarms."
    else:
        text = f"From a score of {odd.threshold:.2f}, which {odd.false_alarms:.3g} of ordinary pictures pass at most."
    return section("Unlike the rest", text, _list(items) + _more(len(odd.outliers), WORST, "odd pictures"))


def _groups(review: Review, shown: _Shown) -> str:
    parts = []
    for group in review.groups.groups[:GROUPS]:
        apart = "; ".join(
            f"{one.column} {'is ' + str(one.value) if one.value is not None else f'{one.inside:.3g}'}"
            for one in group.apart
        )
        items = [shown(name, [], "keep" if name == group.medoid else "") for name in group.members[:MEMBERS]]
        head = f"<h3>{group.size:,} pictures{': ' + escape(apart) if apart else ''}</h3>"
        parts.append(head + _list(items) + _more(group.size, MEMBERS, "of this group"))
    parts.append(_more(len(review.groups.groups), GROUPS, "groups"))
    text = "The picture that stands for a group comes first." if review.groups.groups else "None."
    return section("Look-alikes that belong together", text, "\n".join(parts))
