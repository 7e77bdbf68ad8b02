"""The corruptions there are, and their registry: a new one is a class and a record here.

Each draws from its picture's own generator alone, so that what a picture suffers depends on no batch, worker or
history. Where a blind range may begin at 0, so little does nothing.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lookalike.errors import OptionError
from lookalike.noise.base import LOST, OneNumber, Slider
from lookalike.noise.camera import Camera

if TYPE_CHECKING:
    import numpy as np

    from lookalike.pixels import Floats

BLACK, WHITE = -0.5, 0.5
SQUARE = 16
"""Side in pixels of what a JPEG compresses together where colours are kept at half the resolution."""
LARGEST_STRETCH = 2.0
"""How far an occluding rectangle's aspect may go from the picture's own, either way."""


@dataclass(frozen=True)
class Gaussian(OneNumber):
    """Add zero-mean Gaussian noise of standard deviation sigma, on the scale where a picture spans 1; not clipped."""

    name: ClassVar[str] = "gaussian"
    quantity: ClassVar[str] = "sigma"
    most: ClassVar[float] = 1.0
    example: ClassVar[str] = "gaussian:0.1"
    placeholder: ClassVar[str] = "SIGMA"
    sentence: ClassVar[str] = "adds zero-mean noise of that standard deviation, where a picture spans 1"
    slider: ClassVar[Slider] = Slider("Gaussian", 0.02, 0.3, 0.01, 0.1, "standard deviation; a picture spans 1")
    in_browser: ClassVar[bool] = True

    def level_of(self, sides: tuple[int, int], generator: np.random.Generator) -> float:
        """Its standard deviation, alike at every pixel."""
        return self.draw(generator)

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the noisy picture, float32 (H, W, C)."""
        import numpy as np

        sigma = np.float32(self.draw(generator))
        noisy = generator.standard_normal(picture.shape, dtype=np.float32)
        noisy *= sigma
        noisy += picture
        return noisy


@dataclass(frozen=True)
class Occlude(OneNumber):
    """Cover a share of each picture's area with one black rectangle.

    The rectangle's aspect is drawn between half and twice the picture's own (evenly on a logarithmic scale, as far as
    the rectangle fits in), then its place evenly among all where it lies inside. Its sides are whole pixels: the height
    is rounded, and the width then brings the area as near to the share as it can.
    """

    name: ClassVar[str] = "occlude"
    quantity: ClassVar[str] = "the covered share"
    most: ClassVar[float] = 1.0
    example: ClassVar[str] = "occlude:0.25"
    placeholder: ClassVar[str] = "SHARE"
    sentence: ClassVar[str] = "covers that share of the picture with one black rectangle"
    slider: ClassVar[Slider] = Slider("Rectangle", 0.02, 0.4, 0.01, 0.1, "covered share of the picture")
    in_browser: ClassVar[bool] = True

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the covered picture, float32 (H, W, C)."""
        covered = picture.copy()
        covered[self.rectangle(picture.shape[:2], generator)] = BLACK
        return covered

    def level_of(self, sides: tuple[int, int], generator: np.random.Generator) -> Floats:
        """Nothing is left under the rectangle, and all beside it: float32 (H, W)."""
        import numpy as np

        levels = np.zeros(sides, np.float32)
        levels[self.rectangle(sides, generator)] = LOST
        return levels

    def rectangle(self, sides: tuple[int, ...], generator: np.random.Generator) -> tuple[slice, slice]:
        """The rows and columns, of a picture of (H, W) pixels, that a call with this generator covers."""
        share = self.draw(generator)
        height, width = sides
        # As a fraction of the picture's height: one that leaves the width, share / fraction, within the picture.
        least = max(share, math.sqrt(share / LARGEST_STRETCH))
        most = min(1.0, math.sqrt(share * LARGEST_STRETCH))
        fraction = least * (most / least) ** generator.random() if least > 0 else 0.0
        tall = min(max(round(fraction * height), 1), height)
        wide = min(max(round(share * height * width / tall), 1), width)
        top = int(generator.integers(height - tall + 1))
        left = int(generator.integers(width - wide + 1))
        return slice(top, top + tall), slice(left, left + wide)


@dataclass(frozen=True)
class SaltPepper(OneNumber):
    """Make each pixel black or white with the given probability, half of them each; all channels together."""

    name: ClassVar[str] = "saltpepper"
    quantity: ClassVar[str] = "the share of pixels"
    most: ClassVar[float] = 1.0
    example: ClassVar[str] = "saltpepper:0.05"
    placeholder: ClassVar[str] = "SHARE"
    sentence: ClassVar[str] = "makes that share of the pixels black or white"
    slider: ClassVar[Slider] = Slider("Salt and pepper", 0.01, 0.3, 0.01, 0.05, "share of pixels")
    in_browser: ClassVar[bool] = True

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the picture with salt and pepper, float32 (H, W, C)."""
        share = self.draw(generator)
        chance = generator.random(picture.shape[:2])
        spoilt = picture.copy()
        spoilt[chance < share] = WHITE
        spoilt[chance < share / 2] = BLACK
        return spoilt


