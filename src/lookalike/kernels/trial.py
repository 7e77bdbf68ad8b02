"""Which arithmetic is quickest on this machine: tried once on the very work, within bounds, and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike import files
from lookalike.kernels.build import library
from lookalike.kernels.machine import facts, multiplies_bfloat16
from lookalike.kernels.use import Way

FORMAT = 1
PRECISIONS = ("float32", "bfloat16")
"""The one that is taken in doubt first."""
MARGIN = 1.05
"""How many times as quick another way must be to be taken instead of the one before it in `ways`."""
BUDGET = 1.5
"""Seconds after which a trial ends, once each way was tried often enough."""
ENOUGH = 2
"""Tries beside the first one: less tells little on a busy machine, and what is found is kept for long."""
PATIENCE = 15.0
"""Seconds after which a trial ends with what it has seen."""
ROUNDS = 5
HOPELESS = 3.0
"""Times slower than the best from which on a way is not tried again."""
DEAR = 0.15
"""Seconds of a first try, with all that is made ready in it, up to which it alone does not show that."""
_log = logging.getLogger(__name__)

Work = Callable[[Way], Callable[[], object]]
"""Made ready for a way of computing; what comes back does it once."""


def ways() -> list[Way]:
    """What may be tried here, the one that is taken in doubt first: float32, whose results are the same everywhere."""
    fused = (True, False) if library() is not None else (False,)
    precisions = PRECISIONS if multiplies_bfloat16() else PRECISIONS[:1]
    return [Way(precision, on) for precision in precisions for on in fused]


def choose(seconds: Mapping[Way, float]) -> Way:
    """The quickest, where it is so by `MARGIN`; else the first."""
    chosen, *others = seconds
    for way in others:
        if seconds[way] * MARGIN < seconds[chosen]:
            chosen = way
    return chosen


def measured(
    work: Work,
    tried: list[Way],
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
    worked: Callable[[], float] = time.process_time,
) -> dict[Way, float]:
    """The least seconds of the work in each way: by turns, until there were enough and the `budget` is spent.

    They are the processor's seconds of all threads, which waiting threads of PyTorch spend as well, so that they tell
    of a quiet machine even where others work beside this process. The first turn warms up, and counts only for what
    was not done again: a way that is hopelessly slow, or all where `PATIENCE` has ended by then. Ways that were not
    reached are left out.
    """
    began, least = clock(), dict[Way, float]()
    calls = {way: work(way) for way in tried}
    for turn in range(1 + ROUNDS):
        before = dict(least)
        for way, call in calls.items():
            if least and clock() - began > (budget if turn > ENOUGH else PATIENCE):
                return least
            is_judged = turn > 1 or (turn == 1 and before[way] > DEAR)
            if is_judged and before[way] > HOPELESS * min(before.values()):
                continue
            started = worked()
            call()
            seconds = worked() - started
            least[way] = min(before[way], seconds) if turn > 1 else seconds
    return least


@dataclass(frozen=True)
class Trial:
    """What was found for some work: the way to take, and the least seconds of it in each that was tried."""

    way: Way
    seconds: dict[Way, float]


def known(name: Mapping[str, Any]) -> Trial | None:
    """What was found for the work of that name on this machine; None where nothing was, or what is kept is damaged."""
    path = _path_of(name)
    if path not in _found:
        try:
            seconds = _kept(files.read_json(path), name)
            _found[path] = Trial(choose(seconds), seconds)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None
    return _found[path]


def _kept(content: Any, name: Mapping[str, Any]) -> dict[Way, float]:
    """The seconds in a file that may be anybody's; raises, as whatever it is not like does, where they cannot be."""
    about = json.loads(json.dumps({"machine": facts(), "work": dict(name)}))
    if any(content.get(key, told) != told for key, told in about.items()):
        raise ValueError("it is of another machine or work")
    found = dict[Way, float]()
    for one in content["tried"]:
        precision, fused, seconds = one["precision"], one["fused"], one["seconds"]
        is_way = precision in PRECISIONS and isinstance(fused, bool)
        is_time = type(seconds) in (int, float) and 0 < seconds < math.inf
        if not is_way or not is_time:
            raise ValueError(f"{one} cannot have been found")
        found[Way(precision, fused)] = float(seconds)
    return found


def trial_of(name: Mapping[str, Any], work: Work, *, again: bool = False) -> Trial:
    """What is quickest for the work of that name (JSON values) on this machine: as it is known, or by a trial.

    A trial is kept, so that the same work is done in the same way from then on; where the cache cannot be written, for
    as long as this process lives. `again`: tried whatever is known.
    """
    found = None if again else known(name)
    if found is not None:
        return found
    seconds = measured(work, ways())
    found, path = Trial(choose(seconds), seconds), _path_of(name)
    tried = [{"precision": way.precision, "fused": way.fused, "seconds": taken} for way, taken in seconds.items()]
    try:
        files.write_json(path, {"machine": facts(), "work": dict(name), "tried": tried})
    except OSError as error:
        _log.debug("what is quickest here cannot be kept (%s)", error)
    _found[path] = found
    return found


_found: dict[Path, Trial] = {}


def _path_of(name: Mapping[str, Any]) -> Path:
    key = json.dumps([FORMAT, facts(), dict(name)], sort_keys=True)
    return files.cache_folder() / "machine" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
