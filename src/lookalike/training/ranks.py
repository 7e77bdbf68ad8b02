"""Several processes that train one network together: what the loop asks of them, and what one process answers.

Each takes its part of every batch of the order that one process has, so that together they make the same steps; the
gradients are averaged by PyTorch's DistributedDataParallel, as Fabric sets it up. The first one has the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, distributed

from lookalike.errors import LookalikeError, OptionError, ProcessLost
from lookalike.training.batches import Places
from lookalike.training.checkpoint import State, tensors_of
from lookalike.training.dealing import all_of, dealt
from lookalike.training.device import OneDevice, make_fabric
from lookalike.training.interruption import StopRequest
from lookalike.training.objective import Loss, Trainable
from lookalike.training.optimizer import Optimizer
from lookalike.training.place import ALONE, Place

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PATIENCE = timedelta(days=10_000)
"""How long processes wait for the first one, which may evaluate or write for hours. One that dies ends it at once."""

T = TypeVar("T")


class Ranks:
    """The processes of a training as the loop sees them. This class is of one process alone: nothing is to be done."""

    place = ALONE

    def fabric(self, device: str, precision: str) -> Fabric | OneDevice:
        """What runs the steps: see `make_fabric`."""
        return make_fabric(device, precision, self.place)

    def set_up(self, fabric: Fabric | OneDevice, network: Trainable, optimizer: Optimizer) -> tuple[Any, Any]:
        """The network, for its `loss`, and the optimiser, so that a step is of all processes' gradients."""
        wrapped, stepping = fabric.setup(network, optimizer)
        return wrapped, stepping

    def stop_request(self) -> StopRequest:
        """Ctrl-C and SIGTERM as a wish to stop."""
        return StopRequest()

    def parts(self, batches: Iterable[Places]) -> Iterator[tuple[Places, float]]:
        """Of each batch this process's part, and what its mean loss is to be multiplied by."""
        return ((members, 1.0) for members in batches)

    def mean(self, value: Tensor, weight: float) -> Tensor:
        """The mean over the whole batch, a scalar, of the means over its parts."""
        return value.detach()

    def any(self, wish: bool) -> bool:
        """Whether one of the processes has the wish: the same for all."""
        return wish

    def each(self, work: Callable[[Tensor], Tensor], given: Sequence[Tensor], dtype: torch.dtype) -> Iterable[Tensor]:
        """`work` done on each of `given`, which all processes have; results are of the same shape and of `dtype`."""
        return map(work, given)

    def take_first(self, state: State) -> None:
        """Have all processes go on from the state of the first."""

    def from_first(self, value: T) -> T:
        """The first one's value."""
        return value

    def only_first(self, context: Callable[[], AbstractContextManager[T]]) -> AbstractContextManager[T | None]:
        """What only the first one enters, None for the others; where that fails, it fails for all."""
        return context()

    def expect_same(self, what: str, value: object) -> None:
        """Refuse to go on where not all processes have the same.

        Raises:
            OptionError: one has another value than the first.
        """

    def mine(self, count: int) -> range:
        """Which of so many pieces of work are this process's."""
        return range(count)

    def together(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The sum of the processes' arrays."""
        return values


class Several(Ranks):
    """This process, with the others that have joined it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        # Apart from the exchange of gradients: on the CPU, so that no GPU is waited for, and patient.
        self._control = distributed.new_group(backend="gloo", timeout=PATIENCE)

    def set_up(self, fabric: Fabric | OneDevice, network: Trainable, optimizer: Optimizer) -> tuple[Any, Any]:
        """As for one process, through what averages the gradients."""
        wrapped, stepping = fabric.setup(network, optimizer)
        wrapped.mark_forward_method("loss")
        return _Settled(fabric, wrapped), stepping

    def stop_request(self) -> StopRequest:
        """As for one process; what has started them may ask more than once."""
        return StopRequest(patient=True)

    def parts(self, batches: Iterable[Places]) -> Iterator[tuple[Places, float]]:
        """Equal parts, or nearly.

        Gradients are averaged over processes, and are to be the mean over pictures. Where the last batch has fewer
        pictures than there are processes, one without any takes part with weight 0.
        """
        rank, size = self.place.rank, self.place.size
        for members in batches:
            count = len(members)
            part = members[rank * count // size : (rank + 1) * count // size]
            yield (part, size * len(part) / count) if len(part) else (members[:1], 0.0)

    def mean(self, value: Tensor, weight: float) -> Tensor:
        """One message."""
        total = value.detach() * (weight / self.place.size)
        distributed.all_reduce(total)
        return total

    def any(self, wish: bool) -> bool:
        """One message; where a process has died, this ends the others, whatever they compute on."""
        wishes = torch.tensor(int(wish))
        distributed.all_reduce(wishes, group=self._control)
        return bool(wishes)

    def each(self, work: Callable[[Tensor], Tensor], given: Sequence[Tensor], dtype: torch.dtype) -> Iterable[Tensor]:
        """Every process does some, and all get all: the results of one process, to the bit."""
        hands = dealt(tuple(tuple(one.shape) for one in given), self.place.size)
        own = [work(given[i]) for i in hands[self.place.rank]]
        return all_of(own, hands, given, dtype)

    def take_first(self, state: State) -> None:
        """Progress and all tensors, by messages of a tensor each."""
        group = state.optimizer.param_groups[0]
        told = self.from_first((state.epoch, state.step, state.history, group["steps"]))
        state.epoch, state.step, state.history, group["steps"] = told
        with torch.no_grad():
            for tensor in (*tensors_of(state).values(), state.losses):
                sent = tensor.detach().contiguous()
                distributed.broadcast(sent, 0)
                tensor.copy_(sent)

    def from_first(self, value: T) -> T:
        """By pickle, among processes that run the same program for the same user."""
        told = [value]
        distributed.broadcast_object_list(told, 0, group=self._control)
        return told[0]

    @contextmanager
    def only_first(self, context: Callable[[], AbstractContextManager[T]]) -> Iterator[T | None]:
        """The others wait until the first has entered."""
        with ExitStack() as stack:
            entered: T | None = None
            failure: LookalikeError | None = None
            if self.place.is_first:
                try:
                    entered = stack.enter_context(context())
                except LookalikeError as error:
                    failure = error
            failure = self.from_first(failure)
            if failure is not None:
                raise failure
            yield entered

    def expect_same(self, what: str, value: object) -> None:
        """Every process learns all values."""
        told: list[object] = [None] * self.place.size
        distributed.all_gather_object(told, value, group=self._control)
        other = next((rank for rank, one in enumerate(told) if one != told[0]), None)
        if other is not None:
            raise OptionError(f"process {other} has other {what} than process 0; start all of them with the same")

    def mine(self, count: int) -> range:
        """Every so-manieth."""
        return range(self.place.rank, count, self.place.size)

    def together(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """One message."""
        total = torch.from_numpy(values.copy())
        distributed.all_reduce(total, group=self._control)
        summed: npt.NDArray[np.float64] = total.numpy()
        return summed


class _Settled:
    """A network whose gradients travel alike in every step, whenever a process was started.

    DistributedDataParallel packs them anew after its first pass, in the order in which that made them; and where a
    number lies in a message decides in which order those of three and more processes are added. A pass that counts for
    nothing comes first, so that a training that was broken off goes on with the bits of an unbroken one.
    """

    def __init__(self, fabric: Fabric | OneDevice, wrapped: Any) -> None:
        self._fabric = fabric
        self._wrapped = wrapped
        self._settled = False

    def train(self) -> None:
        """As a module's."""
        self._wrapped.train()

    def loss(self, *given: Any) -> Loss:
        """As `Trainable.loss`; the gradients that are there before are of no meaning."""
        if not self._settled:
            self._fabric.backward(self._wrapped.loss(*given).total * 0)
            self._settled = True
        loss: Loss = self._wrapped.loss(*given)
        return loss


@contextmanager
def joined(place: Place, device: str) -> Iterator[Ranks]:
    """Let this process join the others of its place, if it is one of several, and leave them in the end.

    Raises:
        ProcessLost: the others did not come, or one of them has died.
        OptionError: the device is unknown or not there, or what started the processes contradicts their place.
    """
    if place.size == 1 or place.to_start:
        yield Ranks()
        return
    what = "did not find each other"
    try:
        make_fabric(device, place=place)
        ranks = Several(place)
        what = "no longer hear each other, as where one has died"
        yield ranks
        distributed.destroy_process_group()
    except LookalikeError as error:
        error.is_told_by_another = not place.is_first
        raise
    except RuntimeError as error:
        if not _is_of_messages(error):
            raise
        raise ProcessLost(
            f"the {place.size} processes of the training {what} ({_short(error)}); what was saved is good: start all "
            "of them again, with --resume"
        ) from error


def _is_of_messages(error: RuntimeError) -> bool:
    return isinstance(error, distributed.DistError) or "gloo" in str(error)


def _short(error: RuntimeError) -> str:
    """What a library says of a lost connection, without the place in its source and its advice."""
    return str(error).rpartition("] ")[2].partition(". ")[0][:120] or type(error).__name__
