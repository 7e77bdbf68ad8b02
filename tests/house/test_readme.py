"""What the README tells a user to type exists, and its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from lookalike.cli import app
from places import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for language, block in BLOCKS
        if language in ("", "sh")
        for line in block.splitlines()
        if line.startswith("lookalike ")
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_and_their_options_exist(command: str) -> None:
    _, *arguments = shlex.split(command)
    found = typer.main.get_command(app)
    while hasattr(found, "commands"):  # a group of commands, down to the command itself
        found = found.commands[arguments.pop(0)]
    known = {option for parameter in found.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_there_are_commands_to_check() -> None:
    assert {command.split()[1] for command in COMMANDS} >= {"data", "train", "evaluate", "reconstruct", "report"}


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", README, re.MULTILINE)) <= targets
    assert {"demo", "test"} <= set(re.findall(r"^make (\w+)", README, re.MULTILINE))


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_ci_calls_the_readmes_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    called = re.findall(r"^make (.*)$", script, re.MULTILINE)
    assert {"check", "test"} <= set(" ".join(called).split())


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for language, block in BLOCKS if language == "python"]
    monkeypatch.chdir(tmp_path)
    small = code.replace('"synthetic"', '"synthetic:60", size=16').replace(
        'recipe="course"', 'recipe="course", epochs=1'
    )
    assert small != code
    exec(compile(small, "README.md", "exec"), {})
    assert (tmp_path / "runs" / "conv32" / "model.json").exists()
