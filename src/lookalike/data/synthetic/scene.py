"""One batch of faces about to be drawn: where the head is, how it is turned, lit and built, and the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lookalike.data.synthetic.geometry import Grid, Rays, Vector, dot, normalised
from lookalike.data.synthetic.traits import Table

PIVOT_Y, PIVOT_Z = 0.8, -0.25  # where the neck lets the head turn, in half head heights
HEAD_Y = 0.0  # where the middle of an upright head stands in the picture
BLACK = np.zeros((3, 1, 1), np.float32)


def colour(*srgb: int) -> Grid:
    """An sRGB colour (three of 0..255) as (3, 1, 1) on the linear scale that light adds up on (gamma 2)."""
    return ((np.array(srgb, np.float32) / 255.0) ** 2).reshape(3, 1, 1)


def palette(x: Grid, stops: Sequence[tuple[int, int, int]]) -> Grid:
    """Colours (3, N, 1) along evenly spaced sRGB `stops` for columns `x` of 0..1."""
    places = np.linspace(0.0, 1.0, len(stops))
    channels = [np.interp(x, places, [stop[c] / 255.0 for stop in stops]) for c in range(3)]
    return (np.stack(channels).astype(np.float32)) ** 2


def hue_colour(hue: Grid | float, saturation: Grid | float, lightness: Grid) -> Grid:
    """Colours (3, N, 1) for columns of 0..1; saturation 0 is grey, lightness the middle of the channels."""
    offsets = np.array([0.0, 1 / 3, 2 / 3], np.float32).reshape(3, 1, 1)
    phase = hue - offsets
    away = np.abs(phase - np.rint(phase))
    vivid = np.minimum(np.maximum(2.0 - 6.0 * away, -1.0), 1.0)
    reach = np.minimum(lightness, 1.0 - lightness)
    srgb: Grid = lightness + vivid * (saturation * reach)
    return srgb**2


def paint(canvas: Grid, alpha: Grid, over: Grid) -> None:
    """Lay the colours `over`, (3, N or 1, P or 1), on the (3, N, P) canvas where `alpha` (N, P) is 1."""
    for channel, tone in zip(canvas, over, strict=True):
        channel += alpha * (tone - channel)


def tint(canvas: Grid, alpha: Grid, factor: Grid) -> None:
    """Multiply the (3, N, P) canvas by `factor`, (3, N or 1, 1), where `alpha` (N, P) is 1."""
    for channel, tone in zip(canvas, factor, strict=True):
        channel *= 1.0 + alpha * (tone - 1.0)


@dataclass(frozen=True)
class Light:
    """A lamp far away plus light from all around: unit direction to the lamp, strengths as (N, 1) columns."""

    direction: Vector
    key: Grid
    ambient: Grid

    def on(self, normal: Vector, shadow: Grid | float = 0.0) -> Grid:
        """Brightness (N, P) of a matt surface with these normals."""
        facing = np.maximum(dot(normal, self.direction), 0.0)
        return self.key * facing * (1.0 - shadow) + self.ambient * (0.85 - 0.15 * normal[1])


@dataclass(frozen=True)
class Build:
    """Where things lie on a head, (N, 1) columns in picture units, seen from the front; y is down."""

    half_width: Grid
    half_height: Grid
    depth: Grid
    eye_x: Grid
    eye_y: Grid
    eye_width: Grid
    nose_y: Grid
    nose_out: Grid
    nose_width: Grid
    mouth_y: Grid

    @classmethod
    def of(cls, person: Table) -> Build:
        """The build of each person."""
        a, b = 0.435 * person.face_width, 0.6 * person.face_length
        return cls(
            half_width=a,
            half_height=b,
            depth=0.5 * (0.5 + 0.5 * person.face_width),
            eye_x=0.178 * person.eye_spacing * (0.4 + 0.6 * person.face_width),
            eye_y=0.05 * b,
            eye_width=0.088 * person.eye_size,
            nose_y=(0.36 + 0.3 * (person.nose_length - 1.0)) * b,
            nose_out=0.075 * person.nose_size,
            nose_width=person.nose_width,
            mouth_y=(0.635 + 0.12 * (person.nose_length - 1.0)) * b,
        )


class Scene:
    """A batch of N faces of `size` x `size` pixels; P = size * size.

    `x`, `y` are the pixels' places (N, P) relative to the body, `soft` a pixel's width there (N, 1), `rays` the
    viewing rays in the head's frame.
    """

    def __init__(self, person: Table, shot: Table, size: int) -> None:
        self.person, self.shot, self.size = person, shot, size
        self.build = Build.of(person)
        steps = ((np.arange(size, dtype=np.float32) + 0.5) * (2.0 / size) - 1.0).astype(np.float32)
        self.u = np.ascontiguousarray(np.broadcast_to(steps[None, :], (size, size))).reshape(1, -1)
        self.v = np.ascontiguousarray(np.broadcast_to(steps[:, None], (size, size))).reshape(1, -1)
        self.soft: Grid = np.float32(2.3 / size) / shot.zoom
        self.x: Grid = (self.u - shot.shift_x) / shot.zoom
        self.y: Grid = (self.v - shot.shift_y) / shot.zoom

    def some(self, which: npt.NDArray[np.intp]) -> Scene:
        """The scene of some of the faces."""
        return Scene(self.person[which], self.shot[which], self.size)

    @cached_property
    def axes(self) -> tuple[Vector, Vector, Vector]:
        """The picture's right, down and towards-the-viewer as unit vectors in the head's frame."""
        turn, nod, tilt = (np.deg2rad(a).astype(np.float64) for a in (self.shot.turn, self.shot.nod, self.shot.tilt))
        ct, st, cn, sn = np.cos(turn), np.sin(turn), np.cos(nod), np.sin(nod)
        across = (ct, np.zeros_like(ct), st)
        down = (-st * sn, cn, ct * sn)
        cr, sr = np.cos(tilt), np.sin(tilt)
        right_row = tuple((cr * i - sr * j).astype(np.float32) for i, j in zip(across, down, strict=True))
        down_row = tuple((sr * i + cr * j).astype(np.float32) for i, j in zip(across, down, strict=True))
        towards = tuple(k.astype(np.float32) for k in (-st * cn, -sn, ct * cn))
        return _vector(right_row), _vector(down_row), _vector(towards)

    @cached_property
    def centre(self) -> tuple[Grid, Grid]:
        """The middle of the head in the picture: the neck's top stays, the head leans around it."""
        right, down, _ = self.axes
        b = self.build.half_height
        y, z = -PIVOT_Y * b, -PIVOT_Z * b
        return (
            right[1] * y + right[2] * z,
            HEAD_Y + PIVOT_Y * b + down[1] * y + down[2] * z,
        )

    @cached_property
    def rays(self) -> Rays:
        """The viewing rays in the head's frame."""
        right, down, towards = self.axes
        x, y = self.x - self.centre[0], self.y - self.centre[1]
        origin = _vector(tuple(x * r + y * d for r, d in zip(right, down, strict=True)))
        return Rays(origin, towards, right, down)

    @cached_property
    def room_light(self) -> Light:
        """The light in the picture's frame, for what does not turn with the head."""
        shot = self.shot
        depth = 0.95 - 0.25 * shot.light_strength
        direction = normalised((1.15 * shot.light_x, -0.85 * shot.light_y, depth))
        return Light(direction, 0.3 + 0.8 * shot.light_strength, 0.74 - 0.56 * shot.light_strength)

    @cached_property
    def head_light(self) -> Light:
        """The same light in the head's frame."""
        room = self.room_light
        right, down, towards = self.axes
        x, y, z = room.direction
        direction = _vector(tuple(x * r + y * d + z * t for r, d, t in zip(right, down, towards, strict=True)))
        return Light(direction, room.key, room.ambient)

    @cached_property
    def halfway(self) -> Vector:
        """Unit vector between lamp and viewer in the head's frame: surfaces that face it gleam."""
        lamp, viewer = self.head_light.direction, self.rays.towards
        return normalised((lamp[0] + viewer[0], lamp[1] + viewer[1], lamp[2] + viewer[2]))


def _vector(parts: tuple[Grid, ...]) -> Vector:
    x, y, z = parts
    return x, y, z
