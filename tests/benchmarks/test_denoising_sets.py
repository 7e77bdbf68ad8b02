"""Judging on sets of photographs: the protocol's figures, kept and not computed again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

import lookalike as la
from pictures import waves
from places import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import denoising_sets


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small sets, and no denoiser within the package."""
    for name, channels in (("cbsd68", 3), ("classic5", 1)):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for number, picture in enumerate(waves(2, 24, 40, channels)):
            Image.fromarray(picture.squeeze()).save(tmp_path / "sets" / name / f"{number}.png")
    la.UNetDenoiser(width=4, device="cpu").initialise((16, 16, 3)).save(tmp_path / "run")
    monkeypatch.setattr(denoising_sets, "ready_folder", lambda: tmp_path / "none")
    return tmp_path


def judged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    where = ["--sets", str(folder / "sets"), "--runs", str(folder / "run"), "--out", str(folder / "out")]
    only = ["--only", "cbsd68", "classic5", "--without-classical"]
    monkeypatch.setattr(sys, "argv", ["denoising_sets.py", *where, *only])
    denoising_sets.main()
    return [json.loads(line) for line in (folder / "out" / "figures.jsonl").read_text().splitlines()]


def test_figures_are_those_of_the_protocol_and_kept(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = judged(sets, monkeypatch)
    # as given, blind, told at three levels of noise; as given and blind at four qualities
    assert len(rows) == 2 * 3 * 3 + 2 * 2 * 4
    clean = np.asarray(Image.open(sets / "sets" / "cbsd68" / "1.png"))
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32) * 25
    given = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    wanted = {"set": "cbsd68", "picture": "1.png", "level": 25, "denoiser": "as given"}
    (row,) = (row for row in rows if wanted.items() <= row.items())
    assert row["psnr"] == pytest.approx(peak_signal_noise_ratio(clean, given, data_range=255), abs=2e-3)
    table = (sets / "out" / "table.md").read_text()
    assert "| BM3D, published |  | 33.52 | 30.71 | 27.38 |  |" in table
    assert "Classic5, JPEG quality, 2 pictures" in table
    assert (sets / "out" / "denoising.png").stat().st_size > 10_000

    def fail(*given: object) -> None:
        raise AssertionError("a figure is computed again")

    monkeypatch.setattr(denoising_sets.judging, "figures", fail)
    assert judged(sets, monkeypatch) == rows
