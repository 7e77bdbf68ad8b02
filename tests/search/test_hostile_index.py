"""An index from a stranger, whose arrays unfold to more than its file has."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import pytest

from lookalike import files
from lookalike.errors import SearchError
from lookalike.search import store
from measured import assert_refused_cheaply


def packed(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("points.npy", "w") as member:
        member.write(b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (67108864,)}")
        for _ in range(64):
            member.write(bytes(2**20))


def hollow(path: Path) -> None:
    """A member of 4 GB that is a hole, stored as it is."""
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        archive.writestr("points.npy", b"\x93NUMPY")
    content = path.read_bytes()
    with path.open("wb") as file:
        file.truncate(2**32)
        file.seek(2**32)
        file.write(content)


def test_an_array_with_a_long_header(tmp_path: Path) -> None:
    """That says that it is longer than all that is there."""
    path = tmp_path / "arrays-0.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("points.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(1000))
    told = {"format": store.FORMAT, "arrays": path.name, "sha256": files.sha256_of_file(path)}
    (tmp_path / "index.json").write_text(json.dumps(told))
    assert path.name in assert_refused_cheaply(tmp_path, "from lookalike.search import store", "store.load(path)")


@pytest.mark.parametrize("make", [packed, hollow])
def test_arrays_are_as_large_as_their_file(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "arrays-0.npz"
    make(path)
    told = {
        "format": store.FORMAT,
        "arrays": path.name,
        "sha256": "0" * 64 if make is hollow else files.sha256_of_file(path),
    }
    (tmp_path / "index.json").write_text(json.dumps(told))
    with pytest.raises(SearchError, match=r"arrays-0.npz cannot be read \(its arrays are packed|hardly any are stored"):
        store.load(tmp_path)
