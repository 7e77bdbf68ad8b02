"""Reading pictures by this code and by another checkout's, in turn: seconds of the processor, and whether bits differ.

    git worktree add --detach ../before 43c7072
    python benchmarks/reading.py lfw-deepfunneled.tgz --against ../before
    python benchmarks/reading.py FOLDER --size 64 --against ../before

Each call is a process of its own without a cache; its imports do not count. The other checkout must have `la.load`
and whatever this environment holds. Prints medians as a Markdown table, with the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import timing

HERE = Path(__file__).parents[1]
CALL = """
import hashlib, json, sys, tempfile, time
import lookalike as la
from PIL import Image
with tempfile.TemporaryDirectory() as folder:
    for number in range(2):
        Image.new("RGB", (8, 8)).save(f"{folder}/{number}.jpg")
    la.load(folder, size=int(sys.argv[2]), cache=False)
started, wall = time.process_time(), time.perf_counter()
images = la.load(sys.argv[1], size=int(sys.argv[2]), cache=False)
seconds = [time.process_time() - started, time.perf_counter() - wall]
names = "\\n".join(images.names).encode("utf-8", "surrogateescape")
found = [hashlib.sha256(part).hexdigest() for part in (images.pixels.tobytes(), names)]
print(json.dumps({"pictures": len(images), "seconds": seconds, "digests": found}))
"""


def read(checkout: Path, source: str, size: int) -> dict[str, Any]:
    """What a checkout's own code makes of a source, in a process."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-c", CALL, source, str(size)]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def compared(sides: dict[str, Path], source: str, size: int, rounds: int) -> dict[str, Any]:
    """Times of each side by rounds, and what they read."""
    found: dict[str, dict[str, Any]] = {}

    def measured(who: str, checkout: Path) -> float:
        found[who] = read(checkout, source, size)
        return float(found[who]["seconds"][0])

    times = timing.take_turns({who: partial(measured, who, checkout) for who, checkout in sides.items()}, rounds)
    now, before = (found[who] for who in sides)
    return {
        "times": times,
        "pictures": {who: told["pictures"] for who, told in found.items()},
        "same_bits": now["digests"] == before["digests"],
        "ratio": timing.times_quicker(times["before"], times["now"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--against", type=Path, required=True, help="the other checkout")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    arguments = parser.parse_args()
    sides = {"now": HERE, "before": arguments.against.resolve()}
    result = compared(sides, str(Path(arguments.source).resolve()), arguments.size, arguments.rounds)
    timing.write_result(arguments.out, result)
    head = f"reading {Path(arguments.source).name} at {arguments.size}", "pictures", "seconds of the processor, median"
    rows = [(who, str(result["pictures"][who]), f"{statistics.median(result['times'][who]):.2f}") for who in sides]
    print(timing.table(head, rows))
    same = "the same names and pixels, bit for bit" if result["same_bits"] else "other names or pixels"
    print(f"\n{same}; now {result['ratio']:.2f} times as quick as before")


if __name__ == "__main__":
    main()
