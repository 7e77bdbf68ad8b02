"""A run's folder: what is trained, its checkpoints, its metrics, and one process at a time in it."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock, Timeout

from lookalike import files, kernels, plots
from lookalike.errors import OptionError, RunError, UserError, WeightsError
from lookalike.kernels.use import PLAIN, Way
from lookalike.run_files import CARD, CHECKPOINTS, CONFIG, METRICS, PLOT, TABLE, TIMINGS
from lookalike.training import checkpoint
from lookalike.training.checkpoint import State
from lookalike.training.recipe import Recipe, best_epoch

KEEP_LAST = 3
ELSEWHERE = "give another folder"
COLUMNS = ("epoch", "train_mse", "validation_mse", "test_mse", "learning_rate")
WRITTEN = (
    *(CONFIG, CHECKPOINTS, TABLE, METRICS, TIMINGS, PLOT, CARD),
    *("model.json", "encoder.safetensors", "decoder.safetensors"),
)
"""What a run's folder comes to hold."""
BOUND = ("model", "data", "recipe", "noise", "curves")
"""Parts of the configuration that a resumed training must share with what was begun."""

_NAME = re.compile(r"epoch-(\d{4,})(?:-step-(\d+))?\.safetensors")
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Run:
    """The folder of one training; a context manager that holds its lock.

    Args:
        folder: made where it is missing.
        config: `model`, `data`, `recipe`, `noise`, `curves` as JSON values.
        resume: go on with what is there. Without it a folder that holds a training is refused.
        anew: remove what is there and begin.
        otherwise: what else to do where a training that is there is in the way, as a person is told.
        environment: what it runs on, as `environment` tells; a resumed one keeps what it was begun on.

    Raises:
        RunError: the folder holds a training and `resume` is False; or another one than `config` describes, with the
            difference named; or another process trains in it.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        *,
        resume: bool,
        anew: bool = False,
        otherwise: str = ELSEWHERE,
        environment: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.resume, self.anew, self.otherwise = resume, anew, otherwise
        self.config = {**json.loads(json.dumps(config)), "environment": environment or environment_of()}
        self.processes: int = self.config["environment"]["processes"]
        self._lock = FileLock(folder / ".lock")
        self._is_new = False

    def __enter__(self) -> Self:
        _expect_folder(self.folder)
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(
                f"another process trains in {self.folder}; wait for its end or give another folder"
            ) from error
        try:
            self._begin()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, UserError) and self._is_new:
            self._withdraw()
        self._lock.release()

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which writes while this one has the lock."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / CHECKPOINTS

    @property
    def threads(self) -> int | None:
        """CPU threads of each process that it began with, for the same bits; None where fewer or more take part now."""
        begun = self.config["environment"]
        threads: int | None = begun.get("threads")
        return threads if begun.get("processes", 1) == self.processes else None

    @property
    def way(self) -> Way:
        """The arithmetic the training began in."""
        return way_in(self.config)

    def restore(self, state: State) -> bool:
        """Fill `state` from the last readable checkpoint; False where there is none."""
        return _furthest(self.folder, lambda path: checkpoint.restore(path, state)) is not None

    def save_epoch(self, state: State) -> None:
        """After an epoch: checkpoint, metrics; then drop what is older than the last few and not the best."""
        done = len(state.history)
        checkpoint.save(self.checkpoints / f"epoch-{done:04d}.safetensors", state)
        self.write_metrics(state.history)
        kept = {*range(done - KEEP_LAST + 1, done + 1), best_epoch(state.history)}
        for path in checkpoint_paths(self.folder):
            epoch, step = _place(path)
            if epoch not in kept or step:
                path.unlink(missing_ok=True)

    def save_step(self, state: State) -> Path:
        """In the middle of an epoch, when asked to stop."""
        path = self.checkpoints / f"epoch-{state.epoch - 1:04d}-step-{state.step:06d}.safetensors"
        checkpoint.save(path, state)
        return path

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """`metrics.csv` and `metrics.jsonl`: one row an epoch, the same bits for the same training."""
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        files.write_text(self.folder / TABLE, table.getvalue())
        files.write_text(self.folder / METRICS, "".join(json.dumps(row) + "\n" for row in history))

    def draw_loss(self, history: list[dict[str, Any]]) -> None:
        """`loss.png`, the curves of `metrics.csv`."""
        plots.save_figure(plots.loss_curve(history), self.folder / PLOT)

    def add_timing(self, timing: dict[str, float]) -> None:
        """Append to `timings.jsonl`, which is apart since no two runs share it."""
        path, row = self.folder / TIMINGS, json.dumps(timing) + "\n"
        with files.want_of_space_told(path, lambda: len(row)), path.open("a") as file:
            file.write(row)

    def _begin(self) -> None:
        if self.anew:
            self._clear()
        begun = read_config(self.folder, self.otherwise)
        self._is_new = begun is None
        if begun is None:
            expect_free(self.folder)
        elif not self.resume:
            done = last_epoch(self.folder)
            raise RunError(
                f"{self.folder} already holds a training ({done} of {_epochs(begun)} epochs done); "
                f"add --resume (resume=True) to go on with it, or {self.otherwise}"
            )
        else:
            self._compare(begun)
            self.config["environment"] = begun["environment"]
        for leftover in (*self.folder.glob(".*.tmp"), *self.checkpoints.glob(".*.tmp")):
            leftover.unlink(missing_ok=True)
        files.write_json(self.folder / CONFIG, self.config)

    def _clear(self) -> None:
        """Remove an earlier training, its configuration first, so that a half of it is never taken for one."""
        for name in WRITTEN:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self.checkpoints.mkdir()

    def _withdraw(self) -> None:
        """Leave the folder free for another try, where the training was refused before it had made anything."""
        made = [name for name in WRITTEN if name not in (CONFIG, CHECKPOINTS) and (self.folder / name).exists()]
        if made or any(self.checkpoints.iterdir()):
            return
        (self.folder / CONFIG).unlink()
        self.checkpoints.rmdir()

    def _compare(self, begun: dict[str, Any]) -> None:
        if begun.get("recipe"):  # what a recipe did not say before it could be said
            begun = {**begun, "recipe": {**Recipe().as_json(), **begun["recipe"]}}
        differences = [text for part in BOUND for text in _differences(part, begun.get(part), self.config.get(part))]
        if (self.config.get("recipe") or {}).get("schedule") != "constant" and _epochs(begun) != _epochs(self.config):
            differences.append(
                f"recipe.epochs was {_epochs(begun)}, is now {_epochs(self.config)} (the rate falls over all of them)"
            )
        if differences:
            raise RunError(
                f"{self.folder} was begun differently: {'; '.join(differences[:4])}; resume with what "
                f"it was begun with, or {self.otherwise}"
            )
        done = last_epoch(self.folder)
        if _epochs(self.config) < done:
            raise OptionError(
                f"epochs is {_epochs(self.config)}, but {done} are done in {self.folder}; give {done} or more"
            )
        now, then = self.config["environment"], begun["environment"]
        changed = [
            f"{key} {then.get(key)} -> {now[key]}"
            for key in ("torch", "lookalike", "machine", "device", "kernels")
            if now[key] != then.get(key, now[key])
        ]
        if (processes := then.get("processes", 1)) != self.processes:
            changed.append(f"processes {processes} -> {self.processes}")
        if changed:
            _log.warning("resuming otherwise than begun (%s): the last bits may differ", ", ".join(changed))


def environment_of(
    device: str = "cpu", way: Way = PLAIN, processes: int = 1, threads: int | None = None
) -> dict[str, Any]:
    """Versions, machine, device, arithmetic, processes with their threads, and git revision, for the record."""
    packages = ("lookalike", "torch", "numpy", "lightning-fabric")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "machine": platform.machine(),
        "device": device,
        "precision": way.precision,
        "kernels": device == "cpu" and kernels.available(),
        "fused": way.fused and kernels.available(),
        "processes": processes,
        "threads": threads or torch.get_num_threads(),
        "git_revision": _git_revision(),
    }


def expect_free(folder: Path) -> None:
    """Refuse a folder for a new run in which something lies that a run would write over.

    Raises:
        RunError: naming the first such file, or what is no folder.
    """
    _expect_folder(folder)
    for name in WRITTEN:
        path = folder / name
        if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
            raise RunError(f"{folder} already holds {name}, which a new run would write over; give another folder")


def _expect_folder(folder: Path) -> None:
    if os.path.lexists(folder) and not folder.is_dir():
        what = "a file" if folder.exists() else "a link that leads nowhere"
        raise RunError(f"{folder} is {what}; give a folder for the run")


def read_config(folder: Path, otherwise: str = ELSEWHERE) -> dict[str, Any] | None:
    """The configuration of a run, None where there is none; `otherwise` is what to do where it is damaged.

    Raises:
        RunError: it is damaged.
    """
    path = folder / CONFIG
    try:
        return dict(files.read_json(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); {otherwise}") from error


def way_in(config: Mapping[str, Any]) -> Way:
    """The arithmetic of a run's configuration; before runs said so, the kernels had a part in bfloat16 alone."""
    begun = config.get("environment") or {}
    precision = begun.get("precision", "float32")
    return Way(precision, begun.get("fused", precision == "bfloat16" and begun.get("kernels", False)))


