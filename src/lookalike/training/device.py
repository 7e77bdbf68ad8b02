"""Where a training computes."""

from __future__ import annotations

import inspect
import logging
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lookalike.errors import OptionError
from lookalike.kernels.machine import cores
from lookalike.training.place import ALONE, Place, detected

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DEVICES = ("auto", "cpu", "cuda")
FABRIC_NAMES: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


class OneDevice:
    """What Lightning's `Fabric` does for a process alone, without its import: that brings in PyTorch's compiler."""

    def __init__(self, device: str, precision: str) -> None:
        self.device = torch.device("cuda", torch.cuda.current_device()) if device == "cuda" else torch.device("cpu")
        self._half = precision == "bfloat16"

    def setup(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Any, Any]:
        """The network, on the device, and the optimiser."""
        return network.to(self.device), optimizer

    def autocast(self) -> AbstractContextManager[Any]:
        """For the pass forward."""
        return torch.autocast(self.device.type, torch.bfloat16) if self._half else nullcontext()

    def backward(self, loss: Tensor) -> None:
        """The pass back."""
        loss.backward()  # type: ignore[no-untyped-call]


def make_fabric(device: str, precision: str = "float32", place: Place = ALONE) -> Fabric | OneDevice:
    """This process on the chosen device, in "float32", or in "bfloat16" with float32 weights.

    One of several meets the others here, and waits for them.

    Raises:
        OptionError: the device is unknown or not there, or the place not that which its starter gave it.
    """
    check_device(device)
    accelerator, number = resolve_device(device), FABRIC_NAMES[precision]
    if place.size == 1:
        return OneDevice(accelerator, precision)
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    # Otherwise it announces bfloat16, and who has joined, on stderr, which belongs to the progress bar.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    strategy = DDPStrategy(cluster_environment=detected(), **_OPTIONS)
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=place.local_size,
            num_nodes=place.nodes,
            strategy=strategy,
            precision=number,
        )
        fabric.launch()
    except ValueError as error:
        raise OptionError(" ".join(str(error).split())) from error
    return fabric


# No network here has buffers that change as it learns, such as a batch normalisation's: none is sent at each step.
_TAKEN = inspect.signature(DistributedDataParallel).parameters
_SENDS_BUFFERS = "forward_sync_buffers" if "forward_sync_buffers" in _TAKEN else "broadcast_buffers"
_OPTIONS: dict[str, Any] = {_SENDS_BUFFERS: False, "gradient_as_bucket_view": True}


def check_device(device: str) -> None:
    """Refuse a device that is unknown or not there, by an `OptionError`."""
    if device not in DEVICES:
        raise OptionError(f"device {device!r} is unknown; give one of {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' is not there (PyTorch sees no GPU); give device='cpu'")


def check_room(place: Place, device: str) -> None:
    """Refuse more processes on this machine than it has GPUs, or cores on "cpu".

    Raises:
        OptionError: there are not so many.
    """
    here = torch.cuda.device_count() if device == "cuda" else cores()
    if place.to_start and place.local_size > here:
        what = "GPUs" if device == "cuda" else "processor cores"
        raise OptionError(f"devices is {place.local_size}, but this machine has {here} {what}; give at most {here}")


def threads_of(place: Place) -> int | None:
    """CPU threads of each process that is to be started: its share of this one's; None: as PyTorch takes them."""
    return max(1, torch.get_num_threads() // place.local_size) if place.to_start else None


def resolve_device(device: str) -> str:
    """What "auto" stands for on this machine: "cuda" where PyTorch sees a GPU, else "cpu"."""
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
