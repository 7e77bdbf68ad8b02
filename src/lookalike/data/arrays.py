"""Pictures in .npy and .npz files."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike import files
from lookalike.data.decode import frame_image
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels
from lookalike.data.pipeline import Progress
from lookalike.errors import DataError
from lookalike.npy import header_of, mapped

GROWTH = 32
"""Times the size of a packed file that its pictures may have: drawings pack well, photographs hardly."""
SLACK = 64 * 2**20
"""Bytes allowed beyond it, for small files of plain pictures."""


def read_array(path: Path) -> Pixels:
    """The first 4-D uint8 array in a file: (N, H, W, C) with C = 1 or 3; an .npy stays on disk, memory-mapped.

    Raises:
        DataError: the file is damaged, or holds no such array. Nothing is ever unpickled.
    """
    try:
        if path.suffix.lower() == ".npy":
            _check_stored(path)
            return _suitable(path, mapped(path))
        with zipfile.ZipFile(path) as archive:
            return _first_suitable(path, archive)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as NumPy arrays: {' '.join(str(error).split())}") from error


def frame_array(pictures: Pixels, framing: Framing, progress: Progress | None) -> Pixels:
    """Cut and resize (N, h, w, C) to the framing's size; those already of it pass as they are."""
    if pictures.shape[1:3] == framing.size and framing.crop == 0:
        return pictures
    framed = np.empty((len(pictures), *framing.size, pictures.shape[3]), np.uint8)
    for i, picture in enumerate(pictures):
        flat = picture[..., 0] if picture.shape[2] == 1 else picture
        framed[i] = frame_image(Image.fromarray(np.ascontiguousarray(flat)), framing)
        if progress is not None and i % 256 == 0:
            progress(i, len(pictures))
    return framed


def _first_suitable(path: Path, archive: zipfile.ZipFile) -> Pixels:
    """Of an .npz: headers are read until one is of pictures, and only that array is made room for."""
    allowed = GROWTH * path.stat().st_size + SLACK
    headers = {}
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            continue
        name = member.filename.removesuffix(".npy")
        with archive.open(member) as file:
            headers[name] = header = header_of(file)
        if not _fits(header):
            continue
        declared = math.prod(header.shape)
        if max(declared, member.file_size) > allowed or declared > member.file_size:
            raise DataError(
                f"{path}: {name} declares {declared:,} bytes in {header.shape}, more than a file of "
                f"{path.stat().st_size:,} bytes can hold; save it again, or as .npy"
            )
        with archive.open(member) as file:
            pixels: Pixels = np.lib.format.read_array(file, allow_pickle=False)
            return pixels
    raise _unsuitable(path, headers)


def _check_stored(path: Path) -> None:
    with path.open("rb") as file:
        size = path.stat().st_size
        if files.is_hollow(file.fileno(), size):
            raise DataError(f"{path} says that it has {size:,} bytes, but hardly any are stored; save it again")


def _fits(array: Any) -> bool:
    return bool(len(array.shape) == 4 and array.dtype == np.uint8 and array.shape[3] in (1, 3) and min(array.shape) > 0)


def _suitable(path: Path, array: Any) -> Pixels:
    if not _fits(array):
        raise _unsuitable(path, {path.name: array})
    pixels: Pixels = array
    return pixels


def _unsuitable(path: Path, arrays: Mapping[str, Any]) -> DataError:
    held = ", ".join(f"{name}: {array.dtype} {array.shape}" for name, array in arrays.items()) or "nothing"
    return DataError(f"{path} holds {held}; give a uint8 array of shape (N, H, W, 3) or (N, H, W, 1)")