def checkpoint_paths(folder: Path) -> list[Path]:
    """All checkpoints of a run, the furthest first."""
    return sorted((p for p in (folder / CHECKPOINTS).glob("*") if _NAME.fullmatch(p.name)), key=_place, reverse=True)


def last_epoch(folder: Path) -> int:
    """How many epochs of a run are done."""
    return max((_place(path)[0] for path in checkpoint_paths(folder)), default=0)


def last_model(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, npt.NDArray[np.float32]]]] | None:
    """Description and weights, by side and name, at the last checkpoint of a run; None where there is none."""
    config = read_config(folder)
    if config is None:
        return None
    found = _furthest(folder, checkpoint.read)
    if found is None:
        return None
    tensors, progress = found
    sides: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
    for whole, tensor in tensors.items():
        part, _, name = whole.partition(".")
        if part == "network":
            side, _, name = name.partition(".")
            sides.setdefault(side, {})[name] = tensor.numpy()
    description = {
        **config["model"],
        "image_shape": config["data"]["image_shape"],
        "data": config["data"],
        "history": progress["history"],
    }
    return description, sides


def _furthest(folder: Path, read: Callable[[Path], T]) -> T | None:
    """What the furthest checkpoint gives that can be read; damaged ones are passed over, and said so."""
    paths = checkpoint_paths(folder)
    for i, path in enumerate(paths, 1):
        try:
            return read(path)
        except WeightsError as error:
            instead = (
                f"passed over for {paths[i].name}, the one before" if i < len(paths) else "there is none before it"
            )
            _log.warning("%s; %s", error, instead)
    return None


