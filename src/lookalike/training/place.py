"""Which of the processes of one training this is, and what started them: torchrun, SLURM, Kubernetes, or nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock

from lookalike import files
from lookalike.errors import OptionError

if TYPE_CHECKING:
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

BY_HAND = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What Kubernetes' PyTorchJob, or a person, sets for each process; of several on one machine, LOCAL_RANK too."""
TELLTALE = (*BY_HAND, "TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "LSB_JOBID", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
"""Without any of these nothing started several processes, and Fabric need not be asked, which brings in PyTorch."""


@dataclass(frozen=True)
class Place:
    """One process among those that train together.

    Attributes:
        rank: its number among all, from 0; the first one writes.
        size: how many there are on all machines.
        local_rank: its number among those of its machine, from 0; its GPU's too.
        local_size: how many each machine has.
        to_start: whether this process is none of them, but is to start those of its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    to_start: bool = False

    @property
    def nodes(self) -> int:
        """How many machines there are."""
        return self.size // self.local_size

    @property
    def is_first(self) -> bool:
        """Whether it is this one that writes, and says what came of it."""
        return self.rank == 0


ALONE = Place()


def place_of(devices: int | None = None, nodes: int | None = None) -> Place:
    """This process's place, of what started it, or of the `devices` on each of so many `nodes` that it is to start.

    Raises:
        OptionError: a number is below 1, or contradicts what started the processes; or machines do not know each other.
    """
    for name, value in (("devices", devices), ("nodes", nodes)):
        if value is not None and value < 1:
            raise OptionError(f"{name} is {value}; give 1 or more")
    environment = detected()
    if environment is not None and environment.world_size() > 1:
        return _started(environment, devices, nodes)
    local_size, machines = devices or 1, nodes or 1
    if local_size * machines == 1:
        return ALONE
    machine = _machine(machines)
    return Place(machine * local_size, local_size * machines, 0, local_size, to_start=True)


def detected() -> ClusterEnvironment | None:
    """What started several processes, as Fabric knows it; None where nothing did."""
    if not any(name in os.environ for name in TELLTALE):
        return None
    from lightning_fabric.plugins.environments.kubeflow import KubeflowEnvironment
    from lightning_fabric.plugins.environments.lsf import LSFEnvironment
    from lightning_fabric.plugins.environments.mpi import MPIEnvironment
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    by_hand = all(name in os.environ for name in BY_HAND)
    if TorchElasticEnvironment.detect() or (by_hand and "LOCAL_RANK" in os.environ):
        return TorchElasticEnvironment()
    if by_hand:
        return KubeflowEnvironment()  # which Fabric knows, but does not look for
    for known in (SLURMEnvironment, LSFEnvironment, MPIEnvironment):
        if known.detect():
            try:
                return known()
            except RuntimeError as error:
                raise OptionError(" ".join(str(error).split())) from error
    return None


def _started(environment: ClusterEnvironment, devices: int | None, nodes: int | None) -> Place:
    size = environment.world_size()
    hints = (devices, _number("LOCAL_WORLD_SIZE"), _number("SLURM_NTASKS_PER_NODE"))
    one_each = 1 if type(environment).__name__ == "KubeflowEnvironment" else None
    local_size = next((hint for hint in (*hints, one_each) if hint), size // (nodes or 1))
    place = Place(environment.global_rank(), size, environment.local_rank(), local_size)
    told = f"{size} processes were started"
    if size % local_size or place.nodes != (nodes or place.nodes):
        raise OptionError(
            f"{told}, but devices is {local_size} and nodes is {nodes or 1}; give numbers whose product is {size}, or "
            "leave both out"
        )
    if place.local_rank >= local_size:
        raise OptionError(f"{told}, {local_size} on each machine, but LOCAL_RANK is {place.local_rank}; count from 0")
    return place


def _machine(machines: int) -> int:
    """The number of this machine among several that nothing but a person has started."""
    if machines == 1:
        return 0
    number = _number("NODE_RANK")
    missing = [name for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing or number is None:
        raise OptionError(
            f"nodes is {machines}, but {', '.join(missing) or 'NODE_RANK'} is not set; set NODE_RANK (0 on the first "
            "machine), MASTER_ADDR and MASTER_PORT (the first machine's) on each, or start all by torchrun or srun"
        )
    if not 0 <= number < machines:
        raise OptionError(f"NODE_RANK is {number}; of {machines} nodes give 0 to {machines - 1}")
    return number


@contextmanager
def one_after_another(place: Place) -> Iterator[None]:
    """Among processes of one machine that were started from outside: what the first keeps, the others find."""
    if place.to_start or place.local_size == 1:
        yield
        return
    lock = FileLock(files.cache_folder() / ".reading.lock")
    with suppress(OSError):  # without a cache each reads for itself
        files.cache_folder().mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _number(name: str) -> int | None:
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return None
