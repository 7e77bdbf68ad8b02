"""What is around the face: the background, and what the camera does to the picture."""

from __future__ import annotations

import numpy as np

from lookalike.data.synthetic.geometry import TINY, Grid, ramp, smooth, spread, unit
from lookalike.data.synthetic.scene import Scene, hue_colour

LUMINANCE = (0.3, 0.59, 0.11)


def background(scene: Scene) -> Grid:
    """(3, N, P): a gradient, three soft blobs, and the edge of something out of focus."""
    shot = scene.shot
    place, busy = shot.background_layout, shot.background_clutter
    u, v = scene.u, scene.v
    base = hue_colour(shot.background_hue, shot.background_saturation, shot.background_lightness)
    lean_x, lean_y = spread(place, 17.0) - 0.5, spread(place, 29.0) - 0.5
    slope = 1.0 + (0.25 + 0.5 * busy) * (u * lean_x + v * lean_y)
    canvas = base * slope
    for i in range(3):
        bx, by = 2.4 * spread(place, 41.0 + 12.0 * i) - 1.2, 2.4 * spread(place, 83.0 + 18.0 * i) - 1.4
        size = 0.3 + 0.6 * spread(place, 137.0 + 10.0 * i)
        hue = shot.background_hue + 0.5 * (spread(place, 59.0 + 8.0 * i) - 0.5)
        light = spread(place, 101.0 + 14.0 * i)
        light = unit(shot.background_lightness + 0.7 * (light - 0.5))
        tone = hue_colour(hue, shot.background_saturation, light)
        dx, dy = (u - bx) / size, (v - by) / size
        alpha = smooth(1.5 - np.sqrt(dx * dx + dy * dy + TINY) * 1.2) * unit(busy * 1.3)
        for channel, colour_here in zip(canvas, tone, strict=True):
            channel += alpha * (colour_here - channel)
    # One straight edge: a door frame, a shelf, a horizon.
    slant = 0.15 * (spread(place, 211.0) - 0.5)
    upright = (spread(place, 223.0) < 0.6).astype(np.float32)
    offset = 1.8 * spread(place, 239.0) - 0.9
    across = upright * (u - offset - slant * v) + (1.0 - upright) * (v - 0.5 * offset - slant * u)
    edge = ramp(across, 0.08 + 0.25 * spread(place, 251.0))
    contrast = (spread(place, 263.0) - 0.5) * 1.1 * smooth(busy * 1.6 - 0.3)
    for channel in canvas:
        channel *= 1.0 + edge * contrast
    return canvas


def develop(scene: Scene, canvas: Grid) -> Grid:
    """Exposure, colour of the light, lens blur, grain: linear (3, N, P) to sRGB levels 0..255."""
    shot = scene.shot
    falloff = 1.0 - 0.06 * (scene.u * scene.u + scene.v * scene.v)
    balance = (1.0 + 0.14 * shot.warmth, 1.0 + 0.01 * shot.warmth, 1.0 - 0.16 * shot.warmth)
    toned = np.empty_like(canvas)
    for out, channel, gain in zip(toned, canvas, balance, strict=True):
        bright = np.maximum(channel * (falloff * (gain * shot.exposure)), 0.0)
        # A film's shoulder: highlights roll off instead of clipping.
        out[...] = np.sqrt(bright * (1.0 + 0.12 * bright) / (1.0 + 0.22 * bright * bright))
    grey = sum((w * c for w, c in zip(LUMINANCE, toned, strict=True)), start=np.float32(0.0))
    for channel in toned:
        channel += (shot.saturation - 1.0) * (channel - grey)
    _blur(toned, shot.blur * np.float32(scene.size / 100.0), scene.size)
    toned += _grain(shot.grain_seed, scene.size) * (shot.grain * np.float32(3.4641))
    levels: Grid = np.minimum(np.maximum(toned * 255.0 + 0.5, 0.0), 255.0)
    return levels


def _blur(canvas: Grid, sigma: Grid, size: int) -> None:
    """Blur (3, N, P) in place by `sigma` (N, 1) pixels: three-tap filters at growing strides, edges repeated."""
    variance = sigma * sigma
    stride = 1
    while stride < size // 2:
        which = np.flatnonzero(variance[:, 0] > 1e-3)
        if not len(which):
            return
        weight = np.minimum(variance, 0.5 * stride * stride) / (2.0 * stride * stride)
        image = canvas[:, which].reshape(3, len(which), size, size)
        w = weight[which].reshape(1, -1, 1, 1)
        for axis in (2, 3):
            image = image + w * (_shifted(image, stride, axis) + _shifted(image, -stride, axis) - 2.0 * image)
        canvas[:, which] = image.reshape(3, len(which), -1)
        variance = np.maximum(variance - 2.0 * stride * stride * weight, 0.0)
        stride = stride + 1 if stride < 3 else stride * 2


def _shifted(image: Grid, by: int, axis: int) -> Grid:
    size = image.shape[axis]
    places = np.minimum(np.maximum(np.arange(size) + by, 0), size - 1)
    moved: Grid = np.take(image, places, axis=axis)
    return moved


def _grain(seed: Grid, size: int) -> Grid:
    """Uniform noise (N, P) in -0.5..0.5 from a hash of the seed and the pixel."""
    start = np.ascontiguousarray(seed, np.float32).view(np.uint32) * np.uint32(0x9E3779B1)
    mixed = np.arange(size * size, dtype=np.uint32) * np.uint32(0x85EBCA77) + start
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x2C1B3C6D)
    mixed ^= mixed >> np.uint32(12)
    mixed *= np.uint32(0x297A2D39)
    mixed ^= mixed >> np.uint32(15)
    noise: Grid = (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24) - np.float32(0.5)
    return noise
