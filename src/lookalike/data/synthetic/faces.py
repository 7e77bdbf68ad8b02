"""The embedded default data set, and single persons to draw at will."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.synthetic import people, sampling
from lookalike.data.synthetic.drawing import draw_tables
from lookalike.data.synthetic.traits import Person, Shot, Table, person_table, shot_table
from lookalike.errors import OptionError

VERSION = "1"  # part of every cache key: raise it when the same parameters give other pixels, or other parameters
SMALLEST, LARGEST = 16, 256

# The attribute table's columns, in order: those of the person, then those of the shot.
PERSON_ATTRIBUTES = (
    "skin", "beard", "hair_length", "hair_lightness", "hair_red", "hair_grey", "bald", "curly", "fringe", "bun",
    "face_width", "face_length", "jaw", "eye_size", "eye_spacing", "eye_colour", "brow_thickness", "nose_width",
    "mouth_width", "lip_fullness", "lip_colour", "wrinkles",
)  # fmt: skip
SHOT_ATTRIBUTES = (
    "turn", "tilt", "nod", "light_x", "light_y", "light_strength", "smile", "mouth_open", "eyes_open",
    "brow_raise", "glasses", "sunglasses", "hat", "background_lightness", "exposure", "zoom", "blur",
)  # fmt: skip
ATTRIBUTES = PERSON_ATTRIBUTES + SHOT_ATTRIBUTES


def person(seed: int, index: int) -> Person:
    """Person number `index` (0 and up) of a seed's world; depends on nothing else.

    Raises:
        OptionError: `seed` or `index` is negative.
    """
    seed, index = _not_negative("seed", seed), _not_negative("index", index)
    block, row = divmod(index, sampling.BLOCK)
    return Person.from_vector(sampling.persons(seed, block).rows[row])


def draw(persons: Sequence[Person], shots: Sequence[Shot], size: int = 32) -> Pixels:
    """Draw person i as shot i says: (N, size, size, 3) uint8 RGB.

    The same arguments give the same pixels, however many faces are drawn in one call.

    Raises:
        OptionError: `size` is outside 16..256, or there are not as many shots as persons.
    """
    size = _checked_size(size)
    if len(persons) != len(shots):
        raise OptionError(f"{len(persons)} persons and {len(shots)} shots; give one shot for each person")
    return draw_tables(person_table(persons), shot_table(shots), size)


def synthetic_faces(
    count: int = 13_000,
    size: int = 32,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    *,
    aligned: bool = False,
) -> ImageSet:
    """Procedural faces with names, people and true attributes; free of any licence.

    Picture i depends on (`seed`, i) only: a set of 100 is the beginning of a set of 13,000, and the same faces
    come at every size. As in Labeled Faces in the Wild a few people have dozens of pictures, most have one.

    Args:
        count: number of pictures, at least 2.
        size: height and width in pixels, 16 to 256.
        seed: which world of faces, 0 or more.
        progress: called with the number of pictures done so far.
        aligned: draw the same people straight on, closer and in focus: "portraits", of which a code keeps more.

    Returns:
        An ImageSet of `count` pictures: names such as "Mira_Tolan_0001", and a (count, A) table of true values.
        Angles are degrees (`turn` positive to the picture's right, `tilt` clockwise, `nod` down), `light_x` is
        positive from the right, `light_y` from above, `smile` -1 (frown) to 1; `blur` is the standard deviation
        in hundredths of the width; yes/no attributes are 0 or 1; `..._width`, `_length`, `_size` and
        `_spacing` of face, nose, mouth and eyes are factors around 1, everything else is 0 to 1.

    Raises:
        OptionError: an argument is out of range.
    """
    count, size, seed = _checked_count(count), _checked_size(size), _not_negative("seed", seed)
    who, persons, shots = _tables(seed, count)
    shots = sampling.aligned(shots) if aligned else shots
    pixels = draw_tables(persons, shots, size, progress)
    called = {i: people.person_name(seed, i) for i in set(who.tolist())}
    return ImageSet(
        pixels,
        _file_names([called[i] for i in who.tolist()]),
        [called[i] for i in who.tolist()],
        attribute_names=ATTRIBUTES,
        attribute_values=np.concatenate(
            [_columns(persons, PERSON_ATTRIBUTES), _columns(shots, SHOT_ATTRIBUTES)], axis=1
        ),
        spec=DataSpec(f"{'portraits' if aligned else 'synthetic'}:{count}", Framing((size, size), 0, "stretch")),
    )


def _tables(seed: int, count: int) -> tuple[npt.NDArray[np.int64], Table, Table]:
    """(person index, person, shot) of the first `count` pictures."""
    who, persons, shots = [], [], []
    for block in range(-(-count // sampling.BLOCK)):
        here = people.people_of_block(seed, block)
        seen = sampling.persons(seed, block)[here - sampling.BLOCK * block]
        who.append(here)
        persons.append(seen.rows)
        shots.append(sampling.shots(seed, block, seen).rows)
    return (
        np.concatenate(who)[:count],
        Table(np.concatenate(persons)[:count], seen.names),
        Table(np.concatenate(shots)[:count], tuple(Shot.__dataclass_fields__)),
    )


def _columns(table: Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
    return table.rows[:, [table.names.index(name) for name in names]]


def _file_names(called: Sequence[str]) -> list[str]:
    """LFW's manner: the person with underscores, then the running number of that person's picture."""
    seen: Counter[str] = Counter()
    names = []
    for name in called:
        seen[name] += 1
        names.append(f"{name.replace(' ', '_')}_{seen[name]:04d}")
    return names


def _whole(what: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise OptionError(f"{what} is {value!r}; give a whole number") from None


def _checked_size(size: int) -> int:
    size = _whole("size", size)
    if not SMALLEST <= size <= LARGEST:
        raise OptionError(f"size is {size}; synthetic faces are drawn at {SMALLEST} to {LARGEST} pixels, such as 32")
    return size


def _checked_count(count: int) -> int:
    count = _whole("count", count)
    if count < 2:
        raise OptionError(f"count is {count}; ask for at least 2 synthetic faces, such as 13000")
    return count


def _not_negative(what: str, value: int) -> int:
    value = _whole(what, value)
    if value < 0:
        raise OptionError(f"{what} is {value}; give 0 or more")
    return value
