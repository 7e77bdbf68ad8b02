"""Compile the kernels once for this processor, and find them again."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lookalike import files

SOURCES = ("fused.c", "winograd.c", "winograd_back.c", "shallow.c", "alignment.c")
INCLUDED = ("fold.inc", "vectors.h", "tiles.h")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-fopenmp")
ON_X86 = ("-mprefer-vector-width=512",)
_HERE = Path(__file__).parent
SWITCH = "LOOKALIKE_KERNELS"
"""Set to 0, the kernels are not used."""

_POINTER, _SIZE, _FLAG, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_float
_FOLD = [*[_POINTER] * 3, *[_SIZE] * 4, _FLAG]
_UNFOLD = [*[_POINTER] * 4, *[_SIZE] * 4, _FLAG]
_ARGUMENTS = {
    "pool_elu_forward": [*[_POINTER] * 3, *[_SIZE] * 4],
    "pool_elu_backward": [*[_POINTER] * 4, *[_SIZE] * 4],
    "fold_forward_bfloat16": _FOLD,
    "fold_backward_bfloat16": _UNFOLD,
    "fold_forward_float32": _FOLD,
    "fold_backward_float32": _UNFOLD,
    "adamax": [*[_POINTER] * 4, _SIZE, *[_NUMBER] * 4],
    "channels_at_once": [],
    "winograd_weights": [*[_POINTER] * 2, *[_SIZE] * 2, _FLAG],
    "winograd_forward": [*[_POINTER] * 5, *[_SIZE] * 5, _FLAG],
    "winograd_back": [*[_POINTER] * 5, *[_SIZE] * 5],
    "winograd_weights_back": [*[_POINTER] * 6, *[_SIZE] * 5],
    "shallow_forward": [*[_POINTER] * 5, *[_SIZE] * 5],
    "shallow_back": [*[_POINTER] * 6, *[_SIZE] * 5],
    "lay_over": [*[_POINTER] * 5, *[_SIZE] * 3, *[_NUMBER] * 5],
}
_CONVOLUTIONS = ("winograd_forward", "winograd_back", "winograd_weights_back", "shallow_forward", "shallow_back")
_MAY_FAIL = (*_CONVOLUTIONS, "lay_over")
"""Those that say whether they found memory."""
_ANSWERING = (*_MAY_FAIL, "channels_at_once")
_log = logging.getLogger(__name__)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where they are switched off, or there is no compiler, or it fails."""
    target = _target()
    if target is None:
        return None
    try:
        loaded = _loaded(*target)
        for name, arguments in _ARGUMENTS.items():
            function = getattr(loaded, name)
            function.argtypes, function.restype = arguments, _FLAG if name in _ANSWERING else None
    except (OSError, AttributeError, subprocess.SubprocessError) as error:
        _log.warning("the fused kernels cannot be built (%s); everything works without them, slower", error)
        return None
    return loaded


def lack() -> str | None:
    """Why there are no kernels, in few words; None where there are, which are compiled where they are not yet."""
    if library() is not None:
        return None
    return _left_out() or ("no C compiler found" if _compiler() is None else "they could not be built here")


def compiled() -> Path | None:
    """Where the kernels for this machine are kept, or would be; None where there can be none."""
    target = _target()
    return None if target is None else target[1]


def is_compiled() -> bool:
    """Whether they lie there compiled, as far as can be told without loading them."""
    path = compiled()
    return path is not None and path.is_file()


def at_hand() -> ctypes.CDLL | None:
    """The compiled kernels where they are loaded, or lie there: nothing is compiled."""
    return library() if library.cache_info().currsize or is_compiled() else None


def _target() -> tuple[str, Path] | None:
    """The compiler, and the library's place for these sources, this compiler and this processor."""
    if _left_out() is not None:
        return None
    compiler = _compiler()
    if compiler is None:
        _log.info("no C compiler is there; the fused kernels are left out (everything works without them, slower)")
        return None
    about = Path(compiler).resolve()
    facts = about.stat()
    version = f"{about} {facts.st_size} {facts.st_mtime_ns}"  # asking it would take a process
    all_facts = "\0".join((_sources(), version, *_flags(), abilities()))
    key = hashlib.sha256(all_facts.encode()).hexdigest()[:24]
    return compiler, files.cache_folder() / "kernels" / f"{key}.so"


def _left_out() -> str | None:
    """Why none are to be compiled, whatever is there."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH} is 0"
    return None if sys.platform.startswith("linux") else "they are for Linux"


def _compiler() -> str | None:
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")


@functools.cache
def _sources() -> str:
    """Their digest."""
    return hashlib.sha256(b"\0".join((_HERE / name).read_bytes() for name in SOURCES + INCLUDED)).hexdigest()


def _flags() -> tuple[str, ...]:
    return FLAGS + (ON_X86 if platform.machine() in ("x86_64", "AMD64", "i686") else ())


def _loaded(compiler: str, path: Path) -> ctypes.CDLL:
    """The library that is kept there; where none is, it is compiled and kept, or loaded for this process alone."""
    if path.is_file():
        return ctypes.CDLL(str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        building = tempfile.TemporaryDirectory(dir=path.parent, prefix=".building-")
    except OSError as error:
        _log.warning(
            "the fused kernels cannot be kept (%s); each process builds its own, in some seconds: set LOOKALIKE_CACHE "
            "to a folder that can be written to",
            error,
        )
        with tempfile.TemporaryDirectory(prefix="lookalike-kernels-") as folder:
            return ctypes.CDLL(str(_compiled(compiler, Path(folder))))  # stays when its file goes
    with building as folder:
        _compiled(compiler, Path(folder)).replace(path)
    return ctypes.CDLL(str(path))


def _compiled(compiler: str, folder: Path) -> Path:
    """The library, compiled into a folder in some seconds."""
    made, things = folder / "kernels.so", [str(folder / f"{name}.o") for name in SOURCES]
    # Linked without its own OpenMP, the library finds the one that PyTorch has loaded: two of them would
    # keep each other's threads from the cores.
    for name, thing in zip(SOURCES, things, strict=True):
        _run([compiler, *_flags(), "-fPIC", "-c", str(_HERE / name), "-o", thing])
    _run([compiler, "-shared", *things, "-lm", "-o", str(made)])
    return made


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} says: {' '.join(done.stderr.split())[:300]}")


@functools.cache
def abilities() -> str:
    """A digest of what -march=native depends on: the processor's model and its abilities."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))} or lines)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
