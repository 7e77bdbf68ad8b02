"""Below the head: neck, shoulders, and what covers them."""

from __future__ import annotations

import numpy as np

from lookalike.data.synthetic.geometry import Grid, bump, occlusion, ramp, smooth, spread, unit, wave
from lookalike.data.synthetic.head import skin_colour
from lookalike.data.synthetic.scene import Scene, hue_colour


def _neck_width(scene: Scene) -> Grid:
    """Half the width of each neck, (N, 1)."""
    return 0.21 * scene.person.neck_width * (0.35 + 0.65 * scene.person.face_width)


def _hem(scene: Scene) -> Grid:
    """The y (N, P) where the garment's neckline runs: high or deep, round or pointed."""
    shot = scene.shot
    out = np.abs(scene.x) / _neck_width(scene)
    pointed = (spread(shot.clothes_hue, 37.0) < 0.45).astype(np.float32)
    deep = 0.01 + 0.22 * shot.neckline
    return 0.665 + deep * (1.0 - pointed * out - (1.0 - pointed) * out * out)


def paint_clothes(scene: Scene, canvas: Grid) -> None:
    """Shoulders under a garment, up to its hem around the neck."""
    shot = scene.shot
    x, y, soft = scene.x, scene.y, scene.soft
    aside = np.abs(x)
    neck = _neck_width(scene)
    sloping = 0.645 + 0.34 * np.maximum(aside - neck * 0.7, 0.0) + 0.14 * aside * aside * aside
    sloping = sloping + 0.45 * np.maximum(aside - 0.8, 0.0) ** 2
    alpha = ramp(y - sloping, soft)
    room = scene.room_light
    nx = np.minimum(np.maximum(x * 0.75, -0.9), 0.9)
    nz = np.sqrt(1.0 - nx * nx)
    light = room.on((nx * 0.9, np.full_like(nx, -0.35), nz * 0.85)) * (1.0 - 0.25 * smooth((y - sloping) * 1.2))
    tone = hue_colour(shot.clothes_hue, shot.clothes_saturation, shot.clothes_lightness)
    striped = (spread(shot.clothes_hue, 91.0) < 0.22).astype(np.float32)
    pattern = 1.0 + 0.35 * striped * wave((y - 0.3 * aside * aside) * (3.0 + 3.0 * spread(shot.clothes_hue, 53.0)))
    folds = 1.0 - 0.1 * wave(x * 1.7 + 0.8 * y + shot.clothes_hue)
    cuff = ramp(0.016 - np.abs(y - _hem(scene) - 0.016), soft) * ramp(neck * 1.15 - aside, soft)
    cloth = light * pattern * folds * (1.0 - 0.2 * cuff)
    for channel, base in zip(canvas, tone, strict=True):
        channel += alpha * (base * cloth - channel)


def paint_neck(scene: Scene, canvas: Grid) -> None:
    """A column from the head down to the hem, shaded by the chin."""
    build = scene.build
    lean = scene.centre[0] * unit((0.95 - scene.y) * 1.6) * 0.9
    half = _neck_width(scene)
    flare = np.maximum(scene.y - 0.6, 0.0)
    half_here = half * (1.0 + 0.9 * flare * flare)
    x = scene.x - lean
    alpha = ramp(half_here - np.abs(x), scene.soft) * ramp(scene.y - scene.centre[1], scene.soft)
    alpha = alpha * ramp(_hem(scene) - scene.y, scene.soft)
    nx = np.minimum(np.maximum(x / half_here, -1.0), 1.0)
    nz = np.sqrt(1.0 - nx * nx * 0.94)
    z = half_here * nz - 0.1
    right, down, towards = scene.axes
    y = scene.y - scene.centre[1]
    local = tuple((scene.x - scene.centre[0]) * r + y * d + z * t for r, d, t in zip(right, down, towards, strict=True))
    point = (local[0], local[1], local[2])
    a, b, c = build.half_width, build.half_height, build.depth
    shadow = occlusion(point, scene.head_light.direction, (0.0, 0.0, 0.0), (a, b * 0.97, c), 0.55)
    room = scene.room_light
    facing = nx * room.direction[0] + nz * room.direction[2]
    near_chin = 1.0 - 0.5 * smooth(1.0 - (y - 0.75 * b) / (0.5 * b))
    throat = 1.0 - 0.12 * bump(np.abs(x) - 0.45 * half_here, scene.y - 0.85, 0.05, 0.3)
    light = room.key * np.maximum(facing, 0.0) * (1.0 - shadow) + 0.8 * room.ambient * near_chin
    skin = skin_colour(scene) * np.float32(0.95)
    lit = light * throat
    for channel, base, reach in zip(canvas, skin, (1.04, 0.98, 0.95), strict=True):
        channel += alpha * (base * lit * reach - channel)
