"""Pictures in .npy and .npz files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike.data.decode import frame_image
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels
from lookalike.data.pipeline import Progress
from lookalike.errors import DataError


def read_array(path: Path) -> Pixels:
    """The first 4-D uint8 array in a file: (N, H, W, C) with C = 1 or 3; an .npy stays on disk, memory-mapped.

    Raises:
        DataError: the file is damaged, or holds no such array. Nothing is ever unpickled.
    """
    try:
        if path.suffix.lower() == ".npy":
            return _suitable(path, {path.name: np.load(path, mmap_mode="r", allow_pickle=False)})
        with path.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
            arrays: dict[str, Any] = {}
            for name in loaded.files:
                arrays[name] = loaded[name]
                if _fits(arrays[name]):
                    break
            return _suitable(path, arrays)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
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


def _fits(array: Any) -> bool:
    return bool(array.ndim == 4 and array.dtype == np.uint8 and array.shape[3] in (1, 3) and min(array.shape) > 0)


def _suitable(path: Path, arrays: dict[str, Any]) -> Pixels:
    for array in arrays.values():
        if _fits(array):
            pixels: Pixels = array
            return pixels
    held = ", ".join(f"{name}: {array.dtype} {array.shape}" for name, array in arrays.items()) or "nothing"
    raise DataError(f"{path} holds {held}; give a uint8 array of shape (N, H, W, 3) or (N, H, W, 1)")
