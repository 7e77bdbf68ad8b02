"""What the whole numbers of a picture mean: 8 bits, or 16 of which a camera may have used fewer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats, Pixels, to_uint8

Numbers = npt.NDArray[Any]
"""uint8 or uint16 (H, W, C)."""


class Depth(NamedTuple):
    """How whole numbers become centred floats, and floats such numbers again.

    Attributes:
        dtype: "uint8" or "uint16".
        black, white: the numbers that -0.5 and 0.5 stand for.
    """

    dtype: str
    black: float
    white: float

    def centred(self, numbers: Numbers) -> Floats:
        """To float32 in [-0.5, 0.5]; of 8 bits as `pixels.centre`. Floats stay as they are."""
        if numbers.dtype.kind == "f":
            return numbers.astype(np.float32, copy=False)
        values = numbers.astype(np.float32)
        if self.black:
            values -= np.float32(self.black)
        values /= np.float32(self.white - self.black)
        values -= np.float32(0.5)
        return values

    def numbers(self, floats: Floats) -> Numbers:
        """Centred floats, clipped to [-0.5, 0.5] and rounded; of 8 bits as `pixels.to_uint8`."""
        if self == EIGHT:
            return to_uint8(floats)
        spread = (np.clip(floats, -0.5, 0.5) + np.float32(0.5)) * np.float32(self.white - self.black)
        rounded: Numbers = np.rint(spread + np.float32(self.black)).astype(self.dtype)
        return rounded

    def spans(self, picture: Numbers) -> float:
        """From black to white, on the scale of a picture of whole numbers, or of floats."""
        return 1.0 if picture.dtype.kind == "f" else self.white - self.black

    def shown(self, numbers: Numbers) -> Pixels:
        """As 8 bits, for the eye."""
        return to_uint8(numbers if self == EIGHT else self.centred(numbers))


EIGHT = Depth("uint8", 0.0, 255.0)
SIXTEEN = Depth("uint16", 0.0, 65_535.0)
OF_DTYPE = {"uint8": EIGHT, "uint16": SIXTEEN}
"""What whole numbers of a kind mean where nothing more is known of them."""
