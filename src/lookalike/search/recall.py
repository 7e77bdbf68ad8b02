"""The recall promise: kinds and settings are measured against exact search, and the fastest that keeps it is chosen."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.search.base import Index
from lookalike.search.exact import ExactIndex, Scan
from lookalike.search.examination import Examination
from lookalike.search.index import INDEXES, Kinds
from lookalike.search.inputs import Ids, as_codes, as_ids
from lookalike.search.metric import Floats, Metric, make_metric
from lookalike.search.report import Report, Trial
from lookalike.search.tuning import HOPELESS, Say, Tuning, set_as

SMALL = 1_000_000
"""Numbers in all codes together up to which "auto" is exact search without a trial (31,250 codes of 32): it answers a
query in a fraction of a millisecond there, less than encoding the query took, and no neighbour is lost."""
LARGE = 64_000_000
"""Numbers in all codes together beyond which "auto" tries inverted lists alone (two million codes of 32): a graph takes
an hour for ten million codes, and twice their memory, and what looks at all of them is out of the race."""
HELD_OUT, HELD_OUT_OF = 2_000, 20
"""The most codes that are held out to measure with, and of how many one is: they are added after the measurement, and
many more items in it would cost an index some of its recall."""
RERUNS = 5


class Held(NamedTuple):
    """What an index is to hold: codes (N, K) under ids (N,)."""

    codes: Floats
    ids: Ids


class Questions(NamedTuple):
    """What indexes are chosen by: what they hold meanwhile, and queries (Q, K).

    `own` are the ids (Q,) of these where they are held, `aside` their places (Q,) among all codes where they are not.
    """

    held: Held
    queries: Floats
    own: Ids | None = None
    aside: npt.NDArray[np.int64] = np.empty(0, np.int64)


def measure(index: Index, codes: npt.ArrayLike, ids: npt.ArrayLike, queries: npt.ArrayLike, k: int = 10) -> float:
    """Mean recall@k of an index on (Q, K) queries, against exact search over (N, K) codes under (N,) ids.

    Of several codes that are equally far, any counts. NaN where there are no codes or no queries.

    Raises:
        OptionError: codes, ids or queries are not such.
    """
    given = as_codes(codes)
    names = as_ids(ids, len(given))
    asked = as_codes(queries, given.shape[1])
    if not len(given) or not len(asked):
        return float("nan")
    return float(Examination.like(index, given, names, asked, k).shares(index).mean())


def choose(
    codes: npt.ArrayLike,
    ids: npt.ArrayLike | None = None,
    *,
    metric: str | Metric = "euclidean",
    recall: float = 0.95,
    k: int = 10,
    method: str = "auto",
    queries: npt.ArrayLike | None = None,
    seed: int = 0,
    progress: Say | None = None,
    kinds: Kinds = INDEXES,
) -> tuple[Index, Report]:
    """The fastest index over codes that keeps a promised recall, and what was measured.

    Every kind is built once, and the setting that trades its speed for recall is tuned on queries that the index does
    not hold, with their true neighbours by exact search. The promise is kept by a setting whose recall stays above it
    with 99% confidence. Exact search takes part, so that it is chosen where nothing that keeps the promise is faster.

    Small sets, of up to a million numbers in all codes together (31,250 codes of 32), get exact search from "auto"
    without a trial of other kinds: it answers in a fraction of a millisecond there, and loses nothing. Large ones, of
    more than 64 million numbers (two million codes of 32), get inverted lists from it, whose probes alone are tuned.

    Args:
        codes: finite numbers, (N, K).
        ids: int64 (N,), unique, 0 or more; 0 to N - 1 by default.
        metric: "euclidean", "cosine", "whitened" or "whitened-cosine"; or a metric that has learned already.
        recall: the promise: mean share of the true k nearest that is found, above 0 and up to 1.
        k: neighbours that the promise is about, 1 or more.
        method: "auto" for the fastest kind, or one kind, whose settings alone are tuned. A kind that cannot keep the
            promise comes at its most thorough, and the report says that it falls short.
        queries: codes (Q, K) like those that will be asked, which are not among `codes`. By default one code in
            20, up to 2,000, is held out while it is measured, and added afterwards. Of large sets, whose rest would
            have to be copied, these are asked for as they are held, and not counted as found: that tells the same
            of inverted lists.
        seed: chooses which are held out.
        progress: called with a line of text for each trial.
        kinds: what is chosen among.

    Raises:
        OptionError: an argument is not such.
    """
    given = as_codes(codes)
    names = as_ids(np.arange(len(given)) if ids is None else ids, len(given))
    if not 0 < recall <= 1:
        raise OptionError(f"recall is {recall:g}; promise a share above 0 and up to 1, such as 0.95")
    if k < 1:
        raise OptionError(f"k is {k}; ask for 1 neighbour or more")
    if method != "auto" and method not in kinds:
        raise OptionError(f"method {method!r} is unknown; give one of auto, {', '.join(kinds)}")
    tried, why = _kinds(method, given.size, recall, kinds)
    asked = None if queries is None else as_codes(queries, given.shape[1])
    makers = {kind: kinds[kind] for kind in tried}
    if asked is None or not len(asked):
        questions = _own_codes(Held(given, names), makers, seed)
    else:
        questions = Questions(Held(given, names), asked)
    held, aside = questions.held, questions.aside
    learned = metric if isinstance(metric, Metric) else make_metric(metric).fit(held.codes)
    exact: ExactIndex | Scan = Scan(learned, *held)
    if ExactIndex in makers.values():
        exact = ExactIndex(learned.name).hold(learned, *held)
    tuning = Tuning(Examination(exact, questions.queries, k, questions.own), recall, progress)
    index, trial = _fastest(makers, exact, held, tuning)
    if method == "auto" and len(tried) > 1:
        why = _reason(trial, tuning.trials)
    report = _report(index, trial, tuning, k, method, why)
    if len(aside):
        index.add(given[aside], names[aside])
    return index, replace(report, items=len(index))


def keep_promise(
    index: Index,
    codes: npt.ArrayLike,
    ids: npt.ArrayLike,
    queries: npt.ArrayLike,
    report: Report,
    *,
    own: Ids | None = None,
    seed: int = 0,
    progress: Say | None = None,
    kinds: Kinds = INDEXES,
) -> tuple[Index, Report]:
    """Measure an index again after adds and deletes, and mend it where its promise is broken.

    What mends it: first a setting of its queries, which costs a few measurements; where that does not do, another
    index is chosen and built, as `choose` did the first time.

    Args:
        index: holds `codes` under `ids` now.
        codes, ids: what it holds, (N, K) and (N,).
        queries: codes (Q, K) like those that will be asked.
        report: of its choice, or of the last measurement: gives promise, k and method.
        own: ids (Q,) that it holds the queries under, where it does; another index is then chosen by codes that are
            held out.
        seed, progress, kinds: as in `choose`.

    Returns:
        The same index or another one, and a new report.

    Raises:
        OptionError: codes, ids or queries are not such.
    """
    given = as_codes(codes)
    names = as_ids(ids, len(given))
    asked = as_codes(queries, given.shape[1])
    broken = bool(len(given) and len(asked))
    if broken:
        tuning = Tuning(Examination.like(index, given, names, asked, report.k, own), report.promised, progress)
        first = tuning.attempt(index, 0.0)
        trial, why = (first if first.kept else None), "Measured again: the promise is kept."
        if trial is None:
            trial = tuning.tune(index, 0.0)
            why = "Measured again: the promise was broken, and is kept with another setting of the queries."
        if trial is not None:
            return index, _report(index, trial, tuning, report.k, report.method, why)
    rebuilt, fresh = choose(
        given,
        names,
        metric=index.metric.name,
        recall=report.promised,
        k=report.k,
        method=report.method,
        queries=asked if own is None else None,
        seed=seed,
        progress=progress,
        kinds=kinds,
    )
    return rebuilt, replace(fresh, why=f"Built again, for the promise was broken. {fresh.why}") if broken else fresh


def _own_codes(all_codes: Held, kinds: Kinds, seed: int) -> Questions:
    """Some codes as queries: held out; or in their places, of a large set, whose rest would have to be copied."""
    codes, ids = all_codes
    share = min(HELD_OUT, len(codes) // HELD_OUT_OF)
    if not len(codes):  # whatever is asked, nothing is missed
        return Questions(all_codes, np.zeros((1, codes.shape[1]), np.float32))
    if list(kinds) == ["exact"] or not share:
        return Questions(all_codes, codes[:HELD_OUT])
    order = np.random.default_rng(seed).permutation(len(codes))
    aside = np.sort(order[:share])
    if codes.size > LARGE and not any(make("euclidean").links_codes for make in kinds.values()):
        return Questions(all_codes, codes[aside], own=ids[aside])
    rest = np.sort(order[share:])
    return Questions(Held(codes[rest], ids[rest]), codes[aside], aside=aside)


def _kinds(method: str, numbers: int, recall: float, kinds: Kinds) -> tuple[list[str], str]:
    """The kinds to try, and what to say where there is no choice among them."""
    if method != "auto":
        return [method], f"The kind was asked for: {method}."
    if recall == 1:
        return ["exact"], "A recall of 1 is kept by exact search alone."
    if numbers <= SMALL:
        return ["exact"], "Exact search wins on so small a set: fast enough, and it loses nothing; no other was tried."
    if numbers > LARGE and "ivf" in kinds:
        return ["ivf"], "Inverted lists alone were tried on so large a set."
    return [kind for kind in ("ivf", "hnsw", "ivfpq", "lsh", "exact") if kind in kinds], ""


def _fastest(kinds: Kinds, exact: ExactIndex | Scan, held: Held, tuning: Tuning) -> tuple[Index, Trial]:
    """The index and trial that keep the promise fastest; where no kind does, the last at its most thorough."""
    finalists: list[tuple[Index, Trial]] = []
    index: Index | None = None
    for kind, make in kinds.items():
        started = time.perf_counter()
        if make is ExactIndex and isinstance(exact, ExactIndex):
            index = exact
        else:
            tuning.say(f"building {kind} over {len(held.codes):,} codes")
            index = make(exact.metric.name).hold(exact.metric, *held)
        seconds = time.perf_counter() - started
        best = max((trial.queries_per_second for _, trial in finalists), default=0.0)
        found = tuning.tune(index, seconds, best / HOPELESS)
        if found is not None:
            finalists.append((index, found))
            best = max(best, found.queries_per_second)
            finalists = [one for one in finalists if one[1].queries_per_second * HOPELESS >= best]
    if not finalists:
        assert index is not None
        return index, tuning.trials[-1]
    if len(finalists) > 1:
        finalists = _timed_again(finalists, tuning)
    return max(finalists, key=lambda one: one[1].queries_per_second)


def _timed_again(finalists: list[tuple[Index, Trial]], tuning: Tuning) -> list[tuple[Index, Trial]]:
    """The finalists with their speeds measured in turns, so that a machine's moods meet all of them."""
    rounds = [[tuning.examination.seconds_of(index) for index, _ in finalists] for _ in range(RERUNS)]
    speeds = len(tuning.examination.queries) / np.median(rounds, axis=0)
    timed = [
        (index, replace(trial, queries_per_second=float(speed)))
        for (index, trial), speed in zip(finalists, speeds, strict=True)
    ]
    for _, trial in timed:
        tuning.say(f"timed again, in turns: {trial}")
    return timed