@dataclass(frozen=True)
class Poisson(OneNumber):
    """Count photons: each value becomes a Poisson count over `photons`, the mean count at full white.

    On the scale from black 0 to white 1 the mean stays and the variance is value / photons. What is below black
    (which only an earlier corruption brings about) counts as black; above white nothing is clipped.
    """

    name: ClassVar[str] = "poisson"
    quantity: ClassVar[str] = "photons at full white"
    most: ClassVar[float] = 1e6
    example: ClassVar[str] = "poisson:100"
    default: ClassVar[float] = 100.0
    """At full white as much noise as gaussian:0.1."""
    placeholder: ClassVar[str] = "PHOTONS"
    sentence: ClassVar[str] = "counts light in photons, so many at full white"
    slider: ClassVar[Slider] = Slider("Poisson", 5, 200, 5, 40, "photons at full brightness")
    in_browser: ClassVar[bool] = True

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the picture in photons, float32 (H, W, C)."""
        import numpy as np

        photons = max(self.draw(generator), 1e-9)
        light = np.maximum(picture.astype(np.float64) + 0.5, 0)
        counted: Floats = (generator.poisson(light * photons) / photons - 0.5).astype(np.float32)
        return counted


@dataclass(frozen=True)
class Blur(OneNumber):
    """Blur with a Gaussian of standard deviation sigma in pixels, cut at 4 sigma; the picture is mirrored at its edges.

    Nothing in it is random unless sigma is a blind range.
    """

    name: ClassVar[str] = "blur"
    quantity: ClassVar[str] = "sigma in pixels"
    most: ClassVar[float] = 100.0
    example: ClassVar[str] = "blur:1.5"
    default: ClassVar[float] = 1.0
    placeholder: ClassVar[str] = "PIXELS"
    sentence: ClassVar[str] = "blurs with a Gaussian of that standard deviation"
    slider: ClassVar[Slider] = Slider("Blur", 0.3, 3, 0.1, 0.8, "standard deviation in pixels")
    in_browser: ClassVar[bool] = True

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the blurred picture, float32 (H, W, C)."""
        from scipy import ndimage

        sigma = max(self.draw(generator), 1e-3)
        rows: Floats = ndimage.gaussian_filter1d(picture, sigma, axis=0, mode="reflect")
        blurred: Floats = ndimage.gaussian_filter1d(rows, sigma, axis=1, mode="reflect")
        return blurred


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
    placeholder: ClassVar[str] = "QUALITY"
    sentence: ClassVar[str] = "compresses as JPEG of that quality, a whole number from 1 to 100"
    slider: ClassVar[Slider | None] = Slider("JPEG", 5, 95, 5, 20, "quality")
    in_browser: ClassVar[bool] = True

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
        import numpy as np
        from PIL import Image

        from lookalike.pixels import centre, to_uint8

        quality = int(self.draw(generator))
        pixels = to_uint8(picture)
        stream = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as image:
            return centre(np.asarray(image).reshape(picture.shape))


@dataclass(frozen=True)
class JpegPiece(Jpeg):
    """Give what a piece cut from a JPEG is like: its squares of 8 x 8 pixels (16 of colours) begin anywhere.

    Networks learn from pieces. One that had seen none but whole JPEGs would know the squares by their places, and not
    know those of a picture that was cropped or turned.
    """

    name: ClassVar[str] = "jpegpiece"
    example: ClassVar[str] = "jpegpiece:20"
    sentence: ClassVar[str] = "cuts a piece from a JPEG of that quality, whose squares begin anywhere"
    slider: ClassVar[Slider | None] = None
    in_browser: ClassVar[bool] = False

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the piece, float32 (H, W, C)."""
        import numpy as np

        top, left = (int(before) for before in generator.integers(SQUARE, size=2))
        whole = np.pad(picture, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
        return super().__call__(whole, generator)[top:, left:]


KINDS: tuple[type[OneNumber], ...] = (
    Gaussian,
    Occlude,
    SaltPepper,
    Poisson,
    Blur,
    Jpeg,
    JpegPiece,
    Camera,
)
"""Every corruption, in the order of help texts and of the page."""

NOISES = {kind.name: kind for kind in KINDS}
"""Every corruption by its name in texts."""