def _place(path: Path) -> tuple[int, int]:
    found = _NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1]), int(found[2] or 0)


def _epochs(config: dict[str, Any]) -> int:
    return int((config.get("recipe") or {}).get("epochs", 0))


def _differences(name: str, begun: Any, now: Any) -> list[str]:
    """Leaves that differ, by their path; a constant rate lets the number of epochs grow."""
    if isinstance(begun, dict) and isinstance(now, dict):
        keys = sorted(begun.keys() | now.keys())
        return [text for key in keys for text in _differences(f"{name}.{key}", begun.get(key), now.get(key))]
    if (
        begun == now
        or name in ("recipe.epochs", "data.source", "model.parameters.device")
        or name.startswith("data.source.")
    ):
        return []
    was, is_now = ("not given" if one is None else one for one in (begun, now))
    return [f"{name} was {was}, is now {is_now}"]


def _git_revision() -> str | None:
    """The revision of the package's own checkout, None where it is installed from elsewhere."""
    here = Path(__file__)
    command = ["git", "-C", str(here.parent), "log", "-1", "--format=%H", "--", here.name]
    try:
        # The log of this very file is empty in a checkout that does not track it, such as a user's own project.
        if not subprocess.run(command, capture_output=True, timeout=5, check=False).stdout:
            return None
        command = ["git", "-C", str(here.parent), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
