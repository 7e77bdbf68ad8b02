"""Sheets of thumbnails: one picture for many, so that a map of thousands is a few requests."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from lookalike.data.images import Pixels

COLUMNS = 32
LARGEST_TILE = 64
QUALITY = 88
BLOCK = 8
"""Side of JPEG's blocks: tiles of whole blocks do not bleed into one another."""


@dataclass(frozen=True)
class Atlas:
    """How the thumbnails of `count` pictures lie on sheets, in the order of the gallery's names.

    Attributes:
        tile: side of a thumbnail's square in pixels.
        columns: thumbnails a row.
        per_sheet: thumbnails a sheet; the last sheet has fewer rows.
        count: pictures in all.
    """

    tile: int
    columns: int
    per_sheet: int
    count: int

    @classmethod
    def for_pictures(cls, count: int, image_shape: tuple[int, int, int]) -> Atlas:
        """For `count` pictures of (H, W, C): squares of the longer side in whole blocks of 8, 64 pixels at most."""
        side = min(-(-max(image_shape[:2]) // BLOCK) * BLOCK, LARGEST_TILE)
        return cls(side, COLUMNS, COLUMNS * COLUMNS, count)

    @property
    def sheets(self) -> int:
        """How many sheets there are."""
        return -(-self.count // self.per_sheet)

    def as_json(self, ids: list[int]) -> dict[str, Any]:
        """The fields as plain JSON values, with the items' ids in the order of the tiles."""
        return {
            "tile": self.tile,
            "columns": self.columns,
            "per_sheet": self.per_sheet,
            "sheets": self.sheets,
            "ids": ids,
        }

    def sheet(self, pictures: Pixels) -> bytes:
        """The pictures (n, H, W, C) of one sheet, n up to `per_sheet`, as JPEG."""
        rows = -(-len(pictures) // self.columns)
        canvas = np.zeros((rows * self.tile, self.columns * self.tile, 3), np.uint8)
        for i, picture in enumerate(self._fitted(pictures)):
            top, left = i // self.columns * self.tile, i % self.columns * self.tile
            canvas[top : top + self.tile, left : left + self.tile] = picture
        stream = io.BytesIO()
        Image.fromarray(canvas).save(stream, "JPEG", quality=QUALITY, subsampling=0)
        return stream.getvalue()

    def _fitted(self, pictures: Pixels) -> Pixels:
        """Pictures as squares of the tile's side: scaled to it by their longer side, in the middle, edges repeated."""
        if pictures.shape[3] == 1:
            pictures = np.repeat(pictures, 3, axis=3)
        height, width = pictures.shape[1:3]
        scale = self.tile / max(height, width)
        size = max(round(height * scale), 1), max(round(width * scale), 1)
        if size != (height, width):
            shape = (size[1], size[0])
            resized = [np.asarray(Image.fromarray(one).resize(shape, Image.Resampling.BICUBIC)) for one in pictures]
            pictures = np.stack(resized)
        above, before = (self.tile - size[0]) // 2, (self.tile - size[1]) // 2
        margins = ((0, 0), (above, self.tile - size[0] - above), (before, self.tile - size[1] - before), (0, 0))
        return np.pad(pictures, margins, mode="edge")
