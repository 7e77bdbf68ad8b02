"""A file imports from lower floors only; siblings meet only inside their folder."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import lookalike
from lookalike import review
from places import ROOT

PACKAGE = Path(lookalike.__file__).parent
FLOORS = {
    "errors": -1,  # which everything raises
    "confined": 0,
    "files": 0,
    "archives": 1,
    "graphs": 0,
    "npy": 0,
    "pixels": 0,
    "run_files": 0,
    "tensors": 1,
    "outputs": 1,
    "choosing": 1,
    "data": 1,
    "noise": 1,
    "kernels": 1,
    "metrics": 1,
    "appearance": 1,
    "plots": 1,
    "training": 2,
    "search": 2,
    "models": 3,
    "interop": 4,
    "checks": 4,
    "denoising": 4,
    "editing": 4,
    "gallery": 4,
    "sampling": 4,
    "sharpening": 4,
    "growth": 4,
    "report": 6,
    "review": 5,
    "experiment": 7,
    "yardstick": 8,
    "studio": 8,
    "serve": 9,
    "demo": 9,
    "cli": 10,
    "__main__": 11,
}


def imports_of(path: Path) -> set[str]:
    """The parts of the package that a file imports, at its top or later."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    inner = {name.split(".")[1] for name in names if name.startswith("lookalike.")}
    return {name for name in inner if name in FLOORS}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_lead_down(path: Path) -> None:
    own = part_of(path)
    assert own in FLOORS, f"{own} has no floor yet; give it one"
    for other in imports_of(path) - {own}:
        assert FLOORS[other] < FLOORS[own], f"{path} on floor {FLOORS[own]} imports {other} on floor {FLOORS[other]}"


def test_contributing_tells_the_floors() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    told = {(name, int(floor)) for floor, parts in rows for name in re.findall(r"`(\w+)`", parts)}
    assert told == {(part, max(floor, 0)) for part, floor in FLOORS.items() if part != "__main__"}


def test_the_walk_sees_late_and_plain_imports(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("import lookalike.cli\ndef f():\n    from lookalike import models\n")
    assert imports_of(file) == {"cli", "models"}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import lookalike", {"torch", "sklearn", "pandas", "matplotlib", "scipy"}),
        ("import lookalike; lookalike.load", {"torch", "sklearn", "pandas", "matplotlib"}),
        ("from lookalike.review import groups, subset, undo", {"torch", "sklearn", "pandas", "matplotlib", "scipy"}),
        ("from lookalike.review import apply, outliers, screen", {"torch", "sklearn", "pandas", "matplotlib"}),
        ("import lookalike.cli", {"torch", "sklearn", "pandas", "matplotlib", "scipy", "fastapi"}),
        ("import lookalike.serve.app", {"torch", "sklearn", "pandas", "matplotlib", "scipy"}),
    ],
)
def test_heavy_packages_come_late(statement: str, absent: set[str]) -> None:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())


@pytest.mark.parametrize("package", [lookalike, review])
def test_every_exported_name_is_there(package: ModuleType) -> None:
    assert sorted(package.__all__) == dir(package)
    for name in package.__all__:
        assert not isinstance(getattr(package, name), ModuleType)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense
