"""Waiting for what comes in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 600
"""Seconds until a thing that should come is given up: what is made beside yields to all else that a machine does."""


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until `holds()` is true; a test fails with `what` where it never is."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what} within {PATIENCE} s"
        time.sleep(0.02)
