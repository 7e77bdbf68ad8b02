"""The command line: one file a command, each a thin layer over a Python call.

A command's file is imported when the command, or the list of all, is asked for, and imports at its top only what is
light; PyTorch and its like come in when a command runs.
"""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lookalike.cli.common import failures_explained, set_up_logging
from lookalike.cli.plain import at_once

COMMANDS = (
    "data",
    "train",
    "sharpen",
    "evaluate",
    "reconstruct",
    "denoise",
    "encode",
    "index",
    "search",
    "review",
    "duplicates",
    "outliers",
    "groups",
    "subset",
    "morph",
    "sample",
    "inpaint",
    "serve",
    "directions",
    "edit",
    "report",
    "import",
    "export",
    "check",
    "submit",
    "demo",
    "gallery",
    "bench",
)
"""As they are listed. Each is a file of this folder, with a function of its name or, of several commands, an `app`."""
HOMES = {"import": "import_run"}
"""Files and functions of commands whose names cannot be theirs."""


class Commands(Mapping[str, Any]):
    """Every command by its name, made when it is first asked for: the list of all asks twice."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    @staticmethod
    def _make(name: str) -> Any:
        home = HOMES.get(name, name)
        module = import_module(f"lookalike.cli.{home}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(name)(getattr(module, home))
        command = typer.main.get_command(app)
        command.name = name
        at_once(command)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Group(TyperGroup):
    """The commands of `COMMANDS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]
        at_once(self)


app = typer.Typer(
    name="lookalike",
    cls=Group,
    help="Learn what your pictures look like: train autoencoders on a folder of pictures, without labels, and use "
    "the codes they learn. DATA is 'synthetic' (procedural faces), 'portraits' (the same aligned), 'leaves' (dead "
    "leaves), 'lfw', the path of a folder, an archive, or an .npy or .npz file of pictures.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        import lookalike

        typer.echo(f"lookalike {lookalike.__version__}")
        raise typer.Exit


Version = typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)


@app.callback()
def _top(version: Annotated[bool, Version] = False) -> None:
    pass


def main() -> None:
    """Run a command; every failure becomes one clear line on stderr and an exit code."""
    set_up_logging()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is half written goes, and it is said
    atexit.register(gc.freeze)  # Python walks through all that there is before it leaves, to free what the system frees
    with failures_explained():
        code = app(standalone_mode=False) or 0
        if code == 130:  # what typer makes of a KeyboardInterrupt
            raise KeyboardInterrupt
        sys.exit(code)
