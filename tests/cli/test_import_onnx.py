"""`lookalike import ENCODER.onnx`, and what the other commands make of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from encoders import CODE, SIDE, two_towers

NO_DECODER = "this model has no decoder: its codes find pictures and draw none"


@pytest.fixture
def towers(tmp_path: Path) -> dict[str, Path]:
    return two_towers(tmp_path)


def test_a_run_of_any_encoder_fills_a_gallery_that_words_search(
    call: Any, tmp_path: Path, towers: dict[str, Path]
) -> None:
    run, gallery = tmp_path / "run", tmp_path / "gallery"
    words = ["--text", towers["text"], "--tokenizer", towers["tokenizer"]]
    given = ["--input-size", SIDE, "--mean", "0.5", "--std", "0.5,0.5,0.5", "--normalise"]
    told = call("import", towers["encoder"], "--run", run, *given, *words, "--json").json
    assert told == {"run": str(run), "model": "onnx", "code_size": CODE, "parameters": CODE * 27, "text": True}
    assert call("index", run, "synthetic:30", "--gallery", gallery, "--json").json["images"] == 30
    neighbours = call("search", gallery, "a red bicycle", "-k", 3, "--json").json["neighbours"]
    assert len(neighbours) == 3
    name = neighbours[0]["name"]
    together = call("search", gallery, "a red bicycle", "--item", name, "-k", 1, "--json").json["neighbours"]
    assert together[0]["distance"] < neighbours[0]["distance"]
    for asked, refusal in (
        (["bicycle.jpg"], "bicycle.jpg cannot be read: No such file"),
        (["a bicycle", "--out", tmp_path / "o.png"], "--out shows the pictures searched for, and 'a bicycle' is words"),
    ):
        outcome = call("search", gallery, *asked)
        assert (outcome.code, refusal in outcome.err) == (2, True), outcome.err
    for command in (
        ["export", run, "--format", "onnx", "--out", tmp_path / "x"],
        ["export", run, "--format", "page", "--gallery", gallery, "--out", tmp_path / "x"],
        ["evaluate", run, "synthetic:8"],
        ["check", run],
        ["reconstruct", run, tmp_path / "a.png", "--out", tmp_path / "x"],
    ):
        outcome = call(*command)
        assert (outcome.code, NO_DECODER in outcome.err) == (2, True), outcome.err
        assert not (tmp_path / "x").exists()
    assert "already holds a run" in call("import", towers["encoder"], "--run", run).err


def test_options_of_the_other_kind_of_file_are_refused(call: Any, tmp_path: Path, towers: dict[str, Path]) -> None:
    for command, refusal in (
        ([towers["encoder"], "--pixels", "unit"], "--pixels goes with Keras's files only"),
        (["encoder.h5", "--normalise"], "--normalise goes with an ONNX encoder only"),
        ([towers["encoder"], "--mean", "grey"], "--mean is 'grey'; give numbers with commas"),
        ([towers["encoder"], towers["encoder"]], "2 files are given; give one ENCODER.onnx"),
    ):
        outcome = call("import", *command, "--run", tmp_path / "run")
        assert (outcome.code, refusal in outcome.err) == (2, True), outcome.err
        assert not (tmp_path / "run").exists()
