"""Sets of pictures on disk, found again by the content of their source and by the options they were read with."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.data.columns import Column, matrix
from lookalike.data.images import FaceFacts, ImageSet, Pixels, Rejected

FORMAT = 1
_STALE_AFTER = 24 * 3600
"""Seconds after which a temporary folder is one that a killed process left."""
_log = logging.getLogger(__name__)


def key_of(*parts: Any) -> str:
    """One digest of all that decides what a set holds (JSON values)."""
    return hashlib.sha256(json.dumps([FORMAT, *parts], sort_keys=True).encode()).hexdigest()[:32]


def content_digest(path: Path) -> str:
    """SHA-256 of a file, remembered for as long as its size and time of change stay the same."""
    facts = path.stat()
    state = [str(path), facts.st_size, facts.st_mtime_ns, facts.st_ino]
    memo = (
        files.cache_folder()
        / "known"
        / f"{hashlib.sha256(str(path).encode(errors='surrogateescape')).hexdigest()[:32]}.json"
    )
    try:
        known = json.loads(memo.read_bytes())
        if known["state"] == state:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = files.sha256_of_file(path)
    try:
        files.write_json(memo, {"state": state, "sha256": digest})
    except (OSError, UnicodeError):
        _log.debug("the digest of %s cannot be remembered", path)
    return digest


def find(key: str) -> ImageSet | None:
    """The set of that key, its pixels memory-mapped; None where there is none or it is damaged."""
    entry = files.cache_folder() / key
    try:
        about = json.loads((entry / "about.json").read_bytes())
        pixels = _mapped(entry / "pixels.bin", tuple(about["shape"]))
        columns, values = _attributes_of(entry, about)
        found = ImageSet(
            pixels,
            about["names"],
            about["people"],
            columns=columns,
            attribute_values=values,
            rejected=[Rejected(*pair) for pair in about["rejected"]],
            skipped=about.get("skipped", {}),
            faces=None if about.get("faces") is None else [FaceFacts(*facts) for facts in about["faces"]],
            cached=True,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("the cached set %s is damaged (%s) and read anew", entry, error)
        return None
    found.__dict__["digest"] = about["digest"]
    return found


def keep(key: str, images: ImageSet) -> ImageSet:
    """Keep a set under `key` and give it back memory-mapped.

    Where the cache cannot be written (no room, no permission), the set is given back as it is, with a warning.
    """
    try:
        _write(key, images)
    except OSError as error:
        _log.warning(
            "the cache %s cannot be written (%s); the pictures are read anew next time", files.cache_folder(), error
        )
        return images
    found = find(key)
    if found is None:
        return images
    found.cached = False
    return found


def _write(key: str, images: ImageSet) -> None:
    root = files.cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    _remove_stale(root)
    temporary = Path(tempfile.mkdtemp(dir=root, prefix=".writing-"))
    try:
        with (temporary / "pixels.bin").open("wb") as file:
            for start in range(0, len(images), 4096):
                file.write(np.ascontiguousarray(images.pixels[start : start + 4096]).data)
            file.flush()
            os.fsync(file.fileno())
        values = images.attribute_values
        words = None if values is None or values.dtype != object else values.tolist()
        if values is not None and words is None:
            files.write_atomically(temporary / "attributes.npy", lambda file: np.save(file, values, allow_pickle=False))
        about = {
            "shape": list(images.pixels.shape),
            "names": images.names,
            "people": images.people,
            "attribute_names": None if images.attribute_values is None else list(images.attribute_names),
            **({} if words is None else {"columns": [one.as_json() for one in images.columns], "attributes": words}),
            "rejected": [list(rejected) for rejected in images.rejected],
            "skipped": images.skipped,
            "faces": images.faces,
            "digest": images.digest,
        }
        files.write_text(temporary / "about.json", json.dumps(about, ensure_ascii=False))
        _move(temporary, root / key)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _attributes_of(entry: Path, about: dict[str, Any]) -> tuple[list[Column], npt.NDArray[Any] | None]:
    """A set's columns and their values: numbers alone have a file of their own, words lie within `about`."""
    if about["attribute_names"] is None:
        return [], None
    if "columns" not in about:
        names = [Column(name) for name in about["attribute_names"]]
        return names, np.load(entry / "attributes.npy", allow_pickle=False)
    columns = [Column.from_json(one) for one in about["columns"]]
    return columns, matrix(columns, about["attributes"])


def _move(temporary: Path, entry: Path) -> None:
    """Put a finished entry in its place; one that is there already is the same, or damaged and found so before."""
    if entry.exists() and find(entry.name) is None:
        shutil.rmtree(entry, ignore_errors=True)
    try:
        temporary.replace(entry)
    except OSError:
        if find(entry.name) is None:  # otherwise another process was quicker
            raise
    files.sync_folder(entry.parent)


def _mapped(path: Path, shape: tuple[int, ...]) -> Pixels:
    if path.stat().st_size != int(np.prod(shape)):
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes for {shape}")
    return np.memmap(path, np.uint8, "r", shape=shape)


def _remove_stale(root: Path) -> None:
    for leftover in root.glob(".writing-*"):
        if time.time() - leftover.stat().st_mtime > _STALE_AFTER:
            shutil.rmtree(leftover, ignore_errors=True)
