"""All benchmarks one after the other, one table: `make bench`. 15 to 25 minutes on two cores.

    python benchmarks/run_all.py [--out bench] [--only NAME,...] [--quick] [--keras PYTHON | --without-keras]

Looks for LFW in the folder named by LOOKALIKE_LFW, by default ../shared/data. Each part writes its figures as JSON and
what it prints into the folder; `bench.md` sets them side by side, with plots. Nothing else should run meanwhile.

Keras on TensorFlow has a Python of its own: the one that LOOKALIKE_TENSORFLOW or --keras names, else one in
benchmarks/.tensorflow, which is made at first use where a package index can be reached. Without any, the comparison
with Keras is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import bench_page
import timing
from lookalike import files

HERE = Path(__file__).parent
TENSORFLOW = "tensorflow-cpu==2.21.*"
KERAS_MSE = 0.004905
"""What Keras ends with on LFW's test split after the course's 25 epochs, code 32, the mean of seeds 0 and 1: training
it that long takes minutes, so it was done once, by keras_reference.py."""
INSTALLING = 900
"""Seconds that the installing of TensorFlow may take."""


class Part(NamedTuple):
    """One benchmark: what its files are called, about how many minutes it takes on two cores, and how it is run."""

    name: str
    minutes: float
    command: list[str]


def parts_of(out: Path, lfw: Path, keras: Path | None, *, quick: bool = False) -> list[Part]:
    """All benchmarks, in the order in which they run; `quick` ones show that they work and nothing else."""
    archive, attributes = str(lfw / "lfw-deepfunneled.tgz"), str(lfw / "lfw_attributes.txt")
    against_keras = ["--keras", str(keras), "--keras-mse", str(KERAS_MSE)] if keras is not None else []

    def part(name: str, minutes: float, script: str, given: list[str], usual: str, tried: str) -> Part:
        kept = out if name in INTO_FOLDER else out / f"{name}.json"
        command = [sys.executable, str(HERE / script), *given, *(tried if quick else usual).split()]
        return Part(name, minutes, [*command, "--out", str(kept)])

    few = "--rounds 1 --most 1000"
    return [
        part("data", 1, "data_loading.py", [archive, attributes], "--rounds 5", "--rounds 1"),
        part("pca", 1, "pca_quality.py", [archive], "", ""),
        part("folder", 1, "encoding_folder.py", [archive], "--rounds 3", f"{few} --memory 500,1000"),
        part("profile", 0.5, "profile_training.py", [archive], "--steps 60", "--steps 5"),
        part("training", 7, "training_speed.py", [archive, *against_keras], "--rounds 3 --seeds 5", f"{few} --seeds 0"),
        part("growth", 3, "growth.py", [], "--rounds 3", "--rounds 1 --most 3000 --largest 48"),
        part(
            *("search", 1, "search_million.py", [archive]),
            "--count 100000 --without-table",
            "--count 20000 --method hnsw --without-table",
        ),
    ]


INTO_FOLDER = ("growth", "search")
"""Parts that name their files themselves."""


def run(part: Part, out: Path) -> bool:
    """Run a part, keep what it says; whether it went well."""
    said, log = out / f"{part.name}.txt", out / f"{part.name}.log"
    with said.open("w") as stdout, log.open("w") as stderr:
        done = subprocess.run(part.command, stdout=stdout, stderr=stderr, check=False)
    if done.returncode:
        lines = log.read_text().strip().splitlines()
        say(f"    it failed: {lines[-1] if lines else f'exit code {done.returncode}'} ({log})")
    return done.returncode == 0


def tensorflow(given: Path | None) -> Path | None:
    """A Python that has TensorFlow, made at first use; None where there is none and none can be made."""
    named = given or (Path(os.environ["LOOKALIKE_TENSORFLOW"]) if "LOOKALIKE_TENSORFLOW" in os.environ else None)
    if named is not None:
        if not _has_tensorflow(named):
            raise SystemExit(f"{named} is no Python that imports tensorflow; name another, or add --without-keras")
        return named
    folder = HERE / ".tensorflow"
    python = folder / "bin" / "python"
    if _has_tensorflow(python):
        return python
    say(f"installing {TENSORFLOW} into {folder}, once")
    shutil.rmtree(folder, ignore_errors=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TENSORFLOW]
    try:
        for command in ([sys.executable, "-m", "venv", str(folder)], install):
            subprocess.run(command, check=True, timeout=INSTALLING, stdout=sys.stderr)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        say(f"TensorFlow cannot be installed ({type(error).__name__}): the comparison with Keras is left out")
        return None
    return python


def _has_tensorflow(python: Path) -> bool:
    look = "import importlib.util as u, sys; sys.exit(u.find_spec('tensorflow') is None)"
    try:
        return subprocess.run([str(python), "-c", look], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bench"), help="the folder for figures, table and plots")
    parser.add_argument("--only", help="names of the parts to run, with commas; figures of the others stay")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it works")
    parser.add_argument("--keras", type=Path, help="a Python with TensorFlow")
    parser.add_argument("--without-keras", action="store_true", help="leave out the comparison with Keras")
    arguments = parser.parse_args()
    lfw = timing.lfw_folder()
    missing = [name for name in ("lfw-deepfunneled.tgz", "lfw_attributes.txt") if not (lfw / name).exists()]
    if missing:
        say(f"{lfw} lacks {' and '.join(missing)}; set LOOKALIKE_LFW to a folder that holds both")
        return 2
    known = [part.name for part in parts_of(arguments.out, lfw, None)]
    wanted = known if arguments.only is None else arguments.only.split(",")
    if unknown := sorted(set(wanted) - set(known)):
        say(f"--only names {', '.join(unknown)}; give some of {', '.join(known)}")
        return 2
    keras = tensorflow(arguments.keras) if "training" in wanted and not arguments.without_keras else None
    parts = [part for part in parts_of(arguments.out, lfw, keras, quick=arguments.quick) if part.name in wanted]
    arguments.out.mkdir(parents=True, exist_ok=True)
    length = "little of each" if arguments.quick else f"about {sum(part.minutes for part in parts):.0f} minutes"
    say(f"{len(parts)} benchmarks, {length} on two cores")
    began, failed = time.perf_counter(), []
    for number, part in enumerate(parts, 1):
        say(f"[{number}/{len(parts)}] {part.name}, about {part.minutes:g} min ({arguments.out / part.name}.log)")
        started = time.perf_counter()
        if not run(part, arguments.out):
            failed.append(part.name)
        say(f"    {(time.perf_counter() - started) / 60:.1f} min, {(time.perf_counter() - began) / 60:.1f} in all")
    page = bench_page.page(arguments.out, known)
    files.write_text(arguments.out / "bench.md", page)
    print(page)
    if failed:
        say(f"{', '.join(failed)} failed; their lines are of an earlier run or missing")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
