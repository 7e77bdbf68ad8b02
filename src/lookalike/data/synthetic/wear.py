"""What a face wears: glasses, sunglasses, and hats."""

from __future__ import annotations

import numpy as np

from lookalike.data.synthetic.geometry import (
    TINY,
    Grid,
    Position,
    Vector,
    band,
    bump,
    cast,
    hill,
    occlusion,
    ramp,
    unit,
    wave,
)
from lookalike.data.synthetic.scene import Light, Scene, colour, hue_colour, paint, tint

CAP, BEANIE, BRIM = 0, 1, 2
FLAT = 0.03  # half thickness of brims and visors


def _lens(scene: Scene, x: Grid, y: Grid) -> Grid:
    """Signed distance into a lens (both at once by symmetry): round to square, as the person's frame is."""
    build, person = scene.build, scene.person
    square = person.glasses_shape
    dark = scene.shot.sunglasses
    half_x = (0.128 + 0.012 * square + 0.012 * dark) * (0.4 + 0.6 * person.face_width)
    half_y = 0.118 - 0.032 * square + 0.012 * dark
    corner = half_y * (0.98 - 0.6 * square)
    lx = np.abs(np.abs(x) - build.eye_x * 0.98 - 0.004) - half_x + corner
    ly = np.abs(y - build.eye_y - 0.016) - half_y + corner
    outside = np.sqrt(np.maximum(lx, 0.0) ** 2 + np.maximum(ly, 0.0) ** 2 + TINY)
    inside: Grid = corner - outside - np.minimum(np.maximum(lx, ly), 0.0)
    return inside


def _temple(scene: Scene, plane: Grid) -> Grid:
    """Coverage of the one arm of the glasses that a turned head shows, from the frame back to the ear."""
    build, rays = scene.build, scene.rays
    sideways = rays.towards[0]
    near = np.where(sideways < 0, np.float32(-1.0), np.float32(1.0))
    hinge = near * (build.eye_x * 0.98 + 0.14 * (0.4 + 0.6 * scene.person.face_width))
    depth = (hinge - rays.origin[0]) / (near * np.maximum(np.abs(sideways), 0.02))
    _, y, z = rays.at(depth)
    arm = band(y, build.eye_y - 0.03, build.eye_y - 0.008, scene.soft)
    ends = scene.soft / (np.abs(sideways) + 0.05)
    return arm * ramp(plane - z, ends) * ramp(z + 0.02, ends)


def paint_glasses(scene: Scene, canvas: Grid) -> None:
    """Frames with clear or dark lenses on a plane in front of the eyes, and their temples along the head."""
    build, person, shot = scene.build, scene.person, scene.shot
    rays, soft = scene.rays, scene.soft
    plane = build.depth * 0.98 + 0.035
    depth = (plane - rays.origin[2]) / rays.towards[2]
    x, y, _ = rays.at(depth)
    lens = _lens(scene, x, y)
    thick = 0.011 + 0.009 * person.glasses_shape + 0.004 * shot.sunglasses
    frame = unit(ramp(lens + thick, soft) - ramp(lens - thick * 0.4, soft))
    bridge = band(y, build.eye_y - 0.034, build.eye_y - 0.012, soft)
    bridge = bridge * ramp(build.eye_x * 0.5 - np.abs(x), soft) * (1.0 - ramp(lens, soft))
    temple = _temple(scene, plane)

    dark = shot.sunglasses
    shade = unit(ramp(lens, soft))
    tint(canvas, shade * (1.0 - dark), colour(246, 248, 250))
    glass = hue_colour(person.hat_hue, 0.35, np.full_like(dark, 0.09))
    sky = 0.5 + 0.5 * unit((y - build.eye_y) * 5.0 + 0.4)
    paint(canvas, shade * dark * 0.93, glass * (0.5 + sky))
    streak = x * 0.8 + y - 0.35 * np.abs(x)
    glare = hill(streak - 0.1 * shot.light_x, 0.03) * shade * (0.06 + 0.1 * dark) * shot.light_strength
    for channel in canvas:
        channel += glare * (1.0 - channel)
    tone = hue_colour(0.07, 0.45 - 0.4 * person.glasses_lightness, 0.05 + 0.6 * person.glasses_lightness)
    light = 0.7 + 0.35 * unit((build.eye_y - y) * 6.0 + 0.3)
    paint(canvas, unit(np.maximum(frame, bridge)), tone * light)
    paint(canvas, temple * 0.9, tone * np.float32(0.75))


