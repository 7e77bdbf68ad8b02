"""Hair: a shell around the skull with an opening for the face, long hair behind it, buns, curls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.data.synthetic.features import hair_colour
from lookalike.data.synthetic.geometry import (
    TINY,
    Grid,
    Hit,
    Vector,
    cast,
    dot,
    hill,
    ramp,
    smooth,
    unit,
    wave,
)
from lookalike.data.synthetic.scene import Scene


@dataclass(frozen=True)
class Style:
    """Columns (N, 1) that follow from a person's hair."""

    side: Grid  # how far the shell stands out at the temples
    top: Grid
    afro: Grid  # 0..1
    hairline: Grid  # y of the opening's top in the middle
    opening: Grid  # half width of the opening
    sides_end: Grid  # y where the hair beside the face ends

    @classmethod
    def of(cls, scene: Scene) -> Style:
        """The style of each face; a hat presses the hair down."""
        person, build = scene.person, scene.build
        a, b = build.half_width, build.half_height
        afro = smooth((person.curly - 0.35) * 2.2) * person.hair_volume * smooth(person.hair_length * 4.0)
        loose = 1.0 - 0.75 * scene.shot.hat
        side = (0.012 + 0.055 * person.hair_volume * unit(person.hair_length * 3.0) + 0.14 * afro) * (
            1.0 - 0.5 * scene.shot.hat
        )
        top = (0.02 + 0.1 * person.hair_volume * (0.3 + unit(person.hair_length * 3.0)) + 0.14 * afro) * loose
        bare = person.bald * 0.9
        low = unit(person.hair_length * 2.4 - 0.3)
        return cls(
            side=side,
            top=top,
            afro=afro,
            hairline=b * (-0.6 + 0.36 * person.fringe - 0.12 * person.recession - bare) - 0.3 * top,
            opening=a * (0.97 - 0.08 * low + 0.1 * side / a),
            sides_end=b * (0.02 + 0.1 * person.hair_length + 0.4 * smooth(person.hair_length * 3.0 - 0.75)),
        )


def bareness(scene: Scene, style: Style, point: Vector) -> Grid:
    """Signed distance (N, P) into the opening that the hair leaves for the face; negative under hair."""
    person, build = scene.person, scene.build
    x, y, z = point
    b = build.half_height
    aside = np.abs(x) + 1.3 * np.maximum(0.12 - z, 0.0)
    middle = 0.3 * b
    tall = middle - style.hairline
    up = np.maximum(middle - y, 0.0) / tall
    out = aside / style.opening
    oval = (1.0 - np.sqrt(out * out * (0.75 + 0.25 * out * out) + up * up * up + TINY)) * style.opening
    lean = person.parting * x
    swoop = style.hairline + 0.55 * lean * (1.0 - 0.3 * person.fringe) + 0.25 * np.abs(person.parting) * x * x
    locks = person.fringe * (0.018 * wave(x * 5.5 + 0.2) + 0.01 * wave(x * 13.0 + 0.4)) * (1.0 - 0.5 * person.curly)
    curls = person.curly * 0.022 * wave(z * 7.0 + x * 5.0 + 0.3) * wave(y * 7.0 + 2.0 * x)
    temples = person.recession * 0.3 * b * hill(np.abs(x) - 0.2, 0.16)
    bare = np.minimum(oval + curls, y - swoop + locks + temples)
    below = y - style.sides_end - np.minimum(np.maximum(0.1 - z, 0.0) * 1.6, 0.16) + 1.5 * curls
    shaved = np.where(person.bald > 0.5, -0.08 * b - 0.25 * y, np.float32(-1.0))
    return np.maximum(np.maximum(bare, below), shaved)


def hair_shadow(scene: Scene, style: Style, point: Vector) -> Grid:
    """Where (0..1) the hair above keeps the lamp from the skin."""
    light = scene.head_light.direction
    step = 0.05 + 0.4 * style.top
    x, y, z = (p + step * d for p, d in zip(point, light, strict=True))
    return smooth(0.5 - bareness(scene, style, (x, y, z)) * 9.0) * 0.75 * (1.0 - scene.person.bald)


