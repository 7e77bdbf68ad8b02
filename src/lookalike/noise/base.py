"""What every corruption is: a function of one picture and of the random numbers that belong to that picture.

Nothing here loads NumPy before it is called: the command line's help lists the corruptions, and starts without it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lookalike.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lookalike.pixels import Floats

EVALUATION_EPOCH = 0
"""The epoch whose noise evaluations draw; training's epochs count from 1, so it has never been seen."""

NOT_TOLD = -1.0
"""The level of a picture whose noise a network is to judge for itself."""
LOST = 1.0
"""The level of a pixel of which nothing is left: all that a picture spans."""


class Noise(ABC):
    """A corruption. `str` gives the text that `parse_noise` reads back as an equal one."""

    @abstractmethod
    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the corrupted picture, centred float32 (H, W, C), as a new array; it may leave [-0.5, 0.5]."""

    @property
    @abstractmethod
    def is_blind(self) -> bool:
        """Whether its strength is drawn anew for every picture and epoch."""

    def level_of(self, sides: tuple[int, int], generator: np.random.Generator) -> float | Floats | None:
        """How little a call with this generator leaves to be trusted of a picture of (H, W) pixels.

        The standard deviation of its noise, one number or one at each pixel, float32 (H, W), `LOST` where nothing is
        left of a pixel; None where no such number says it.
        """
        return None


@dataclass(frozen=True)
class Slider:
    """How the studio's page offers a corruption.

    Attributes:
        label: what it is called there.
        least, most, step: of the numbers that the slider gives.
        value: the number it begins with.
        hint: what the number is.
    """

    label: str
    least: float
    most: float
    step: float
    value: float
    hint: str


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
    placeholder: ClassVar[str]
    """What stands for the number in help texts."""
    sentence: ClassVar[str]
    """What it does to a picture, as help texts say after `NAME:PLACEHOLDER`."""
    slider: ClassVar[Slider | None] = None
    """How the studio's page offers it; None where it does not."""
    in_browser: ClassVar[bool] = False
    """Whether the page's `noises.js` draws it too; else only a server can show it."""

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
            return f"{self.name}:{_shortest(self.level)}-{_shortest(self.up_to)}"
        return self.name if self.level == self.default else f"{self.name}:{_shortest(self.level)}"


def picture_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random generator of one picture in one epoch: Philox keyed by (seed, epoch), counted from `index`."""
    return next(_generators(seed, epoch, (index,)))


def corrupt(
    pictures: Floats, noise: Noise, *, seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]
) -> Floats:
    """Corrupt float32 (N, H, W, C); `indices` are the pictures' places in their set."""
    import numpy as np

    corrupted = np.empty(pictures.shape, np.float32)
    for place, (picture, generator) in enumerate(zip(pictures, _generators(seed, epoch, indices), strict=True)):
        corrupted[place] = noise(picture, generator)
    return corrupted


def levels_of(
    noise: Noise, sides: tuple[int, int], *, seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]
) -> Floats:
    """The levels of what `corrupt` does to the same pictures of (H, W) pixels, as `Noise.level_of` has them.

    Float32 (N,), or (N, H, W) of a noise that is not alike at every pixel; NaN where there is none.
    """
    import numpy as np

    drawn = [noise.level_of(sides, generator) for generator in _generators(seed, epoch, indices)]
    levels = [np.asarray(np.nan if level is None else level, np.float32) for level in drawn]
    if any(level.ndim for level in levels):  # of a choice, some may be alike at every pixel
        levels = [np.broadcast_to(level, sides) for level in levels]
    return np.array(levels, np.float32)


def _generators(seed: int, epoch: int, indices: Iterable[int] | npt.NDArray[Any]) -> Iterator[np.random.Generator]:
    """The generator of each picture in turn: one object set anew, since making one costs six times as much."""
    import numpy as np

    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64))
    generator, fresh = np.random.Generator(bits), bits.state
    for index in indices:
        fresh["state"]["counter"] = np.array([0, 0, 0, index], np.uint64)
        bits.state = fresh
        yield generator


def _shortest(number: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number or not math.isfinite(number) else repr(float(number))
