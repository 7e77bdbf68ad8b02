"""Pictures read again from where a gallery has them from: larger than a model sees them, and whether two are equal."""

from __future__ import annotations

import datetime
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike import files
from lookalike.data.decode import decode_picture
from lookalike.data.exif import COLUMNS, read_exif
from lookalike.data.images import DataSpec, Pixels
from lookalike.data.located import locate
from lookalike.errors import PictureError
from lookalike.review import hints
from lookalike.review.hints import TURNS, turned_view
from lookalike.review.rereading import read_again

Grey = npt.NDArray[np.uint8]
SIDE = 96
"""Of the pictures that are compared, both axes brought to it."""
DAY = len("2024-05-17")
"""Letters of a time that tells no more than the day."""
BORDERED = 0.9
"""What a bordered picture counts of the area within: the edge is told to a pixel in `SIDE` of them."""

_TAKEN = [column.name for column in COLUMNS].index("taken")
_TO = Image.Transpose
TRANSPOSED = (
    *(None, _TO.ROTATE_90, _TO.ROTATE_180, _TO.ROTATE_270),
    *(_TO.FLIP_LEFT_RIGHT, _TO.TRANSPOSE, _TO.FLIP_TOP_BOTTOM, _TO.TRANSVERSE),
)
"""What Pillow calls each of `hints.turned`."""


class Original(NamedTuple):
    """A whole picture: its luma (SIDE, SIDE), pixels in all, a digest of them that all eight turns share, and when it
    was taken, in seconds, NaN where its file does not say.
    """

    grey: Grey
    area: int
    pixels: str
    taken: float = np.nan


def squashed(pictures: Pixels) -> Grey:
    """Luma of pictures (n, H, W, C), both axes brought to SIDE: (n, SIDE, SIDE)."""
    found = np.empty((len(pictures), SIDE, SIDE), np.uint8)
    for place, picture in enumerate(pictures):
        image = _image_of(picture).convert("L")
        found[place] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0))
    return found


def digest_of_turns(picture: Pixels) -> str:
    """The same for a picture, its mirror images and its quarter turns, and for no other: (H, W, C) uint8.

    Of the eight the one that begins with the least row is hashed; of several the least hash is taken.
    """
    views = [turned_view(picture[None], turn)[0] for turn in range(TURNS)]  # to copy all eight costs more than decoding
    firsts = [(view.shape, view[0].tobytes()) for view in views]
    least = min(firsts)
    return min(_digest(picture, turn) for turn, first in enumerate(firsts) if first == least)


def _digest(picture: Pixels, turn: int) -> str:
    """Of the turned picture; Pillow turns it, in a fourth of NumPy's time."""
    image, how = _image_of(picture), TRANSPOSED[turn]
    shown = image if how is None else image.transpose(how)
    found = hashlib.sha256(repr((shown.height, shown.width, picture.shape[2])).encode())
    found.update(shown.tobytes())
    return found.hexdigest()


def _image_of(picture: Pixels) -> Image.Image:
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def original(picture: Pixels) -> Original:
    """What of a whole picture (H, W, C) is compared."""
    return Original(squashed(picture[None])[0], picture.shape[0] * picture.shape[1], digest_of_turns(picture))


def _of_file(content: bytes) -> Original:
    return original(decode_picture(content, None))._replace(taken=seconds_of(read_exif(content)[_TAKEN]))


def seconds_of(taken: object) -> float:
    """A time in words, ISO 8601, in seconds; NaN where it is none, or tells no more than the day."""
    with suppress(ValueError):
        if taken is not None and len(str(taken)) > DAY:
            return datetime.datetime.fromisoformat(str(taken)).replace(tzinfo=datetime.UTC).timestamp()
    return np.nan


def originals_of(spec: DataSpec | None, wanted: Iterable[str]) -> Iterator[tuple[str, Original]]:
    """Those of the wanted names that can be read again, in their source's order; the others are passed over.

    Procedural faces, faces found in photos, and pictures from memory cannot be.
    """
    if spec is not None and spec.framing.faces is None:
        yield from read_again(spec, wanted, _of_file, original)


def contents_of(spec: DataSpec) -> dict[str, str]:
    """The SHA-256 of the files of a source by their names; empty where it has none."""
    found: dict[str, str] = {}
    located = locate(spec.source, spec.options)
    if located is None or located.kind == "array":
        return found
    labels = located.labels()
    for source in located.pictures(labels):
        try:
            found[labels.of(source.name).name] = files.sha256(source.read())
        except PictureError:
            continue
    return found


def shown_of(picture: Pixels) -> float:
    """The pixels of a whole picture (H, W, C) that its border, if it has one, leaves; see `BORDERED`."""
    return float(picture.shape[0] * picture.shape[1] * _worth(_inner_of(squashed(picture[None])[0])))


def _inner_of(grey: Grey) -> hints.Floats:
    """What of luma (SIDE, SIDE) lies within its border: (4,)."""
    inner: hints.Floats = hints.without_borders(grey[None].astype(np.float32))[0]
    return inner


def _worth(inner: hints.Floats) -> float:
    """The share of a picture that its border leaves: less for any border, as its edge is told roughly."""
    left, top, right, bottom = inner.tolist()
    inside: float = (right - left) * (bottom - top)
    return inside if inside == 1 else BORDERED * inside


class Originals:
    """What was read of many pictures; their luma lies in a temporary file, so that memory does not grow with it.

    Attributes:
        area: pixels of each, 0 where it could not be read.
        inner: what of each lies within its border, as `hints.without_borders` tells.
        shown: the area of that.
        pixels: digests of the pixels.
        taken: when each was taken, in seconds, as files say; NaN where they do not.
        asked: which were tried.
    """

    def __init__(self, count: int) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._count = count
        self._grey: Grey | None = None
        self.area = np.zeros(count, np.int64)
        self.inner = np.tile(np.array(hints.WHOLE, np.float32), (count, 1))
        self.shown = np.zeros(count)
        self.pixels: list[str | None] = [None] * count
        self.taken = np.full(count, np.nan)
        self.asked = np.zeros(count, bool)

    def close(self) -> None:
        """Remove the file."""
        self._grey = None
        self._file.close()

    @property
    def is_there(self) -> npt.NDArray[np.bool_]:
        """Whether each could be read again."""
        return self.area > 0

    def take(self, spec: DataSpec | None, places: Mapping[str, int]) -> None:
        """Read those of these pictures, place by name, that were not asked for before."""
        new = {name: place for name, place in places.items() if not self.asked[place]}
        self.asked[list(new.values())] = True
        for name, one in originals_of(spec, new):
            place = new[name]
            self.grey[place] = one.grey
            self.area[place], self.pixels[place], self.taken[place] = one.area, one.pixels, one.taken
            self.inner[place] = _inner_of(one.grey)
            self.shown[place] = one.area * _worth(self.inner[place])

    @property
    def grey(self) -> Grey:
        """(count, SIDE, SIDE) of luma, on disk."""
        if self._grey is None:
            self._grey = np.memmap(self._file, np.uint8, "w+", shape=(self._count, SIDE, SIDE))
        return self._grey
