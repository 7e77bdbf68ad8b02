"""Eyes, brows, mouth and beard, painted on the head's surface."""

from __future__ import annotations

import numpy as np

from lookalike.data.synthetic.geometry import TINY, Grid, band, bump, hill, ramp, smooth, unit, wave
from lookalike.data.synthetic.head import Surface, skin_colour
from lookalike.data.synthetic.scene import Scene, colour, paint, palette, tint

EYE_STOPS = [(62, 36, 24), (104, 64, 34), (122, 104, 52), (96, 132, 110), (110, 158, 200)]
HAIR_STOPS = [(26, 21, 20), (58, 38, 28), (104, 68, 42), (164, 122, 76), (226, 192, 130)]
RED_STOPS = [(60, 24, 18), (104, 42, 22), (156, 70, 34), (200, 104, 54), (226, 150, 90)]
GREY_STOPS = [(70, 70, 74), (108, 108, 112), (150, 150, 152), (192, 191, 190), (228, 226, 222)]


def hair_colour(scene: Scene) -> Grid:
    """(3, N, 1) linear colour of each person's hair."""
    person = scene.person
    base = palette(person.hair_lightness, HAIR_STOPS)
    base = base + person.hair_red * (palette(person.hair_lightness, RED_STOPS) - base)
    grey = palette(0.35 + 0.65 * person.hair_lightness, GREY_STOPS)
    blend: Grid = base + person.hair_grey * (grey - base)
    return blend


def paint_eyes(scene: Scene, surface: Surface, albedo: Grid) -> Grid:
    """Paint both eyes on the skin; return the catchlights (N, P), which shine whatever the light."""
    build, person, shot = scene.build, scene.person, scene.shot
    x, y, _ = surface.point
    soft = scene.soft
    width = build.eye_width
    side = np.where(x < 0, np.float32(-1.0), np.float32(1.0))
    ex = np.abs(x) - build.eye_x
    ey = y - build.eye_y + (0.13 * person.eye_slant + 0.05) * ex
    across = ex / width
    lid = 1.0 - across * across
    # The upper lid's summit lies a little inwards, the lower lid's a little outwards: an almond.
    tall = 0.052 * person.eye_size
    open_ = shot.eyes_open * (1.0 - 0.22 * np.maximum(shot.smile, 0.0) * (1.0 - shot.mouth_open))
    parted = np.maximum(lid, 0.0)
    upper = -parted * (1.0 - 0.22 * across) * tall * (open_ * 1.05 - (1.0 - open_) * 0.45)
    lower = parted * (1.0 + 0.18 * across) * tall * 0.52

    depth_of_lid = unit(lid * 4.0)
    crease = band(ey, upper - 0.026 - 0.012 * open_, upper - 0.018 - 0.012 * open_, soft) * depth_of_lid
    tint(albedo, crease * 0.75, colour(176, 138, 124))
    bag = band(ey, lower + 0.022, lower + 0.03, soft) * depth_of_lid
    tint(albedo, bag * (0.15 + 0.6 * person.wrinkles), colour(206, 168, 156))

    eye = band(ey, upper, lower, soft)
    white = colour(232, 226, 220) * (1.0 - 0.38 * unit((upper - ey) / tall + 0.85)) * (1.0 - 0.15 * person.skin)
    paint(albedo, eye, white)
    radius = 0.043 * (0.5 + 0.5 * person.eye_size)
    ix = ex - 0.3 * width * shot.gaze_x * side + 0.004
    iy = ey + 0.012 * open_ - 0.35 * tall * shot.gaze_y
    away = np.sqrt(ix * ix + iy * iy + TINY)
    iris = ramp(radius - away, soft) * eye
    hue = palette(person.eye_colour, EYE_STOPS)
    inner = 0.55 + 0.9 * unit(1.0 - away / radius) + 0.35 * unit(iy / radius)
    paint(albedo, iris, hue * inner)
    paint(albedo, ramp(0.007 - np.abs(away - radius + 0.004), soft) * eye * 0.75, hue * np.float32(0.2))
    paint(albedo, ramp(0.45 * radius - away, soft) * eye, colour(16, 12, 12))

    thick = 0.006 + 0.011 * person.lashes
    wing = unit(lid * 5.0 + 0.9)
    lash = band(ey, upper - thick, upper + 0.004, soft) * wing
    paint(albedo, lash * 0.92, colour(34, 22, 20))
    rim = band(ey, lower - 0.001, lower + 0.006, soft) * depth_of_lid
    tint(albedo, rim * (0.5 + 0.3 * person.lashes), colour(150, 100, 92))

    glint_x = ix * side - 0.4 * radius * np.where(shot.light_x < 0, -1.0, 1.0).astype(np.float32)
    glint = ramp(0.012 - np.sqrt(glint_x * glint_x + (iy + 0.4 * radius) ** 2 + TINY), soft)
    return glint * eye


