"""The promise: measured against brute force in NumPy, judged against SciPy, kept on queries that nobody saw."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from codes import brute_force, clustered, names_of, recall_of
from lookalike.errors import OptionError
from lookalike.search import INDEXES, choose, index_class, keep_promise, make_metric, measure, recall
from lookalike.search.examination import Examination, judged
from lookalike.search.hnsw import HNSWIndex
from lookalike.search.tuning import Tuning

COUNT = 4000


@pytest.fixture
def _no_set_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "SMALL", 0)


def fresh_recall(index: object, codes: np.ndarray, names: np.ndarray, k: int = 10) -> float:
    """On 400 queries that play no part in any choice, by brute force."""
    queries = clustered(400, seed=1234)
    places, _ = brute_force(codes, queries, k)
    return recall_of(index.query(queries, k).ids, names[places])  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(INDEXES))
def test_measure_is_the_share_that_brute_force_counts(kind: str) -> None:
    codes, names, queries = clustered(1200), names_of(1200), clustered(150, seed=1)
    index = index_class(kind)().fit(codes, names)
    if index.effort is not None:
        index.tune(**{index.effort: 2})
    places, _ = brute_force(codes, queries, 10)
    expected = recall_of(index.query(queries, 10).ids, names[places])
    assert measure(index, codes, names, queries) == pytest.approx(expected, abs=1e-9)
    assert (expected < 1) == (kind != "exact")


def test_of_equally_far_items_any_counts_and_strangers_never_do() -> None:
    codes = np.repeat(clustered(50), 4, axis=0)
    names = np.arange(200)
    queries = clustered(40, seed=1)
    index = index_class("exact")().fit(codes[::-1], names[::-1])
    assert measure(index, codes, names, queries, k=2) == 1
    # An index that holds an item which should be gone finds that, and misses one of the true ones.
    index.add(queries[:1], [1000])
    assert measure(index, codes, names, queries[:1], k=2) == 0.5


@pytest.mark.parametrize("kind", sorted(INDEXES))
def test_queries_that_are_held_are_not_their_own_neighbours(kind: str) -> None:
    codes, names = clustered(1200), names_of(1200)
    index = index_class(kind)().fit(codes, names)
    if index.effort is not None:
        index.tune(**{index.effort: 2})
    places, _ = brute_force(codes, codes[:150], 41)
    assert (places[:, 0] == np.arange(150)).all()
    found = index.query(codes[:150], 41).ids
    shares = []
    for true, given, own in zip(names[places[:, 1:]], found, names[:150], strict=True):
        shares.append(len(set(true) & set([name for name in given if name != own][:40])) / 40)
    examination = Examination.like(index, codes, names, codes[:150], 40, names[:150])
    np.testing.assert_allclose(examination.shares(index), shares)
    assert (np.mean(shares) < 1) == (kind != "exact")


@pytest.mark.parametrize("method", ["auto", "ivfpq", "hnsw"])
def test_of_a_large_set_only_a_graph_holds_codes_out(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By stored codes lists are judged as by fresh ones, without a copy of the others."""
    codes, held = clustered(4000), []

    def noting(hold: Any) -> Any:
        return lambda self, metric, codes, ids=None: held.append(codes) or hold(self, metric, codes, ids)

    for kind in INDEXES.values():
        monkeypatch.setattr(kind, "hold", noting(kind.hold))
    monkeypatch.setattr(recall, "SMALL", 0)
    monkeypatch.setattr(recall, "LARGE", codes.size - 1)
    index, report = choose(codes, recall=0.9, method=method)
    built = [given for given in held if len(given) > 3000]
    assert {len(given) for given in built} == ({3800} if method == "hnsw" else {4000})
    assert all(np.shares_memory(given, codes) for given in built) == (method != "hnsw")
    assert (len(index), report.items, report.queries, report.kept) == (4000, 4000, 200, True)
    assert fresh_recall(index, codes, np.arange(4000)) == pytest.approx(report.recall, abs=0.03)


def test_measure_is_in_the_metric_that_the_index_has_learned() -> None:
    codes = clustered(800) * np.geomspace(0.01, 10, 16, dtype=np.float32)
    index = index_class("exact")("whitened").fit(codes)
    index.remove(np.arange(400))  # the metric stays as it was learned of all
    assert measure(index, codes[400:], np.arange(400, 800), codes[:100]) == 1


def test_nothing_to_measure_is_nan() -> None:
    index = index_class("exact")().fit(np.empty((0, 16)))
    assert np.isnan(measure(index, np.empty((0, 16)), [], clustered(3)))


