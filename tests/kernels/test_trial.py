"""What is quickest on a machine: chosen by measured seconds, tried within bounds, kept by machine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lookalike.kernels import machine, trial
from lookalike.kernels.machine import multiplies_bfloat16
from lookalike.kernels.trial import (
    BUDGET,
    ENOUGH,
    MARGIN,
    PATIENCE,
    ROUNDS,
    Trial,
    choose,
    known,
    measured,
    trial_of,
    ways,
)
from lookalike.kernels.use import Way

FUSED, PLAIN, HALF, HALF_PLAIN = (
    Way(precision, fused) for precision in ("float32", "bfloat16") for fused in (True, False)
)
NAME = {"work": "test", "side": 3}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cache of its own, and nothing remembered; every arithmetic may be tried."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trial, "_found", {})
    monkeypatch.setattr(trial, "ways", lambda: [FUSED, PLAIN, HALF, HALF_PLAIN])


def kept(*, machine: Any = None, work: Any = None, **changed: Any) -> str:
    """A file that says plain float32 is the quickest, but for what is changed in it."""
    row = {"precision": "float32", "fused": False, "seconds": 0.01, **changed}
    told = {name: value for name, value in (("machine", machine), ("work", work)) if value is not None}
    return json.dumps({**told, "tried": [row]})


class Clock:
    """A machine on which each way takes the seconds it is said to, and its first try so many more."""

    def __init__(self, seconds: dict[Way, float], first: dict[Way, float] | None = None) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.first = first or {}
        self.calls: list[Way] = []

    def __call__(self) -> float:
        return self.now

    def work(self, way: Way) -> Callable[[], None]:
        def call() -> None:
            self.now += self.seconds[way] + (0 if way in self.calls else self.first.get(way, 0))
            self.calls.append(way)

        return call

    def measured(self) -> dict[Way, float]:
        return measured(self.work, list(self.seconds), clock=self, worked=self)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({FUSED: 1.0, PLAIN: 2.0, HALF: 0.5, HALF_PLAIN: 0.6}, HALF),
        ({FUSED: 1.0, PLAIN: 2.0, HALF: 3.0, HALF_PLAIN: 0.6}, HALF_PLAIN),
        ({FUSED: 1.0, PLAIN: 0.9, HALF: 0.89, HALF_PLAIN: 5.0}, PLAIN),
        ({FUSED: 1.0, PLAIN: 2.0}, FUSED),
        ({PLAIN: 2.0, HALF: 2.0}, PLAIN),
        ({FUSED: 1.0, HALF: 1.001 / MARGIN}, FUSED),
        ({FUSED: 1.0, HALF: 0.999 / MARGIN}, HALF),
    ],
)
def test_the_choice_is_a_function_of_the_seconds(seconds: dict[Way, float], expected: Way) -> None:
    assert choose(seconds) == expected
    assert min(seconds.values()) * MARGIN >= seconds[choose(seconds)]


def test_the_least_of_some_rounds_counts_and_the_first_does_not() -> None:
    clock = Clock({FUSED: 0.01, HALF: 0.012}, first={FUSED: 0.1, HALF: 0.1})
    assert clock.measured() == pytest.approx({FUSED: 0.01, HALF: 0.012})
    assert clock.calls == [FUSED, HALF] * (1 + ROUNDS)


def test_what_is_hopeless_is_tried_once() -> None:
    clock = Clock({FUSED: 0.01, HALF: 0.4})
    assert clock.measured()[HALF] == pytest.approx(0.4)
    assert clock.calls.count(HALF) == 1


def test_a_first_try_that_makes_ready_for_all_gives_up_no_way() -> None:
    """As that of whichever is first, which starts the threads: 0.1 s where a step takes 0.01."""
    assert choose(Clock({FUSED: 0.01, PLAIN: 0.015}, first={FUSED: 0.1}).measured()) == FUSED


@pytest.mark.parametrize("step", [0.01, 0.2, 0.5])
def test_each_way_is_judged_by_what_it_takes_once_it_is_warm(step: float) -> None:
    """Also where the budget is spent by then."""
    clock = Clock({FUSED: step, PLAIN: 0.9 * step, HALF: 0.8 * step}, first={PLAIN: step, HALF: step})
    assert choose(clock.measured()) == HALF
    assert all(clock.calls.count(way) > ENOUGH for way in clock.seconds)


@pytest.mark.parametrize("slow", [0.01, 0.3, 5.0, 700.0])
def test_a_trial_ends_whatever_an_arithmetic_costs(slow: float) -> None:
    clock = Clock(dict.fromkeys((FUSED, PLAIN, HALF, HALF_PLAIN), slow))
    found = clock.measured()
    assert found
    assert clock.now <= min(max(BUDGET, 4 * (1 + ENOUGH) * slow), PATIENCE) + slow
    assert choose(found) == FUSED


def test_it_is_kept_and_not_tried_again(tmp_path: Path) -> None:
    clock = Clock({FUSED: 0.02, PLAIN: 0.03, HALF: 0.01, HALF_PLAIN: 0.02})
    seconds = {FUSED: 0.02, PLAIN: 0.03, HALF: 0.01}

    def never(way: Way) -> Callable[[], None]:
        raise AssertionError(f"{way} was tried again")

    assert known(NAME) is None
    path = trial._path_of(NAME)
    path.parent.mkdir(parents=True)
    rows = [{"precision": way.precision, "fused": way.fused, "seconds": taken} for way, taken in seconds.items()]
    path.write_text(json.dumps({"tried": rows}))
    assert trial_of(NAME, never) == Trial(HALF, seconds)
    assert known({**NAME, "side": 4}) is None
    trial_of(NAME, clock.work, again=True)
    assert clock.calls
    kept = json.loads(path.read_text())
    assert kept["work"] == NAME
    assert kept["machine"] == machine.facts()


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "[]", "[" * 10**5, '{"tried": []}', '{"tried": [{"precision": "float32"}]}', "\x00"),
        *(kept(seconds=value) for value in (-1, 0, math.nan, math.inf, 10**400, "x", "0.01", True, None)),
        *(kept(precision=value) for value in ("float64", "", None)),
        *(kept(fused=value) for value in ("false", 0, None)),
        kept(machine={"processor": "another one"}),
        kept(work={"work": "another", "side": 3}),
    ],
)
def test_what_is_damaged_is_measured_anew(damage: str) -> None:
    clock = Clock({FUSED: 0.02, PLAIN: 0.03, HALF: 0.01, HALF_PLAIN: 0.02})
    path = trial._path_of(NAME)
    path.parent.mkdir(parents=True)
    path.write_text(damage)
    trial_of(NAME, clock.work)
    assert set(clock.calls) == set(clock.seconds)
    trial._found.clear()
    assert known(NAME) is not None


def test_what_is_whole_is_believed() -> None:
    path = trial._path_of(NAME)
    path.parent.mkdir(parents=True)
    path.write_text(kept(machine=machine.facts(), work=NAME))
    assert known(NAME) == Trial(PLAIN, {PLAIN: 0.01})


def test_each_machine_and_setting_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({FUSED: 0.02, PLAIN: 0.03, HALF: 0.01, HALF_PLAIN: 0.02})
    places = {trial._path_of(NAME)}
    trial_of(NAME, clock.work)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert known(NAME) is None
    places.add(trial._path_of(NAME))
    monkeypatch.setattr(machine, "processor", lambda: "another one")
    places.add(trial._path_of(NAME))
    monkeypatch.setattr(machine, "cores", lambda: 77)
    places.add(trial._path_of(NAME))
    monkeypatch.setattr(torch, "__version__", "99.0")
    places.add(trial._path_of(NAME))
    assert len(places) == 5
    assert known(NAME) is None


def test_a_cache_that_cannot_be_written_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the cache would be")
    clock = Clock({FUSED: 0.02, PLAIN: 0.03, HALF: 0.01, HALF_PLAIN: 0.02})
    found = trial_of(NAME, clock.work)
    tries = len(clock.calls)
    assert trial_of(NAME, clock.work) == found
    assert len(clock.calls) == tries


@pytest.mark.parametrize(("half", "expected"), [(1e9, False), (1e11, True)])
def test_bfloat16_is_tried_where_small_products_keep_up(
    half: float, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def rate(dtype: torch.dtype, side: int, **_: object) -> float:
        asked.append(side)
        return half if dtype == torch.bfloat16 else 1e11

    monkeypatch.setattr(machine, "product_rate", rate)
    monkeypatch.setattr(trial, "library", lambda: None)
    assert multiplies_bfloat16() is expected
    assert max(asked) <= machine.SIDE // (4 if expected else 8)
    assert any(way.precision == "bfloat16" for way in ways()) is expected
