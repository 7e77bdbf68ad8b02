"""The least effort of a built index that keeps a promise, found by doubling and bisection."""

from __future__ import annotations

import math
from collections.abc import Callable

from lookalike.search.base import Index
from lookalike.search.examination import Examination
from lookalike.search.report import Trial

Say = Callable[[str], None]

FINE = 1.15
"""Two efforts within this ratio are not worth telling apart."""
HOPELESS = 1.5
"""A setting that takes this many times longer than the fastest that kept the promise ends its kind's turn: more effort
finds more, but never faster."""
STEPS = 12


class Tuning:
    """One promise, and every setting that was tried for it.

    Args:
        examination: the queries and their true neighbours.
        promised: mean recall.
        say: called with a line of text for each trial.

    Attributes:
        trials: all of them, in order.
    """

    def __init__(self, examination: Examination, promised: float, say: Say | None = None) -> None:
        self.examination = examination
        self.promised = promised
        self.say = say or (lambda text: None)
        self.trials: list[Trial] = []

    def attempt(self, index: Index, build_seconds: float) -> Trial:
        """Measure an index as it is set."""
        recall, seconds = self.examination.ask(index, self.promised)
        speed = len(self.examination.queries) / seconds
        kept = recall.at_least >= self.promised
        trial = Trial(index.kind, dict(index.settings), *recall, speed, build_seconds, kept)
        self.trials.append(trial)
        self.say(f"trying {trial}")
        return trial

    def tune(self, index: Index, build_seconds: float, least_speed: float = 0.0) -> Trial | None:
        """Set the index to the fastest setting that keeps the promise; None where none does, or none is fast enough.

        Args:
            index: built.
            build_seconds: noted with each trial.
            least_speed: queries a second below which nothing of this index is wanted.
        """
        if index.effort is None:
            trial = self.attempt(index, build_seconds)
            return trial if trial.kept else None
        best: Trial | None = None
        for variant in index.variants:
            index.tune(**variant)
            found = self._least(index, index.effort, build_seconds, least_speed)
            if found is not None and (best is None or found.queries_per_second > best.queries_per_second):
                best = found
                least_speed = max(least_speed, found.queries_per_second / HOPELESS)
        if best is not None:
            set_as(index, best)
        return best

    def _least(self, index: Index, effort: str, build_seconds: float, least_speed: float) -> Trial | None:
        """The trial of the least effort that keeps the promise."""
        option = index.options[effort]
        lowest, most = option.least, max(index.most_effort, option.least)
        value = min(max((option.default or 4) // 4, lowest), most)
        fails, best = lowest - 1, None
        for _ in range(STEPS + math.ceil(math.log2(most))):
            index.tune(**{effort: value})
            trial = self.attempt(index, build_seconds)
            if trial.kept:
                best, passes = trial, value
                if passes <= max(fails + 1, math.ceil(fails * FINE)) or passes == lowest:
                    break
                value = max(lowest, passes // 2) if fails < lowest else (passes + fails) // 2
                continue
            fails = value
            if value == most or (best is None and trial.queries_per_second < least_speed):
                break
            if best is None:
                value = min(2 * value, most)
            elif passes <= max(fails + 1, math.ceil(fails * FINE)):
                break
            else:
                value = (passes + fails) // 2
        return best


def set_as(index: Index, trial: Trial) -> None:
    """Give an index the query settings of one of its trials."""
    index.tune(**{name: trial.settings[name] for name, option in index.options.items() if option.at_query})
