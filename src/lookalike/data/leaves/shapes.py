"""Outlines of leaves: blobs, polygons, strips, ellipses and strands, as the points of a polygon."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lookalike.pixels import Floats

Points = npt.NDArray[np.float64]
"""(n, 2), x and y around 0."""
HARMONICS = 7
"""Waves around a blob's edge."""
LONGEST = 10.0
"""Of a strip, its length over its breadth."""


def _blob(random: np.random.Generator, radius: float) -> Points:
    """A smooth edge: a circle whose radius varies by some waves."""
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    waves = np.arange(1, HARMONICS)
    strengths = random.normal(0, 0.45, HARMONICS - 1) / waves
    edge = 1 + (strengths * np.cos(np.outer(angles, waves) + random.uniform(0, 2 * math.pi, HARMONICS - 1))).sum(1)
    return _around(angles, radius * np.maximum(edge, 0.1))


def _polygon(random: np.random.Generator, radius: float) -> Points:
    corners = int(random.integers(3, 8))
    angles = np.sort(random.uniform(0, 2 * math.pi, corners))
    return _around(angles, radius * random.uniform(0.6, 1.2, corners))


def _strip(random: np.random.Generator, radius: float) -> Points:
    """A rectangle of the same area as the others of its radius."""
    aspect = LONGEST ** (random.random() / 2)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
    strip: Points = corners * (radius * 0.85 * np.array([aspect, 1 / aspect]))
    return strip


def _ellipse(random: np.random.Generator, radius: float) -> Points:
    angles = np.linspace(0, 2 * math.pi, 32, endpoint=False)
    edge: Points = _around(angles, np.full(32, radius)) * np.array([1.0, random.uniform(0.3, 1)])
    return edge


def _strand(random: np.random.Generator, radius: float) -> Points:
    """A branch, a wire or a hair: a narrow band along a bent line."""
    along = np.linspace(-1, 1, 16)
    line = np.stack([along, random.normal(0, 0.5) * along**2 + random.normal(0, 0.3) * along**3], 1) * radius * 2.5
    half: Points = radius * random.uniform(0.03, 0.15) * np.linspace(1, random.uniform(0.2, 1), 16)[:, None]
    slope = np.gradient(line, axis=0)
    across = np.stack([-slope[:, 1], slope[:, 0]], 1) / np.maximum(np.hypot(*slope.T), 1e-9)[:, None]
    edge: Points = np.concatenate([line + half * across, (line - half * across)[::-1]])
    return edge


SHAPES: tuple[tuple[Callable[[np.random.Generator, float], Points], float], ...] = (
    (_blob, 0.35),
    (_polygon, 0.2),
    (_strip, 0.2),
    (_ellipse, 0.15),
    (_strand, 0.1),
)
"""Each with its share."""
_SHARES = np.cumsum([share for _, share in SHAPES])


def outline(random: np.random.Generator, radius: float) -> Points:
    """The edge of a leaf of about that radius, turned at random: (n, 2) around 0."""
    shape = SHAPES[int(np.searchsorted(_SHARES, random.random() * _SHARES[-1]))][0]
    turn = random.uniform(0, 2 * math.pi)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    points: Points = shape(random, radius) @ rotation
    return points


def radii(random: np.random.Generator, count: int, least: float, most: float) -> Floats:
    """Drawn with a density of r^-3, which makes pictures look alike at every scale: float32 (count,)."""
    low, high = least**-2, most**-2
    return ((low + random.random(count) * (high - low)) ** -0.5).astype(np.float32)


def mask_of(points: Points, side: int) -> tuple[tuple[int, int, int, int], Floats] | None:
    """((top, bottom, left, right), coverage 0 or 1 within) on a square canvas; None where nothing lies on it."""
    left, top = np.floor(np.clip(points.min(axis=0), 0, side)).astype(int)
    right, bottom = np.ceil(np.clip(points.max(axis=0), 0, side)).astype(int) + 1
    right, bottom = min(right, side), min(bottom, side)
    if right - left < 1 or bottom - top < 1:
        return None
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).polygon([(x - left, y - top) for x, y in points.tolist()], fill=1)
    return (top, bottom, left, right), np.asarray(image).astype(np.float32)


def _around(angles: Points, radius: Points) -> Points:
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], 1)
