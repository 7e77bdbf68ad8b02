"""In which arithmetic a training computes: asked for, tried, or as a run was begun."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lookalike as la
from lookalike import kernels
from lookalike.kernels import Way, trial
from lookalike.kernels.trial import Trial
from lookalike.noise import parse_noise
from lookalike.training import arithmetic
from lookalike.training.arithmetic import is_worth_a_trial, trial_of_training, way_of
from lookalike.training.recipe import RECIPES, Recipe
from pictures import waves

PICTURES = waves(64)
SMALL: dict[str, Any] = {"code_size": 4, "channels": (32, 32)}
ABOUT = {"kind": "conv"}


def environment(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "config.json").read_text())["environment"]
    return found


def network() -> Any:
    return la.ConvAutoencoder(**SMALL).initialise(PICTURES.shape[1:]).network_


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_asked_for_is_used(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "trial_of", None)
    recipe = Recipe(precision=precision, epochs=10**6)
    assert way_of(recipe, "cpu", network(), PICTURES, None, ABOUT) == Way(precision, True)


def test_a_short_training_waits_for_no_trial_and_heeds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Trial(Way("bfloat16", True), {Way("bfloat16", True): 1.0})
    monkeypatch.setattr(arithmetic, "trial_of", lambda *_, **__: found)
    long = Recipe(epochs=-(-arithmetic.WORTH_A_TRIAL // PICTURES[..., 0].size))
    assert way_of(long, "cpu", network(), PICTURES, None, ABOUT) == found.way
    assert way_of(replace(long, epochs=long.epochs - 1), "cpu", network(), PICTURES, None, ABOUT) == Way(
        "float32", True
    )
    assert is_worth_a_trial(RECIPES["fast"], np.broadcast_to(np.uint8(0), (11_909, 32, 32, 3)))


@pytest.mark.parametrize(
    ("count", "epochs", "processes", "threads", "batch"),
    [
        (4000, 5, 1, None, 32),
        (4000, 5, 4, 1, 8),
        (640, 5, 1, None, 32 * 100 // 600),
        (9, 10**4, 1, 1, 9),
        (1, 1, 4, 1, 1),
    ],
)
def test_the_trained_step_itself_is_tried(
    count: int, epochs: int, processes: int, threads: int | None, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whatever size, on the threads that it will have, as one of the processes; smaller where steps are few."""
    asked: list[tuple[int, int]] = []

    def trial_of(name: dict[str, Any], *_: object, **__: object) -> Trial:
        asked.append((name["batch"], name["threads"]))
        assert torch.get_num_threads() == name["threads"]
        return Trial(Way(), {Way(): 1.0})

    monkeypatch.setattr(arithmetic, "trial_of", trial_of)
    monkeypatch.setattr(arithmetic, "WORTH_A_TRIAL", 0)
    before = torch.get_num_threads()
    large = np.broadcast_to(np.uint8(0), (count, 256, 256, 3))
    way_of(Recipe(epochs=epochs), "cpu", network(), large, None, ABOUT, processes=processes, threads=threads)
    assert asked == [(batch, threads or before)]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("recipe", [Recipe(), RECIPES["best"]], ids=["course", "best"])
def test_a_trial_changes_nothing_and_tries_the_step(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    monkeypatch.setattr(trial, "ways", lambda: [Way("float32", False), Way("bfloat16", False)])
    monkeypatch.setattr(trial, "ROUNDS", 1)
    tried = network()
    before = {name: tensor.clone() for name, tensor in tried.state_dict().items()}
    state = torch.random.get_rng_state()
    found = trial_of_training(recipe, tried, PICTURES, parse_noise("gaussian:0.1"), ABOUT)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tried.state_dict().items())
    assert all(parameter.grad is None for parameter in tried.parameters())
    assert found.seconds[Way("float32", False)] > 0
    [kept] = (tmp_path / "machine").iterdir()
    work = json.loads(kept.read_text())["work"]
    assert (work["network"], work["optimizer"], work["batch"]) == (ABOUT, recipe.optimizer, 32)
    monkeypatch.setattr(trial, "measured", None)
    assert trial_of_training(recipe, tried, PICTURES, None, ABOUT) == found


def test_a_long_training_records_what_was_found_and_is_resumed_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where another way is quickest by then, as on another machine: with the bits of an unbroken one."""
    monkeypatch.setattr(arithmetic, "WORTH_A_TRIAL", 1)
    monkeypatch.setattr(la.ConvAutoencoder, "_after_training", lambda _: None)

    def quickest(way: Way) -> Callable[..., Trial]:
        return lambda *_, **__: Trial(way, {way: 1.0})

    def fit(name: str, epochs: int, way: Way) -> la.ConvAutoencoder:
        monkeypatch.setattr(arithmetic, "trial_of", quickest(way))
        model = la.ConvAutoencoder(**SMALL)
        return model.fit(PICTURES, epochs=epochs, run=tmp_path / name, resume=True, progress=False)

    fused, plain, half = Way("float32", True), Way("float32", False), Way("bfloat16", True)
    for way in (fused, plain, half):
        unbroken = fit(f"{way}", 2, way)
        said = environment(tmp_path / f"{way}")
        assert (said["precision"], said["fused"]) == (way.precision, way.fused and kernels.available())
        fit(f"broken {way}", 1, way)
        caplog.clear()
        resumed = fit(f"broken {way}", 2, plain if way == half else half)
        assert resumed.history_ == unbroken.history_
        for ours, theirs in zip(
            resumed.network_.state_dict().values(), unbroken.network_.state_dict().values(), strict=True
        ):
            assert torch.equal(ours, theirs)
    monkeypatch.setattr(arithmetic, "multiplies_bfloat16", lambda: False)
    fit(f"broken {half}", 3, plain)
    assert "does not multiply it" in caplog.text


def test_runs_that_did_not_say_go_on_as_they_were() -> None:
    from lookalike.training.run import way_in

    assert way_in({"environment": {"precision": "float32", "kernels": True}}) == Way("float32", False)
    assert way_in({"environment": {"precision": "bfloat16", "kernels": True}}) == Way("bfloat16", True)
    assert way_in({"environment": {"precision": "bfloat16", "kernels": False}}) == Way("bfloat16", False)
    assert way_in({}) == Way("float32", False)
