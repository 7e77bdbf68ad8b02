"""Arrays that declare more than their files hold."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from lookalike.data.arrays import read_array
from lookalike.errors import DataError
from measured import assert_refused_cheaply

READ = "from lookalike.data.arrays import read_array", "read_array(path)"


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def packed(path: Path, shape: tuple[int, ...], body: int, dtype: str = "|u1") -> Path:
    """An .npz whose array declares `shape` and holds `body` zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("pixels.npy", "w", force_zip64=True) as member,
    ):
        member.write(header(shape, dtype))
        for _ in range(body // 2**24):
            member.write(bytes(2**24))
    return path


CASES = {
    "declared alone": ((10**6, 1000, 1000, 3), 0, "|u1"),
    "a bomb": ((2**6, 2**10, 2**12, 1), 2**28, "|u1"),
    "not pictures": ((10**9, 30), 0, "<f8"),
}


@pytest.mark.parametrize("name", CASES)
def test_no_memory_is_asked_for_what_is_not_there(name: str, tmp_path: Path) -> None:
    shape, body, dtype = CASES[name]
    path = packed(tmp_path / "a.npz", shape, body, dtype)
    assert_refused_cheaply(path, *READ)


def test_an_npy_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(header((10**6, 1000, 1000, 3)) + bytes(1000))
    with pytest.raises(DataError, match="cannot be read as NumPy arrays"):
        read_array(path)


def test_plain_pictures_may_be_packed(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "plain.npz", about=np.arange(3), pixels=np.full((500, 32, 32, 3), 7, np.uint8))
    assert la.load(tmp_path / "plain.npz").pixels.shape == (500, 32, 32, 3)


def test_an_array_that_is_a_hole(tmp_path: Path) -> None:
    """Its header tells the file's length truly; nothing stands behind it."""
    path = tmp_path / "hole.npy"
    with path.open("wb") as file:
        file.write(header((10**6, 64, 64, 3)))
        file.truncate(file.tell() + 10**6 * 64 * 64 * 3)
    assert "hardly any are stored" in assert_refused_cheaply(path, *READ)


def test_an_array_with_a_hole_of_plain_pictures_is_read(tmp_path: Path) -> None:
    pixels = np.zeros((400, 64, 64, 3), np.uint8)
    pixels[:100] = 7
    with (tmp_path / "some.npy").open("wb") as file:
        file.write(header(pixels.shape) + pixels[:100].tobytes())
        file.truncate(file.tell() + pixels[100:].nbytes)
    np.testing.assert_array_equal(read_array(tmp_path / "some.npy"), pixels)
