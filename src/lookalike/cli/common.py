"""What all commands share: options, how data is loaded, how answers and failures are shown."""

from __future__ import annotations

import functools
import inspect
import io
import json
import logging
import math
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
import typer.exceptions

from lookalike.errors import LookalikeError, OptionError
from lookalike.files import one_line, printable

if TYPE_CHECKING:
    from lookalike.data import DataOptions, DataSpec, ImageSet
    from lookalike.data.images import Rejected
    from lookalike.models.base import Autoencoder

REJECTED_SHOWN = 10
Data = Annotated[str, typer.Argument(metavar="DATA", help="The pictures: see 'lookalike --help'.")]


def run_named(given: Path | None) -> Path | None:
    """The folder of a run, or of what comes with the package and is named like one."""
    if given != Path("ready") or given.exists():
        return given
    from lookalike.denoising.ready import ready_folder

    return ready_folder()


Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="The folder of a run, or 'ready': the denoiser of the package.", callback=run_named
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        help="Height and width in pixels that pictures come to; docs/models.md says when 64 or 128 are worth it.",
        show_default="32",
    ),
]
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
        help="A table of what is known of the pictures: CSV, TSV, JSON lines or Parquet with a column of names; of one "
        "in LFW's layout only the pictures it names are kept.",
        show_default="as the gallery has it, else none",
    ),
]
Key = Annotated[
    str | None, typer.Option(help="The table's column that names pictures.", show_default="found by its name")
]
Exif = Annotated[
    bool | None,
    typer.Option(
        "--exif/--no-exif",
        help="Take what cameras wrote into the files: time, camera, place, size and rating.",
        show_default="as the gallery has it, else not",
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        help="What names are taken for: 'lfw' (NAME/NAME_0001.jpg is a person, cropped and fitted as LFW), 'folder' "
        "(names alone), or 'auto': LFW where all is as there."
    ),
]
Faces = Annotated[
    bool | None,
    typer.Option(
        "--faces/--no-faces",
        help="Take every face of every photo instead of the photo, aligned as LFW's are: NAME#face-1 is the largest.",
        show_default="as the run or the gallery was made, else no faces",
    ),
]
Detector = Annotated[
    Path | None,
    typer.Option(help="A YuNet model in ONNX that finds the faces.", show_default="MTCNN, of the extra 'faces'"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and all else on stderr.")]
Seed = Annotated[int, typer.Option(help="The seed of everything that is drawn at random, 0 or more.", min=0)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint, if any.")]
Force = Annotated[
    bool, typer.Option("--force", help="Write over files that are there already; never over those that are read.")
]
STORES = (
    "'local' (the gallery's folder), 'milvus:' (an embedded Milvus in that folder), 'milvus:PATH.db' (one elsewhere) "
    "or 'milvus:http://HOST:19530' (a server, with LOOKALIKE_MILVUS_TOKEN where it asks for one)"
)
Device = Annotated[str, typer.Option(help="Where to compute: 'auto' (a GPU where there is one), 'cpu' or 'cuda'.")]


@dataclass(frozen=True)
class Reading:
    """How DATA is to be read: each field is an option of every command that takes DATA (see `reads_data`).

    A new one needs a field here, one in `lookalike.data.DataOptions`, and a word in `Asked` beside it.
    """

    size: Size = None
    crop: Crop = None
    fit: Fit = None
    attributes: Attributes = None
    key: Key = None
    exif: Exif = None
    layout: Layout = "auto"
    faces: Faces = None
    detector: Detector = None

    def options(self) -> DataOptions:
        """Checked; raises `OptionError` for a value out of range."""
        from lookalike.data import DataOptions

        return DataOptions.checked(**{one.name: getattr(self, one.name) for one in fields(self)})

    def refuse(self, why: str) -> None:
        """Raise `OptionError` where one of these options was given."""
        for one in fields(self):
            if getattr(self, one.name) != one.default:
                raise OptionError(f"--{one.name} {why}")


def reads_data(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `Reading`, but for those `without`, in the place of its parameter `reading`."""

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        declared = get_type_hints(Reading, include_extras=True)
        taken = [one for one in fields(Reading) if one.name not in without]
        options = [
            inspect.Parameter(one.name, _KEYWORD, default=one.default, annotation=declared[one.name]) for one in taken
        ]
        own = [one.replace(kind=_KEYWORD) for one in inspect.signature(command, eval_str=True).parameters.values()]
        place = [one.name for one in own].index("reading")
        parameters = [*own[:place], *options, *own[place + 1 :]]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            command(reading=Reading(**{one.name: given.pop(one.name) for one in taken}), **given)

        del run.__wrapped__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return with_options


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def load_data(source: str, options: DataOptions) -> ImageSet:
    """Load DATA with a progress bar on stderr."""
    from lookalike.data import load_with

    with progress_shown() as progress:
        pictures = load_with(source, options, progress=progress)
    say_what_was_seen(source, options.layout, pictures.spec, pictures.unseen)
    return pictures


def set_aside(rejected: Sequence[Rejected], rest: str = "--json lists all") -> list[str]:
    """A line for each of what gave no picture, with its reason; photos without a face are but counted, in one."""
    from lookalike.data.images import NO_FACE

    others = [one for one in rejected if one.reason != NO_FACE]
    faceless = len(rejected) - len(others)
    lines = [f"  {faceless:,} photo{'' if faceless == 1 else 's'} without a face"] if faceless else []
    lines += [f"  {name}: {reason}" for name, reason in others[:REJECTED_SHOWN]]
    if len(others) > REJECTED_SHOWN:
        lines.append(f"  and {len(others) - REJECTED_SHOWN:,} more; {rest}")
    return lines


def say_what_was_seen(source: str | None, layout: str, spec: DataSpec | None, unseen: list[str]) -> None:
    """Say on stderr what nobody asked for: that names were taken for LFW's, and what could not be seen."""
    if layout == "auto" and spec is not None and spec.layout == "lfw" and source not in KEYWORDS:
        framing = spec.framing
        _say(
            f"{spec.source} has LFW's layout: persons by names, {framing.crop} pixels cut from each side, fit "
            f"{framing.fit}; --layout folder takes it as any folder"
        )
    for place in unseen[:UNSEEN_SHOWN]:
        _say(f"{place} cannot be seen; what it held before stays")
    if len(unseen) > UNSEEN_SHOWN:
        _say(f"and {len(unseen) - UNSEEN_SHOWN:,} more cannot be seen; --json lists all")


def pictures_to_learn_from(model: Autoencoder, data: str | None, reading: Reading) -> tuple[ImageSet, ImageSet]:
    """The (training, test) pictures of DATA, framed as the model's; without DATA those that it was trained with."""
    from lookalike.experiment import pictures_of, split_of_run
    from lookalike.models.pictures import framing_of

    if data is None:
        reading.refuse("does not go with the run's own pictures; leave it out")
        with progress_shown() as progress:
            return pictures_of(model, progress)
    return split_of_run(load_data(data, reading.options().like(framing_of(model))))


KEYWORDS = ("lfw", "lfw-funneled", "lfw-deepfunneled")
UNSEEN_SHOWN = 10


def _say(line: str) -> None:
    print(f"lookalike: {one_line(line)}", file=sys.stderr)


@contextmanager
def progress_shown(what: str = "reading pictures") -> Iterator[Callable[[float, int | None], None]]:
    """A progress bar on stderr for what goes picture by picture (a share of one counts), shown in a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def pasted(path: str | Path) -> str:
    """A path as a shell takes it, for lines that are to be given again."""
    return shlex.quote(str(path))


def counted(count: int, what: str) -> str:
    """A number of things in words: "1 picture", "2,000 pictures"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def answer(payload: dict[str, Any], told: str | Sequence[str], as_json: bool) -> None:
    """Print the result: `payload` as JSON (what is not finite as null), or what is `told` to a person.

    Lines that are given one by one stay so, whatever names they hold.
    """
    if as_json:
        text = _as_json(payload)
    else:
        text = printable(told) if isinstance(told, str) else "\n".join(map(one_line, told))
    try:
        print(text, flush=True)  # while a failure can still become a message and an exit code
    except BrokenPipeError:  # whoever read our output has left, which changes nothing of what was done
        _let_go_of_stdout()


def _as_json(payload: dict[str, Any]) -> str:
    try:
        line = json.dumps(_finite(payload), ensure_ascii=False)
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeError:  # JSON has an escape for what the output's encoding lacks, and for names that are no text
        line = json.dumps(_finite(payload))
    return line


def names_from(arguments: list[str]) -> list[Path]:
    """Paths of arguments, where `-` stands for names on stdin, one a line."""
    names: list[str] = []
    for argument in arguments:
        names += [line.rstrip("\r\n") for line in sys.stdin if line.strip()] if argument == "-" else [argument]
    if not names:
        raise OptionError("no picture is named on stdin; give one name a line")
    return [Path(name) for name in names]


def set_up_logging() -> None:
    """The package's warnings go to stderr as plain lines; what an output's encoding lacks becomes an escape.

    Names on stdin may be no text, as those of arguments.
    """
    _open_what_is_closed()
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, _SHOWN), (sys.stderr, _SHOWN)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain("lookalike: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


_SHOWN = "backslashreplace"


def _open_what_is_closed() -> None:
    """Let nothing come of a standard stream that is closed (`>&-`).

    Python has None in its place, and the next file that is opened would get its number, which libraries write to.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


class _Plain(logging.Formatter):
    """Names in a warning may hold anything."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return one_line(super().formatMessage(record))


@contextmanager
def failures_explained() -> Iterator[None]:
    """Turn every failure into one line on stderr and an exit code: 2 the user's fault, 1 ours, 130 interrupted."""
    try:
        yield
    except LookalikeError as error:
        if error.is_told_by_another:
            sys.exit(error.exit_code)
        _fail(str(error), error.exit_code)
    except typer.exceptions.TyperException as error:
        message = getattr(error, "format_message", error.__str__)()
        _fail(f"{message} Try --help.", 2)
    except typer.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)
    except MemoryError:
        _fail("not enough memory; load the pictures at a smaller --size, or fewer of them", 2)
    except OSError as error:
        from lookalike.files import NO_SPACE

        # Forbidden folders and the like are named by the system itself; of a full disk it says too little.
        remedy = "; make room, and give the command again" if error.errno in NO_SPACE else ""
        _let_go_of_stdout()
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}{remedy}", 2)
    except Exception as error:
        if os.environ.get("LOOKALIKE_DEBUG"):
            traceback.print_exc()
        _fail(f"internal error: {type(error).__name__}: {error} (set LOOKALIKE_DEBUG=1 for the traceback)", 1)


def _let_go_of_stdout() -> None:
    """Drop what it does not take: Python would try once more while it leaves, and say so in its own words."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> None:
    _say(" ".join(message.split()))
    sys.exit(code)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
