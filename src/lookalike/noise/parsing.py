"""Corruptions by name: a new one is one file and one line here."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lookalike.errors import OptionError
from lookalike.noise.base import Floats, Noise, OneNumber
from lookalike.noise.blur import Blur
from lookalike.noise.gaussian import Gaussian
from lookalike.noise.jpeg import Jpeg
from lookalike.noise.occlude import Occlude
from lookalike.noise.poisson import Poisson
from lookalike.noise.saltpepper import SaltPepper

NOISES: dict[str, type[OneNumber]] = {kind.name: kind for kind in (Gaussian, Occlude, SaltPepper, Poisson, Blur, Jpeg)}
"""Every corruption by its name in texts."""

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LEVEL = re.compile(f"({_NUMBER})(?:-({_NUMBER}))?")
_JOINT = re.compile(r"\+(?!\d)")  # a plus before a digit belongs to a number, as in 1e+3


@dataclass(frozen=True)
class Chain(Noise):
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


def parse_noise(text: str) -> Noise:
    """Read `NAME:NUMBER`, `NAME:LOW-HIGH` (drawn anew for every picture) or several joined by `+`.

    Raises:
        OptionError: a name is unknown, or a number is missing or out of range.
    """
    parts = [_parse_one(part, text) for part in _JOINT.split(text)]
    return parts[0] if len(parts) == 1 else Chain(tuple(parts))


def _parse_one(part: str, text: str) -> Noise:
    name, colon, number = part.partition(":")
    where = repr(part) if part == text else f"{part!r} in {text!r}"
    if name not in NOISES:
        examples = ", ".join(kind.example for kind in NOISES.values())
        raise OptionError(f"noise {where} is unknown; give one of {examples}, or several joined by +")
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
