"""The head: a skull that narrows to the chin, nose, ears, neck, and skin under light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lookalike.data.synthetic.geometry import (
    TINY,
    Grid,
    Hit,
    Vector,
    band,
    bump,
    cast,
    dot,
    hill,
    normalised,
    occlusion,
    ramp,
    unit,
    wave,
)
from lookalike.data.synthetic.scene import Scene, colour, palette, tint

SKIN_STOPS = [(255, 228, 210), (243, 204, 178), (218, 172, 138), (174, 123, 91), (126, 83, 61), (78, 50, 38)]


@dataclass
class Surface:
    """What the rays meet on the head: (N, P) grids, `point` and unit `normal` in the head's frame."""

    inside: Grid
    depth: Grid
    point: Vector
    normal: Vector

    def some(self, which: npt.NDArray[np.intp]) -> Surface:
        """The surface of some of the faces."""
        x, y, z = (g[which] for g in self.point)
        i, j, k = (g[which] for g in self.normal)
        return Surface(self.inside[which], self.depth[which], (x, y, z), (i, j, k))


def skin_colour(scene: Scene) -> Grid:
    """(3, N, 1) linear colour of each person's skin."""
    skin = palette(scene.person.skin, SKIN_STOPS)
    rosy = scene.person.undertone
    return skin * np.stack([1.0 - 0.03 * rosy, 1.0 + 0.05 * rosy, 1.0 - 0.1 * rosy])


def head_surface(scene: Scene) -> Surface:
    """Skull and nose as one smooth surface."""
    skull = _skull(scene)
    point = scene.rays.at(skull.depth)
    surface = Surface(skull.inside, skull.depth, point, _modelled(scene, point, skull.normal))
    for hit, width in _nose(scene):
        surface = _joined(scene, surface, hit, width)
    return replace(surface, point=scene.rays.at(surface.depth))


def _skull(scene: Scene) -> Hit:
    """An ellipsoid whose width depends on the height, found in two steps: first the height, then the width."""
    build, person = scene.build, scene.person
    a, b, c = build.half_width, build.half_height, build.depth
    first = cast(scene.rays, (0.0, 0.0, 0.0), (a, b, c))
    y = scene.rays.origin[1] + first.depth * scene.rays.towards[1]
    y = np.minimum(np.maximum(y / b, -1.0), 1.0)
    lower, upper = np.maximum(y, 0.0), np.minimum(y, 0.0)
    cheek = hill(y - 0.45, 0.6)
    widen = 1.0 + (0.46 * person.jaw - 0.2) * lower * lower + 0.11 * upper * upper
    widen += (0.12 * person.cheeks - 0.06) * cheek
    return cast(scene.rays, (0.0, 0.0, 0.0), (a * widen, b, c))


def _modelled(scene: Scene, point: Vector, normal: Vector) -> Vector:
    """The skull's normals with eye sockets, cheekbones, lips and chin modelled on as a height field."""
    build, person, shot = scene.build, scene.person, scene.shot
    x, y, _ = point
    side = np.abs(x)
    b = build.half_height
    joy = np.maximum(shot.smile, 0.0)
    hills = (  # (centre x, centre y, half width, half height, height)
        (build.eye_x, build.eye_y - 0.045, 0.15, 0.13, -0.032),
        (build.eye_x * 1.25, 0.36 * b - 0.03 * joy, 0.17, 0.14, 0.018 + 0.02 * joy + 0.012 * person.cheeks),
        (0.0, build.mouth_y, 0.2, 0.15, 0.022),
        (0.0, build.mouth_y + 0.075, 0.12, 0.04, -0.012),
        (0.0, 0.9 * b, 0.14, 0.1, 0.022),
        (0.055 * build.nose_width, build.nose_y + 0.012, 0.045, 0.05, 0.028),
    )
    slope_x = np.zeros_like(x)
    slope_y = np.zeros_like(x)
    for cx, cy, width, height, rise in hills:
        i, j = side - cx, y - cy
        pull = np.maximum(1.0 - (i / width) ** 2 - (j / height) ** 2, 0.0) * (-4.0 * rise)
        slope_x += pull * i * (1.0 / width**2)
        slope_y += pull * j * (1.0 / height**2)
    slope_x = np.where(x < 0, -slope_x, slope_x)
    nx, ny, nz = normal
    front = np.maximum(nz, 0.0)
    return normalised((nx - front * slope_x, 0.85 * ny - front * slope_y, nz))


