"""What all commands share: options, how data is loaded, how answers and failures are shown."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.exceptions

from lookalike.errors import LookalikeError, OptionError

if TYPE_CHECKING:
    from lookalike.data import ImageSet

Data = Annotated[str, typer.Argument(metavar="DATA", help="The pictures: see 'lookalike --help'.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
Size = Annotated[int | None, typer.Option(help="Height and width in pixels that pictures come to.", show_default="32")]
Crop = Annotated[
    int | None,
    typer.Option(help="Pixels cut from each side before resizing.", show_default="80 for LFW, else 0"),
]
Fit = Annotated[
    str | None,
    typer.Option(
        help="How a picture of another aspect comes to a square: 'crop' cuts its longer side to the middle, 'pad' "
        "fills up its shorter side, 'stretch' distorts.",
        show_default="stretch for LFW, else crop",
    ),
]
Attributes = Annotated[
    Path | None,
    typer.Option(
        help="A table of attributes in LFW's layout; only the pictures it names are kept.", show_default="none"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and all else on stderr.")]
Seed = Annotated[int, typer.Option(help="The seed of everything that is drawn at random, 0 or more.", min=0)]
Force = Annotated[
    bool, typer.Option("--force", help="Write over files that are there already; never over those that are read.")
]
Device = Annotated[str, typer.Option(help="Where to compute: 'auto' (a GPU where there is one), 'cpu' or 'cuda'.")]

DEFAULT_SIZE = 32


def load_data(
    source: str, size: int | tuple[int, int] | None, crop: int | None, fit: str | None, attributes: Path | None
) -> ImageSet:
    """Load DATA with a progress bar on stderr."""
    from lookalike.data import load

    with reading_shown() as progress:
        return load(
            source,
            size=DEFAULT_SIZE if size is None else size,
            crop=crop,
            fit=fit,
            attributes=attributes,
            progress=progress,
        )


@contextmanager
def reading_shown() -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr for the reading of pictures, shown in a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("reading pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def answer(payload: dict[str, Any], text: str, as_json: bool) -> None:
    """Print the result: `payload` as JSON (what is not finite as null), or `text` for a person."""
    print(json.dumps(_finite(payload), ensure_ascii=False) if as_json else text)


def names_from(arguments: list[str]) -> list[Path]:
    """Paths of arguments, where `-` stands for names on stdin, one a line."""
    names: list[str] = []
    for argument in arguments:
        names += [line.rstrip("\n") for line in sys.stdin if line.strip()] if argument == "-" else [argument]
    if not names:
        raise OptionError("no picture is named on stdin; give one name a line")
    return [Path(name) for name in names]


def set_up_logging() -> None:
    """The package's warnings go to stderr as plain lines."""
    logging.basicConfig(format="lookalike: %(message)s", stream=sys.stderr, level=logging.WARNING)


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn every failure into one line on stderr and an exit code: 2 the user's fault, 1 ours, 130 interrupted."""
    try:
        yield
    except LookalikeError as error:
        _fail(str(error), error.exit_code)
    except typer.exceptions.TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        _fail(f"{message} Try --help.", 2)
    except typer.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read our output has left; Python would complain once more while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _fail("not enough memory; load the pictures at a smaller --size, or fewer of them", 2)
    except OSError as error:
        from lookalike.files import NO_SPACE

        # Forbidden folders and the like are named by the system itself; of a full disk it says too little.
        remedy = "; make room, and give the command again" if error.errno in NO_SPACE else ""
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}{remedy}", 2)
    except Exception as error:
        if os.environ.get("LOOKALIKE_DEBUG"):
            traceback.print_exc()
        _fail(f"internal error: {type(error).__name__}: {error} (set LOOKALIKE_DEBUG=1 for the traceback)", 1)


def _fail(message: str, code: int) -> None:
    print(f"lookalike: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
