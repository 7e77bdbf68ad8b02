"""What every corruption is: a function of one picture and that picture's own random generator."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError

Floats = npt.NDArray[np.float32]


class Noise(ABC):
    """A corruption. `str` gives the text that `parse_noise` reads back as an equal one."""

    @abstractmethod
    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the corrupted picture, centred float32 (H, W, C), as a new array; it may leave [-0.5, 0.5]."""

    @property
    @abstractmethod
    def is_blind(self) -> bool:
        """Whether its strength is drawn anew for every picture and epoch."""

    def sigma(self, generator: np.random.Generator) -> float | None:
        """The standard deviation that a call with this generator gives its noise.

        None where there is no such number: the noise is not zero-mean and alike at every pixel.
        """
        return None


@dataclass(frozen=True)
class OneNumber(Noise):
    """A corruption of one number: `level`, or drawn evenly between `level` and `up_to` for every picture and epoch.

    Raises:
        OptionError: a number is out of the corruption's range.
    """

    level: float
    up_to: float | None = None

    name: ClassVar[str]
    quantity: ClassVar[str]
    """What the number is, in words."""
    above: ClassVar[float] = 0.0
    """The number lies above this; a blind range may begin at it."""
    most: ClassVar[float]
    example: ClassVar[str]
    default: ClassVar[float | None] = None
    """The number where the text gives none; None where it must."""

    def __post_init__(self) -> None:
        limits = f"give a number above {self.above:g} and up to {self.most:g}, as {self.example}"
        if self.up_to is None:
            if not self.above < self.level <= self.most:
                raise OptionError(f"{self.name}: {self.quantity} is {self.level:g}; {limits}")
        elif not self.above <= self.level < self.up_to <= self.most:
            raise OptionError(
                f"{self.name}: {self.quantity} goes from {self.level:g} to {self.up_to:g}; give two rising numbers "
                f"from {self.above:g} to {self.most:g}, as {self.name}:{self.above:g}-{self.most:g}"
            )

    @property
    def is_blind(self) -> bool:
        """Whether its strength is drawn anew for every picture and epoch."""
        return self.up_to is not None

    def draw(self, generator: np.random.Generator) -> float:
        """The number for one picture; a fixed one takes nothing from the generator."""
        return self.level if self.up_to is None else float(generator.uniform(self.level, self.up_to))

    def __str__(self) -> str:
        if self.up_to is not None:
            return f"{self.name}:{shortest(self.level)}-{shortest(self.up_to)}"
        return self.name if self.level == self.default else f"{self.name}:{shortest(self.level)}"


def shortest(number: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number or not math.isfinite(number) else repr(float(number))
