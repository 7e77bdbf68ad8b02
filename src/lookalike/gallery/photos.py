"""The whole photo that a face of a gallery was found in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.data.decode import decode_picture, read_file
from lookalike.data.images import DataSpec, Pixels
from lookalike.data.located import locate
from lookalike.errors import DataError, GalleryError, PictureError
from lookalike.gallery.catalog import Item

LONGEST = 1600
"""Pixels of the longer side; larger photos are made smaller."""
_LINE = (255, 196, 0)


def photo_of(item: Item, source: DataSpec | None) -> Pixels:
    """An item's photo, upright, with a frame around the face: (H, W, 3) uint8 of at most 1,600 pixels a side.

    Raises:
        GalleryError: the item is no face of a photo, or its photos do not lie in files.
        PictureError: the photo cannot be read any more.
    """
    if item.photo is None:
        raise GalleryError(f"{item.name} is a whole picture, and no face of a photo; show the picture itself")
    if source is None:
        raise GalleryError(f"the photo of {item.name} lies in no file; fill the gallery from a folder or an archive")
    return _outlined(decode_picture(_content(item.photo, source), None), item)


def _content(photo: str, source: DataSpec) -> bytes:
    """A photo's file, by its name; as the source names it where that is not its path, as in an archive or in LFW."""
    root = Path(source.source)
    # A link within may lead out of the folder, as its owner wants; a name may not.
    path = Path(os.path.normpath(root / photo))
    if path.is_relative_to(root) and path.is_file():
        return read_file(path)
    try:
        located = locate(source.source, replace(source.options, attributes=None, key=None, faces=None, detector=None))
        labels = None if located is None else located.labels()
        if located is not None and labels is not None:
            for one in located.pictures(labels):
                if labels.of(one.name).name == photo:
                    return one.read()
    except DataError as error:
        raise PictureError(f"{photo} cannot be read: {error}") from error
    raise PictureError(f"{photo} cannot be read: it is no longer in {root}; put it back, or update the gallery")


def _outlined(photo: Pixels, item: Item) -> Pixels:
    from PIL import ImageDraw

    scale = min(LONGEST / max(photo.shape[:2]), 1.0)
    size = (max(round(photo.shape[1] * scale), 1), max(round(photo.shape[0] * scale), 1))
    shown = Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    left, top = item.face_left * scale, item.face_top * scale
    right, bottom = left + item.face_width * scale, top + item.face_height * scale
    ImageDraw.Draw(shown).rectangle((left, top, right, bottom), outline=_LINE, width=max(round(max(size) / 400), 2))
    return np.asarray(shown)