def _hat_colour(scene: Scene) -> Grid:
    person = scene.person
    return hue_colour(person.hat_hue, 0.62 - 0.3 * person.hat_lightness, 0.1 + 0.7 * person.hat_lightness)


def _brim(scene: Scene) -> tuple[Position, Position]:
    """(centre, axes) of the flat part that shades the face: a visor for caps, a disc for brimmed hats."""
    build = scene.build
    a, b, c = build.half_width, build.half_height, build.depth
    cap = (scene.person.hat_kind < 0.5).astype(np.float32)
    centre = (0.0, -0.46 * b + 0.04 * b * cap, (1.02 * c) * cap - 0.02)
    axes = (a * (1.62 - 0.74 * cap), FLAT, c * (1.5 - 0.95 * cap))
    return centre, axes


def hat_shadow(scene: Scene, point: Vector) -> Grid:
    """Where (0..1) the brim keeps the lamp from the face; nothing for a beanie."""
    centre, axes = _brim(scene)
    shadow = occlusion(point, scene.head_light.direction, centre, axes, 0.5)
    kind = np.rint(scene.person.hat_kind)
    density: Grid = np.where(kind == BEANIE, np.float32(0.0), np.float32(0.85))
    return density * shadow


def paint_hat(scene: Scene, canvas: Grid) -> None:
    """A cap, a beanie or a brimmed hat, as `hat_kind` says."""
    kind = scene.person.hat_kind[:, 0]
    for number, painter in ((CAP, _cap), (BEANIE, _beanie), (BRIM, _brimmed)):
        which = np.flatnonzero(np.rint(kind) == number)
        if len(which):
            part = np.ascontiguousarray(canvas[:, which])
            painter(scene.some(which), part)
            canvas[:, which] = part


def _cloth(canvas: Grid, alpha: Grid, tone: Grid, light: Grid) -> None:
    for channel, base in zip(canvas, tone, strict=True):
        channel += alpha * (base * light - channel)


def _cap(scene: Scene, canvas: Grid) -> None:
    build, light = scene.build, scene.head_light
    a, b, c = build.half_width, build.half_height, build.depth
    tone = _hat_colour(scene)
    hit = cast(scene.rays, (0.0, -0.16 * b, -0.02), (a + 0.035, 0.98 * b, c + 0.05))
    x, y, z = scene.rays.at(hit.depth)
    edge = -0.42 * b + 0.1 * (0.3 - z) - y
    alpha = ramp(hit.inside, scene.soft) * ramp(edge, scene.soft)
    seam = band(np.abs(x), -0.003, 0.003, scene.soft) + 0.6 * band(
        np.abs(np.abs(x) - 0.5 * (y + 1.05 * b)), -0.003, 0.003, scene.soft
    )
    _cloth(canvas, alpha, tone, light.on(hit.normal) * (1.0 - 0.22 * unit(seam)))
    badge_x, badge_y = x, y + 0.68 * b
    badge = ramp(0.075 - np.sqrt(badge_x * badge_x + badge_y * badge_y + TINY), scene.soft) * (z > 0)
    second = hue_colour(scene.person.hat_hue + 0.45, 0.5, 0.75 - 0.45 * scene.person.hat_lightness)
    _cloth(canvas, alpha * badge, second, light.on(hit.normal))
    _flat(scene, canvas, tone * np.float32(0.85), light)


