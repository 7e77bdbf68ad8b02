"""Plain words of a command line become values at once: typer's own way loads pydantic, which takes 0.1 s."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?(e-?[0-9]{1,2})?", re.ASCII)


def at_once(command: Any) -> None:
    """Let every parameter of a command, and of those in a dictionary below it, take plain words without pydantic.

    What is not plain, and so all that is wrong, stays typer's to read and to explain; where another release of typer
    asks its parameters otherwise, everything does.
    """
    below = getattr(command, "commands", None)
    for one in below.values() if isinstance(below, dict) else ():
        at_once(one)
    for parameter in command.params:
        _read_at_once(parameter)
    theirs = command.get_help_option  # --help is a parameter too, made when it is first asked for
    command.get_help_option = lambda context: _read_at_once(theirs(context))


def _read_at_once(parameter: Any) -> Any:
    """The parameter itself."""
    asked = getattr(parameter, "get_runtime_param", None)
    if asked is not None and not isinstance(asked, Plain) and hasattr(parameter, "type_descriptor"):
        parameter.get_runtime_param = Plain(parameter.type_descriptor, asked)
    return parameter


class NotPlain(Exception):
    """Typer is to read it."""


class Plain:
    """What typer asks for a parameter's value, by its type descriptor; `theirs` makes what typer itself would ask."""

    def __init__(self, described: Any, theirs: Callable[[], Any]) -> None:
        self._type, self._about, self._theirs = described.annotation, described.parameter_info, theirs

    def __call__(self) -> Plain:
        """Itself, in the place of the parameter's method that makes typer's."""
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, or one for each of several words; None stands for an option that was not given."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        try:
            if not several:
                return self._read(self._type, value)
            if get_origin(self._type) is not list or isinstance(value, str):
                raise NotPlain
            return [self._read(get_args(self._type)[0], one) for one in value]
        except NotPlain:
            return self._theirs().coerce(value, param=param, ctx=ctx)

    def _read(self, wanted: Any, value: Any) -> Any:
        if wanted not in READERS or self._about.parser is not None:
            raise NotPlain
        if type(value) is not wanted:
            value = READERS[wanted](value, self._about)
        if wanted in (int, float) and not self._is_within(value):
            raise NotPlain
        return value

    def _is_within(self, number: float) -> bool:
        least, most = self._about.min, self._about.max
        return not self._about.clamp and (least is None or number >= least) and (most is None or number <= most)


def _text(value: Any, about: Any) -> str:
    raise NotPlain


def _whole(value: Any, about: Any) -> int:
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value)
    raise NotPlain


def _decimal(value: Any, about: Any) -> float:
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        return float(value)
    raise NotPlain


def _path(value: Any, about: Any) -> Path:
    """Of what is not there, or can be read: all that a command without wishes of its own asks of a path."""
    wishes = (about.exists, about.writable, about.resolve_path, about.allow_dash, about.path_type)
    if isinstance(value, (str, Path)) and not any(wishes) and about.file_okay and about.dir_okay and _is_usual(value):
        return Path(value)
    raise NotPlain


def _is_usual(path: str | Path) -> bool:
    return os.access(path, os.R_OK) or not os.access(path, os.F_OK)


READERS: dict[Any, Callable[[Any, Any], Any]] = {str: _text, int: _whole, float: _decimal, Path: _path}
"""By a parameter's type, how a word that is not of it yet is read."""
