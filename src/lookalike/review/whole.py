"""A gallery gone through as a whole: what is the same, what is bad, what is odd, and what belongs together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lookalike.choosing import USUAL, rules_of
from lookalike.data.images import ImageSet
from lookalike.data.pipeline import Progress
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Snapshot
from lookalike.review.copies import Copies, find_copies
from lookalike.review.keeping import KEPT, Plan
from lookalike.review.lookalikes import Groups, groups
from lookalike.review.odd import FALSE_ALARMS, Outliers, outliers
from lookalike.review.screening import Screening, screen

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Review:
    """What was found in a gallery; nothing of it is done yet (`lookalike.review.apply` does a plan).

    Attributes:
        snapshot: the gallery as it was gone through.
        copies: groups of the same pictures, in levels.
        plan: which one of each group to keep, with the reasons.
        against: which of other pictures are in the gallery already; None where nobody asked.
        screening: how bad each picture is, by check.
        outliers: the pictures that are unlike the rest.
        groups: look-alikes that belong together.
        seconds: what each part took, by its name.
    """

    snapshot: Snapshot = field(repr=False, compare=False)
    copies: Copies
    plan: Plan
    against: Copies | None
    screening: Screening
    outliers: Outliers
    groups: Groups
    seconds: dict[str, float]

    @property
    def names(self) -> list[str]:
        """The names of all pictures, sorted."""
        return list(self.snapshot.view.names)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; `distance` is that of the codes, in the gallery's metric."""
        duplicates = [
            {
                "level": level,
                "keep": choices[0].name if choices[0].action == KEPT else None,
                "reason": choices[0].reason,
                "members": [
                    {**one._asdict(), "distance": distance}
                    for one, distance in zip(choices[1:], self._distances([one.name for one in choices]), strict=True)
                ],
            }
            for choices, level in zip(self.plan.groups, self.plan.levels, strict=True)
        ]
        against = None if self.against is None else [list(group) for group in self.against.groups]
        return {
            "images": len(self.names),
            "duplicates": duplicates,
            "against": against,
            **self.screening.as_json(),
            **self.outliers.as_json(),
            **self.groups.as_json(),
            "seconds": sum(self.seconds.values()),
            "seconds_by_part": self.seconds,
        }

    def frame(self) -> pd.DataFrame:
        """One row for each picture by its name: what is wrong with it, and where it belongs.

        Columns: `copies` (number of its group of copies), `level`, `action` and `reason` (what the plan says); one for
        each check; `odd` (its score, where it is an outlier); `group` (number of its group of look-alikes).
        """
        import pandas as pd

        frame = pd.DataFrame({"name": self.names}).set_index("name")
        planned: dict[str, tuple[int | None, str | None, str, str]] = {
            one.name: (number, level, one.action, one.reason)
            for number, (choices, level) in enumerate(zip(self.plan.groups, self.plan.levels, strict=True), 1)
            for one in choices
        }
        planned |= {one.name: (None, None, one.action, one.reason) for one in self.plan.besides}
        for place, column in enumerate(("copies", "level", "action", "reason")):
            frame[column] = pd.Series({name: found[place] for name, found in planned.items()}, dtype=object)
        frame = frame.join(self.screening.frame())
        frame["odd"] = pd.Series({one.name: one.score for one in self.outliers.outliers}, dtype=float)
        members = {name: number for number, group in enumerate(self.groups.groups, 1) for name in group.members}
        frame["group"] = pd.Series(members, dtype="Int64")
        return frame

    def _distances(self, names: list[str]) -> list[float]:
        """Of the first of these pictures to each other, by their codes in the gallery's metric."""
        view, metric = self.snapshot.view, self.snapshot.index.metric
        points = metric.transform(view.codes[[view.numbers[name] for name in names]])
        found: list[float] = metric.distances(np.square(points[1:] - points[0]).sum(axis=1)).tolist()
        return found


def review(
    gallery: Gallery,
    *,
    level: str = "near",
    keep: str | Iterable[str] = USUAL,
    against: str | Path | ImageSet | None = None,
    false_alarms: float = FALSE_ALARMS,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    seed: int = 0,
) -> Review:
    """Go through a gallery: find copies and which to keep, judge every picture, find odd ones and groups.

    Args:
        gallery: open, with one picture or more.
        level: the loosest sameness that counts, see `find_copies`.
        keep: rules that choose which copy stays, in their order.
        against: other pictures, of which those are named that are in the gallery already.
        false_alarms: the share of ordinary pictures that may be called odd.
        progress: called with (pictures judged, pictures to be judged) while pictures are screened.
        say: called with a line as each part begins.
        seed: of the changed copies that tell how far apart copies are looked for.

    Raises:
        GalleryError: the gallery holds no picture.
        OptionError: a level or rule is unknown, or a share is out of range.
        DataError: `against` cannot be read.
        Interrupted: Ctrl-C or SIGTERM; what was judged is kept.
    """
    rules_of(keep, gallery.names)  # a mistake shows before anything is compared
    seconds: dict[str, float] = {}

    def part(name: str, about: str, do: Callable[[], T]) -> T:
        if say is not None:
            say(about)
        started = time.perf_counter()
        found = do()
        seconds[name] = time.perf_counter() - started
        return found

    copies = part("copies", "looking for copies", lambda: find_copies(gallery, level=level, seed=seed))
    plan = part("plan", "choosing which to keep", lambda: copies.keep(keep))
    other = None
    if against is not None:
        about = f"looking for {against if isinstance(against, (str, Path)) else 'the others'} in it"
        other = part("against", about, lambda: find_copies(gallery, level=level, against=against, seed=seed))
    screening = part("screening", "judging each picture", lambda: screen(gallery, progress=progress))
    odd = part("outliers", "looking for odd pictures", lambda: outliers(gallery, false_alarms=false_alarms))
    grouped = part("groups", "looking for groups", lambda: groups(gallery))
    return Review(gallery.snapshot(), copies, plan, other, screening, odd, grouped, seconds)
