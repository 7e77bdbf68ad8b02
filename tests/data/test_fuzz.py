"""Ten thousand damaged pictures: each gives pixels or a reason, and none holds the reader up."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lookalike.data.framing import Framing
from lookalike.data.pipeline import Source, _decode_chunk
from pictures import waves

SECONDS = 5
EXAMPLES = 5_000


def seeds(form: str) -> list[bytes]:
    colour, grey = Image.fromarray(waves(1, 40, 40)[0]), Image.fromarray(waves(1, 33, 40, 1)[0, ..., 0])
    variants = {
        "JPEG": [
            (colour, {}),
            (grey, {}),
            (colour, {"progressive": True}),
            (colour, {"subsampling": 0, "quality": 20}),
        ],
        "PNG": [(colour, {}), (grey, {}), (colour.quantize(16), {}), (colour.convert("RGBA"), {"compress_level": 0})],
    }
    result = []
    for image, options in variants[form]:
        stream = io.BytesIO()
        image.save(stream, form, **options)
        result.append(stream.getvalue())
    return result


@st.composite
def damaged(draw: st.DrawFn, form: str) -> bytes:
    content = bytearray(draw(st.sampled_from(SEEDS[form])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(["set", "flip", "cut", "drop", "repeat", "insert", "length"])):
            case "set" if content:
                content[at] = draw(st.integers(0, 255))
            case "flip" if content:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[at:]
            case "drop":
                del content[at : at + draw(st.integers(1, 64))]
            case "repeat":
                content[at:at] = content[at : at + draw(st.integers(1, 64))]
            case "insert":
                content[at:at] = draw(st.binary(max_size=16))
            case "length":  # chunk and segment lengths, heights and widths stand in the first bytes
                place = draw(st.integers(0, 60))
                content[place : place + 4] = draw(
                    st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\0\0\xff\xff"])
                )
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

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(damaged(form), st.sampled_from(framings))
    def read(content: bytes, framing: Framing) -> None:
        with time_limit():
            decoded = _decode_chunk([Source("x", lambda: content)], framing)
        assert len(decoded.names) + len(decoded.rejected) == 1
        outcomes[bool(decoded.names)] += 1
        if decoded.names:
            assert decoded.pixels.shape == (1, *framing.size, 3)
            assert decoded.pixels.dtype == np.uint8
        else:
            assert decoded.rejected[0].reason
            assert "\n" not in decoded.rejected[0].reason

    read()
    assert min(outcomes.values()) > EXAMPLES / 50, f"the damage is too great or too small to tell anything: {outcomes}"
