"""A picture that a client sent becomes pixels, for no more memory and time than it may cost."""

from __future__ import annotations

from fastapi import HTTPException

from lookalike.data import apart
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels
from lookalike.data.source import read_picture


def decoded(content: bytes, framing: Framing | None, most: int) -> Pixels:
    """An upload that `check_picture` let pass, framed so (None: as it is): (H, W, 3) uint8.

    Raises:
        PictureError: it cannot be read, or shows no face.
        HTTPException: 413, it has more than `most` pixels, which its header did not tell.
    """
    if not apart.is_needed(content):
        return read_picture(content, framing)
    try:
        return apart.read_picture(content, framing, most)
    except apart.TooManyPixelsError as error:
        raise HTTPException(413, f"the picture {error}") from error
