"""Rays, ellipsoids, soft edges: the small ray caster under the procedural faces.

Grids are float32 of shape (N, P): N faces, P pixels. Columns, one number a face, are (N, 1) and broadcast. Only
operations that IEEE 754 rounds exactly (+ - * / sqrt min max floor) touch a grid, so a pixel does not depend on
how many faces are drawn together, nor on the processor's vector width.

Axes: x to the picture's right, y down, z towards the viewer. A picture spans -1 to 1 both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

# Always float32; the stubs of numpy would take a grid times a Python float for float64.
Grid: TypeAlias = npt.NDArray[Any]
Vector: TypeAlias = tuple[Grid, Grid, Grid]
Position: TypeAlias = tuple[Grid | float, Grid | float, Grid | float]

TINY = 1e-6


def unit(x: Grid) -> Grid:
    """`x` limited to 0..1."""
    return np.minimum(np.maximum(x, 0.0), 1.0)


def ramp(distance: Grid, softness: Grid | float) -> Grid:
    """Coverage 0..1 of a pixel whose centre lies `distance` inside an edge: a box filter `softness` wide."""
    return unit(distance / softness + 0.5)


def band(y: Grid, top: Grid | float, bottom: Grid | float, softness: Grid | float) -> Grid:
    """Coverage 0..1 of the strip between `top` and `bottom`: exact for strips thinner than a pixel too."""
    above: Grid = np.maximum(ramp(bottom - y, softness) - ramp(top - y, softness), 0.0)
    return above


def smooth(x: Grid) -> Grid:
    """Smoothstep from 0 at x = 0 to 1 at x = 1."""
    x = unit(x)
    return x * x * (3.0 - 2.0 * x)


def wave(turns: Grid) -> Grid:
    """A sine of `turns` whole turns, made of two parabolas; -1..1, at most 0.06 from the sine."""
    phase = turns - np.rint(turns)
    height: Grid = 8.0 * phase * (1.0 - 2.0 * np.abs(phase))
    return height


def spread(number: Grid, stride: float) -> Grid:
    """Another number in 0..1 from one in 0..1: multiples of it, wrapped, look independent."""
    scaled: Grid = number * np.float32(stride)
    rest: Grid = scaled - np.floor(scaled)
    return rest


def dot(a: Vector, b: Vector) -> Grid:
    """Inner product of two vectors of grids or columns."""
    product: Grid = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def normalised(v: Vector) -> Vector:
    """`v` at length 1."""
    scale = 1.0 / np.sqrt(dot(v, v) + TINY)
    return v[0] * scale, v[1] * scale, v[2] * scale


def bump(x: Grid, y: Grid, width: Grid | float, height: Grid | float) -> Grid:
    """A smooth mound of height 1 at the origin that ends on the ellipse of half axes `width`, `height`."""
    rise: Grid = np.maximum(1.0 - (x / width) ** 2 - (y / height) ** 2, 0.0)
    return rise * rise


def hill(x: Grid, width: Grid | float) -> Grid:
    """A smooth ridge of height 1 along x = 0 that ends `width` to both sides."""
    rise: Grid = np.maximum(1.0 - (x / width) ** 2, 0.0)
    return rise * rise


@dataclass(frozen=True)
class Rays:
    """One viewing ray a pixel, in the frame of a solid; all parallel, as a long lens sees.

    `origin` is (N, P) a component; `towards` the viewer, and the picture's `right` and `down`, are unit
    vectors of (N, 1) columns. Depth is measured along `towards`.
    """

    origin: Vector
    towards: Vector
    right: Vector
    down: Vector

    def at(self, depth: Grid) -> Vector:
        """The points (x, y, z) at `depth` along each ray."""
        x, y, z = (o + depth * d for o, d in zip(self.origin, self.towards, strict=True))
        return x, y, z

    def pitched(self, cosine: Grid | float, sine: Grid | float, centre: Position) -> Rays:
        """The same rays in a frame centred on `centre` and turned about the x axis."""
        x, y, z = (o - c for o, c in zip(self.origin, centre, strict=True))

        def turned(v: Vector) -> Vector:
            return v[0], v[1] * cosine + v[2] * sine, v[2] * cosine - v[1] * sine

        return Rays(turned((x, y, z)), turned(self.towards), turned(self.right), turned(self.down))


@dataclass(frozen=True)
class Hit:
    """Where rays meet a solid: signed distance `inside` its outline, `depth`, and the outward unit `normal`.

    `far_depth` is where they leave it again.
    """

    inside: Grid
    depth: Grid
    normal: Vector
    far_depth: Grid


def cast(rays: Rays, centre: Position, axes: Position, radius: Grid | float = 1.0) -> Hit:
    """Meet the ellipsoid of half `axes` (times `radius`) at `centre`; rays that miss get their nearest point."""
    inverse = tuple(np.float32(1.0) / np.asarray(axis, dtype=np.float32) for axis in axes)
    ox, oy, oz = ((o - c) * i for o, c, i in zip(rays.origin, centre, inverse, strict=True))
    dx, dy, dz = (d * i for d, i in zip(rays.towards, inverse, strict=True))
    square = 1.0 / (dx * dx + dy * dy + dz * dz)
    nearest = (ox * dx + oy * dy + oz * dz) * -square
    px, py, pz = ox + nearest * dx, oy + nearest * dy, oz + nearest * dz
    left = radius * radius - (px * px + py * py + pz * pz)
    # Outline distance to first order: the implicit function over the length of its gradient in the picture.
    px, py, pz = px * inverse[0], py * inverse[1], pz * inverse[2]
    along = px * rays.right[0] + py * rays.right[1] + pz * rays.right[2]
    across = px * rays.down[0] + py * rays.down[1] + pz * rays.down[2]
    inside = left / (2.0 * np.sqrt(along * along + across * across) + TINY)
    forward = np.sqrt(np.maximum(left, 0.0) * square)
    normal = (
        px + forward * (dx * inverse[0]),
        py + forward * (dy * inverse[1]),
        pz + forward * (dz * inverse[2]),
    )
    return Hit(inside, nearest + forward, normalised(normal), nearest - forward)


def occlusion(point: Vector, light: Vector, centre: Position, axes: Position, softness: float) -> Grid:
    """How much (0..1) the ellipsoid hides a distant `light` from each `point`; `softness` of the penumbra."""
    inverse = tuple(np.float32(1.0) / np.asarray(axis, dtype=np.float32) for axis in axes)
    ox, oy, oz = ((p - c) * i for p, c, i in zip(point, centre, inverse, strict=True))
    dx, dy, dz = (d * i for d, i in zip(light, inverse, strict=True))
    square = 1.0 / (dx * dx + dy * dy + dz * dz)
    ahead = -(ox * dx + oy * dy + oz * dz)
    distance = ox * ox + oy * oy + oz * oz - ahead * ahead * square
    return smooth((1.0 - distance) / softness + 0.5) * unit(ahead * np.sqrt(square) * 3.0)
