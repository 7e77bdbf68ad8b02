"""Which of today's formats may be sent to the server."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fastapi import HTTPException

from files import blocks, chunk, dng, heic, jxl, png_with, saved
from lookalike.serve.limits import check_picture


def test_a_phones_pictures_are_taken_within_the_limit() -> None:
    pytest.importorskip("pi_heif")
    for content in (heic(blocks()), saved(blocks(), "AVIF"), png_with(blocks(), chunk(b"tEXt", b"a\0b", right=False))):
        assert check_picture(content, 4800) == 4800
        with pytest.raises(HTTPException) as refused:
            check_picture(content, 4799)
        assert refused.value.status_code == 413


@pytest.mark.parametrize(("module", "make"), [("rawpy", dng), ("pillow_jxl", jxl)])
def test_formats_whose_size_shows_too_late_are_refused(module: str, make: object) -> None:
    pytest.importorskip(module)
    with pytest.raises(HTTPException) as refused:
        check_picture(make(blocks()), 10**6)  # type: ignore[operator]
    assert refused.value.status_code == 415
    assert "send one of JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF" in refused.value.detail


def test_tiffs_of_numbers_that_pillow_lacks_are_taken_by_their_bytes() -> None:
    """Floats in RGB have 12 bytes where 6 are usual."""
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((10, 10, 3), np.float32), photometric="rgb")
    assert check_picture(stream.getvalue(), 200) == 200
    with pytest.raises(HTTPException, match=r"10 x 10 pixels, 1,200 bytes; the limit is 1,194") as refused:
        check_picture(stream.getvalue(), 199)
    assert refused.value.status_code == 413