def _flat(scene: Scene, canvas: Grid, tone: Grid, light: Light) -> None:
    """The visor or brim, in front of everything already painted; darker on its underside."""
    centre, axes = _brim(scene)
    hit = cast(scene.rays, centre, axes)
    under = unit(hit.normal[1] * 2.0 + 0.2)
    front = unit((scene.rays.at(hit.depth)[2] - 0.1) * 12.0)
    shade = light.on(hit.normal) * (1.0 - 0.5 * under)
    _cloth(canvas, ramp(hit.inside, scene.soft) * front, tone, shade)


def _beanie(scene: Scene, canvas: Grid) -> None:
    build, light = scene.build, scene.head_light
    a, b, c = build.half_width, build.half_height, build.depth
    tone = _hat_colour(scene)
    bobble_tone = hue_colour(scene.person.hat_hue + 0.1, 0.4, 0.85 - 0.5 * scene.person.hat_lightness)
    bobble = cast(scene.rays, (0.0, -1.27 * b, -0.1), (0.13, 0.12, 0.13))
    rough = scene.x + 0.03 * wave(scene.y * 7.0)
    fluff = 0.85 + 0.22 * wave(rough * 17.0 + 9.0 * scene.y) * wave(scene.y * 19.0 - 7.0 * rough)
    _cloth(canvas, ramp(bobble.inside, scene.soft + 0.02), bobble_tone, light.on(bobble.normal) * fluff)
    hit = cast(scene.rays, (0.0, -0.14 * b, -0.03), (a + 0.04, 1.05 * b, c + 0.055))
    x, y, z = scene.rays.at(hit.depth)
    slope = 0.12 * (0.3 - z)
    width = np.sqrt(np.maximum(1.0 - (y / (1.2 * b)) ** 2, 0.12))
    ribs = wave(x / width * 8.0)
    ribs = ribs * (1.0 / (1.0 + (scene.soft * 10.0) ** 2))
    alpha = ramp(hit.inside, scene.soft) * ramp(slope - 0.42 * b - y, scene.soft)
    _cloth(canvas, alpha, tone, light.on(hit.normal) * (0.95 + 0.12 * ribs))
    fold = cast(scene.rays, (0.0, -0.14 * b, -0.03), (a + 0.065, 1.05 * b + 0.02, c + 0.08))
    _, y, z = scene.rays.at(fold.depth)
    slope = 0.12 * (0.3 - z)
    alpha = ramp(fold.inside, scene.soft) * band(y, slope - 0.66 * b, slope - 0.38 * b, scene.soft)
    _cloth(canvas, alpha, tone * np.float32(1.12), light.on(fold.normal) * (0.95 + 0.16 * ribs))


def paint_brim_behind(scene: Scene, canvas: Grid) -> None:
    """The far half of a brimmed hat's disc, to be painted before the head."""
    centre, axes = _brim(scene)
    hit = cast(scene.rays, centre, axes)
    light = scene.head_light.on(hit.normal) * (1.0 - 0.55 * unit(hit.normal[1] * 2.0 + 0.2))
    _cloth(canvas, ramp(hit.inside, scene.soft), _hat_colour(scene), light)


def _brimmed(scene: Scene, canvas: Grid) -> None:
    build, light = scene.build, scene.head_light
    a, b, c = build.half_width, build.half_height, build.depth
    tone = _hat_colour(scene)
    hit = cast(scene.rays, (0.0, -0.55 * b, -0.03), (a * 0.98 + 0.03, 0.72 * b, c + 0.03))
    x, y, _ = scene.rays.at(hit.depth)
    alpha = ramp(hit.inside, scene.soft) * ramp(-0.46 * b - y, scene.soft)
    dent = bump(x, y + 1.2 * b, 0.16, 0.16)
    _cloth(canvas, alpha, tone, light.on(hit.normal) * (1.0 - 0.3 * dent))
    ribbon = hue_colour(scene.person.hat_hue + 0.5, 0.35, 0.6 - 0.45 * scene.person.hat_lightness)
    _cloth(canvas, alpha * band(y, -0.68 * b, -0.5 * b, scene.soft), ribbon, light.on(hit.normal))
    _flat(scene, canvas, tone, light)
