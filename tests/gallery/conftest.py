"""What a gallery promises holds wherever its codes are: every test of this folder is run over each store.

A test that is of one store alone says why: `@pytest.mark.local_store("reason")`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.gallery import stores
from lookalike.gallery.stores.milvus.connection import connected

LOCAL, MILVUS = "local", "milvus"
METRIC = "whitened-cosine"


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One embedded Milvus, in which each gallery has collections of its own: a start takes half a second."""
    path = tmp_path_factory.mktemp("milvus") / "all.db"
    connection = connected(str(path))
    yield path
    del connection


@pytest.fixture(scope="module", params=[LOCAL, MILVUS], autouse=True)
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where galleries that a test begins have their codes. Fixtures that begin one and outlive a test ask for this."""
    told = LOCAL if request.param == LOCAL else f"milvus:{request.getfixturevalue('embedded')}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "DEFAULT", told)
        yield told


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if _is_over_milvus(item) and _is_local(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _params(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def _is_over_milvus(item: pytest.Item) -> bool:
    return _params(item).get("store") == MILVUS


def _is_local(item: pytest.Item) -> bool:
    """Marked so, or of one of the other metrics: these are computed above any store, and one is enough."""
    return bool(item.get_closest_marker("local_store")) or _params(item).get("metric", METRIC) != METRIC
