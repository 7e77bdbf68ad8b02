"""What the benchmarks share: taking turns, medians, the machine and its floors, tables, and files of results."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lookalike import files

Times = dict[str, list[float]]
"""Seconds of each round, by who took them."""
LOOKS = 0.02
"""Seconds between looks at the memory."""


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def take_turns(calls: Mapping[str, Callable[[], float]], rounds: int, warm: int = 1) -> Times:
    """Let everybody measure itself once a round, so that what slows the machine down slows all; `warm` do not count."""
    measured: Times = {who: [] for who in calls}
    for turn in range(warm + rounds):
        for who, call in calls.items():
            seconds = call()
            if turn >= warm:
                measured[who].append(seconds)
    return measured


def times_quicker(slow: Sequence[float], quick: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(slow, quick, strict=True))


def peak_memory() -> float:
    """The most memory this process has held at once, in MB, pages of mapped files included."""
    try:
        # Unlike ru_maxrss this begins anew when a program starts, and holds nothing of who started it.
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    except (OSError, StopIteration):
        unit = 1 if platform.system() == "Darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def status(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024


@contextmanager
def watched(found: dict[str, Any]) -> Iterator[None]:
    """Put seconds, processor seconds, load and memory of what is done within into `found`."""
    over, most = threading.Event(), [status("RssAnon")]

    def look() -> None:
        while not over.wait(LOOKS):
            most[0] = max(most[0], status("RssAnon"))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    started, worked = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        found["seconds"], found["cpu_seconds"] = time.perf_counter() - started, time.process_time() - worked
        over.set()
        looking.join()
        found.update(rss_anon_mb=most[0], vm_hwm_mb=peak_memory(), load=os.getloadavg()[0])


def machine() -> dict[str, Any]:
    """What figures depend on: processor, cores that may be used, arithmetic, versions."""
    import torch

    from lookalike import kernels
    from lookalike.data.pipeline import available_cores
    from lookalike.kernels.machine import multiplies_bfloat16, processor

    return {
        "processor": processor(),
        "cores": available_cores(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "bfloat16": multiplies_bfloat16(),
        "kernels": kernels.available(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("lookalike", "torch", "numpy")},
    }


def described(facts: Mapping[str, Any]) -> str:
    """`machine` in a line."""
    return (
        f"{processor_of(facts)}, kernels {'on' if facts['kernels'] else 'off'}; Python {facts['python']}, "
        f"PyTorch {facts['torch']}"
    )


def processor_of(facts: Mapping[str, Any]) -> str:
    """Its name, cores and arithmetic; a name such as "AMD EPYC" is of many kinds, which the instructions tell apart."""
    cores = "1 core" if facts["cores"] == 1 else f"{facts['cores']} cores"
    arithmetic = "bfloat16" if facts["bfloat16"] else "float32 only"
    parts = [facts["processor"], cores, *([facts["instructions"]] if "instructions" in facts else []), arithmetic]
    return ", ".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_result(path: Path | None, result: dict[str, Any]) -> None:
    """Keep what was measured, and on which machine, as JSON; nothing without a path."""
    if path is not None:
        files.write_json(path, {"machine": machine(), **result})


def lfw_folder() -> Path:
    """Where LFW's archive and table are looked for: LOOKALIKE_LFW, else ../shared/data beside the repository."""
    return Path(os.environ.get("LOOKALIKE_LFW", Path(__file__).parents[2] / "shared" / "data"))