def strands(scene: Scene, x: Grid, y: Grid) -> Grid:
    """Texture -1..1 that runs down along y, waved by curls; fades where strands are finer than a pixel."""
    curl = scene.person.curly
    bent = x + 0.03 * curl * wave(y * 4.5 + x * 2.0) + 0.02 * wave(0.9 * y + 1.3 * x) + 0.01 * wave(2.7 * y - x)
    fine = 1.0 / (1.0 + (scene.soft * 26.0) ** 2)
    coarse = wave(bent * 4.3 + 0.6 * y + 0.15) * 0.35 + wave(bent * 11.0 - 0.8 * y) * 0.25
    detail = (wave(bent * 27.0 + 0.6 * wave(bent * 5.0 + y)) + wave(bent * 43.0 + 1.1 * y)) * fine * 0.3
    turned_x = x + 0.05 * wave(y * 3.1 + 0.2) + 0.03 * wave(2.3 * x + 5.1 * y)
    turned_y = y + 0.05 * wave(x * 2.7) + 0.03 * wave(4.7 * x - 2.1 * y + 0.4)
    knots = wave(turned_x * 6.1 + 2.5 * y) * wave(turned_y * 6.7 - 1.5 * x + 0.3)
    knots += 0.5 * wave(turned_x * 13.0 - 4.0 * y) * wave(turned_y * 12.0 + 3.0 * x) * fine
    return (coarse + detail) * (1.0 - 0.7 * curl) + knots * 0.9 * curl


def lit_hair(scene: Scene, canvas: Grid, alpha: Grid, light: Grid, texture: Grid, gloss: Grid) -> None:
    """Paint hair: matt light broken by strands, and a soft gloss along the crown."""
    tone = hair_colour(scene)
    body = light * (0.95 + 0.26 * texture)
    sheen = gloss * (0.7 + 0.6 * texture)
    for channel, base in zip(canvas, tone, strict=True):
        channel += alpha * (base * body + (0.35 * base + 0.03) * sheen - channel)


def _bearing(x: Grid, z: Grid) -> Grid:
    """The direction of (x, z) seen from above, 0 in front, -1 and 1 at the sides, to -2 and 2 behind."""
    share = x / (np.abs(x) + np.abs(z) + TINY)
    return np.where(z < 0, np.where(x < 0, np.float32(-2.0), np.float32(2.0)) - share, share)


def shell(scene: Scene, style: Style) -> Hit:
    """The outside of the hair on the skull, as if it left no opening."""
    build, person = scene.build, scene.person
    a, b, c = build.half_width, build.half_height, build.depth
    rays = scene.rays
    lumps = wave(rays.origin[0] * 3.1 + 0.2) * wave(rays.origin[1] * 3.3 + 0.1)
    lumps += 0.6 * wave(rays.origin[0] * 6.3 + 2.0 * rays.origin[1]) * wave(rays.origin[1] * 5.7 - rays.origin[0])
    tufts = wave(rays.origin[0] * 4.7 + 0.8 * rays.origin[1] + person.parting) * wave(rays.origin[0] * 2.1 + 0.35)
    tufts = tufts * unit(-2.0 * rays.origin[1]) * person.hair_volume * (1.0 - person.curly)
    radius = 1.0 + (0.02 + 0.05 * style.afro) * person.curly * lumps + 0.017 * tufts
    centre = (-0.025 * person.parting, -0.35 * style.top, -0.25 * style.side)
    crown = 1.0 + 0.07 * unit(-rays.origin[1] / b) ** 2
    axes = ((a + style.side) * crown, b * 0.985 + 0.65 * style.top, c + style.side)
    return cast(rays, centre, axes, radius)


def paint_far_side(scene: Scene, style: Style, hit: Hit, canvas: Grid) -> None:
    """The inside of the hair on the far side of a turned head, to be painted before the head."""
    covered = -bareness(scene, style, scene.rays.at(hit.far_depth))
    alpha = ramp(hit.inside, scene.soft) * ramp(covered, scene.soft + 0.012)
    dim = 0.55 * scene.head_light.ambient + 0.15 * scene.head_light.key
    for channel, base in zip(canvas, hair_colour(scene), strict=True):
        channel += alpha * (base * dim - channel)