def test_the_bound_is_the_normal_one_and_never_too_sure_of_itself() -> None:
    shares = np.random.default_rng(0).binomial(10, 0.7, 500) / 10
    mean, at_least = judged(shares, 0.95, 10)
    assert mean == pytest.approx(shares.mean())
    error = shares.std() / np.sqrt(500)
    assert at_least == pytest.approx(stats.norm.ppf(0.01, shares.mean(), error), abs=1e-4)
    perfect = judged(np.ones(20), 0.95, 10)
    assert perfect.at_least == pytest.approx(1 - 2.33 * np.sqrt(0.95 * 0.05 / 10 / 20))
    # Of many measurements of a recall of 0.94, next to none passes for one of 0.95.
    generator = np.random.default_rng(1)
    passed = [judged(generator.binomial(10, 0.94, 1000) / 10, 0.95, 10).at_least >= 0.95 for _ in range(300)]
    assert np.mean(passed) < 0.01


@pytest.mark.usefixtures("_no_set_is_small")
def test_the_chosen_index_keeps_its_promise_on_queries_that_nobody_saw() -> None:
    codes, names = clustered(COUNT), names_of(COUNT)
    lines: list[str] = []
    index, report = choose(codes, names, recall=0.9, progress=lines.append)
    assert report.kept
    assert 0.9 <= report.at_least <= report.recall
    # Which kind is the fastest is the machine's affair; a sample of 4,000 neighbours is off by up to 3 standard errors.
    assert fresh_recall(index, codes, names) >= 0.9 - 3 * np.sqrt(0.9 * 0.1 / 4000)
    assert (len(index), report.items) == (COUNT, COUNT)
    np.testing.assert_array_equal(np.sort(index.ids), np.sort(names))
    assert (report.kind, report.settings) == (index.kind, index.settings)
    assert report.queries == COUNT // 20
    assert {trial.kind for trial in report.trials} == set(INDEXES)
    assert report.queries_per_second > 0
    assert any(line.startswith(f"trying {report.kind}") and "queries/s" in line for line in lines)
    kept = [trial for trial in report.trials if trial.kept]
    assert report.kind in {trial.kind for trial in kept}
    assert "asked" not in report.why
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["trials"][0]["kind"] == report.trials[0].kind
    assert f"recall@10 {report.recall:.4f}" in str(report)


@pytest.mark.parametrize("kind", sorted(INDEXES))
def test_a_kind_that_was_asked_for_is_tuned(kind: str) -> None:
    codes = clustered(2500)
    index, report = choose(codes, method=kind, recall=0.95, metric="cosine")
    assert report.kept
    assert (index.kind, report.kind, report.method, report.metric) == (kind, kind, kind, "cosine")
    assert {trial.kind for trial in report.trials} == {kind}
    if kind == "exact":
        assert (report.recall, report.at_least) == (1, 1)
    unit = make_metric("cosine").transform(codes)
    places, _ = brute_force(unit, make_metric("cosine").transform(clustered(300, seed=77)), 10)
    assert recall_of(index.query(clustered(300, seed=77)).ids, places) >= 0.94


def test_the_least_effort_that_keeps_the_promise_is_found() -> None:
    codes, queries = clustered(2000), clustered(400, seed=1)
    index = index_class("ivf")(lists=48).fit(codes)
    examination = Examination.like(index, codes, np.arange(2000), queries, 10)
    tuning = Tuning(examination, 0.9)
    found = tuning.tune(index, 0.0)
    assert found is not None
    passes = []
    for probes in range(2, 25):
        index.tune(probes=probes)
        passes.append((probes, examination.ask(index, 0.9)[0].at_least >= 0.9))
    least = next(probes for probes, passed in passes if passed)
    assert least <= found.settings["probes"] <= max(least + 1, 1.15 * least)
    assert len(tuning.trials) < 12


def test_a_kind_that_is_hopelessly_slow_is_given_up_early() -> None:
    codes, queries = clustered(2000), clustered(300, seed=1)
    index = index_class("ivf")(lists=64).fit(codes)
    tuning = Tuning(Examination.like(index, codes, np.arange(2000), queries, 10), 0.999)
    assert tuning.tune(index, 0.0, least_speed=1e12) is None
    assert len(tuning.trials) == 1


def test_small_sets_get_exact_search_and_are_told_so() -> None:
    codes = clustered(500)
    index, report = choose(codes)
    assert report.kind == "exact"
    assert (report.recall, report.kept, len(report.trials)) == (1, True, 1)
    assert "Exact search wins on so small a set" in report.why
    assert fresh_recall(index, codes, np.arange(500)) == 1


@pytest.mark.usefixtures("_no_set_is_small")
def test_a_recall_of_one_is_exact_search() -> None:
    _, report = choose(clustered(900), recall=1.0)
    assert (report.kind, report.recall, report.kept) == ("exact", 1, True)


