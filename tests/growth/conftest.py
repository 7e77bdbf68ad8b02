"""What tests of every engine encode with."""

from __future__ import annotations

from pathlib import Path

import pytest

import lookalike as la
from shelves import pictures


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "pca"
    la.PCAAutoencoder(6).fit(pictures(200)).save(path)
    return path
