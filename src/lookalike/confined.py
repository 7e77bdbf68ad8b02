"""Work on a file from a stranger in a process of its own, with little memory and time."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import NamedTuple


class Ended(NamedTuple):
    """How a process ended: its status, None where it was not done in time, and what it wrote to stdout."""

    status: int | None
    output: bytes


def run(module: str, *words: str, content: bytes, patience: float) -> Ended:
    """Run a module of this package as a process, with `content` on its stdin, for `patience` seconds at most.

    The module limits itself, by `limit`, once what it needs is loaded.
    """
    command = [sys.executable, "-m", module, *words]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        return Ended(None, b"")
    return Ended(done.returncode, done.stdout)


def limit(memory: int, seconds: int) -> None:
    """Let this process hold no more bytes, and work no more seconds from now on; where the system can."""
    try:
        import resource
    except ImportError:
        return
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for kind, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, math.ceil(used) + seconds)):
        resource.setrlimit(kind, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
