"""What the benchmarks say of their figures: slopes, floors, ratios, and the page that sets them side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import lookalike as la
from lookalike.kernels import Way
from lookalike.training.recipe import Recipe, named_recipe
from pictures import waves
from places import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import bench_page
import growth
import profile_training
import run_all
import timing


def test_turns_are_taken_and_the_first_ones_do_not_count() -> None:
    said: list[str] = []

    def call(who: str) -> float:
        said.append(who)
        return float(len(said))

    times = timing.take_turns({"a": lambda: call("a"), "b": lambda: call("b")}, 2, warm=1)
    assert said == ["a", "b"] * 3
    assert times == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert timing.times_quicker([10, 90, 30], [5, 10, 10]) == 3


def test_slopes_are_powers() -> None:
    points = [(x, 3e-6 * x**1.5) for x in (10, 30, 100, 1000)]
    series = growth.Series("cost", "s", points, "")
    assert series.slope == pytest.approx(1.5)
    assert series.last_slope == pytest.approx(1.5)
    bent = growth.Series("cost", "s", [(x, 1 + 0.01 * x) for x in (1, 10, 10_000, 100_000)], "")
    assert bent.slope < 0.8 < 0.97 < bent.last_slope < 1
    page = growth.page({"pictures": [series]})
    assert "| cost | 94.9 µs | 493 µs | 3 ms | 94.9 ms | 1.50 | 1.50 |  |" in page


@pytest.mark.parametrize(("side", "colours"), [(32, 3), (64, 1)])
def test_the_multiplications_of_a_step_are_those_that_pytorch_counts(side: int, colours: int) -> None:
    network = la.ConvAutoencoder(profile_training.CODE).initialise((side, side, colours)).network_
    pictures = torch.zeros(4, colours, side, side)
    with FlopCounterMode(display=False) as counter:
        network(pictures).square().mean().backward()
    for way in (Way("float32"), Way("bfloat16", fused=True), Way("bfloat16")):
        needs = profile_training.Needs(side, colours, Recipe(batch_size=4), way)
        # The last transposed convolution is counted at the full result, of which SAME crops a row and a column.
        assert sum(needs.flop.values()) == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_a_profile_adds_up_and_names_the_largest_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_training, "WARM", 3)
    rates = {"float32": 1e11, "bfloat16": 2e11, "bytes": 1e10}
    found = profile_training.measure(waves(32 * 8), "course", "float32", 4, rates)
    groups = found["groups"]
    assert set(groups) == set(profile_training.GROUPS)
    assert sum(group["seconds"] for group in groups.values()) == pytest.approx(found["profiled_seconds"])
    assert all(group["seconds"] >= 0 for group in groups.values())
    parts = (profile_training.CONVOLUTION, profile_training.CONVOLUTION_BACK, profile_training.PRODUCTS)
    assert sum(groups[part]["seconds"] for part in parts) > 0.4 * found["profiled_seconds"]
    assert groups[profile_training.OTHER]["seconds"] < 0.2 * found["profiled_seconds"]
    assert groups[profile_training.OPTIMISER]["floor"] > 0
    assert named_recipe("course").batch_size == found["batch"]


def results() -> dict[str, Any]:
    alone = {"decoding alone": 2.0, "encoding alone": 1.0, "files to codes": 3.2}
    memory = [{"images": n, "before_mb": 400, "peak_mb": 500 + n / 1000} for n in (1000, 13000)]
    return {
        "data": {"seconds": {"notebook": 3.2, "first": 2.0, "inflating": 0.5, "second_load": 0.01}, "ratio": 1.6},
        "folder": {"images": 13233, "seconds": alone, "of_the_slower_alone": 0.625, "memory": memory},
        "training": {
            "images": 10000,
            "floors": {"epoch": 3.0, "encode": 0.5},
            "fast": [{"seed": 0, "seconds": 20.0, "test_mse": 0.0048}],
            "peak_memory_mb": 900.0,
            "seconds": {
                "epoch": {"Keras on TensorFlow": [20.0, 24.0], "plain PyTorch": [12.0, 12.0], "lookalike": [5.0, 6.0]},
                "encode": {"plain PyTorch": [4.0], "lookalike, float32": [2.0], "lookalike": [1.0]},
            },
        },
        "search": {
            "count": 100000,
            "recall": 0.957,
            "chosen": {"kind": "ivf"},
            "faiss": {"ours": 2000.0, "by_hand": 1900.0, "ratio": 1.05},
            "scikit_learn": {"queries_per_second": 50.0},
        },
    }


def test_the_page_sets_everybody_side_by_side(tmp_path: Path) -> None:
    found = results()
    found["training"]["seconds"]["encode"]["Keras on TensorFlow"] = [3.0]
    for name, one in found.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    page = bench_page.page(tmp_path, [*found, "growth"])
    lines = {line.split(" | ")[0].removeprefix("| "): line.split(" | ")[1:] for line in page.splitlines()}
    assert lines["training epoch, 10,000 pictures"] == ["5.50 s", "22.00 s", "12.00 s", "", "4.00", "3.00 s |"]
    assert lines["encoding 10,000 pictures, float32"] == ["2.00 s", "3.00 s", "4.00 s", "", "1.50", "0.50 s |"]
    quality = lines["the course's quality: recipe `fast`"]
    assert quality[:3] == ["20.0 s (test MSE 0.00480)", "550 s (25 epochs)", "300 s (25 epochs)"]
    assert quality[4] == "27.5"
    assert lines["reading LFW, first call"][3:5] == ["the notebook's way 3.20 s", "1.60"]
    folder = lines["a folder of 13,233 JPEGs to codes in a gallery"]
    assert (folder[0], folder[4], folder[5]) == ("3.20 s", "62% of the slower", "3.00 s |")
    # Of this processor, and of those that the docs name: 4.0 times an epoch, 3.0 times encoding, 27.5 times sooner
    assert lines["an epoch, times as quick as Keras"] == ["4.00", "2.9: holds", "2.4: holds", "1.25: holds |"]
    assert lines["encoding, times as quick as Keras"] == ["3.00", "2.5: holds", "3.2: does not hold", "1.3: holds |"]
    sooner = lines["the course's quality, times sooner than Keras"]
    assert sooner == ["27.50", "16: holds", "8.3: holds", "12.7: holds |"]
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    assert "![training](training.png)" in page


def test_without_keras_the_others_are_compared_with_plain_pytorch(tmp_path: Path) -> None:
    one = results()["training"]
    del one["seconds"]["epoch"]["Keras on TensorFlow"], one["fast"]
    (tmp_path / "training.json").write_text(json.dumps(one))
    page = bench_page.page(tmp_path, ["training"])
    assert "| training epoch, 10,000 pictures | 5.50 s |  | 12.00 s |  | 2.20 | 3.00 s |" in page
    assert "claims" not in page


def test_a_part_that_fails_is_told_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = run_all.Part("bad", 1, [sys.executable, "-c", "print('half'); raise SystemExit('no such archive')"])
    assert not run_all.run(bad, tmp_path)
    assert "it failed: no such archive" in capsys.readouterr().err
    assert (tmp_path / "bad.txt").read_text() == "half\n"
    assert run_all.run(run_all.Part("good", 1, [sys.executable, "-c", "print('whole')"]), tmp_path)


def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOOKALIKE_LFW", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run_all.py"])
    assert run_all.main() == 2
    assert "lacks lfw-deepfunneled.tgz and lfw_attributes.txt; set LOOKALIKE_LFW" in capsys.readouterr().err
    for name in ("lfw-deepfunneled.tgz", "lfw_attributes.txt"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sys, "argv", ["run_all.py", "--only", "data,speed"])
    assert run_all.main() == 2
    assert "--only names speed; give some of data, pca" in capsys.readouterr().err
