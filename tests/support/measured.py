"""What refusing a foreign file costs, in a process of its own, whose memory and work the system counts."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

MEMORY = 2**30
"""Bytes that a process may hold at its peak, the package and its libraries included, and that a call may ask for."""
SECONDS = 2.0
"""Of the processor, from the call to its end."""
PACE = 0.25
"""Seconds that unfolding 64 MB takes a processor of which that is asked; a slower one, or one that others wear out at
that moment, may take as many times longer as it takes for these."""

SCRIPT = """
import json, os, re, resource, sys, time, zlib
from pathlib import Path
from lookalike.errors import UserError
{imports}

def status(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def tried(path, call):
    started, room = time.process_time(), status("VmSize")
    text = None
    try:
        eval(call, {{**globals(), "path": path}})
    except UserError as refusal:
        text = " ".join(str(refusal).split())
    seconds = time.process_time() - started
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    memory, asked = max(status("VmHWM"), of_children), status("VmPeak") - room
    packed, started = zlib.compress(bytes(1 << 24)), time.process_time()
    for _ in range(4):
        zlib.decompress(packed)
    print(json.dumps([text, seconds, memory, asked, time.process_time() - started]), flush=True)

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            tried(Path(asked["path"]), asked["call"])
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    print("done", flush=True)
"""


class Cost(NamedTuple):
    """The refusal's text, None where there was none; seconds of the processor; bytes at the peak, its own or of a
    process that it starts; bytes of address space that it asked for at its peak, whether it then used them or not;
    seconds for the work that `PACE` is of."""

    text: str | None
    seconds: float
    memory: float
    asked: float
    pace: float


@cache
def prepared(imports: str) -> subprocess.Popen[str]:
    """A process that has imported what it needs, and divides for each file."""
    command = [sys.executable, "-c", SCRIPT.format(imports=imports)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


def refusal(path: Path, imports: str, call: str) -> Cost:
    """What `call`, an expression of `path`, raises and costs; the imports before it do not count."""
    process = prepared(imports)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"path": str(path), "call": call}) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer.strip() != "done", f"{call} ended otherwise than by a refusal; see what it wrote"
    assert process.stdout.readline().strip() == "done"
    return Cost(*json.loads(answer))


def assert_refused_cheaply(path: Path, imports: str, call: str, *, named: str | None = None) -> str:
    """That it is refused in a line that names the file, within the limits; returns the line."""
    cost = refusal(path, imports, call)
    assert cost.text is not None, f"{path} is taken"
    assert (str(path) if named is None else named) in cost.text
    assert cost.seconds < SECONDS * max(cost.pace / PACE, 1), cost
    assert cost.memory < MEMORY, cost
    assert cost.asked < MEMORY, cost
    return cost.text
