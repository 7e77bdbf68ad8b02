"""Encoding by Ray Data, on a real Ray of two cores: the bits of the local way, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from pyarrow import parquet

from killing import DIED
from lookalike.growth import encode_source, pieces
from lookalike.growth.ledger import Ledger
from lookalike.growth.worker import Part
from places import ROOT
from shelves import BAD, COUNT, encoded, parts, tar

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of sockets that Ray leaves open
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Ray of this machine's own, two cores of it."""
    import ray

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    started = ray.init(
        "local", num_cpus=2, include_dashboard=False, object_store_memory=200 * 2**20, log_to_driver=False
    )
    yield started.address_info["gcs_address"]
    ray.shutdown()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two tars of shards, with a bad picture in the first."""
    path = tmp_path_factory.mktemp("tars")
    for number, held in parts({**encoded(), "005.png": BAD}, 2):
        (path / f"{number}.tar").write_bytes(tar(held))
    return f"{path}/*.tar"


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST", 5)


def contents(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(out.glob("*.parquet"))]


def test_a_killed_worker_loses_and_doubles_nothing(
    cluster: str, run: Path, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = encode_source(run, source, tmp_path / "here")
    workers: list[str] = []
    keep = Ledger.add

    def kill_the_first(self: Ledger, part: Part) -> bool:
        if not workers:
            os.kill(int(part.worker.split()[-1]), signal.SIGKILL)
        workers.append(part.worker)
        return keep(self, part)

    monkeypatch.setattr(Ledger, "add", kill_the_first)
    there = encode_source(run, source, tmp_path / "there", engine="ray")
    assert len(set(workers)) > 1  # another went on
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert (there.pictures, there.encoded) == (COUNT - 1, COUNT - 1)
    assert [one.name for one in there.rejected] == ["000.tar/005.png"]
    assert there.rejected == here.rejected
    assert there.skipped == here.skipped == {".json": COUNT}
    assert sum(pace.pictures for pace in there.workers.values()) == COUNT - 1
    names = [name for path in there.files for name in parquet.read_table(path)["name"].to_pylist()]
    assert len(set(names)) == len(names) == COUNT - 1


DYING = """
import sys
from killing import Moment
from lookalike.growth import encode_source, pieces
from lookalike.growth.ledger import Ledger
pieces.MOST = 5
Moment(4).before(Ledger, "add")
run, source, out, address = sys.argv[1:]
encode_source(run, source, out, engine="ray", address=address)
"""


def test_a_killed_driver_goes_on_with_what_is_left(cluster: str, run: Path, source: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", DYING, str(run), source, str(tmp_path / "codes"), cluster]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == DIED, done.stderr
    before = sum(len(parquet.read_table(path)) for path in (tmp_path / "codes" / ".parts").glob("*.parquet"))
    assert 0 < before <= 15
    left = encode_source(run, source, tmp_path / "codes")  # by whom does not matter
    assert (left.pictures, left.encoded) == (COUNT - 1, COUNT - 1 - before)
    encode_source(run, source, tmp_path / "whole")
    assert contents(tmp_path / "codes") == contents(tmp_path / "whole")
