"""Corruptions by name, one or several: how users write them, and what help texts say of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.errors import OptionError
from lookalike.noise.base import Noise
from lookalike.noise.kinds import NOISES

if TYPE_CHECKING:
    import numpy as np

    from lookalike.pixels import Floats

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LEVEL = re.compile(f"({_NUMBER})(?:-({_NUMBER}))?")
_JOINT = re.compile(r"\+(?!\d)")  # a plus before a digit belongs to a number, as in 1e+3


@dataclass(frozen=True)
class NoiseChain(Noise):
    """Several corruptions, one after the other from left to right."""

    parts: tuple[Noise, ...]

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the picture after all of them, float32 (H, W, C)."""
        for part in self.parts:
            picture = part(picture, generator)
        return picture

    @property
    def is_blind(self) -> bool:
        """Whether any of them is."""
        return any(part.is_blind for part in self.parts)

    def __str__(self) -> str:
        return "+".join(map(str, self.parts))


@dataclass(frozen=True)
class NoiseChoice(Noise):
    """One of several corruptions, drawn evenly for every picture and epoch; one that is there twice has two chances."""

    parts: tuple[Noise, ...]

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the picture after the one that is drawn, float32 (H, W, C)."""
        return self._drawn(generator)(picture, generator)

    def level_of(self, sides: tuple[int, int], generator: np.random.Generator) -> float | Floats | None:
        """That of the one which a call with this generator draws."""
        return self._drawn(generator).level_of(sides, generator)

    def _drawn(self, generator: np.random.Generator) -> Noise:
        return self.parts[int(generator.integers(len(self.parts)))]

    @property
    def is_blind(self) -> bool:
        """Always: which it is, is drawn anew."""
        return True

    def __str__(self) -> str:
        return "/".join(map(str, self.parts))


def parse_noise(text: str) -> Noise:
    """Read `NAME:NUMBER` or `NAME:LOW-HIGH` (drawn anew for every picture).

    Several joined by `+` act one after the other; of several with `/` between them each picture gets one, drawn anew.

    Raises:
        OptionError: a name is unknown, or a number is missing or out of range.
    """
    parts = [_parse_chain(part, text) for part in text.split("/")]
    return parts[0] if len(parts) == 1 else NoiseChoice(tuple(parts))


def _parse_chain(part: str, text: str) -> Noise:
    links = [_parse_one(link, text) for link in _JOINT.split(part)]
    return links[0] if len(links) == 1 else NoiseChain(tuple(links))


def noise_help() -> str:
    """All corruptions and how to write them, in sentences for a help text."""
    kinds = "; ".join(f"{name}:{kind.placeholder} {kind.sentence}" for name, kind in NOISES.items())
    return (
        f"{kinds}. LOW-HIGH draws the number anew for every picture, as gaussian:0-0.25; + joins several, as "
        "occlude:0.25+gaussian:0.1; / gives each picture one of several, as gaussian:0-0.2/jpegpiece:5-95."
    )


def _parse_one(part: str, text: str) -> Noise:
    name, colon, number = part.partition(":")
    where = repr(part) if part == text else f"{part!r} in {text!r}"
    if name not in NOISES:
        examples = ", ".join(kind.example for kind in NOISES.values())
        raise OptionError(f"noise {where} is unknown; give one of {examples}, or several joined by + or /")
    kind = NOISES[name]
    if not colon and kind.default is not None:
        return kind(kind.default)
    found = _LEVEL.fullmatch(number)
    if not found:
        most = kind.example.partition(":")[2]
        raise OptionError(
            f"noise {where} has no number after the colon; write {kind.example}, or {name}:{kind.above:g}-{most} for "
            "one that is drawn anew for every picture"
        )
    return kind(float(found[1]), None if found[2] is None else float(found[2]))
