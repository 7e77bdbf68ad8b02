"""Pictures chosen from a memory-mapped array: many of them go to disk, not into memory."""

from __future__ import annotations

import logging
import mmap
import os
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files

Pixels = npt.NDArray[np.uint8]

LARGE = 1 << 30
"""Bytes from which chosen pictures are written to a file."""
AT_ONCE = 1 << 26
"""Bytes of pictures that are in memory while they are written."""
PREFIX = ".part-"
STALE_AFTER = 24 * 3600
"""Seconds after which such a file is one that a killed process left."""

_log = logging.getLogger(__name__)


def chosen_from(pixels: Pixels, members: npt.NDArray[np.int64]) -> Pixels:
    """The pictures (n, H, W, C) at places of `pixels` (N, H, W, C), in that order.

    Where `pixels` are memory-mapped and the chosen ones are `LARGE`, they are memory-mapped as well: of a file in the
    cache's folder that goes with the last array that shows it. Where there is no room for it, they are copied into
    memory, with a warning.
    """
    size = len(members) * pixels[:1].nbytes
    if size < LARGE or map_under(pixels) is None:
        return pixels[members]
    folder = files.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        return _written(pixels, members, folder)
    except OSError as error:
        _log.warning("%s has no room for %s bytes of pictures (%s); memory takes them", folder, f"{size:,}", error)
        return pixels[members]


def _written(pixels: Pixels, members: npt.NDArray[np.int64], folder: Path) -> Pixels:
    """The chosen pictures, mapped of a file of their own, which other processes may open meanwhile."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            step = max(1, AT_ONCE // pixels[:1].nbytes)
            for start in range(0, len(members), step):
                file.write(np.ascontiguousarray(pixels[members[start : start + step]]).data)
        mapped: np.memmap[Any, Any] = np.memmap(path, np.uint8, "r", shape=(len(members), *pixels.shape[1:]))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    weakref.finalize(mapped.base, path.unlink, missing_ok=True)  # the map itself, which every view of it holds
    return mapped


def _remove_stale(folder: Path) -> None:
    """Remove what killed processes left; one that still runs keeps what it has mapped."""
    for leftover in folder.glob(f"{PREFIX}*"):
        if time.time() - leftover.stat().st_mtime > STALE_AFTER:
            leftover.unlink(missing_ok=True)


def map_under(pixels: npt.NDArray[Any]) -> np.memmap[Any, Any] | None:
    """The whole map of a file that an array is a view of, None where it is of none."""
    shown: Any = pixels
    while shown is not None:
        if isinstance(shown, np.memmap) and isinstance(getattr(shown, "base", None), mmap.mmap):
            return shown
        shown = getattr(shown, "base", None)
    return None
