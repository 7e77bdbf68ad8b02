"""Who lives in the world of a seed, and how they are photographed: parameters drawn at random.

Draws come in blocks of `BLOCK` rows, one counter-based Philox generator a block, so that row i depends on
(seed, i) only and is cheap to reach.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.synthetic.traits import PERSON_FIELDS, SHOT_FIELDS, Table

BLOCK = 1000
PERSON_STREAM, SHOT_STREAM, ORDER_STREAM = 1, 2, 3
DRAWS = 96  # uniform numbers a row; more than any row uses, so that a new field leaves the others alone
ALIGNED = {
    **{"turn": 0.35, "nod": 0.35, "tilt": 0.15, "shift_x": 0.15, "shift_y": 0.15, "zoom": 1.3},
    **{"background_clutter": 0.5, "blur": 0.25, "grain": 0.3},
}
"""What portraits have of a shot's traits: of turns and shifts about as much as photos of aligned faces."""

Column = npt.NDArray[np.float64]


def generator(seed: int, stream: int, block: int) -> np.random.Generator:
    """The generator of one block of one stream of a seed's world."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, stream, block))))


class Draws:
    """Independent random columns, taken one after the other from a block's uniform numbers."""

    def __init__(self, seed: int, stream: int, block: int) -> None:
        self._uniform = generator(seed, stream, block).random((BLOCK, DRAWS))
        self._next = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Column:
        """Uniform between `low` and `high`."""
        column = self._uniform[:, self._next]
        self._next += 1
        return low + (high - low) * column

    def normal(self, mean: float = 0.0, deviation: float = 1.0, cut: float = 2.2) -> Column:
        """Normal, without the tails beyond `cut` deviations."""
        from scipy.special import ndtri

        centred: Column = ndtri(1e-9 + (1.0 - 2e-9) * self.uniform())
        return mean + deviation * np.clip(centred, -cut, cut)

    def chance(self, probability: float | npt.NDArray[Any]) -> Column:
        """1.0 with this probability, else 0.0."""
        return (self.uniform() < probability).astype(np.float64)


def persons(seed: int, block: int) -> Table:
    """The persons with index `BLOCK * block` onwards."""
    d = Draws(seed, PERSON_STREAM, block)
    masculine, age = d.chance(0.5), d.uniform() ** 1.25
    manly = masculine * 2.0 - 1.0
    skin = np.clip(d.uniform(0.0, 1.0) ** 1.35 + d.normal(0.0, 0.05), 0.0, 1.0)
    # Fair hair goes with fair skin; bleached hair with any.
    natural = np.clip(d.uniform() ** 1.2 * 1.1 - 0.85 * skin, 0.02, 1.0)
    bleached = d.chance(0.08)
    lightness = np.where(bleached > 0, d.uniform(0.5, 1.0), natural)
    grey = np.clip((age - 0.68) * 3.2 + d.normal(0.0, 0.3), 0.0, 1.0) * (age > 0.5)
    bald = d.chance(np.where(masculine > 0, 0.06 + 0.26 * age**2, 0.01))
    length = np.where(
        masculine > 0,
        np.where(d.chance(0.85) > 0, d.uniform(0.0, 0.3), d.uniform(0.3, 0.9)),
        np.where(d.chance(0.25) > 0, d.uniform(0.1, 0.4), d.uniform(0.4, 1.0)),
    ) * (1.0 - bald)
    curly = np.clip(d.uniform() ** 2.2 + 0.5 * d.uniform() * skin, 0.0, 1.0)
    bearded = masculine * d.chance(0.42) * (age > 0.08)
    beard = bearded * d.uniform(0.12, 1.0)
    glasses_fan = d.chance(0.12 + 0.22 * age)
    hat_fan, sun_fan = d.chance(0.12), d.chance(0.08)
    columns: dict[str, Column] = {
        "skin": skin,
        "undertone": d.normal(0.0, 0.5),
        "face_width": d.normal(1.0, 0.06),
        "face_length": d.normal(1.0, 0.045) + 0.015 * manly,
        "jaw": np.clip(d.normal(0.42, 0.2) + 0.16 * manly, 0.0, 1.0),
        "cheeks": np.clip(d.normal(0.5, 0.24) - 0.15 * age + 0.05, 0.0, 1.0),
        "eye_size": d.normal(1.04, 0.09) - 0.04 * manly - 0.06 * age,
        "eye_spacing": d.normal(1.0, 0.055),
        "eye_slant": d.normal(0.1, 0.45),
        "eye_colour": np.clip(d.uniform() ** 1.3 * 1.15 - 0.75 * skin, 0.0, 1.0),
        "lashes": np.clip(d.uniform(0.1, 0.7) - 0.22 * manly, 0.0, 1.0),
        "brow_thickness": np.clip(d.normal(0.42, 0.2) + 0.16 * manly, 0.0, 1.0),
        "brow_arch": np.clip(d.normal(0.5, 0.26) - 0.12 * manly, 0.0, 1.0),
        "brow_height": np.clip(d.normal(0.45, 0.22) - 0.12 * manly, 0.0, 1.0),
        "nose_length": d.normal(1.0, 0.09) + 0.02 * manly + 0.04 * age,
        "nose_width": d.normal(1.0, 0.13) + 0.05 * manly + 0.12 * (skin - 0.4),
        "nose_size": d.normal(1.0, 0.2) + 0.06 * manly,
        "mouth_width": d.normal(1.0, 0.08) + 0.02 * manly,
        "lip_fullness": np.clip(d.normal(0.42, 0.2) - 0.1 * manly + 0.2 * skin, 0.0, 1.0),
        "lip_colour": (1.0 - masculine) * d.chance(0.5) * d.uniform(0.2, 1.0),
        "ear_size": d.normal(1.0, 0.12) + 0.1 * age,
        "neck_width": d.normal(0.95, 0.06) + 0.09 * manly,
        "hair_length": length,
        "hair_volume": np.clip(d.normal(0.5, 0.24), 0.0, 1.0),
        "hair_lightness": np.clip(lightness + 0.3 * grey, 0.0, 1.0),
        "hair_red": np.clip(d.uniform() ** 4.0 * 1.2, 0.0, 1.0) * (1.0 - grey),
        "hair_grey": grey,
        "curly": curly,
        "fringe": d.chance(0.45 - 0.15 * masculine) * d.uniform(0.25, 1.0),
        "parting": d.normal(0.0, 0.55, cut=1.7),
        "recession": np.clip(masculine * (age - 0.25) * d.uniform(0.0, 1.6), 0.0, 1.0),
        "bald": bald,
        "bun": (1.0 - masculine) * d.chance(0.16) * (1.0 - bald),
        "beard": beard,
        "beard_cheeks": d.uniform(),
        "moustache": masculine * d.chance(0.1) * d.uniform(0.6, 1.0),
        "wrinkles": np.clip(age * 1.15 - 0.2 + d.normal(0.0, 0.06), 0.0, 1.0),
        "freckles": d.chance(0.16) * d.uniform(0.3, 1.0) * (skin < 0.45),
        "blush": d.uniform(),
        "earrings": d.chance(0.32 - 0.26 * masculine),
        "glasses_habit": glasses_fan * d.uniform(0.6, 1.0),
        "sunglasses_habit": 0.025 + sun_fan * d.uniform(0.2, 0.5),
        "hat_habit": 0.05 + hat_fan * d.uniform(0.4, 0.9),
        "glasses_shape": d.uniform(),
        "glasses_lightness": d.uniform() ** 3.0,
        "hat_kind": np.floor(d.uniform(0.0, 3.0)),
        "hat_hue": d.uniform(),
        "hat_lightness": d.uniform(0.05, 0.9),
    }
    return _table(columns, PERSON_FIELDS)


