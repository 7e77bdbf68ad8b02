"""What a face is made of: the numbers of a person, and of one photo of that person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import numpy.typing as npt

from lookalike.data.synthetic.geometry import Grid
from lookalike.errors import OptionError


@dataclass(frozen=True)
class Person:
    """Who it is: what stays the same from photo to photo.

    Sizes named `..._width`, `_length`, `_size`, `_spacing` are factors around 1; the rest is 0..1 or -1..1, as said.
    """

    skin: float  # 0 light .. 1 dark
    undertone: float  # -1 rosy .. 1 olive
    face_width: float
    face_length: float
    jaw: float  # 0 pointed .. 1 square
    cheeks: float  # 0 hollow .. 1 full
    eye_size: float
    eye_spacing: float
    eye_slant: float  # -1 drooping .. 1 rising outwards
    eye_colour: float  # 0 dark brown, 0.5 green .. 1 light blue
    lashes: float  # 0..1
    brow_thickness: float  # 0..1
    brow_arch: float  # 0..1
    brow_height: float  # 0 low .. 1 high
    nose_length: float
    nose_width: float
    nose_size: float  # how far it stands out
    mouth_width: float
    lip_fullness: float  # 0..1
    lip_colour: float  # 0 natural .. 1 painted red
    ear_size: float
    neck_width: float
    hair_length: float  # 0 cropped .. 1 below the shoulders
    hair_volume: float  # 0..1
    hair_lightness: float  # 0 black .. 1 blond or white
    hair_red: float  # 0..1
    hair_grey: float  # 0..1
    curly: float  # 0..1
    fringe: float  # 0 bare forehead .. 1 down to the brows
    parting: float  # -1 .. 1: which side, how strongly
    recession: float  # 0..1: how far the temples are bare
    bald: float  # 0 or 1
    bun: float  # 0 or 1
    beard: float  # 0 shaved, 0.2 stubble .. 1 full
    beard_cheeks: float  # 0 goatee .. 1 up to the ears
    moustache: float  # 0..1, on top of what the beard brings
    wrinkles: float  # 0..1, with age
    freckles: float  # 0..1
    blush: float  # 0..1
    earrings: float  # 0 or 1
    glasses_habit: float  # chance that a photo shows glasses
    sunglasses_habit: float  # chance that a photo shows sunglasses
    hat_habit: float  # chance that a photo shows a hat
    glasses_shape: float  # 0 round .. 1 square
    glasses_lightness: float  # of the frame, 0..1
    hat_kind: float  # 0 cap, 1 beanie, 2 brimmed
    hat_hue: float  # 0..1 around the colour circle
    hat_lightness: float  # 0..1

    def as_vector(self) -> npt.NDArray[np.float32]:
        """The fields in order, (48,) float32; `from_vector` takes them back without loss."""
        return np.array(astuple(self), dtype=np.float32)

    @classmethod
    def from_vector(cls, vector: npt.ArrayLike) -> Person:
        """The person of a vector like `as_vector` gives.

        Raises:
            OptionError: the vector has another length.
        """
        values = np.asarray(vector, dtype=np.float32)
        if values.shape != (len(PERSON_FIELDS),):
            raise OptionError(
                f"a person vector of shape {values.shape} does not fit; give {len(PERSON_FIELDS)} numbers, "
                "as Person.as_vector does"
            )
        return cls(*values.tolist())


@dataclass(frozen=True)
class Shot:
    """What differs between two photos of one person; the defaults are a plain, frontal, friendly portrait."""

    turn: float = 0.0  # degrees, positive looks to the picture's right
    tilt: float = 0.0  # degrees, positive leans clockwise
    nod: float = 0.0  # degrees, positive looks down
    light_x: float = 0.3  # -1 from the picture's left .. 1 from its right
    light_y: float = 0.4  # -1 from below .. 1 from above
    light_strength: float = 0.6  # 0 even light .. 1 one hard lamp
    smile: float = 0.4  # -1 frown .. 1 broad smile
    mouth_open: float = 0.0  # 0..1
    eyes_open: float = 0.9  # 0 closed .. 1 wide
    gaze_x: float = 0.0  # -1 .. 1, positive to the picture's right
    gaze_y: float = 0.0  # -1 .. 1, positive down
    brow_raise: float = 0.0  # -1 knitted .. 1 raised
    glasses: float = 0.0  # 0 or 1
    sunglasses: float = 0.0  # 0 or 1
    hat: float = 0.0  # 0 or 1
    background_lightness: float = 0.6  # 0..1
    background_hue: float = 0.58  # 0..1 around the colour circle
    background_saturation: float = 0.3  # 0..1
    background_layout: float = 0.25  # 0..1, any number: where its gradient, blobs and edges lie
    background_clutter: float = 0.4  # 0 plain .. 1 busy
    clothes_hue: float = 0.6  # 0..1
    clothes_saturation: float = 0.4  # 0..1
    clothes_lightness: float = 0.4  # 0..1
    neckline: float = 0.5  # 0 high .. 1 deep
    zoom: float = 1.0  # factor
    shift_x: float = 0.0  # of the half picture, positive to the right
    shift_y: float = 0.0  # of the half picture, positive down
    exposure: float = 1.0  # factor
    warmth: float = 0.0  # -1 blue .. 1 orange light
    saturation: float = 1.0  # factor, 0 black and white
    blur: float = 0.0  # standard deviation in hundredths of the picture's width
    grain: float = 0.0  # standard deviation of the noise on the 0..1 scale
    grain_seed: float = 0.0  # 0..1, any number: which noise


PERSON_FIELDS = tuple(field.name for field in fields(Person))
SHOT_FIELDS = tuple(field.name for field in fields(Shot))


class Table:
    """Rows of numbers by field name: `table.skin` is the (N, 1) float32 column."""

    def __init__(self, rows: npt.NDArray[np.float32], names: Sequence[str]) -> None:
        self.rows = rows
        self.names = tuple(names)
        self._place = {name: i for i, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.rows)

    def __getattr__(self, name: str) -> Grid:
        i = self.__dict__.get("_place", {}).get(name)
        if i is None:
            raise AttributeError(name)
        return self.rows[:, i : i + 1]

    def __getitem__(self, which: slice | npt.NDArray[np.intp]) -> Table:
        """The table of some of the rows."""
        return Table(self.rows[which], self.names)


def person_table(persons: Sequence[Person]) -> Table:
    """The persons as a table of N rows."""
    return Table(np.array([astuple(p) for p in persons], np.float32).reshape(-1, len(PERSON_FIELDS)), PERSON_FIELDS)


def shot_table(shots: Sequence[Shot]) -> Table:
    """The shots as a table of N rows."""
    return Table(np.array([astuple(s) for s in shots], np.float32).reshape(-1, len(SHOT_FIELDS)), SHOT_FIELDS)
