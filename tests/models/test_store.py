"""Weights on disk that claim to be larger than they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import lookalike as la
from lookalike.errors import WeightsError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    la.PCAAutoencoder(3).initialise((8, 8, 1)).save(tmp_path)
    return tmp_path


def test_a_file_of_terabytes_that_holds_nothing_is_not_read(saved: Path) -> None:
    os.truncate(saved / "encoder.safetensors", 2**42)
    with pytest.raises(WeightsError, match=r"encoder.safetensors has 4,398,046,511,104 bytes, its tensors another"):
        la.load_model(saved)


def test_a_header_of_terabytes_is_not_read(saved: Path) -> None:
    path = saved / "decoder.safetensors"
    path.write_bytes((2**42).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(WeightsError, match=r"decoder.safetensors declares a header of 4,398,046,511,104 bytes"):
        la.load_model(saved)


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"a": {"data_offsets": []}}', b"[" * 5000])
def test_a_header_that_is_none_is_refused(saved: Path, header: bytes) -> None:
    (saved / "encoder.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(WeightsError, match=r"encoder.safetensors cannot be read"):
        la.load_model(saved)