def _reason(chosen: Trial, trials: list[Trial]) -> str:
    others = {trial.kind for trial in trials} - {chosen.kind}
    if chosen.kind == "exact":
        return f"Exact search wins: none of {', '.join(sorted(others))} keeps the promise faster on this set."
    speed = next((trial.queries_per_second for trial in trials if trial.kind == "exact"), None)
    times = "" if speed is None else f", {chosen.queries_per_second / speed:,.1f} times as fast as exact search"
    return f"The fastest of {', '.join([chosen.kind, *sorted(others)])}{times}."


def _report(index: Index, trial: Trial, tuning: Tuning, k: int, method: str, why: str) -> Report:
    if not trial.kept:
        why += (
            f" A recall of {tuning.promised:g} is NOT shown to be kept: {index.kind} finds {trial.recall:.4f} at most."
        )
    elif trial.kind == index.kind and index.effort is not None:
        set_as(index, trial)
    return Report(
        kind=index.kind,
        settings=dict(index.settings),
        metric=index.metric.name,
        items=len(index),
        k=k,
        queries=len(tuning.examination.queries),
        recall=trial.recall,
        at_least=trial.at_least,
        queries_per_second=trial.queries_per_second,
        milliseconds_alone=tuning.examination.milliseconds_alone(index),
        promised=tuning.promised,
        kept=trial.kept,
        method=method,
        why=why.strip(),
        trials=tuple(tuning.trials),
    )