def paint_shell(scene: Scene, style: Style, hit: Hit, canvas: Grid) -> None:
    """The hair on the skull, with its opening for the face."""
    person, rays = scene.person, scene.rays
    point = rays.at(hit.depth)
    covered = -bareness(scene, style, point)
    alpha = ramp(hit.inside, scene.soft) * ramp(covered, scene.soft + 0.012)
    around = _bearing(point[0] + 0.06 * person.parting, point[2] + 0.16)
    texture = strands(scene, 0.62 * around, point[1])
    light = scene.head_light.on(hit.normal) * (0.8 + 0.2 * unit(covered * 9.0))
    gloss = np.maximum(dot(hit.normal, scene.halfway), 0.0)
    gloss = gloss * gloss
    gloss = gloss * gloss
    gloss = gloss * gloss * scene.head_light.key * (1.0 - 0.75 * person.curly)
    lit_hair(scene, canvas, alpha, light, texture, gloss)


def paint_long(scene: Scene, canvas: Grid) -> None:
    """Long hair falling behind the face and over the shoulders (faces with hair_length above 0.4)."""
    person, build = scene.person, scene.build
    a, b = build.half_width, build.half_height
    cx, cy = scene.centre
    right, _, _ = scene.axes
    y = scene.y - cy
    lean = unit(1.0 - np.maximum(y, 0.0) * 0.7)
    x = scene.x - cx - (right[1] * y * lean - 0.1 * right[2])
    end = b * (0.55 + 1.35 * unit(person.hair_length * 1.6 - 0.6))
    wide = a * (1.06 + 0.16 * person.hair_volume + 0.25 * person.curly * person.hair_volume)
    hang = unit((y + 0.35 * b) / (1.6 * b))
    swell = 0.82 + 0.18 * smooth((y + 0.32 * b) / (0.6 * b))
    half = swell * wide * (0.98 + 0.2 * hang * (0.4 + person.hair_volume))
    half = half - 0.12 * a * smooth((y - 0.75 * end) / (0.4 * end))
    edge = (0.01 + 0.03 * person.curly) * wave(y * 3.4 + np.where(x < 0, 0.3, 0.0).astype(np.float32))
    inside = half + edge - np.abs(x)
    tips = end - y + 0.02 * wave(x * 6.0) + 0.015 * wave(x * 15.0 + 0.3) - 0.25 * (x / wide) ** 2 * b * 0.3
    alpha = ramp(inside, scene.soft) * ramp(tips, scene.soft + 0.02) * ramp(y + 0.3 * b, scene.soft)
    nx = np.minimum(np.maximum(x / half, -1.0), 1.0)
    nz = np.sqrt(1.0 - 0.95 * nx * nx)
    light = scene.room_light.on((nx, np.full_like(nx, -0.15), nz)) * (0.55 + 0.45 * smooth(np.abs(nx) * 1.3 - 0.1))
    texture = strands(scene, x * 1.1 + 0.05 * y * nx, y)
    gloss = hill(y - 0.35 * b, 0.35 * b) * nz * scene.room_light.key * 0.35 * (1.0 - person.curly)
    lit_hair(scene, canvas, alpha, light, texture, gloss)


def paint_bun(scene: Scene, canvas: Grid) -> None:
    """A bun on the crown."""
    build = scene.build
    b = build.half_height
    size = 0.17 + 0.08 * scene.person.hair_volume
    centre = (0.0, -1.08 * b - 0.03, -0.28 * b)
    hit = cast(scene.rays, centre, (size * 1.1, size * 0.9, size))
    point = scene.rays.at(hit.depth)
    texture = strands(scene, 0.8 * point[1] + 0.5 * point[0], point[0])
    light = scene.head_light.on(hit.normal)
    facing = np.maximum(hit.normal[2], 0.0)
    lit_hair(scene, canvas, ramp(hit.inside, scene.soft), light, texture, 0.4 * facing * facing)
