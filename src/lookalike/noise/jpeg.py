"""Loss by JPEG compression."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookalike.errors import OptionError
from lookalike.noise.base import Floats, OneNumber


@dataclass(frozen=True)
class Jpeg(OneNumber):
    """Compress as JPEG at a quality of 1 (worst) to 100 and read back; a JPEG holds 8 bits, so values are clipped.

    Colours are kept at half the resolution, as cameras and Pillow do by default. The quality is a whole number; of a
    blind range both ends take part.
    """

    name: ClassVar[str] = "jpeg"
    quantity: ClassVar[str] = "quality"
    most: ClassVar[float] = 100.0
    example: ClassVar[str] = "jpeg:20"

    def __post_init__(self) -> None:
        super().__post_init__()
        for quality in (self.level, self.up_to):
            if quality is not None and quality != round(quality):
                raise OptionError(f"jpeg: quality is {quality:g}; give a whole number from 1 to 100, as jpeg:20")

    def draw(self, generator: np.random.Generator) -> float:
        """The quality for one picture; a fixed one takes nothing from the generator."""
        if self.up_to is None:
            return self.level
        return float(generator.integers(max(int(self.level), 1), int(self.up_to), endpoint=True))

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return what the JPEG holds, float32 (H, W, C)."""
        from PIL import Image

        quality = int(self.draw(generator))
        pixels = np.rint((np.clip(picture, -0.5, 0.5) + 0.5) * 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as image:
            back = np.asarray(image, np.float32).reshape(picture.shape)
        return back / np.float32(255) - np.float32(0.5)