@pytest.mark.usefixtures("_no_set_is_small")
def test_exact_search_is_chosen_where_nothing_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Examination.ask
    monkeypatch.setattr(Examination, "ask", lambda *given: (ask(*given)[0], 1.0 + (given[1].kind != "exact")))
    _, report = choose(clustered(1500))
    assert report.kind == "exact"
    assert report.why.startswith("Exact search wins: none of hnsw, ivf, ivfpq, lsh keeps the promise faster")


def test_own_queries_are_used_and_nothing_is_held_out() -> None:
    codes = clustered(1000)
    index, report = choose(codes, method="hnsw", queries=clustered(333, seed=1), k=5)
    assert (report.queries, report.k, len(index)) == (333, 5, 1000)


@pytest.mark.parametrize("count", [0, 1, 3, 30])
@pytest.mark.parametrize("method", ["auto", *sorted(INDEXES)])
def test_few_codes_break_nothing(method: str, count: int) -> None:
    codes = clustered(count)
    index, report = choose(codes, method=method)
    assert len(index) == count
    assert report.kept
    assert (report.recall, report.items) == (1, count)
    json.dumps(report.as_json(), allow_nan=False)


def test_a_promise_that_cannot_be_kept_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HNSWIndex, "most_effort", 2)
    _, report = choose(clustered(2500), method="hnsw", recall=0.999)
    assert not report.kept
    assert report.recall < 0.999
    assert "A recall of 0.999 is NOT shown to be kept: hnsw finds" in report.why


@pytest.mark.parametrize("kind", sorted(INDEXES))
def test_the_promise_is_measured_again_after_adds_and_deletes(kind: str) -> None:
    codes, more = clustered(2500), clustered(125, seed=8)
    queries = clustered(400, seed=2)
    index, report = choose(codes, method=kind, recall=0.9, queries=queries)
    gone = np.random.default_rng(0).choice(2500, 125, replace=False)
    index.remove(gone)
    index.add(more, np.arange(5000, 5125))
    kept = np.setdiff1d(np.arange(2500), gone)
    now, names = np.concatenate([codes[kept], more]), np.concatenate([kept, np.arange(5000, 5125)])
    again, fresh = keep_promise(index, now, names, queries, report)
    assert again is index
    assert fresh.kept
    assert fresh.why.startswith("Measured again")
    assert (fresh.items, fresh.promised, fresh.method) == (2500, 0.9, kind)
    assert fresh_recall(again, now, names) >= 0.88
    assert not np.isin(again.query(codes[gone]).ids, gone).any()


def test_a_broken_promise_is_mended_by_the_queries_setting() -> None:
    codes, queries = clustered(3000), clustered(500, seed=2)
    index, report = choose(codes, method="ivf", queries=queries)
    index.tune(probes=2)
    again, fresh = keep_promise(index, codes, np.arange(3000), queries, report)
    assert again is index
    assert fresh.kept
    assert "was broken, and is kept with another setting" in fresh.why
    assert index.settings["probes"] == fresh.settings["probes"] > 2
    assert measure(index, codes, np.arange(3000), queries) >= 0.95


def test_a_promise_that_no_setting_mends_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, queries = clustered(3000), clustered(500, seed=2)
    index, report = choose(codes, method="hnsw", queries=queries)
    monkeypatch.setattr(HNSWIndex, "most_effort", 1)
    index.tune(ef_search=1)
    again, fresh = keep_promise(index, codes, np.arange(3000), queries, replace(report, method="auto"))
    assert again is not index
    assert (fresh.kind, fresh.kept) == ("exact", True)
    assert fresh.why.startswith("Built again, for the promise was broken.")
    assert len(again) == 3000


def test_when_all_is_gone_the_promise_is_kept_by_nothing() -> None:
    codes = clustered(300)
    index, report = choose(codes, method="ivf", queries=clustered(50, seed=1))
    index.remove(np.arange(300))
    again, fresh = keep_promise(index, codes[:0], [], clustered(50, seed=1), report)
    assert (len(again), fresh.kept, fresh.recall) == (0, True, 1)


def test_arguments_are_named() -> None:
    codes = clustered(20)
    for wrong, message in (
        ({"recall": 0.0}, "recall is 0; promise a share above 0 and up to 1"),
        ({"recall": 1.01}, "recall is 1.01"),
        ({"k": 0}, "k is 0; ask for 1"),
        ({"method": "tree"}, "method 'tree' is unknown; give one of auto, exact, lsh, hnsw, ivf, ivfpq"),
        ({"metric": "taxi"}, "metric 'taxi' is unknown"),
        ({"ids": [1] * 20}, "id 1 is given twice"),
        ({"queries": np.zeros((3, 4))}, r"shape \(3, 4\); this index takes codes of shape \(N, 16\)"),
    ):
        with pytest.raises(OptionError, match=message):
            choose(codes, **wrong)  # type: ignore[arg-type]
