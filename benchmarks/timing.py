"""What the benchmarks share: taking turns, medians, the machine and its floors, tables, and files of results."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lookalike import files

Times = dict[str, list[float]]
"""Seconds of each round, by who took them."""


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def best_of(call: Callable[[], object], tries: int, enough: float) -> float:
    """The least seconds of so many calls, or of those begun before `enough` seconds were spent: at least one."""
    times = [seconds_of(call)]
    while len(times) < tries and sum(times) < enough:
        times.append(seconds_of(call))
    return min(times)


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


def machine() -> dict[str, Any]:
    """What figures depend on: processor, cores that may be used, arithmetic, versions."""
    import torch

    from lookalike import kernels
    from lookalike.data.pipeline import available_cores
    from lookalike.training.device import has_bfloat16

    return {
        "processor": _processor(),
        "cores": available_cores(),
        "torch_threads": torch.get_num_threads(),
        "bfloat16": has_bfloat16("cpu"),
        "kernels": kernels.available(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("lookalike", "torch", "numpy")},
    }


def described(facts: Mapping[str, Any]) -> str:
    """`machine` in a line."""
    cores = "1 core" if facts["cores"] == 1 else f"{facts['cores']} cores"
    arithmetic = "bfloat16" if facts["bfloat16"] else "float32 only"
    return (
        f"{facts['processor']}, {cores}, {arithmetic}, kernels {'on' if facts['kernels'] else 'off'}; "
        f"Python {facts['python']}, PyTorch {facts['torch']}"
    )


def rates() -> dict[str, float]:
    """The machine's own speed: FLOP/s of large matrix products in float32 and bfloat16, bytes/s of copying 8 MB.

    So much memory stays in a processor's last cache, as a training step's layers do. Each the best of 100, or of what
    two seconds allow: a processor without bfloat16 may take five for one product.
    """
    import torch

    found, size, tries, enough = {}, 1024, 100, 2.0
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        left = torch.randn(size, size).to(dtype)
        product = torch.empty_like(left)
        found[name] = 2 * size**3 / best_of(partial(torch.mm, left, left, out=product), tries, enough)
    source = torch.randn(1 << 20)
    target = torch.empty_like(source)
    found["bytes"] = 2 * source.numel() * 4 / best_of(lambda: target.copy_(source), tries, enough)
    return found


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_result(path: Path | None, result: dict[str, Any]) -> None:
    """Keep what was measured, and on which machine, as JSON; nothing without a path."""
    if path is not None:
        files.write_json(path, {"machine": machine(), **result})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def lfw_folder() -> Path:
    """Where LFW's archive and table are looked for: LOOKALIKE_LFW, else ../shared/data beside the repository."""
    return Path(os.environ.get("LOOKALIKE_LFW", Path(__file__).parents[2] / "shared" / "data"))
