"""What every test may use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _own_cache() -> Iterator[None]:
    """Nothing is read from the user's cache, and nothing is left in it."""
    before = os.environ.get("LOOKALIKE_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOOKALIKE_CACHE"] = folder
        yield
        if before is None:
            del os.environ["LOOKALIKE_CACHE"]
        else:
            os.environ["LOOKALIKE_CACHE"] = before


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


@pytest.fixture(scope="session")
def lfw_archive() -> Path:
    return _shared("lfw-deepfunneled.tgz")


@pytest.fixture(scope="session")
def lfw_attributes() -> Path:
    return _shared("lfw_attributes.txt")
