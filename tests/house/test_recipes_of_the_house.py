"""CONTRIBUTING's recipes, done to the letter in a copy of the project: they work, and take as many files as they say.

A recipe is a section `### ...` under `## Recipes`. In it, a line such as

    In `path/of/file`:                       the file does not exist, the code below is all of it
    In `path/of/file`, after `text`:         also `before` and `instead of`: the one line that begins with the text
    In `path/of/file`, at its end:

says what the next block of code does; blocks after `Then this holds:` are run, Python or shell.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from places import ROOT

MOST_FILES = {"A new noise": 3, "A new kind of model": 4, "A new column": 4, "A new index": 4, "A new command": 4}
"""Files that a recipe may take; one that is not named here has to be given its number."""
COPIED = ("src", "tests", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LEFT = shutil.ignore_patterns("*.pyc.*", "vendor", "fixtures", "*.png")
"""What is not copied. Bytecode is: else each copy would compile the package anew; but not while it is being written."""
STEP = re.compile(r"^In `([^`]+)`(?:, (?:(before|after|instead of) (`+) ?(.+?) ?\3|(at its end)))?:$")
HOLDS = "Then this holds:"


class Step(NamedTuple):
    """What a block of code does to a file; `where` is "", "before", "after", "instead of" or "at its end"."""

    file: str
    where: str
    anchor: str
    code: str


class HouseRecipe(NamedTuple):
    """A section: its steps, and the blocks (language, code) that hold afterwards."""

    title: str
    steps: list[Step]
    checks: list[tuple[str, str]]


def recipes(text: str) -> list[HouseRecipe]:
    """The recipes of a CONTRIBUTING file; ValueError where a block of code follows no line that says what it does."""
    part = re.split(r"^## ", text.partition("\n## Recipes\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [_recipe(*section.split("\n", 1)) for section in re.split(r"^### ", part, flags=re.MULTILINE)[1:]]


def _recipe(title: str, body: str) -> HouseRecipe:
    found = HouseRecipe(title.strip(), [], [])
    pending: re.Match[str] | None = None
    lines = iter(body.splitlines())
    for line in lines:
        if line.startswith("```"):
            code = ""
            while (inner := next(lines)) != "```":
                code += inner + "\n"
            if pending is not None:
                found.steps.append(Step(pending[1], pending[2] or pending[5] or "", pending[4] or "", code))
            elif found.checks or body.partition(HOLDS)[2].find(code) >= 0:
                found.checks.append((line[3:], code))
            else:
                raise ValueError(f"{title}: this code goes nowhere:\n{code}")
            pending = None
        elif line.startswith("In `"):
            pending = STEP.fullmatch(line)
            if pending is None:
                raise ValueError(f"{title}: this line says nothing that can be done: {line}")
    return found


def done(step: Step, root: Path) -> None:
    """Do one step in a copy of the project."""
    path = root / step.file
    if not step.where:
        assert not path.exists(), f"{step.file} is there already; say where in it"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.code)
        return
    lines = path.read_text().splitlines(keepends=True)
    if step.where == "at its end":
        path.write_text("".join(lines) + step.code)
        return
    places = [i for i, line in enumerate(lines) if line.strip().startswith(step.anchor)]
    assert len(places) == 1, f"{len(places)} lines of {step.file} begin with {step.anchor!r}"
    first, last = places[0] + (step.where == "after"), places[0] + (step.where != "before")
    lines[first:last] = [step.code]
    path.write_text("".join(lines))


def copied(to: Path) -> Path:
    """The project without what recipes do not touch."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=LEFT)
        else:
            shutil.copy(ROOT / name, to / name)
    return to


def ran(language: str, code: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a block in the copy, with the copy's package; `python` and `lookalike` are this Python's."""
    env = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTEST_ADDOPTS": "-q -p no:cacheprovider"}
    if language == "python":
        command = [sys.executable, "-c", code]
    else:
        words = f'python() {{ "{sys.executable}" "$@"; }}\nlookalike() {{ python -m lookalike "$@"; }}\n'
        command = ["bash", "-euo", "pipefail", "-c", words + code]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=600)


HELD = recipes((ROOT / "CONTRIBUTING.md").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", HELD, ids=[recipe.title for recipe in HELD])
def test_a_recipe_works_and_takes_few_files(recipe: HouseRecipe, tmp_path: Path) -> None:
    assert recipe.steps, f"{recipe.title} does nothing"
    assert recipe.checks, f"{recipe.title} says nothing that holds afterwards"
    touched = {step.file for step in recipe.steps}
    assert len(touched) <= MOST_FILES[recipe.title], f"{recipe.title} takes {sorted(touched)}"
    root = copied(tmp_path)
    assert ran(*recipe.checks[-1], root).returncode, "the last block holds before anything is done: it checks nothing"
    for step in recipe.steps:
        done(step, root)
    python = sorted(file for file in touched if file.endswith(".py"))
    for task in (["format"], ["check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *task, *python], cwd=root, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout
    for check in recipe.checks:
        result = ran(*check, root)
        assert result.returncode == 0, f"{check[1]}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"


def test_recipes_are_there() -> None:
    assert {recipe.title for recipe in HELD} == set(MOST_FILES)


def test_the_reader_reads_every_kind_of_step(tmp_path: Path) -> None:
    text = """
## Recipes

### A thing

Words.

In `a.py`:

```python
one = 1
three = 3
```

In `a.py`, after `one`:

```python
two = 2
```

In `a.py`, before `` one = `` :
""".replace("`` :", "``:")
    text += "\n```python\nzero = 0\n```\n\nIn `a.py`, instead of `three`:\n\n```python\nthree = 4\n```\n"
    text += (
        "\nIn `a.py`, at its end:\n\n```\nfive = 5\n```\n\nThen this holds:\n\n```sh\ntest -f a.py\n```\n\n## Next\n"
    )
    (recipe,) = recipes(text)
    for step in recipe.steps:
        done(step, tmp_path)
    assert (tmp_path / "a.py").read_text() == "zero = 0\none = 1\ntwo = 2\nthree = 4\nfive = 5\n"
    assert [ran(*check, tmp_path).returncode for check in recipe.checks] == [0]
    assert ran("sh", "python -c 'raise SystemExit(3)'", tmp_path).returncode == 3
    with pytest.raises(AssertionError, match="there already"):
        done(recipe.steps[0], tmp_path)
    with pytest.raises(AssertionError, match="0 lines"):
        done(Step("a.py", "after", "nine", ""), tmp_path)
    with pytest.raises(ValueError, match="goes nowhere"):
        recipes(text.replace("In `a.py`, after `one`:", ""))
    with pytest.raises(ValueError, match="nothing that can be done"):
        recipes(text.replace("after `one`", "beside `one`"))
