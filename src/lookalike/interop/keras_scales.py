"""Rescaling layers at the ends of a network: how its numbers stand to the centred pictures that models here see."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.errors import WeightsError
from lookalike.interop.keras_chain import KerasBlock, KerasChain, rescaling
from lookalike.interop.keras_layers import Layer
from lookalike.models.layers import OFFSETS

BYTES_FROM = 64
"""A first layer that divides by so much, or a last that multiplies by it, is of pictures from 0 to 255."""


class Scale(NamedTuple):
    """Numbers that are `factor` times a centred picture, and `offset`."""

    factor: float = 1.0
    offset: float = 0.0

    def then(self, layer: Layer) -> Scale:
        """After a Rescaling."""
        factor, offset = rescaling(layer)
        return Scale(self.factor * factor, self.offset * factor + offset)


BYTES = Scale(255.0, 127.5)


class Scales(NamedTuple):
    """Of the pictures that the files take, that the network within sees, that it gives, and that the files give."""

    taken: Scale
    seen: Scale
    shown: Scale
    given: Scale


def scales(chain: KerasChain, pixels: str) -> Scales:
    """What the Rescaling layers at both ends say, those within refused before.

    Pictures come in as `pixels` says, "centred" or "unit", or from 0 to 255 where the first layer divides by that. They
    leave as the last layer says; without one there, as the network sees them.
    """
    taken = Scale(offset=OFFSETS[pixels])
    if chain.first and rescaling(chain.first[0])[0] * BYTES_FROM <= 1:
        taken = BYTES
    seen = taken
    for layer in chain.first:
        seen = seen.then(layer)
    given = taken if chain.last or not chain.first else seen
    if chain.last and rescaling(chain.last[-1])[0] >= BYTES_FROM:
        given = BYTES
    back = Scale()
    for layer in chain.last:
        back = back.then(layer)
    # What the network shows, z, becomes back.factor z + back.offset, and that is given.factor c + given.offset.
    shown = Scale(given.factor / back.factor, (given.offset - back.offset) / back.factor)
    return Scales(taken, seen, shown, given)


def fold(chain: KerasChain, found: Scales) -> str:
    """Let the first and the last block see and show pictures as a model with a setting of `pixels` does: which.

    Raises:
        WeightsError: no setting does; the text names the layer.
    """
    first, last = chain.blocks[0], chain.blocks[-1]
    middle = found.seen.offset / found.seen.factor
    pixels = next((name for name, offset in OFFSETS.items() if abs(offset - middle) < 1e-6), None)
    if pixels is None and first.kind == "Dense":
        pixels = "centred"
        first.bias = first.bias + found.seen.offset * first.kernel.sum(0)
    elif pixels is None:
        raise WeightsError(
            f"layer {chain.first[-1].name!r} gives pictures around {found.seen.offset:g}, which the zeros around a "
            "convolution do not follow; around 0, or from 0 upwards is expected"
        )
    first.kernel = first.kernel * found.seen.factor
    _show(chain, last, found.shown, OFFSETS[pixels])
    return pixels


def _show(chain: KerasChain, last: KerasBlock, shown: Scale, offset: float) -> None:
    """The last block gives `shown`; a model takes `offset` from what it gives, and has the centred picture."""
    shift = offset - shown.offset / shown.factor
    if abs(shown.factor - 1) < 1e-9 and abs(shift) < 1e-9:
        return
    if last.activation != "linear":
        named = (*chain.first, *chain.last)[-1].name if chain.first or chain.last else last.layer.name
        raise WeightsError(
            f"layer {named!r} changes the scale of pictures that layer {last.layer.name!r} gives by {last.activation}; "
            "that goes into its weights only where it is linear"
        )
    last.kernel = last.kernel / shown.factor
    last.bias = last.bias / shown.factor + shift
