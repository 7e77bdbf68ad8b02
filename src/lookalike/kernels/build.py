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

SOURCE = Path(__file__).with_name("fused.c")
FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fno-finite-math-only", "-fopenmp")
SWITCH = "LOOKALIKE_KERNELS"
"""Set to 0, the kernels are not used."""

_POINTER, _SIZE, _FLAG, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int, ctypes.c_float
_ARGUMENTS = {
    "pool_elu_forward": [*[_POINTER] * 3, *[_SIZE] * 4],
    "pool_elu_backward": [*[_POINTER] * 4, *[_SIZE] * 4],
    "fold_forward": [*[_POINTER] * 3, *[_SIZE] * 4, _FLAG],
    "fold_backward": [*[_POINTER] * 4, *[_SIZE] * 4, _FLAG],
    "adamax": [*[_POINTER] * 4, _SIZE, *[_NUMBER] * 4],
}
_log = logging.getLogger(__name__)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where they are switched off, or there is no compiler, or it fails."""
    if os.environ.get(SWITCH) == "0" or not sys.platform.startswith("linux"):
        return None
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if compiler is None:
        _log.info("no C compiler is there; the fused kernels are left out (training takes about 1.5 times as long)")
        return None
    try:
        loaded = ctypes.CDLL(str(_compiled(compiler)))
        for name, arguments in _ARGUMENTS.items():
            function = getattr(loaded, name)
            function.argtypes, function.restype = arguments, None
    except (OSError, AttributeError, subprocess.SubprocessError) as error:
        _log.warning("the fused kernels cannot be built (%s); training goes on without them", error)
        return None
    return loaded


def _compiled(compiler: str) -> Path:
    """The library for this source, compiler and processor, compiled in about a second where it is not there."""
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=20, check=True).stdout
    facts = [SOURCE.read_bytes(), version, " ".join(FLAGS).encode(), _processor().encode()]
    key = hashlib.sha256(b"\0".join(facts)).hexdigest()[:24]
    target = files.cache_folder() / "kernels" / f"{key}.so"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        made, thing = Path(folder) / target.name, Path(folder) / "fused.o"
        # Linked without its own OpenMP, the library finds the one that PyTorch has loaded: two of them would
        # keep each other's threads from the cores.
        _run([compiler, *FLAGS, "-fPIC", "-c", str(SOURCE), "-o", str(thing)])
        _run([compiler, "-shared", str(thing), "-lm", "-o", str(made)])
        made.replace(target)
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} says: {' '.join(done.stderr.split())[:300]}")


def _processor() -> str:
    """What -march=native depends on: the model and its abilities."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
