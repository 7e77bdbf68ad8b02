"""Keras's activations as PyTorch computes them, by Keras's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.errors import OptionError

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "elu": F.elu,
    "relu": F.relu,
    "relu6": F.relu6,
    "selu": F.selu,
    "celu": F.celu,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "log_sigmoid": F.logsigmoid,
    "sparse_sigmoid": lambda x: ((x + 1) / 2).clamp(0, 1),
    "tanh": torch.tanh,
    "hard_tanh": F.hardtanh,
    "tanh_shrink": F.tanhshrink,
    "softplus": lambda x: F.softplus(x, threshold=30),
    "softsign": F.softsign,
    "squareplus": lambda x: (x + torch.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: torch.where(x <= -1, 0, torch.where(x < 1, (x + 1) ** 2 / 4, x)),
    "soft_shrink": F.softshrink,
    "hard_shrink": F.hardshrink,
    "silu": F.silu,
    "hard_silu": F.hardswish,
    "gelu": F.gelu,
    "mish": F.mish,
    "exponential": torch.exp,
}
"""Of one number each."""
OVER_A_CODE: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda x: F.softmax(x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
}
"""Of all numbers of a code, or of a picture, together."""
SLOPED: dict[str, Callable[[Tensor, float], Tensor]] = {
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
}
"""With a number behind a colon: the slope below 0, or what ELU falls to."""
RISING = frozenset(
    (
        *("linear", "elu", "relu", "relu6", "selu", "celu", "sigmoid", "hard_sigmoid", "log_sigmoid", "sparse_sigmoid"),
        *("tanh", "hard_tanh", "softplus", "softsign", "squareplus", "sparse_plus", "exponential", "leaky_relu"),
    )
)
"""Those that never fall: the largest of several numbers stays the largest, so they change places with a MaxPooling."""


class Activation(nn.Module):
    """One of Keras's activations, by its name."""

    def __init__(self, name: str, *, whole: bool = False) -> None:
        super().__init__()
        activation(name, whole=whole)  # refused here rather than at the first picture
        self.name, self.whole = name, whole

    def forward(self, x: Tensor) -> Tensor:
        """Apply to any shape."""
        return activation(self.name, whole=self.whole)(x)

    def extra_repr(self) -> str:
        """The name, for PyTorch's own text of a network."""
        return self.name


class _Parsed(NamedTuple):
    kind: str
    number: float | None


def activation(name: str, *, whole: bool = False) -> Callable[[Tensor], Tensor]:
    """The function of a name such as "relu", "leaky_relu:0.2" or, where it is of a `whole` code, "softmax".

    Raises:
        OptionError: there is no such activation, or not here.
    """
    kind, number = _parse(name)
    known = {**ACTIVATIONS, **(OVER_A_CODE if whole else {})}
    if number is None and kind in known:
        return known[kind]
    if number is not None and math.isfinite(number) and number >= 0 and kind in SLOPED:
        sloped = SLOPED[kind]
        return lambda x: sloped(x, number)
    raise OptionError(f"activation {name!r} is unknown here; give one of {', '.join((*known, 'leaky_relu:0.2'))}")


def unknown_activations(*names: str, whole: bool = False) -> list[str]:
    """What `activation` says of each name that it refuses."""
    problems = []
    for name in names:
        try:
            activation(name, whole=whole)
        except OptionError as problem:
            problems.append(str(problem))
    return problems


def is_rising(name: str) -> bool:
    """Whether an activation never falls."""
    return _parse(name).kind in RISING


def _parse(name: str) -> _Parsed:
    kind, colon, number = name.partition(":")
    try:
        return _Parsed(kind, float(number) if colon else None)
    except ValueError:
        return _Parsed(name, None)
