"""The whole photo that a face of a gallery was found in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lookalike.data.images import DataSpec, Pixels
from lookalike.data.source import read_picture
from lookalike.errors import GalleryError
from lookalike.gallery.catalog import Item

LONGEST = 1600
"""Pixels of the longer side; larger photos are made smaller."""
_LINE = (255, 196, 0)


def photo_of(item: Item, source: DataSpec | None) -> Pixels:
    """An item's photo, upright, with a frame around the face: (H, W, 3) uint8 of at most 1,600 pixels a side.

    Raises:
        GalleryError: the item is no face of a photo, or its photos do not lie in a folder.
        PictureError: the photo cannot be read any more.
    """
    if item.photo is None:
        raise GalleryError(f"{item.name} is a whole picture, and no face of a photo; show the picture itself")
    folder = None if source is None else Path(source.source)
    if folder is None or not folder.is_dir():
        raise GalleryError(f"the photo of {item.name} is not in a folder, and only those are shown; unpack the archive")
    path = (folder / item.photo).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise GalleryError(f"the photo of {item.name} is not in the gallery's folder; put it back there")
    return _outlined(read_picture(path, None), item)


def _outlined(photo: Pixels, item: Item) -> Pixels:
    scale = min(LONGEST / max(photo.shape[:2]), 1.0)
    size = (max(round(photo.shape[1] * scale), 1), max(round(photo.shape[0] * scale), 1))
    shown = Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    left, top = item.face_left * scale, item.face_top * scale
    right, bottom = left + item.face_width * scale, top + item.face_height * scale
    ImageDraw.Draw(shown).rectangle((left, top, right, bottom), outline=_LINE, width=max(round(max(size) / 400), 2))
    return np.asarray(shown)
