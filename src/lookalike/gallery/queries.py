"""What a person searches for, of whatever kind, becomes codes."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.framing import Framing
from lookalike.data.images import ImageSet, Pixels
from lookalike.data.source import read_picture
from lookalike.errors import GalleryError, OptionError, PictureError
from lookalike.gallery.snapshot import Asked, Encode, Snapshot
from lookalike.gallery.view import View
from lookalike.pixels import as_channels

NAMES_COMPARED = 100_000
"""Names among which those near an unknown one are looked for."""


class Reader:
    """Turns queries into codes, over one state of a gallery.

    Args:
        snapshot: the state.
        encode: makes codes of framed pictures; called only where a picture is not stored.
        framing: gives how picture files are framed.
    """

    def __init__(self, snapshot: Snapshot, encode: Encode, framing: Callable[[], Framing]) -> None:
        self.snapshot = snapshot
        self.encode = encode
        self.framing = framing

    def read(self, query: Any) -> list[Asked]:
        """The codes that a query stands for: one, or several whose mean is meant.

        Raises:
            GalleryError: a name is unknown.
            OptionError: the query is of no kind or shape that can be searched for.
            PictureError: a file is no picture.
        """
        view = self.snapshot.view
        if isinstance(query, str) and (query in view.numbers or not Path(query).is_file()):
            return [self.snapshot.of_place(place_of(view, query))]
        if isinstance(query, (str, Path, bytes)):
            return self._of_pictures(framed(query, self.framing(), view)[None])
        if isinstance(query, ImageSet):
            query = query.pixels
        if isinstance(query, (list, tuple)) and not all(np.isscalar(one) and not isinstance(one, str) for one in query):
            asked = [one for part in query for one in self.read(part)]
        else:
            asked = self._of_array(np.asarray(query))
        if not asked:
            raise OptionError("nothing is searched for; give a picture, a name, a code, or several of these")
        return asked

    def _of_array(self, values: npt.NDArray[Any]) -> list[Asked]:
        view = self.snapshot.view
        size, shape = view.all_codes.shape[1], view.all_pixels.shape[1:]
        if values.ndim in (1, 2):
            codes = np.atleast_2d(values)
            if codes.shape[1] != size or codes.dtype.kind not in "fiu" or not np.isfinite(codes).all():
                raise OptionError(
                    f"a query of shape {values.shape} and {values.dtype}; give finite codes of {size} numbers, "
                    f"or pictures of shape {shape}"
                )
            return self.snapshot.of_codes(codes)
        if values.ndim not in (3, 4) or values.shape[-3:] != shape:
            raise OptionError(
                f"a query of shape {values.shape}; this gallery's pictures are {shape}: load it with size={shape[:2]}, "
                "or give its file"
            )
        return self._of_pictures(values.reshape(-1, *shape))

    def _of_pictures(self, pictures: npt.NDArray[Any]) -> list[Asked]:
        """Pictures (N, H, W, C), uint8 or centred floats; floats that are uint8 ones in truth are taken as those."""
        if pictures.dtype == np.uint8:  # the digests of pixels are of bytes
            return self.snapshot.of_pictures(pictures, self.encode)
        from lookalike.models.inputs import as_pictures
        from lookalike.pixels import centre, to_uint8

        centred = as_pictures(pictures)
        rounded = to_uint8(centred)
        if np.array_equal(centre(rounded), centred):
            return self.snapshot.of_pictures(rounded, self.encode)
        if len(pictures) > 1:
            return [one for picture in pictures for one in self._of_pictures(picture[None])]
        return self.snapshot.of_codes(self.encode(centred))


def framed(source: str | Path | bytes, framing: Framing, view: View) -> Pixels:
    """A picture file, or its bytes, framed as those of the gallery: uint8 (H, W, C).

    Raises:
        PictureError: it cannot be read; the text names the file.
    """
    view.require_pictures()
    channels = view.all_pixels.shape[3]
    try:
        picture = read_picture(source, framing)
    except PictureError as error:
        if isinstance(source, bytes):
            raise
        raise PictureError(f"{source} {error}") from error
    return as_channels(picture, channels)


def place_of(view: View, name: str) -> int:
    """The place of a stored picture.

    Raises:
        GalleryError: there is none of that name; the text says which are near.
    """
    place = view.numbers.get(name)
    if place is None:
        near = difflib.get_close_matches(name, view.names[:NAMES_COMPARED], 3, 0.6) or view.names[:3]
        names = f"; near are: {', '.join(near)}" if near else ", which is empty"
        raise GalleryError(f"no picture called {name} is stored in this gallery{names}")
    return place
