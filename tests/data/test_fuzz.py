"""Ten thousand damaged pictures: each gives pixels or a reason, and none holds the reader up."""

from __future__ import annotations

import io
import random
import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lookalike.data.framing import Framing
from lookalike.data.pipeline import Source, _decode_chunk
from pictures import waves

SECONDS = 5
EXAMPLES = 5_000


def seeds(form: str) -> list[bytes]:
    colour, grey = Image.fromarray(waves(1, 40, 40)[0]), Image.fromarray(waves(1, 33, 40, 1)[0, ..., 0])
    words = PngInfo()
    words.add_text("Comment", "what costs no picture when it is damaged " * 20)
    variants = {
        "JPEG": [
            (colour, {}),
            (grey, {}),
            (colour, {"progressive": True}),
            (colour, {"subsampling": 0, "quality": 20}),
        ],
        "PNG": [
            (colour, {"pnginfo": words}),
            (grey, {}),
            (colour.quantize(16), {}),
            (colour.convert("RGBA"), {"compress_level": 0}),
        ],
    }
    result = []
    for image, options in variants[form]:
        stream = io.BytesIO()
        image.save(stream, form, **options)
        result.append(stream.getvalue())
    return result


def damaged(form: str, number: int) -> bytes:
    """The `number`-th damaged picture: one to four of its bytes, lengths or stretches are not what they were."""
    draws = random.Random(f"{form} {number}")
    content = bytearray(draws.choice(SEEDS[form]))
    for _ in range(draws.randint(1, 4)):
        at = draws.randint(0, max(len(content) - 1, 0))
        match draws.choice(["set", "flip", "cut", "drop", "repeat", "insert", "length"]):
            case "set" if content:
                content[at] = draws.randint(0, 255)
            case "flip" if content:
                content[at] ^= 1 << draws.randint(0, 7)
            case "cut":
                del content[at:]
            case "drop":
                del content[at : at + draws.randint(1, 64)]
            case "repeat":
                content[at:at] = content[at : at + draws.randint(1, 64)]
            case "insert":
                content[at:at] = draws.randbytes(draws.randint(0, 16))
            case "length":  # chunk and segment lengths, heights and widths stand in the first bytes
                place = draws.randint(0, 60)
                content[place : place + 4] = draws.choice(
                    [b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\0\0\xff\xff"]
                )
    return with_checksums(content) if form == "PNG" and draws.random() < 0.5 else bytes(content)


def with_checksums(png: bytes | bytearray) -> bytes:
    """As it is, with right checksums as far as its chunks can be told, so that damage comes past them."""
    content, at = bytearray(png), 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        if end + 4 > len(content):
            break
        content[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(content)


SEEDS = {form: seeds(form) for form in ("JPEG", "PNG")}


@contextmanager
def time_limit() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError(f"the reader hangs for more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of this process's own work, whatever else the machine does
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_damaged_pictures_give_pixels_or_a_reason(form: str) -> None:
    """As LFW's pictures are read (rows cut, stretched) and as a folder's are, in turn."""
    framings = (Framing((16, 16), 5, "stretch"), Framing((16, 12), 0, "crop"))
    outcomes = {True: 0, False: 0}

    for number in range(EXAMPLES):
        content, framing = damaged(form, number), framings[number % 2]
        with time_limit():
            decoded = _decode_chunk([Source("x", lambda content=content: content)], framing)
        assert len(decoded.names) + len(decoded.rejected) == 1, number
        outcomes[bool(decoded.names)] += 1
        if decoded.names:
            assert decoded.pixels.shape == (1, *framing.size, 3), number
            assert decoded.pixels.dtype == np.uint8, number
        else:
            assert decoded.rejected[0].reason, number
            assert "\n" not in decoded.rejected[0].reason, number
    assert min(outcomes.values()) > EXAMPLES / 50, f"the damage is too great or too small to tell anything: {outcomes}"
