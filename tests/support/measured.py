"""What refusing a foreign file costs, in a process of its own, whose memory and work the system counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

MEMORY = 2**30
"""Bytes that a process may hold at its peak, the package and its libraries included."""
SECONDS = 2.0
"""Of the processor, from the call to its end."""

SCRIPT = """
import re, sys, time
from pathlib import Path
from lookalike.errors import UserError
path = Path(sys.argv[1])
{imports}
started = time.process_time()
try:
    {call}
except UserError as refusal:
    print(" ".join(str(refusal).split()))
seconds = time.process_time() - started
print(seconds, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024)
"""


class Cost(NamedTuple):
    """The refusal's text, seconds of the processor, bytes at the peak."""

    text: str
    seconds: float
    memory: float


def refusal(path: Path, imports: str, call: str) -> Cost:
    """What `call`, an expression of `path`, raises and costs; the imports before it do not count."""
    script = SCRIPT.format(imports=imports, call=call)
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    text, figures = done.stdout.splitlines()
    return Cost(text, *map(float, figures.split()))


def assert_refused_cheaply(path: Path, imports: str, call: str, *, named: str | None = None) -> str:
    """That it is refused in a line that names the file, within the limits; returns the line."""
    cost = refusal(path, imports, call)
    assert (str(path) if named is None else named) in cost.text
    assert cost.seconds < SECONDS, cost
    assert cost.memory < MEMORY, cost
    return cost.text
