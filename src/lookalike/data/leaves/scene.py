"""A scene of leaves from far to near, and the photograph of it."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from lookalike.data.images import Pixels
from lookalike.data.leaves.shapes import mask_of, outline, radii
from lookalike.data.leaves.textures import Materials, texture
from lookalike.pixels import Floats

OVER = 2
"""Scenes are drawn so many times larger than their photographs: edges and textures are smooth then."""
LEAST_RADIUS, LARGEST_LEAST = 4.0, 60.0
"""Pixels of a scene: what the radius of its smallest leaves lies between."""
COVER, MOST_LEAVES = 2.5, 800
"""How often the leaves of a scene could cover it, and how many they may be."""
SHADOWED = 16.0
"""Radius from which leaves may throw shadows."""


def photograph(random: np.random.Generator, size: int) -> Pixels:
    """A scene, drawn and photographed: uint8 (size, size, 3)."""
    return develop(random, draw_scene(random, size * OVER), size)


def draw_scene(random: np.random.Generator, side: int) -> Floats:
    """Leaves over leaves: (side, side, 3) RGB, about 0 to 1."""
    materials = Materials.drawn(random)
    canvas = np.empty((side, side, 3), np.float32)
    canvas[:] = materials.tone(random)
    canvas[:] = texture(random, materials, canvas, side, side)
    most = max(side, 256) * random.uniform(0.25, 0.8)  # a small picture is a part of a scene that goes on
    least = LEAST_RADIUS * (LARGEST_LEAST / LEAST_RADIUS) ** random.random()
    mean_area = 2 * math.pi * math.log(most / least) / (least**-2 - most**-2)
    room = side + most  # leaves whose middle lies outside reach in
    count = int(min(COVER * room**2 / mean_area, MOST_LEAVES))
    focus = random.random() * count if random.random() < 0.5 else -1
    for number, radius in enumerate(radii(random, count, least, most).tolist()):
        if number - 1 < focus <= number:
            canvas = _out_of_focus(random, canvas)
        margin = min(radius, most / 2)
        place = random.uniform(-margin, side + margin, 2)
        _lay(random, materials, canvas, radius, place[0], place[1])
    return canvas


def _lay(
    random: np.random.Generator, materials: Materials, canvas: Floats, radius: float, across: float, down: float
) -> None:
    """Lay one leaf over what is there, with its shadow."""
    points = outline(random, radius) + np.array([across, down])
    if radius > SHADOWED and random.random() < 0.4:
        _shade(random, canvas, points, radius)
    found = mask_of(points, len(canvas))
    if found is None:
        return
    (top, bottom, left, right), mask = found
    beneath = canvas[top:bottom, left:right]
    surface = texture(random, materials, canvas, bottom - top, right - left)
    beneath += mask[..., None] * (surface - beneath)


def _shade(random: np.random.Generator, canvas: Floats, points: np.ndarray, radius: float) -> None:
    away = random.normal(0, 0.12 * radius, 2)
    found = mask_of(points + away, len(canvas))
    if found is None:
        return
    (top, bottom, left, right), mask = found
    image = Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(0.05 * radius))
    darkness = np.float32(random.uniform(0.2, 0.6) / 255)
    canvas[top:bottom, left:right] *= (1 - darkness * np.asarray(image, np.float32))[..., None]


def _out_of_focus(random: np.random.Generator, canvas: Floats) -> Floats:
    """What lies behind, blurred as by a lens that looks at what is nearer."""
    sigma = 1.0 + 7 * random.random() ** 2
    blurred: Floats = ndimage.gaussian_filter(canvas, (sigma, sigma, 0), mode="nearest", truncate=3)
    return blurred


def develop(random: np.random.Generator, scene: Floats, size: int) -> Pixels:
    """What a camera makes of a scene: smaller, exposed, a little soft or sharpened, 8 bits: uint8 (size, size, 3)."""
    picture: Floats = scene.reshape(size, OVER, size, OVER, 3).mean(axis=(1, 3))
    mean, deviation = picture.mean(), max(float(picture.std()), 0.02)
    contrast = min(random.uniform(0.13, 0.27) / deviation, 2.5)
    picture = (picture - mean) * np.float32(contrast) + np.float32(random.uniform(0.3, 0.58))
    if random.random() < 0.25:
        sigma = random.uniform(0.4, 1.2)
        picture = ndimage.gaussian_filter(picture, (sigma, sigma, 0), mode="nearest", truncate=3)
    else:
        soft = ndimage.gaussian_filter(picture, (0.8, 0.8, 0), mode="nearest", truncate=3)
        picture += np.float32(0.7 * random.random() ** 2) * (picture - soft)
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