def shots(seed: int, block: int, who: Table) -> Table:
    """The shots of pictures `BLOCK * block` onwards; `who` is on them, row by row."""
    d = Draws(seed, SHOT_STREAM, block)
    mood = d.uniform()
    glad, calm, sad = d.uniform(0.25, 1.0), d.normal(0.08, 0.12), d.uniform(-0.9, -0.2)
    smile = np.where(mood < 0.6, glad, np.where(mood < 0.88, calm, sad))
    talking = d.chance(0.35 + 0.25 * (smile > 0.5))
    surprised = d.chance(0.05)
    sunglasses = d.chance(_column(who, "sunglasses_habit"))
    columns: dict[str, Column] = {
        "turn": d.normal(0.0, 15.0, cut=2.4),
        "tilt": d.normal(0.0, 6.0),
        "nod": d.normal(1.0, 6.0),
        "light_x": d.uniform(-1.0, 1.0),
        "light_y": np.clip(d.normal(0.35, 0.35), -0.5, 1.0),
        "light_strength": d.uniform(0.1, 0.95),
        "smile": smile * (1.0 - surprised),
        "mouth_open": np.maximum(talking * d.uniform(0.1, 0.85), surprised * 0.8),
        "eyes_open": np.where(d.chance(0.035) > 0, 0.0, np.clip(d.normal(0.88, 0.13) + 0.25 * surprised, 0.45, 1.2)),
        "gaze_x": d.normal(0.0, 0.4),
        "gaze_y": d.normal(0.0, 0.25),
        "brow_raise": np.clip(d.normal(0.15, 0.3) + 0.9 * surprised - 0.4 * (smile < -0.3), -0.8, 1.2),
        "glasses": d.chance(_column(who, "glasses_habit")) * (1.0 - sunglasses),
        "sunglasses": sunglasses,
        "hat": d.chance(_column(who, "hat_habit")) * (1.0 - _column(who, "bun")),
        "background_lightness": d.uniform(0.12, 0.88),
        "background_hue": d.uniform(),
        "background_saturation": d.uniform() ** 1.6 * 0.42,
        "background_layout": d.uniform(),
        "background_clutter": d.uniform(),
        "clothes_hue": d.uniform(),
        "clothes_saturation": d.uniform() ** 1.3 * 0.65,
        "clothes_lightness": d.uniform(0.06, 0.88),
        "neckline": d.uniform(),
        "zoom": d.normal(1.2, 0.05),
        "shift_x": d.normal(0.0, 0.035),
        "shift_y": d.normal(0.0, 0.03),
        "exposure": np.exp(d.normal(-0.03, 0.16)),
        "warmth": d.normal(0.15, 0.45),
        "saturation": np.where(d.chance(0.03) > 0, 0.0, np.clip(d.normal(0.98, 0.14), 0.0, 1.3)),
        "blur": np.where(d.chance(0.7) > 0, d.uniform(0.0, 0.4), d.uniform(0.4, 1.3)),
        "grain": d.uniform(0.0, 0.014),
        "grain_seed": d.uniform(),
    }
    return _table(columns, SHOT_FIELDS)


def aligned(shots: Table) -> Table:
    """The same shots, as factors of `ALIGNED` say: straight, closer, in focus, before a plainer background."""
    rows = shots.rows.copy()
    for name, factor in ALIGNED.items():
        rows[:, shots.names.index(name)] *= np.float32(factor)
    return Table(rows, shots.names)


def _column(table: Table, name: str) -> Column:
    return table.rows[:, table.names.index(name)].astype(np.float64)


def _table(columns: dict[str, Column], names: tuple[str, ...]) -> Table:
    return Table(np.stack([columns[name] for name in names], axis=1).astype(np.float32), names)