def paint_brows(scene: Scene, surface: Surface, albedo: Grid) -> None:
    """Both brows: thick near the nose, thin outwards, moved by the mood."""
    build, person, shot = scene.build, scene.person, scene.shot
    x, y, _ = surface.point
    along = (np.abs(x) - build.eye_x + 0.015) * (1.0 / 0.125)
    height = build.eye_y - (0.095 + 0.04 * person.brow_height) - 0.028 * shot.brow_raise
    arch = 0.01 + 0.022 * person.brow_arch
    knit = np.minimum(shot.brow_raise, 0.0) + 0.5 * np.minimum(shot.smile, 0.0)
    middle = height + arch * (along - 0.12) ** 2 - 0.002 * along + 0.02 * knit * along
    thick = (0.009 + 0.02 * person.brow_thickness) * (1.0 - 0.45 * unit(0.5 + 0.5 * along))
    ends = unit((1.0 - along) * 3.5) * unit((1.02 + along) * 5.0)
    hairs = 1.0 - 0.08 * wave(along * 7.0 + y * 26.0)
    alpha = band(y, middle - thick, middle + thick, scene.soft + 0.006) * ends * hairs
    dark = hair_colour(scene) * np.float32(0.55)
    skin = skin_colour(scene)
    tone = np.minimum(dark + 0.12 * skin, 0.75 * skin)
    paint(albedo, alpha * (0.62 + 0.3 * person.brow_thickness), tone)


def mouth_lines(scene: Scene, x: Grid) -> tuple[Grid, Grid, Grid, Grid, Grid]:
    """(profile, top of the upper lip, its lower edge, top of the lower lip, its lower edge) at each `x`.

    The profile is 1 in the middle of the mouth, 0 at its corners, negative beyond.
    """
    build, person, shot = scene.build, scene.person, scene.shot
    joy = np.maximum(shot.smile, 0.0)
    half = 0.135 * person.mouth_width * (1.0 + 0.22 * joy - 0.18 * shot.mouth_open * (1.0 - joy))
    m = np.minimum(np.maximum(x / half, -1.4), 1.4)
    m2 = m * m
    profile = 1.0 - m2
    bend = shot.smile * np.where(shot.smile > 0, 0.058, 0.05).astype(np.float32)
    line = build.mouth_y - bend * (m2 - 0.45)
    gap = shot.mouth_open * 0.1 * np.maximum(profile, 0.0)
    upper, lower = line - 0.22 * gap, line + 0.78 * gap
    full = (0.7 + 0.6 * person.lip_fullness) * (1.0 - 0.25 * joy)
    bow = hill(m, 0.3)
    top = upper - 0.034 * full * profile * (1.0 + 0.35 * m2) * (1.0 - 0.28 * bow)
    bottom = lower + 0.046 * full * profile * (1.0 - 0.2 * m2)
    return profile, top, upper, lower, bottom


def paint_mouth(scene: Scene, surface: Surface, albedo: Grid) -> None:
    """Lips, and what an open mouth shows."""
    person, shot = scene.person, scene.shot
    x, y, _ = surface.point
    soft = scene.soft
    profile, top, upper, lower, bottom = mouth_lines(scene, x)
    skin = skin_colour(scene)
    natural = skin * colour(226, 160, 152) + 0.02 * colour(255, 80, 90)
    lips = natural + (0.75 * person.lip_colour) * (colour(176, 34, 52) - natural)
    shadow = bump(x, y - bottom - 0.022, 0.11, 0.03)
    tint(albedo, shadow * 0.4, colour(208, 176, 166))
    upper_lip = band(y, top, upper + 0.002, soft)
    lower_lip = band(y, lower - 0.002, bottom, soft)
    paint(albedo, upper_lip, lips * np.float32(0.82))
    plump = bump(x, y - 0.55 * (lower + bottom), 0.09, 0.02)
    paint(albedo, lower_lip, lips * (1.0 + 0.35 * plump))

    inside = band(y, upper, lower, soft)
    paint(albedo, inside, colour(70, 24, 26))
    deep = np.maximum(lower - upper, 0.0)
    tongue = bump(x, y - lower - 0.004, 0.09, 0.035)
    paint(albedo, inside * unit(tongue * 2.0) * 0.85, colour(176, 84, 84))
    teeth = band(y, upper, upper + np.minimum(0.7 * deep, 0.034), soft) * unit(profile * 3.0)
    paint(albedo, teeth * unit(shot.smile * 3.0 + 0.6), colour(240, 234, 224) * (0.72 + 0.28 * unit(profile)))
    closed = band(y, upper - 0.005, lower + 0.005, soft) * unit(profile * 5.0 + 0.5)
    tint(albedo, closed * (1.0 - unit(shot.mouth_open * 8.0)), colour(132, 78, 74))
    corner = bump(np.abs(x) - _corner(scene), y - 0.5 * (upper + lower), 0.022, 0.02)
    tint(albedo, corner * 0.5, colour(160, 112, 100))


