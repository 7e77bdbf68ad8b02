"""The notebooks run from top to bottom, as a reader would run them."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from places import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KERNEL = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_runs_from_top_to_bottom(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On fewer pictures and epochs, so that it takes a quarter of a minute."""
    monkeypatch.setenv("DATA", "synthetic:60")
    monkeypatch.setenv("COUNT", "150")
    monkeypatch.setenv("EPOCHS", "2")
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("ATTRIBUTES", raising=False)
    monkeypatch.delenv("FOLDER", raising=False)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(tmp_path)}})
    client.create_kernel_manager()
    client.km.kernel_spec.argv[:] = KERNEL  # this environment's Python, whatever kernels are installed
    client.execute()
    pictures = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 4


def test_notebooks_are_kept_without_results() -> None:
    assert {path.stem for path in NOTEBOOKS} == {"walkthrough", "my_own_folder"}
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), f"{path.name}: clear all outputs before committing"
            assert cell.get("execution_count") is None
