"""What the loop asks of a network: pictures back, a loss to minimise, and what it wants beside the pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.training.batches import Epoch, Places

Extra = Callable[[Epoch], Callable[[Places], npt.NDArray[np.float32]]]
"""Made at the beginning of an epoch, by whose streams it draws; then called for each batch: places (n,) -> (n, ...)."""


class Loss(NamedTuple):
    """Of one batch, scalars: what is minimised, and the mean squared error of the pictures, which is reported.

    Each is a mean over the batch's pictures, so that several processes may each take a part of it.
    """

    total: Tensor
    mse: Tensor


class Trainable(nn.Module):
    """A network that owns its loss. Called with pictures float32 (N, C, H, W), it gives them back, not clipped.

    A network with another objective overrides `loss`; one that needs more of each picture than the picture names it
    in `extras`. The loop knows of neither.
    """

    extras: Mapping[str, Extra] = MappingProxyType({})
    """What the loss is given beside the pictures, by name, drawn from (seed, epoch, picture)."""
    removes_noise: ClassVar[bool] = False
    """Whether it is there to remove noise, so that its curves are of noisy pictures rather than of clean ones."""

    def loss(self, shown: Tensor, given: Tensor, extras: Mapping[str, Tensor]) -> Loss:
        """The loss of a batch: pictures as `shown`, what the network is `given` of them (corrupted, or the same)."""
        mse = F.mse_loss(self(given, **extras), shown)
        return Loss(mse, mse)
