"""What the studio's page runs models with, which is not in git and cannot be fetched everywhere."""

from __future__ import annotations

import pytest

from lookalike.serve.static_export import PAGE, RUNTIME


def runtime_is_here() -> bool:
    return all((PAGE / "vendor" / name).is_file() for name in RUNTIME)


def need_runtime() -> None:
    """Skip the test, or the rest of it, where the runtime is not there."""
    if not runtime_is_here():
        pytest.skip("the page's runtime is not fetched: python tools/fetch_page_runtime.py")
