"""The words by which copies are looked for, chosen among and dealt with: each declared once, with what help texts say.

Nothing here takes long to import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lookalike.errors import OptionError

LEVELS = {
    "bytes": "the same file",
    "picture": "the same pixels, if need be mirrored or turned",
    "near": "saved again, resized, recoloured, bordered, cut, mirrored, turned",
    "scene": "another shot of what is seen, as of a burst; shown apart",
}
"""From the strictest."""
TITLES = {
    "bytes": "files of the same bytes",
    "picture": "files of the same picture",
    "near": "near copies",
    "scene": "shots of one scene",
}
"""What the pictures of a group are, by its level."""
RANKS = tuple(LEVELS)
HOWS = {
    "list": "write the choices to a .csv or .json file",
    "copy": "copy all that is not dropped to a folder",
    "link": "the same by hard links",
    "trash": "move what is dropped to the system's trash",
}


def in_words(words: dict[str, str]) -> str:
    """Each with what it is, for help texts."""
    return ", ".join(f"{name} ({about})" for name, about in words.items())


RAW, LOSSLESS, LOSSY, FEW_COLOURS = 3, 2, 1, 0
"""What a format keeps of a picture."""


class Facts(NamedTuple):
    """A picture's width and height, and of its file: what its format is and keeps, its bytes, when it is from (ISO
    8601; when it was taken, else when the file was changed), whether and by what it looks edited; how sharp it is; and
    the pixels that its border leaves, None where it has none.

    Of a file that could not be read again, `is_read` is False, and its width and height are those that are stored.
    """

    name: str
    width: int
    height: int
    sharpness: float
    format: str
    keeps: int
    size: int
    time: str
    is_taken: bool
    edited: str
    is_read: bool = True
    within: float | None = None


LARGER = 0.99
"""Of the largest file: from so much on a file counts as equally large, since notes in it take some bytes."""
SHARPER = 0.9
"""Of the sharpest: from so much on a picture counts as equally sharp."""


@dataclass(frozen=True)
class Rule:
    """One ground on which a picture is preferred.

    Attributes:
        name: as it is asked for.
        best, worse: what is said of a picture that is kept by it, and of one that is dropped.
        value: the greatest wins; None, which loses to all, where nothing is known.
        told: a picture's value in words.
        within: the share of the greatest number from which others count as equal.
        won, lost: how the reason is said, of `best`, `worse`, the picture's `own` value and the `other`'s.
        argument: what follows `name=`, "" for a rule without.
    """

    name: str
    best: str
    worse: str
    value: Callable[[Facts], Any]
    told: Callable[[Facts], str]
    within: float = 1.0
    argument: str = ""
    won: str = "{best}: {own} over {other}"
    lost: str = "{worse}: {own} against {other}"

    def why_kept(self, one: Facts, second: Facts) -> str:
        """The reason for a picture that is kept, rather than the best of those that it is better than."""
        return self.won.format(best=self.best, own=self.told(one), other=self.told(second))

    def why_dropped(self, one: Facts, kept: Facts) -> str:
        """The reason for a picture that is dropped for the one that is kept."""
        return self.lost.format(worse=self.worse, own=self.told(one), other=self.told(kept))

    def winners(self, among: Sequence[Facts]) -> list[Facts]:
        """Those that no other is better than."""
        values = [self.value(one) for one in among]
        known = [value for value in values if value is not None]
        if not known:
            return list(among)
        greatest = max(known)
        least = greatest * self.within if self.within < 1 else greatest
        return [one for one, value in zip(among, values, strict=True) if value is not None and value >= least]


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _parent(name: str) -> str:
    return name.rpartition("/")[0] or "the top folder"


def _earliness(time: str) -> tuple[int, ...] | None:
    return tuple(-ord(sign) for sign in time) or None


def _pixels(facts: Facts) -> str:
    if not facts.is_read:
        return "unknown"
    return f"{facts.width} x {facts.height}{'' if facts.within is None else ' with a border'}"


def _size(facts: Facts) -> str:
    return f"{facts.size:,} bytes" if facts.size else "unknown"


READ = Rule(
    *("read", "its file can be read", "its file is gone or cannot be read"),
    value=lambda facts: facts.is_read,
    told=lambda facts: facts.name,
    won="{best}, that of another not",
    lost="{worse}; bring the gallery up to date",
)
"""Goes before all that can be asked for: nothing is dropped for what may be gone."""
RULES = (
    Rule(
        *("pixels", "the most pixels", "fewer pixels"),
        value=lambda facts: facts.width * facts.height if facts.within is None else facts.within,
        told=_pixels,
    ),
    Rule(
        *("sharp", "the sharpest, noise left out", "less sharp, noise left out"),
        value=lambda facts: facts.sharpness,
        told=lambda facts: f"{facts.sharpness:.0f}",
        within=SHARPER,
    ),
    Rule(
        *("format", "the format that keeps most", "a format that keeps less"),
        value=lambda facts: facts.keeps,
        told=lambda facts: facts.format or "unknown",
    ),
    Rule(
        *("size", "the largest file", "a smaller file"),
        value=lambda facts: facts.size or None,
        told=_size,
        within=LARGER,
    ),
    Rule(
        *("newest", "the newest", "older"),
        value=lambda facts: facts.time or None,
        told=lambda facts: facts.time.replace("T", " ") or "unknown",
    ),
    Rule(
        *("oldest", "the oldest", "newer"),
        value=lambda facts: _earliness(facts.time),
        told=lambda facts: facts.time.replace("T", " ") or "unknown",
    ),
    Rule(
        *("folder", "in the preferred folder", "in another folder"),
        value=lambda facts: None,
        told=lambda facts: _parent(facts.name),
        argument="NAME",
    ),
    Rule(
        *("shortest", "the shortest name", "a longer name"),
        value=lambda facts: -len(_base(facts.name)),
        told=lambda facts: f"{len(_base(facts.name))} letters",
    ),
    Rule(
        *("unedited", "no sign of an edit", "a copy or an edit"),
        value=lambda facts: not facts.edited,
        told=lambda facts: facts.edited,
        won="{best}; the next is {other}",
        lost="{worse}: {own}",
    ),
)
"""All that can be asked for."""
USUAL = "pixels,unedited,format,sharp,size,oldest,shortest"
"""What is asked for by default, and what decides among pictures that are alike in all that was asked for."""
_BY_NAME = {rule.name: rule for rule in RULES}


def rules_in_words() -> str:
    """Every rule with what it prefers, and what decides of ties, for help texts."""
    told = [f"{rule.name}{f'={rule.argument}' if rule.argument else ''} ({_best(rule)})" for rule in RULES]
    return f"{'; '.join(told)}. Of ties the usual rules decide, and then the name"


def _best(rule: Rule) -> str:
    return rule.best if rule.within == 1 else f"{rule.best}, {1 - rule.within:.0%} less counting as equal"


def rules_of(asked: str | Iterable[str], names: Iterable[str]) -> list[Rule]:
    """The rules of words such as `pixels,folder=best,oldest`; `names` are those of the gallery's pictures.

    Raises:
        OptionError: a rule is unknown, comes twice, lacks its argument, or names a folder that holds no picture.
    """
    words = asked.split(",") if isinstance(asked, str) else list(asked)
    found: list[Rule] = []
    for word in map(str.strip, words):
        name, equals, argument = word.partition("=")
        rule = _BY_NAME.get(name)
        if rule is None:
            raise OptionError(f"keep rule {word!r} is unknown; give some of {', '.join(_BY_NAME)}")
        if bool(equals and argument) != bool(rule.argument):
            wanted = f"{name}={rule.argument}" if rule.argument else name
            raise OptionError(f"keep rule is {word!r}; give it as {wanted}")
        found.append(_in_folder(rule, argument, names) if rule.argument else rule)
    asked_for = [word.strip() for word in words]
    if len(set(asked_for)) < len(asked_for) or {"newest", "oldest"} <= set(asked_for):
        raise OptionError(f"keep rules are {','.join(asked_for)}; give each once, and one of newest and oldest")
    return found


def deciding(rules: Sequence[Rule]) -> list[Rule]:
    """The rules that choose, in their order: those that were asked for, and the usual ones where these leave a tie."""
    names = {rule.name for rule in rules}
    left = {"oldest", *names} if "newest" in names else names
    return [READ, *rules, *(_BY_NAME[name] for name in USUAL.split(",") if name not in left)]


def _in_folder(rule: Rule, folder: str, names: Iterable[str]) -> Rule:
    inside = f"{folder.strip('/')}/"
    if not any(name.startswith(inside) for name in names):
        raise OptionError(f"folder {folder!r} holds none of the gallery's pictures; give one as their names begin")
    return replace(rule, name=f"folder={folder}", value=lambda facts: facts.name.startswith(inside))
