"""A thousand mixed files: what a viewer shows comes in, everything else is counted with a true reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from files import blocks
from lookalike.data import Framing
from lookalike.data.decode import frame_image
from mixed import EACH, make


def test_a_thousand_mixed_files(tmp_path: Path) -> None:
    for module in ("pi_heif", "pillow_jxl", "rawpy"):
        pytest.importorskip(module)
    expected = make(tmp_path / "all")
    assert sum(map(len, expected[:2])) + sum(expected.skipped.values()) >= 1000
    images = la.load(tmp_path / "all", size=30, fit="stretch")
    assert sorted(images.names) == sorted(expected.shown)
    assert images.skipped == expected.skipped
    assert {rejected.name for rejected in images.rejected} == expected.aside.keys()
    for name, reason in images.rejected:
        assert expected.aside[name] in reason
    framing = Framing((30, 30), 0, "stretch")
    for i in range(EACH):
        turned = frame_image(blocks(seed=i).transpose(4), framing).astype(int)
        for name, found in zip(images.names, images.pixels, strict=True):
            if not name.rpartition("/")[2].rpartition(".")[0].endswith((f"-{i}", f" {i}", f"\t{i}")):
                continue
            if name.startswith(("scans", "colour", "web/alpha", "print", "camera/bare")):
                continue  # grey, of other colours, half seen, or the sensor's own: held to their values elsewhere
            wanted = turned if "turned" in name or "make" in name else frame_image(blocks(seed=i), framing).astype(int)
            assert np.abs(found.astype(int) - wanted).mean() < 12, name
    again = la.load(tmp_path / "all", size=30, fit="stretch")
    assert again.cached
    assert (again.skipped, again.rejected) == (images.skipped, images.rejected)
