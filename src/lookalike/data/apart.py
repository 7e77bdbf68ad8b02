"""Pictures whose decoders take whatever room a file asks for, decoded in processes of their own, with little of it.

`python -m lookalike.data.apart MOST FRAMING` takes a file's content on stdin and gives its pixels on stdout, as .npy;
or it ends with 1 and why there are none.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import numpy as np

from lookalike import confined
from lookalike.data import formats, tones
from lookalike.data.decode import decode_picture
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels
from lookalike.errors import PictureError

MEMORY = 2**30
"""Bytes that the process may hold."""
SECONDS = 15
"""Of the processor, once its libraries are loaded."""
PATIENCE = 120
"""Seconds on the clock, for a machine that has much else to do."""
TOO_MANY = 4
"""The process's status for a picture of too many pixels."""


class TooManyPixelsError(PictureError):
    """A picture has more pixels than it may have here."""


def is_needed(content: bytes) -> bool:
    """Whether a file is of a kind that tells too late, or nowhere, how much room it needs: a RAW file, a JPEG XL."""
    kind = formats.kind_of(content)
    return kind == "JXL" or tones.is_raw_file(content, kind)


def read_picture(content: bytes, framing: Framing | None, most: int) -> Pixels:
    """As `data.read_picture`, of a file's content; one that is taken whole may have `most` pixels.

    Raises:
        PictureError: it cannot be read within the limits, or shows no face.
        TooManyPixelsError: it is taken whole (as faces are looked for in whole photos), and has more pixels.
    """
    if framing is None or framing.faces is None:
        return _decoded(content, framing, most)
    from lookalike.data.faces.photos import portraits_in

    return portraits_in(_decoded(content, None, most), framing)[0].pixels


def _decoded(content: bytes, framing: Framing | None, most: int) -> Pixels:
    asked = json.dumps(None if framing is None else framing.as_json())
    ended = confined.run("lookalike.data.apart", str(most), asked, content=content, patience=PATIENCE)
    if ended.status == 0:
        pixels: Pixels = np.lib.format.read_array(io.BytesIO(ended.output), allow_pickle=False)
        return pixels
    reason = " ".join(ended.output.decode(errors="backslashreplace").split())
    if ended.status == TOO_MANY:
        raise TooManyPixelsError(reason)
    raise PictureError(reason or f"needs more than {MEMORY:,} bytes or {SECONDS} s to be decoded, or is damaged")


def _load(content: bytes) -> None:
    """What will be needed, before its size counts."""
    kind = formats.kind_of(content)
    if kind == "JXL":
        formats.use_jxl()
        from pillow_jxl import JpegXLImagePlugin

        JpegXLImagePlugin.DECODE_THREADS = 0  # each would take room for its stack
    else:
        formats.require("RAW")
        import rawpy  # noqa: F401


def _tried(content: bytes, most: int, asked: list[Any] | None) -> int:
    """Write the pixels, or the reason; returns the status."""
    try:
        _load(content)
        confined.limit(MEMORY, SECONDS)
        pixels = decode_picture(content, None if asked is None else Framing.from_json(asked))
    except PictureError as error:
        print(error)
        return 1
    if asked is None and pixels.shape[0] * pixels.shape[1] > most:
        height, width = pixels.shape[:2]
        print(f"has {width} x {height} pixels, {width * height:,} in all; the limit is {most:,}: send a smaller one")
        return TOO_MANY
    np.lib.format.write_array(sys.stdout.buffer, np.ascontiguousarray(pixels), allow_pickle=False)
    return 0


if __name__ == "__main__":
    sys.exit(_tried(sys.stdin.buffer.read(), int(sys.argv[1]), json.loads(sys.argv[2])))