def _nose(scene: Scene) -> list[tuple[Hit, float]]:
    """The ridge of the nose and its tip, each with the width of its seam to the face."""
    build = scene.build
    b, c = build.half_height, build.depth
    width, tip_y = build.nose_width, build.nose_y
    top_y, top_z = 0.02 * b, 0.985 * c
    tip_z = c * np.sqrt(1.0 - (tip_y / b) ** 2) + build.nose_out
    dy, dz = tip_y - top_y, tip_z - top_z
    length = np.sqrt(dy * dy + dz * dz)
    middle = (0.0, 0.5 * (top_y + tip_y), 0.5 * (top_z + tip_z) - 0.028)
    ridge_rays = scene.rays.pitched(dy / length, dz / length, middle)
    ridge = cast(ridge_rays, (0.0, 0.0, 0.0), (0.046 * width, 0.72 * length, 0.04))
    cosine, sine = dy / length, dz / length
    i, j, k = ridge.normal
    ridge = replace(ridge, normal=(i, j * cosine - k * sine, k * cosine + j * sine))
    tip = cast(scene.rays, (0.0, tip_y - 0.005, tip_z - 0.045), (0.05 * width, 0.045, 0.05))
    return [(ridge, 0.07), (tip, 0.045)]


def _joined(scene: Scene, surface: Surface, hit: Hit, width: float) -> Surface:
    """`surface` with another solid grown out of it; the seam is `width` deep."""
    share = unit((hit.depth - surface.depth) * (1.0 / width) + 0.5) * ramp(hit.inside - 0.004, scene.soft)
    depth = surface.depth + share * (hit.depth - surface.depth) + (0.5 * width) * share * (1.0 - share)
    blended = tuple(n + share * (m - n) for n, m in zip(surface.normal, hit.normal, strict=True))
    normal = normalised((blended[0], blended[1], blended[2]))
    return Surface(np.maximum(surface.inside, hit.inside), depth, surface.point, normal)


def nose_shadow(scene: Scene, surface: Surface) -> Grid:
    """Where (0..1) the nose keeps the lamp from the face."""
    build = scene.build
    z = build.depth * 0.93 + build.nose_out - 0.045
    width = 0.045 * build.nose_width
    tall = 0.6 * build.nose_y
    light = scene.head_light.direction
    shadow = occlusion(surface.point, light, (0.0, build.nose_y - 0.03, z), (width, tall * 0.6, 0.05), 1.5)
    on_nose = bump(surface.point[0], surface.point[1] - build.nose_y + 0.05, 0.075 * build.nose_width, 0.15)
    return 0.7 * shadow * (1.0 - unit(on_nose * 3.0))


def shine(scene: Scene, canvas: Grid, albedo: Grid, alpha: Grid, normal: Vector, shadow: Grid) -> None:
    """Paint skin of `albedo` (3, N, P) under the head's light; red light wanders further under the skin."""
    light = scene.head_light
    facing = dot(normal, light.direction)
    around = light.ambient * (0.86 - 0.14 * normal[1])
    open_sky = 1.0 - shadow
    gleam = np.maximum(dot(normal, scene.halfway), 0.0)
    gleam = gleam * gleam
    gleam = gleam * gleam
    gleam = gleam * gleam
    gleam = gleam * gleam * (0.045 * light.key) * open_sky
    for channel, base, reach in zip(canvas, albedo, (0.29, 0.2, 0.16), strict=True):
        wrapped = np.maximum((facing + reach) * (1.0 / (1.0 + reach)), 0.0)
        lit = base * (light.key * wrapped * open_sky + around) + gleam
        channel += alpha * (lit - channel)


