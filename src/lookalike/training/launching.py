"""Processes of this machine that train together: started, watched, and ended all at once."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, distributed

from lookalike.data.mapped import map_under
from lookalike.errors import Interrupted, LookalikeError, OptionError, ProcessLost
from lookalike.pixels import Pixels
from lookalike.training.device import resolve_device
from lookalike.training.interruption import StopRequest
from lookalike.training.loop import Curves, Settings, train
from lookalike.training.objective import Trainable
from lookalike.training.place import Place
from lookalike.training.ranks import joined
from lookalike.training.run import Run, last_epoch

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
GRACE = 10.0
"""Seconds for the others to notice that one has died, before they are ended."""
LAST_WORDS = 60.0
"""Seconds for a process to save its state when the one that started it is gone."""
LOOK_EVERY = 0.2

History = list[dict[str, Any]]


class Mapped(NamedTuple):
    """Pictures in a file, of which a process reads what it needs."""

    path: str
    offset: int
    shape: tuple[int, ...]

    def opened(self) -> Pixels:
        """The pictures, uint8 (N, H, W, C)."""
        return np.memmap(self.path, np.uint8, "r", self.offset, self.shape)


@dataclass(frozen=True)
class Job:
    """All that a process is told."""

    place: Place
    network: bytes
    settings: Settings
    pictures: Mapped
    curves: Mapping[str, Mapped]
    run: Run | None
    folder: Path
    environment: Mapping[str, str]


class Done(NamedTuple):
    """What a process has come to: the history and, of the first here, the weights; or its error."""

    history: History
    weights: Mapping[str, np.ndarray[Any, Any]]
    error: LookalikeError | None = None


@dataclass
class Outcome:
    """What became of the processes: those that told, by their number here, those that died, in that order."""

    told: dict[int, Done] = field(default_factory=dict)
    died: list[int] = field(default_factory=list)
    is_stopped: bool = False


def train_in_processes(
    place: Place, network: Trainable, pictures: Pixels, settings: Settings, *, curves: Curves, run: Run | None = None
) -> History:
    """As `train`, by processes that are started on this machine, while this one watches and holds the run's lock.

    They meet over a file, or over the network where there are several machines. Pictures that are memory-mapped are
    read from there, others from a file that all share. When a process dies, the others are ended; when this one does,
    they save their state and end.

    Raises:
        ProcessLost: a process has died.
        OptionError: it is called by a script that every process runs anew.
        TrainingDiverged, Interrupted: as `train`.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise OptionError(
            "a script that trains with several devices is read by each of them; call what trains under "
            "`if __name__ == '__main__':`"
        )
    folder = Path(tempfile.mkdtemp(prefix="lookalike-"))
    try:
        shown = {name: _mapped(own, folder / name) for name, own in curves.items()}
        together = _mapped(pictures, folder / "pictures")
        job = Job(place, pickle.dumps(network), settings, together, shown, run, folder, dict(os.environ))
        with _started(job) as (processes, pipes):
            outcome = _watched(processes, pipes)
        _raise_what_went_wrong(outcome, place, [process.exitcode for process in processes], run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(torch.from_numpy(outcome.told[0].weights[name]))
    network.to(resolve_device(settings.device))
    return outcome.told[0].history


def _mapped(pictures: Pixels, path: Path) -> Mapped:
    """Where uint8 pictures lie in a file: the one they are mapped from, or else `path`, which they are written to."""
    root = map_under(pictures)
    if root is not None and root.mode == "r" and root.filename is not None and pictures.flags.c_contiguous:
        offset = root.offset + pictures.ctypes.data - root.ctypes.data
        return Mapped(str(root.filename), offset, pictures.shape)
    with path.open("wb") as file:
        for start in range(0, len(pictures), 1024):
            file.write(np.ascontiguousarray(pictures[start : start + 1024]).data)
    return Mapped(str(path), 0, pictures.shape)


@contextmanager
def _started(job: Job) -> Iterator[tuple[list[BaseProcess], list[Connection]]]:
    """The processes and what each will say; none is left in the end."""
    context = multiprocessing.get_context(START_METHOD)
    processes: list[BaseProcess] = []
    pipes: list[Connection] = []
    try:
        for number in range(job.place.local_size):
            hears, says = context.Pipe(duplex=False)
            process = context.Process(target=_take_part, args=(number, job, says), name=f"lookalike-{number}")  # type: ignore[attr-defined]
            process.start()
            says.close()
            processes.append(process)
            pipes.append(hears)
        yield processes, pipes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def _watched(processes: list[BaseProcess], pipes: list[Connection]) -> Outcome:
    """Wait until all have told what they came to; not for long once one has died or failed."""
    outcome = Outcome()
    open_pipes = {pipe: number for number, pipe in enumerate(pipes)}
    deadline = float("inf")
    with StopRequest() as stop:
        while open_pipes and time.monotonic() < deadline:
            for pipe in wait(list(open_pipes), LOOK_EVERY):
                assert isinstance(pipe, Connection)
                number = open_pipes.pop(pipe)
                try:
                    done = outcome.told[number] = pipe.recv()
                    failed = done.error is not None and not isinstance(done.error, Interrupted)
                except (EOFError, OSError):
                    outcome.died.append(number)
                    failed = True
                if failed:
                    deadline = min(deadline, time.monotonic() + GRACE)
            if stop.requested and not outcome.is_stopped:
                outcome.is_stopped = True
                for process in processes:
                    process.terminate()  # which the loop takes as a wish to stop
    for number in (*outcome.told, *outcome.died):
        processes[number].join(GRACE)
    return outcome


def _raise_what_went_wrong(outcome: Outcome, place: Place, codes: list[int | None], run: Run | None) -> None:
    errors = [done.error for _, done in sorted(outcome.told.items()) if done.error is not None]
    own = [error for error in errors if not isinstance(error, ProcessLost)]
    if own:
        raise own[0]
    if outcome.died and outcome.is_stopped:
        raise Interrupted(f"stopped while the processes started; {_left(run)}")
    if outcome.died:
        number = outcome.died[0]
        code = codes[number]
        how = f"ended with exit code {code}"
        if code is not None and code < 0:
            why = ", as where memory runs out" if -code == signal.SIGKILL else ""
            how = f"was ended by {signal.Signals(-code).name}{why}"
        raise ProcessLost(f"process {place.rank + number} of {place.size} {how}; {_left(run)}")
    if errors:
        raise errors[0]


def _left(run: Run | None) -> str:
    if run is None:
        return "nothing is saved without a run"
    done = last_epoch(run.folder)
    what = f"the checkpoint after epoch {done}" if done else "no checkpoint yet"
    return f"{run.folder} holds {what}: add --resume to go on"


def _take_part(number: int, job: Job, says: Connection) -> None:
    """What each process does; `number` counts those of this machine."""
    place = replace(job.place, rank=job.place.rank + number, local_rank=number, to_start=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; what they are to do, their starter says
    os.environ.update({**job.environment, **_variables(place)})
    logging.basicConfig(format="lookalike: %(message)s", level=logging.WARNING if place.is_first else logging.ERROR)
    threading.Thread(target=_end_with_starter, args=(job.folder,), daemon=True).start()
    try:
        done = _trained(job, place)
    except LookalikeError as error:
        done = Done([], {}, error)
    except BaseException as error:
        if os.environ.get("LOOKALIKE_DEBUG"):
            traceback.print_exc()
        done = Done([], {}, LookalikeError(f"internal error in process {place.rank}: {type(error).__name__}: {error}"))
    try:
        says.send(done)
    except OSError:  # the starter is gone, and nobody else clears up
        shutil.rmtree(job.folder, ignore_errors=True)


def _trained(job: Job, place: Place) -> Done:
    if place.nodes == 1:
        backend = "nccl" if resolve_device(job.settings.device) == "cuda" else "gloo"
        meeting = (job.folder / "meeting").as_uri()
        distributed.init_process_group(backend, init_method=meeting, rank=place.rank, world_size=place.size)
    network: Trainable = pickle.loads(job.network)
    pictures = job.pictures.opened()
    curves = {name: own.opened() for name, own in job.curves.items()}
    with joined(place, job.settings.device) as ranks:
        run = job.run if place.is_first else None
        history = train(network, pictures, job.settings, curves=curves, run=run, ranks=ranks)
    told = network.state_dict() if place.local_rank == 0 else {}
    return Done(history, {name: _as_array(tensor) for name, tensor in told.items()})


def _as_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.detach().cpu().numpy()
    return array


def _variables(place: Place) -> dict[str, str]:
    """What torchrun would set; on one machine nothing goes over its network."""
    variables = {
        "RANK": str(place.rank),
        "WORLD_SIZE": str(place.size),
        "LOCAL_RANK": str(place.local_rank),
        "LOCAL_WORLD_SIZE": str(place.local_size),
    }
    if place.nodes == 1:
        variables |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
        if sys.platform in LOOPBACK:
            variables["GLOO_SOCKET_IFNAME"] = LOOPBACK[sys.platform]
    return variables


def _end_with_starter(folder: Path) -> None:
    """When the process is gone that started this one, stop as at SIGTERM, but not without end."""
    starter = multiprocessing.parent_process()
    if starter is None:
        return
    starter.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_WORDS)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
