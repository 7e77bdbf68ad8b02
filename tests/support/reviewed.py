"""Folders some of whose pictures have copies, galleries for which the review is prepared, and a trash of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from studio import Served, prepare_here, serving


def save_with_smaller(pictures: np.ndarray, folder: Path, copied: int, size: tuple[int, int]) -> None:
    """Write pictures as 00.png and so on, and of the first `copied` a smaller copy, 00-small.jpg."""
    for number, pixels in enumerate(pictures):
        picture = Image.fromarray(pixels)
        picture.save(folder / f"{number:02}.png")
        if number < copied:
            picture.resize(size).save(folder / f"{number:02}-small.jpg", quality=90)


def save_bursts(pictures: np.ndarray, folder: Path, shots: int) -> None:
    """Write each as a burst, burst-0-0.jpg and so on: shots two seconds apart, each a little brighter than the last."""
    for number, pixels in enumerate(pictures):
        for shot in range(shots):
            exif = Image.Exif()
            exif[0x8769] = {0x9003: f"2024:05:17 {10 + number:02}:00:{2 * shot:02}"}
            lit = Image.fromarray((0.8 * pixels + 5 * shot).astype(np.uint8))
            lit.save(folder / f"burst-{number}-{shot}.jpg", quality=92, exif=exif)


def reviewed_gallery(folder: Path, path: Path, code: int, *, exif: bool = False) -> Path:
    """A gallery of the folder, for which all that a studio prepares is there."""
    model = la.PCAAutoencoder(code).fit(la.load(folder, size=32))
    with la.Gallery.open(path, model) as gallery:
        gallery.update(folder, size=32, exif=exif)
    prepare_here(path)
    return path


def use_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trash be there, for `send2trash` too, which looks for it when it is imported."""
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    from send2trash import plat_other

    monkeypatch.setattr(plat_other, "XDG_DATA_HOME", os.fsencode(home / "data"))
    monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(home / "data" / "Trash"))


@contextmanager
def undecided(gallery: Path) -> Iterator[Served]:
    """A studio of the gallery, for which all is prepared; what is decided in it is taken back in the end."""
    with serving(gallery) as studio:
        studio.wait_until_prepared()
        yield studio
    with la.Gallery.open(gallery, create=False) as held:
        while held.decisions.undo() is not None:
            pass
