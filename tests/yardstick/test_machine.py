"""What `lookalike bench machine` says of a machine whose seconds are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lookalike import kernels
from lookalike.kernels import Way, build, trial
from lookalike.yardstick import machine

FUSED, PLAIN, HALF = Way("float32", True), Way("float32", False), Way("bfloat16", True)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[Way, float]]:
    """The seconds of the next trials; those that were asked for are gone from it."""
    seconds = [{FUSED: 0.02, PLAIN: 0.04, HALF: 0.01}, {FUSED: 0.02, PLAIN: 0.04}, {FUSED: 0.02, PLAIN: 0.01}]
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    monkeypatch.setattr(trial, "_found", {})
    monkeypatch.setattr(trial, "ways", lambda: [FUSED, PLAIN, HALF])
    monkeypatch.setattr(trial, "measured", lambda *_: seconds.pop(0))
    monkeypatch.setattr(machine, "rates", lambda: {"float32": 1e11, "bfloat16": 2e11, "bytes": 2e10})
    return seconds


def test_it_tells_the_rates_and_what_is_taken(call: Callable[..., Any], tried: list[dict[Way, float]]) -> None:
    found = call("bench", "machine", "--json").json
    assert found["rates"] == {"float32": 1e11, "bfloat16": 2e11, "bytes": 2e10}
    course, fast, encoding = found["trials"]
    assert [one["chosen"] for one in (course, fast, encoding)] == [str(HALF), str(FUSED), str(PLAIN)]
    assert {row["way"]: row["seconds"] for row in course["tried"]} == {
        str(FUSED): 0.02,
        str(PLAIN): 0.04,
        str(HALF): 0.01,
    }
    # 38.1 million multiplications and additions a picture, forward; thrice that in a step, but for the first layer
    assert course["flop"] == pytest.approx(3 * 32 * 38.1e6, rel=0.05)
    assert encoding["flop"] == pytest.approx(100 * 30e6, rel=0.05)
    text = call("bench", "machine").out
    assert "100 GFLOP/s in float32, 200 GFLOP/s in bfloat16; copying 20 GB/s" in text
    [taken] = [line for line in text.split("recipe course")[1].split("\n\n")[0].splitlines() if "auto" in line]
    assert str(HALF) in taken
    assert "10.0 ms" in taken
    assert tried == []


def test_it_tells_with_how_many_threads(
    call: Callable[..., Any], tried: list[dict[Way, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert ", 7 threads" in call("bench", "machine").out.splitlines()[0]
    tried += [{FUSED: 0.02}] * 3
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert ", 1 thread," in call("bench", "machine").out.splitlines()[0]


WITHOUT = {
    "no compiler": ({"PATH": "", "CC": "cc"}, "no compiled kernels: no C compiler found"),
    "a broken one": ({"CC": "false"}, "no compiled kernels: they could not be built here"),
}


@pytest.mark.parametrize("case", WITHOUT)
def test_kernels_that_are_not_there_are_not_told_of(
    case: str, call: Callable[..., Any], tried: list[dict[Way, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, expected = WITHOUT[case]
    monkeypatch.delenv(build.SWITCH, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tried[:] = [{PLAIN: 0.04}] * 3
    build.library.cache_clear()
    try:
        text, told = call("bench", "machine").out, call("bench", "machine", "--json").json["machine"]
    finally:
        build.library.cache_clear()
    assert text.splitlines()[0].endswith(f", {expected}")
    assert "the kernels" not in text
    assert told["kernels"] is None
    assert expected.endswith(told["no_kernels"])


@pytest.mark.skipif(not kernels.available(), reason="no C compiler is here")
def test_kernels_that_are_there_are_told_of(call: Callable[..., Any], tried: list[dict[Way, float]]) -> None:
    text = call("bench", "machine").out
    assert text.splitlines()[0].endswith(", compiled kernels")
    assert "the kernels need fewer" in text


def test_it_tries_anew_when_asked_to(call: Callable[..., Any], tried: list[dict[Way, float]]) -> None:
    call("bench", "machine")
    tried += [{FUSED: 0.02, HALF: 0.03}] * 3
    assert [one["chosen"] for one in call("bench", "machine", "--again", "--json").json["trials"]] == [str(FUSED)] * 3
    assert [one["chosen"] for one in call("bench", "machine", "--json").json["trials"]] == [str(FUSED)] * 3
