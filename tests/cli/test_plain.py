"""Words of a command line that are read without typer's library come to what it makes of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from lookalike.cli import COMMANDS, Commands
from lookalike.cli.plain import at_once

TAKEN: dict[str, Any] = {}
Within = Annotated[int, typer.Option(min=-3, max=20)]


def everything(
    word: str,
    paths: Annotated[list[Path] | None, typer.Argument()] = None,
    number: Within = 7,
    clamped: Annotated[int, typer.Option(min=0, max=5, clamp=True)] = 5,
    share: Annotated[float | None, typer.Option(min=0)] = None,
    rate: float = 1,
    named: list[str] = ["a", "b"],  # noqa: B006 (typer takes it as it is)
    here: Path = Path("no/such place"),
    there: Annotated[Path | None, typer.Option(exists=True)] = None,
    on: bool = False,
) -> None:
    TAKEN.update(locals())


def command(plain: bool) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(everything)
    made = typer.main.get_command(app)
    if plain:
        at_once(made)
    return made


def said(plain: bool, words: list[str]) -> tuple[int, str, dict[str, Any]]:
    TAKEN.clear()
    try:
        code = command(plain)(words, standalone_mode=False) or 0
        told = ""
    except typer.exceptions.TyperException as error:
        code, told = error.exit_code, getattr(error, "format_message", error.__str__)()
    return code, told, dict(TAKEN)


LINES = [
    "word",
    "",
    "word --number 12 --rate 0.5 --share 3 --on",
    "word a b/c ../d --named x --named y --here there",
    "word --number -3 --share 0 --rate -1.5",
    "word --number 20 --clamped 5",
    "word --number +5 --rate 1e-3",
    "word --number 1_0 --rate 1_0.5",
    "word --rate inf --share nan",
    "word --rate .5 --share 5.",
    "word --number 21",
    "word --number -4",
    "word --number 2.0",
    "word --number 2.5",
    "word --number x",
    "word --number ٣",
    "word --number 99999999999999999999",
    "word --clamped 9",
    "word --share -1",
    "word --share x",
    "word --there nowhere",
    "word --there .",
    "word .. -- --number",
    "word --here -",
]


@pytest.mark.parametrize("line", LINES)
def test_what_is_read_at_once_is_what_typer_reads(line: str) -> None:
    ours, theirs = said(True, line.split()), said(False, line.split())
    assert ours == theirs
    kinds = [{name: type(value) for name, value in found[2].items()} for found in (ours, theirs)]
    assert kinds[0] == kinds[1]


def test_what_may_not_be_read_is_told_by_typer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.touch()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK and allowed(path, mode))
    ours, theirs = (said(plain, ["word", "--here", str(closed)]) for plain in (True, False))
    assert ours == theirs
    assert "is not readable" in ours[1]


def test_the_list_of_all_makes_each_command_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = Commands._make
    monkeypatch.setattr(Commands, "_make", lambda _, name: [made.append(name), make(name)][1])
    commands = Commands()
    assert [command.name for _ in range(2) for command in commands.values()] == [*COMMANDS] * 2
    assert made == [*COMMANDS]
