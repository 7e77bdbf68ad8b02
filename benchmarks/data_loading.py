"""Reading LFW: lookalike's first and second call against the reference notebook's own way, interleaved.

The notebook's way is tarfile, OpenCV's decoder, crop and resize, one after another in one thread.

    python benchmarks/data_loading.py lfw-deepfunneled.tgz lfw_attributes.txt [--rounds 5] [--out FILE.json]

The floor is the inflating of the archive alone, which no number of cores makes quicker. Needs OpenCV
(`pip install 'lookalike[dev]'`). Prints medians as a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from isal import igzip

import lookalike as la
import timing

CROP, SIZE = 80, 32


def notebooks_way(archive: Path, attributes: Path) -> int:
    """All pictures, as the notebook reads them; the table is joined with pandas."""
    import pandas as pd

    cv2.setNumThreads(1)
    photos, who = [], []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(".jpg"):
                file = tar.extractfile(member)
                assert file is not None
                picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                assert picture is not None
                picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)[CROP:-CROP, CROP:-CROP]
                photos.append(cv2.resize(picture, (SIZE, SIZE)))
                person, number = Path(member.name).stem.rsplit("_", 1)
                who.append({"person": person.replace("_", " "), "imagenum": int(number)})
    table = pd.read_csv(attributes, sep="\t", skiprows=1)
    table = pd.DataFrame(table.iloc[:, :-1].to_numpy(), columns=table.columns[1:])
    joined = pd.DataFrame(who).assign(place=range(len(who))).merge(table, on=("person", "imagenum"))
    return len(np.stack(photos).astype("uint8")[joined["place"]])


def first_call(archive: Path, attributes: Path) -> int:
    """lookalike without a cache from before."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOOKALIKE_CACHE"] = folder
        return len(la.load(archive, size=SIZE, attributes=attributes))


def inflating(archive: Path) -> int:
    """The archive's bytes, looked at by nobody."""
    total = 0
    with igzip.open(archive) as file:  # type: ignore[no-untyped-call]
        while block := file.read(1 << 20):
            total += len(block)
    return total


def second_calls(archive: Path, attributes: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of whole processes that find the cache, and of the loading within them."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LOOKALIKE_CACHE": folder}
        command = [sys.executable, "-m", "lookalike", "data", str(archive), "--attributes", str(attributes), "--json"]
        walls, loads = [], []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=True, env=environment)
            walls.append(time.perf_counter() - started)
            loads.append(float(json.loads(done.stdout)["seconds"]))
    return walls[1:], loads[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the reading of LFW.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("attributes", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    arguments = parser.parse_args()
    paths = arguments.archive, arguments.attributes
    assert notebooks_way(*paths) == first_call(*paths)  # both have read the files into the system's memory now
    calls = {
        "notebook": lambda: timing.seconds_of(lambda: notebooks_way(*paths)),
        "first": lambda: timing.seconds_of(lambda: first_call(*paths)),
        "inflating": lambda: timing.seconds_of(lambda: inflating(arguments.archive)),
    }
    times = timing.take_turns(calls, arguments.rounds, warm=0)
    times["second_process"], times["second_load"] = second_calls(*paths, arguments.rounds)
    middle = {what: statistics.median(seconds) for what, seconds in times.items()}
    ratio = timing.times_quicker(times["notebook"], times["first"])
    timing.write_result(arguments.out, {"times": times, "seconds": middle, "ratio": ratio})
    head = "reading LFW (13,143 pictures, 32 x 32, with attributes)", "seconds, median", "times the notebook's speed"
    rows = [
        ("the notebook's way: tarfile and OpenCV, one thread", f"{middle['notebook']:.2f}", "1"),
        ("lookalike, first call", f"{middle['first']:.2f}", f"{ratio:.2f}"),
        ("inflating the archive and nothing else: the floor", f"{middle['inflating']:.2f}", ""),
        ("lookalike, second call, the whole process", f"{middle['second_process']:.2f}", ""),
        ("lookalike, second call, the loading alone", f"{middle['second_load']:.3f}", ""),
    ]
    print(timing.table(head, rows))


if __name__ == "__main__":
    main()
