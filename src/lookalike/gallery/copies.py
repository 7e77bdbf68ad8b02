"""Copies of pictures as they turn up in real folders: shifted, saved again as JPEG, brighter or darker, cut closer."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from lookalike.data.images import Pixels
from lookalike.data.resize import resize_bilinear

SHIFT = 1 / 32
"""Of a side; at least a pixel."""
QUALITIES = (50, 80)
BRIGHTNESS = (0.9, 1.1)
CLOSER = (0.02, 0.05)
"""Share of a side that is cut away at each edge; at least a pixel."""
BORDER = (0.03, 0.1)
GAMMA = (0.75, 1.35)
COLOUR = (0.85, 1.15)


def shifted(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Moved by a 32nd of its side in one of eight directions, its edge repeated."""
    height, width, _ = picture.shape
    dy, dx = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))[generator.integers(8)]
    dy, dx = dy * max(1, round(SHIFT * height)), dx * max(1, round(SHIFT * width))
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    moved: Pixels = picture[rows][:, columns]
    return moved


def saved_again(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Through JPEG at a quality of 50 to 80."""
    stream = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    image.save(stream, format="jpeg", quality=int(generator.integers(QUALITIES[0], QUALITIES[1] + 1)))
    with Image.open(stream) as back:
        return np.asarray(back).reshape(picture.shape)


def relit(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Brighter or darker by up to a tenth."""
    factor = np.float32(generator.uniform(*BRIGHTNESS))
    lit: Pixels = np.rint((picture * factor).clip(0, 255)).astype(np.uint8)
    return lit


def cut_closer(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Without 2 to 5% at each edge, and enlarged again."""
    height, width, _ = picture.shape
    share = generator.uniform(*CLOSER)
    y, x = (max(1, round(share * side)) if side > 2 else 0 for side in (height, width))
    inner = np.ascontiguousarray(picture[y : height - y, x : width - x])
    closer: Pixels = resize_bilinear(inner[None], (height, width))[0]
    return closer


def bordered(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Smaller by 3 to 10% at each edge, within a border of one grey."""
    height, width, _ = picture.shape
    share = generator.uniform(*BORDER)
    y, x = (max(1, round(share * side)) if side > 2 else 0 for side in (height, width))
    framed = np.full_like(picture, generator.integers(256))
    framed[y : height - y, x : width - x] = resize_bilinear(picture[None], (height - 2 * y, width - 2 * x))[0]
    return framed


def recoloured(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """Under another gamma, each channel by a factor of its own."""
    factors = generator.uniform(*COLOUR, picture.shape[2])
    light = (picture / 255.0) ** generator.uniform(*GAMMA) * factors
    coloured: Pixels = np.rint(255 * light.clip(0, 1)).astype(np.uint8)
    return coloured


def cut_off(picture: Pixels, generator: np.random.Generator) -> Pixels:
    """The 90% of each side that lie anywhere, enlarged again."""
    height, width, _ = picture.shape
    y, x = (int(generator.integers(0, side - _kept(side) + 1)) for side in (height, width))
    inner = np.ascontiguousarray(picture[y : y + _kept(height), x : x + _kept(width)])
    enlarged: Pixels = resize_bilinear(inner[None], (height, width))[0]
    return enlarged


def _kept(side: int) -> int:
    return max(1, round(0.9 * side))


Change = Callable[[Pixels, "np.random.Generator"], Pixels]  # whose module takes 10 ms to import
KINDS: tuple[Change, ...] = (shifted, saved_again, relit, cut_closer)
"""Slight changes."""
STRONG_KINDS: tuple[Change, ...] = (saved_again, recoloured, bordered, cut_off)
"""Changes after which people still speak of one picture."""


def copies_of(pictures: Pixels, seed: int, kinds: Sequence[Change] = KINDS) -> Pixels:
    """One copy of each kind: (n, H, W, C) uint8 -> (n * kinds, H, W, C), the copies of a picture beside one another."""
    generator = np.random.default_rng(seed)
    return np.stack([kind(picture, generator) for picture in pictures for kind in kinds])