def _corner(scene: Scene) -> Grid:
    joy = np.maximum(scene.shot.smile, 0.0)
    open_ = scene.shot.mouth_open * (1.0 - joy)
    return 0.135 * scene.person.mouth_width * (1.0 + 0.22 * joy - 0.18 * open_)


def paint_nostrils(scene: Scene, surface: Surface, albedo: Grid) -> None:
    """Nostrils and the shade under the tip and beside the wings."""
    build = scene.build
    x, y, _ = surface.point
    width = build.nose_width
    under = bump(x, y - build.nose_y - 0.045, 0.075 * width, 0.03)
    tint(albedo, under * 0.5, colour(196, 150, 136))
    hx, hy = (np.abs(x) - 0.029 * width) / 1.6, y - build.nose_y - 0.03 + 0.25 * (np.abs(x) - 0.03 * width)
    hole = ramp(0.011 - np.sqrt(hx * hx + hy * hy + TINY), scene.soft)
    tint(albedo, hole * 0.85, colour(96, 54, 46))
    wing_x, wing_y = (np.abs(x) - 0.066 * width), y - build.nose_y - 0.008
    wing = bump(wing_x, wing_y, 0.014, 0.035)
    tint(albedo, wing * 0.45, colour(190, 142, 126))


def paint_beard(scene: Scene, surface: Surface, albedo: Grid) -> None:
    """Stubble to full beard, goatee to sideburns, and a moustache."""
    build, person = scene.build, scene.person
    x, y, z = surface.point
    a, b, soft = build.half_width, build.half_height, scene.soft
    side = np.abs(x) / a
    _, top, _, _, bottom = mouth_lines(scene, x)
    amount = np.maximum(person.beard, 0.0)
    cheek = build.mouth_y + 0.02 - (0.1 + 0.55 * person.beard_cheeks) * b * side * side
    reach = 0.1 + 0.02 * person.beard_cheeks + 1.1 * a * unit(person.beard_cheeks * 1.4)
    ragged = 0.012 * wave(x * 7.0 + 2.0 * y) * amount
    chin = ramp(y - cheek + ragged, soft + 0.05) * ramp(reach - np.abs(x), soft + 0.05)
    corner = _corner(scene)
    out, down = x / (corner + 0.022), (y - 0.5 * (top + bottom)) / (0.035 + 0.5 * np.maximum(bottom - top, 0.0))
    chin = chin * (1.0 - smooth((1.35 - out * out - down * down) * 1.6))
    arc = build.nose_y + 0.05 + 1.5 * x * x
    lip = band(y, arc, np.maximum(top - 0.003, arc + 0.028), soft + 0.012)
    lip = lip * ramp(corner + 0.012 - np.abs(x), soft + 0.02)
    grown = 1.0 / (1.0 + (soft * 22.0) ** 2)
    curl = wave(side * 11.0 + 0.6 * wave(y * 9.0) + 3.0 * y) * wave(y * 13.0 - 4.0 * x + 0.5 * wave(x * 13.0))
    hairs = wave(x * 41.0 + 0.8 * wave(y * 11.0) + 9.0 * x * y) * grown
    texture = 1.0 - 0.12 * curl - 0.15 * hairs
    dense = smooth(amount * 1.25)
    alpha = np.maximum(chin * (0.25 * unit(amount * 8.0) + 0.7 * dense), 0.0)
    hairy = np.maximum(alpha, lip * np.maximum(person.moustache * 0.9, 0.3 * unit(amount * 8.0) + 0.6 * dense))
    tone = hair_colour(scene) * np.float32(0.8) + 0.05 * skin_colour(scene)
    paint(albedo, unit(hairy) * unit((z + 0.2 * b) * 6.0), tone * texture)
