"""A picture as a camera's sensor sees it: photons counted through a mosaic of colours, from which it is put together.

On the way there, what cameras do to a picture is undone (Brooks et al., Unprocessing images for learned raw denoising,
2019): the tone curve of sRGB, and the gains of red and blue that make white white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lookalike.noise.base import OneNumber, Slider

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lookalike.pixels import Floats

PHOTONS = 3_000_000
"""Counted at full white in green at ISO 1: 30,000 at ISO 100, as a sensor of APS-C size holds."""
READ_OUT = 3.0
"""Standard deviation of what reading a pixel out adds, in photons."""
RED_GAIN, BLUE_GAIN = 2.0, 1.7
"""What a sensor sees less of in daylight, and is given back."""


@dataclass(frozen=True)
class Camera(OneNumber):
    """Take the picture anew by a camera at that ISO: the higher, the fewer photons.

    Each value of the linear picture, black 0 to white 1, becomes a Poisson count over the photons at white plus
    normal read-out noise, so that its variance is value / photons + (3 / photons)^2, for red and blue times the square
    of their gains. Of a coloured picture each pixel has one colour (Bayer's mosaic, its corner drawn), and the others
    are put in by the linear filters of Malvar, He and Cutler, 2004. What comes out lies between black and white. Of a
    blind range ISOs are drawn evenly on a logarithmic scale. A camera writes JPEGs: add jpeg:90.
    """

    name: ClassVar[str] = "camera"
    quantity: ClassVar[str] = "ISO"
    above: ClassVar[float] = 25.0
    most: ClassVar[float] = 409_600.0
    example: ClassVar[str] = "camera:3200"
    placeholder: ClassVar[str] = "ISO"
    sentence: ClassVar[str] = "counts photons through a mosaic of colours, as a camera at that ISO"
    slider: ClassVar[Slider] = Slider("Camera", 400, 25_600, 400, 6_400, "ISO")

    def draw(self, generator: np.random.Generator) -> float:
        """The ISO for one picture; a fixed one takes nothing from the generator."""
        if self.up_to is None:
            return self.level
        return math.exp(generator.uniform(math.log(self.level), math.log(self.up_to)))

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return what the camera gives, float32 (H, W, C)."""
        import numpy as np

        photons = PHOTONS / self.draw(generator)
        light = linear(picture.astype(np.float64) + 0.5)
        if picture.shape[2] == 1:
            seen = exposed(light, photons, generator)
        else:
            gains = np.array([RED_GAIN, 1.0, BLUE_GAIN])
            top, left = (int(corner) for corner in generator.integers(2, size=2))
            colours = mosaic_of(picture.shape[0], picture.shape[1], top, left)
            mosaic = np.take_along_axis(light / gains, colours[..., None], axis=2)[..., 0]
            seen = demosaiced(exposed(mosaic, photons, generator), colours) * gains
        return (toned(seen) - 0.5).astype(np.float32)


def exposed(light: npt.NDArray[np.float64], photons: float, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """What a sensor reads for light from black 0 to white 1, on the same scale; it may lie below black."""
    read_out = READ_OUT * generator.standard_normal(light.shape)
    seen: npt.NDArray[np.float64] = (generator.poisson(light * photons) + read_out) / photons
    return seen


def mosaic_of(height: int, width: int, top: int = 0, left: int = 0) -> npt.NDArray[np.intp]:
    """Which colour (0 red, 1 green, 2 blue) each pixel has, (H, W): red where row - top and column - left are even."""
    import numpy as np

    rows, columns = (np.arange(height) + top) % 2, (np.arange(width) + left) % 2
    return (rows[:, None] + columns).astype(np.intp)


def demosaiced(mosaic: npt.NDArray[np.float64], colours: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """(H, W) with the colours of `mosaic_of` -> (H, W, 3); the picture is mirrored at its edges."""
    import numpy as np
    from scipy import ndimage

    def by(kernel: tuple[tuple[float, ...], ...]) -> npt.NDArray[np.float64]:
        filtered: npt.NDArray[np.float64] = ndimage.correlate(mosaic, np.array(kernel) / 16, mode="mirror")
        return filtered

    green, across, down, diagonal = by(_GREEN), by(_ACROSS), by(tuple(zip(*_ACROSS, strict=True))), by(_DIAGONAL)
    has_red = (colours == 0).any(axis=1)[:, None]  # of a row: its greens have red beside them, and blue above
    is_green = colours == 1
    picture = np.empty((*mosaic.shape, 3))
    picture[..., 1] = np.where(is_green, mosaic, green)
    picture[..., 0] = np.where(is_green, np.where(has_red, across, down), np.where(colours == 0, mosaic, diagonal))
    picture[..., 2] = np.where(is_green, np.where(has_red, down, across), np.where(colours == 2, mosaic, diagonal))
    return picture


_GREEN = ((0, 0, -2, 0, 0), (0, 0, 4, 0, 0), (-2, 4, 8, 4, -2), (0, 0, 4, 0, 0), (0, 0, -2, 0, 0))
"""Malvar, He and Cutler, 2004, figure 2, in sixteenths: green where it is red or blue."""
_ACROSS = ((0, 0, 1, 0, 0), (0, -2, 0, -2, 0), (-2, 8, 10, 8, -2), (0, -2, 0, -2, 0), (0, 0, 1, 0, 0))
"""Where it is green: the colour that lies beside it; turned, the one above."""
_DIAGONAL = ((0, 0, -3, 0, 0), (0, 4, 0, 4, 0), (-3, 0, 12, 0, -3), (0, 4, 0, 4, 0), (0, 0, -3, 0, 0))
"""Red where it is blue, and blue where it is red."""


def linear(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """sRGB, clipped to [0, 1], as light (IEC 61966-2-1)."""
    import numpy as np

    values = values.clip(0, 1)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def toned(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Light, clipped to [0, 1], as sRGB."""
    import numpy as np

    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