def paint_ears(scene: Scene, canvas: Grid, front: bool) -> None:
    """Both ears; `front` paints only the one that the turned head shows on its near side."""
    build, person = scene.build, scene.person
    b, size = build.half_height, person.ear_size
    right, _, towards = scene.axes
    skin = skin_colour(scene) * colour(252, 236, 230)
    bare = 1.0 - unit((person.hair_length - 0.36) * 8.0) * (1.0 - person.bald)
    for side in (-1.0, 1.0):
        x, y, z = side * build.half_width * 1.0, 0.1 * b, -0.02 * b
        ear = cast(scene.rays, (x, y, z), (0.05 * size, 0.125 * size, 0.085 * size))
        alpha = ramp(ear.inside, scene.soft) * bare
        if front:
            alpha = alpha * unit((side * towards[0]) * 8.0 - 0.6)
        light = scene.head_light.on(ear.normal)
        cx = x * right[0] + y * right[1] + z * right[2] + scene.centre[0]
        cy = scene.centre[1] + x * scene.axes[1][0] + y * scene.axes[1][1] + z * scene.axes[1][2]
        fold = bump(scene.x - cx - side * 0.004, scene.y - cy, 0.035 * size, 0.08 * size)
        shade = light * (1.0 - 0.4 * fold)
        for channel, base in zip(canvas, skin, strict=True):
            channel += alpha * (base * shade - channel)
        _earring(scene, canvas, (cx, cy + 0.15 * size), alpha if front else None, bare)


def _earring(scene: Scene, canvas: Grid, place: tuple[Grid, Grid], seen: Grid | None, bare: Grid) -> None:
    x, y = scene.x - place[0], scene.y - place[1]
    alpha = ramp(0.024 - np.sqrt(x * x + y * y + TINY), scene.soft) * scene.person.earrings * bare
    if seen is not None:
        alpha = alpha * np.max(seen, axis=1, keepdims=True)
    shine_here = bump(x + 0.006, y + 0.008, 0.014, 0.014)
    for channel, tone in zip(canvas, (0.75, 0.55, 0.2), strict=True):
        channel += alpha * (tone * (0.55 + 0.3 * scene.room_light.key) + shine_here - channel)


def paint_marks(scene: Scene, surface: Surface, albedo: Grid) -> None:
    """Blush, freckles, a warmer nose, and the lines of age."""
    build, person, shot = scene.build, scene.person, scene.shot
    x, y, _ = surface.point
    side = np.abs(x)
    b, soft = build.half_height, scene.soft
    pale = 1.0 - 0.6 * person.skin
    cheek = bump(side - 1.25 * build.eye_x, y - 0.36 * b, 0.16, 0.13)
    tint(albedo, cheek * (0.2 + 0.6 * person.blush) * pale, colour(255, 205, 200))
    tip = bump(x, y - build.nose_y, 0.075, 0.075)
    tint(albedo, tip * (0.35 + 0.2 * person.blush) * pale, colour(255, 215, 208))
    socket = bump(side - build.eye_x, y - build.eye_y - 0.01, 0.13, 0.085)
    tint(albedo, socket * (0.3 + 0.4 * person.wrinkles), colour(225, 195, 190))

    spots_x = x * 25.0 + 9.0 * y + 0.3 * wave(y * 5.1 + x * 3.0)
    spots_y = y * 27.0 - 7.0 * x + 0.3 * wave(x * 5.7 + 0.7 * y)
    spots = unit(1.0 - ((spots_x - np.rint(spots_x)) ** 2 + (spots_y - np.rint(spots_y)) ** 2) * 16.0)
    zone = bump(side - 0.15, y - 0.3 * b, 0.2, 0.14)
    tint(albedo, spots * unit(zone * 2.0) * person.freckles * pale, colour(200, 160, 130))

    age = person.wrinkles
    line = colour(196, 160, 146)
    fold_x = 0.085 + 0.42 * (y - build.nose_y) + 0.035 * np.maximum(shot.smile, 0.0)
    fold = band(side, fold_x - 0.006, fold_x + 0.012, soft) * hill(y - 0.5 * b, 0.13)
    tint(albedo, unit(fold) * unit(0.04 + 0.75 * age + 0.25 * np.maximum(shot.smile, 0.0)), line)
    for height in (-0.36, -0.46, -0.55):
        lift = (height - 0.03 * shot.brow_raise) * b + 0.35 * x * x
        crease = band(y, lift - 0.005, lift + 0.005, soft) * hill(x, 0.26)
        tint(albedo, crease * unit(1.6 * age - 0.35 + 0.25 * shot.brow_raise), line)
    crow_x = side - build.eye_x - build.eye_width * 1.25
    crow_y = y - build.eye_y - 0.005
    fan = band(np.abs(crow_y), 0.45 * crow_x - 0.004 + 0.012, 0.45 * crow_x + 0.004 + 0.012, soft)
    fan = fan * hill(crow_x - 0.04, 0.045)
    tint(albedo, fan * unit(1.3 * age - 0.2 + 0.2 * np.maximum(shot.smile, 0.0)), line)
