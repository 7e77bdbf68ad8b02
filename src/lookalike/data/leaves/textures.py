"""What leaves are covered with: gradients, noise with and without a grain, warped waves, and small leaves."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np
from scipy import fft

from lookalike.pixels import Floats

FIELD = 256
"""Side of a noise field, which goes on periodically."""
FIELDS = 6
SMALL = 10
"""Pixels up to which a leaf shows no texture."""
TONES = 10
HUES = ((0.08, 0.05, 0.5), (0.28, 0.07, 0.25), (0.58, 0.06, 0.25))
"""Earth and skin, plants, sky and water: hue, its spread, its share among scenes."""


@dataclass(frozen=True)
class Materials:
    """What the leaves of one scene are made of.

    Attributes:
        tones: (TONES, 3) RGB from 0 to 1.
        fields: noise, each (FIELD, FIELD) of mean 0 and standard deviation 1, periodic.
    """

    tones: Floats
    fields: list[Floats]

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Materials:
        """Those of a new scene: a few hues that go together, and noise of several spectra, with and without grain."""
        return cls(_tones(random), [_field(random) for _ in range(FIELDS)])

    def tone(self, random: np.random.Generator) -> Floats:
        """One of the scene's colours, a little off."""
        chosen: Floats = self.tones[random.integers(TONES)] + random.normal(0, 0.03, 3).astype(np.float32)
        return chosen + np.float32(random.normal(0, 0.06))

    def noise(self, random: np.random.Generator, height: int, width: int) -> Floats:
        """A part of one of the fields, turned at random: (height, width)."""
        field = self.fields[random.integers(FIELDS)]
        field = field.T if random.random() < 0.5 else field
        rows = (np.arange(height) + random.integers(FIELD)) % FIELD
        columns = (np.arange(width) + random.integers(FIELD)) % FIELD
        part: Floats = field[rows[:, None], columns]
        return part


def texture(random: np.random.Generator, materials: Materials, seen: Floats, height: int, width: int) -> Floats:
    """The surface of a leaf: (height, width, 3) RGB. `seen` is the scene so far, of which small leaves are made."""
    if max(height, width) <= SMALL:
        return np.broadcast_to(materials.tone(random), (height, width, 3))
    kind = random.random()
    if kind < 0.13 and min(height, width) > 12:
        surface = _small_leaves(random, seen, height, width)
        surface *= 0.5 + materials.tone(random)
    else:
        first, second = materials.tone(random), materials.tone(random)
        if kind < 0.4:
            share = np.full((height, width), 0.0, np.float32)
        elif kind < 0.75:
            share = _blotches(random, materials.noise(random, height, width))
        else:
            share = _waves(random, materials, height, width)
        reach = np.float32(random.beta(1.2, 2.0))  # most textures are faint
        surface = first + (reach * share)[..., None] * (second - first)
    grain = np.float32(0.05 * random.random() ** 2)
    return (surface + (grain * materials.noise(random, height, width))[..., None]) * _light(random, height, width)


def _blotches(random: np.random.Generator, noise: Floats) -> Floats:
    """Noise pressed towards two tones, from faint clouds to marble: 0 to 1."""
    gain = np.float32(4 ** random.uniform(-1, 1))
    blotches: Floats = np.tanh(gain * noise) / (2 * np.tanh(np.float32(2) * gain)) + np.float32(0.5)
    return blotches


def _waves(random: np.random.Generator, materials: Materials, height: int, width: int) -> Floats:
    """Stripes, weaves, bark, ripples: one or two sinusoids whose phase is warped by noise, soft or sharp: 0 to 1."""
    warp = np.float32(random.exponential(1.0)) * materials.noise(random, height, width)
    waves = np.ones((height, width), np.float32)
    for _ in range(1 + (random.random() < 0.4)):
        pitch, angle = 4 * 16 ** random.random(), random.uniform(0, 2 * math.pi)
        along = np.arange(width, dtype=np.float32) * np.float32(math.cos(angle))
        down = np.arange(height, dtype=np.float32)[:, None] * np.float32(math.sin(angle))
        waves *= np.sin((along + down) * np.float32(2 * math.pi / pitch) + warp)
    gain = np.float32(4 ** random.uniform(-1, 1.2))
    shaped: Floats = np.tanh(gain * waves) / (2 * np.tanh(gain)) + np.float32(0.5)
    return shaped


def _small_leaves(random: np.random.Generator, seen: Floats, height: int, width: int) -> Floats:
    """The scene itself, made 2 to 4 times smaller and repeated, as foliage, gravel or a crowd look from afar."""
    times = int(random.integers(2, 5))
    down, along = (min(own, len(seen) // times) for own in (height, width))
    top, left = (int(random.integers(len(seen) - own * times + 1)) for own in (down, along))
    part = seen[top : top + down * times, left : left + along * times]
    small: Floats = part.reshape(down, times, along, times, 3).mean(axis=(1, 3))
    repeated: Floats = small[np.arange(height)[:, None] % down, np.arange(width) % along]
    return repeated


def _light(random: np.random.Generator, height: int, width: int) -> Floats:
    """Light that falls off across a leaf: (height, width, 1), about 1."""
    angle, fall = random.uniform(0, 2 * math.pi), random.normal(0, 0.25)
    along = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(fall * math.cos(angle))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(fall * math.sin(angle))
    light: Floats = np.maximum(1 + along + down, np.float32(0.1))[..., None]
    return light


def _tones(random: np.random.Generator) -> Floats:
    shares = [share for _, _, share in HUES]
    main, spread, _ = HUES[int(random.choice(len(HUES), p=shares))]
    vivid = random.beta(1.5, 2.5)
    tones = []
    for _ in range(TONES):
        hue, its, _ = (main, spread, 0) if random.random() < 0.6 else HUES[int(random.integers(len(HUES)))]
        saturation = min(vivid * random.exponential(0.8), 1.0)
        tones.append(colorsys.hsv_to_rgb(random.normal(hue, its) % 1, saturation, random.beta(1.1, 1.1)))
    return np.array(tones, np.float32)


def _field(random: np.random.Generator) -> Floats:
    """Noise whose amplitude falls as a power of the frequency; half of the fields have a grain, as hair and wood."""
    slope = random.uniform(0.3, 2.2)
    stretch = 1.0 if random.random() < 0.5 else random.uniform(2, 10)
    angle = random.uniform(0, math.pi)
    down, along = fft.fftfreq(FIELD)[:, None], fft.rfftfreq(FIELD)
    with_grain = along * math.cos(angle) + down * math.sin(angle)
    across = down * math.cos(angle) - along * math.sin(angle)
    frequency = np.hypot(with_grain * stretch, across)
    frequency[0, 0] = np.inf
    parts = random.standard_normal((2, *frequency.shape), dtype=np.float32)
    field = fft.irfft2((parts[0] + 1j * parts[1]) * (frequency**-slope).astype(np.float32), s=(FIELD, FIELD))
    unit: Floats = (field / field.std()).astype(np.float32)
    return unit
