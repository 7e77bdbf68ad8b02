"""All pictures at once: where they lie in the plane, and sheets of their thumbnails.

The plane's places come at once by the two leading principal axes or, given half a minute, by t-SNE. A sheet is one
picture for many, so that a map of thousands is a few requests.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.data.images import Pixels
from lookalike.errors import OptionError

Floats = npt.NDArray[np.float32]

METHODS = ("pca", "tsne")
PERPLEXITY = 30.0
ALIKE = 1e-6
"""Codes that differ by less than this share of their largest number differ by rounding: nothing is there to lay out."""
LANDMARKS = 3000
"""Codes that t-SNE lays out itself, in half a minute on one core; the others go to their nearest of these."""
ANCHORS = 5
"""Nearest landmarks between which a code is placed."""
TOGETHER = 0.05
"""Share of the map's width within which these must lie: between two islands there is nothing."""
WIDEST = 0.0005
"""Share of the points at each end of an axis at its border, so that a few far ones do not crowd the rest."""
COLUMNS = 32
LARGEST_TILE = 64
QUALITY = 88
BLOCK = 8
"""Side of JPEG's blocks: tiles of whole blocks do not bleed into one another."""


def layout(codes: npt.ArrayLike, method: str = "pca", *, seed: int = 0) -> Floats:
    """Places of codes (N, K) in the plane: float32 (N, 2), within [-1, 1].

    Args:
        codes: after the gallery's metric for "tsne", so that near means what it means in a search.
        method: "pca", or "tsne", which lays out up to 3,000 codes and places the others among their nearest of these.
        seed: of t-SNE's approximations; the result is the same for the same seed and versions.

    Raises:
        OptionError: the method is unknown.
    """
    if method not in METHODS:
        raise OptionError(f"method {method!r} is unknown; give one of {', '.join(METHODS)}")
    given = np.asarray(codes, np.float64)
    if method == "pca" or len(given) < 3 or not given.std(axis=0).max() > ALIKE * np.abs(given).max():
        return _to_square(_principal(given), WIDEST)
    return _to_square(_neighbouring(given.astype(np.float32), seed), 0.0)


def _neighbouring(codes: Floats, seed: int) -> npt.NDArray[np.float64]:
    """t-SNE of a sample drawn by `seed`, or of all where they are few, and the others placed among it."""
    from sklearn.manifold import TSNE

    order = np.random.default_rng(seed).permutation(len(codes))
    landmarks, others = np.sort(order[:LANDMARKS]), np.sort(order[LANDMARKS:])
    perplexity = min(PERPLEXITY, (len(landmarks) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed, n_jobs=1)
    places = np.empty((len(codes), 2))
    places[landmarks] = model.fit_transform(codes[landmarks])
    if len(others):
        places[others] = _among(codes[others], codes[landmarks], places[landmarks])
    return places


def _among(codes: Floats, landmarks: Floats, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where codes (n, K) lie between their nearest landmarks: means weighted by one over the squared distance.

    Landmarks that lie far on the map from the nearest one have no say.
    """
    from sklearn.neighbors import NearestNeighbors

    distances, nearest = NearestNeighbors(n_neighbors=ANCHORS, n_jobs=1).fit(landmarks).kneighbors(codes)
    anchors = places[nearest]
    width = float((places.max(axis=0) - places.min(axis=0)).max())
    together = np.linalg.norm(anchors - anchors[:, :1], axis=2) <= TOGETHER * width
    weights = together / np.maximum(distances.astype(np.float64), 1e-9) ** 2
    means: npt.NDArray[np.float64] = (anchors * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    return means


def _principal(codes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Coordinates along the two axes of most variance, each with its largest weight positive."""
    centred = codes - codes.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :2]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    places = np.zeros((len(codes), 2))
    places[:, : axes.shape[1]] = centred @ (axes * np.where(largest < 0, -1.0, 1.0))
    return places


def _to_square(places: npt.NDArray[np.float64], cut: float) -> Floats:
    """Moved and scaled, both axes alike, so that all but the cut share lies within [-1, 1]; the rest at the border."""
    low, high = np.quantile(places, [cut, 1 - cut], axis=0)
    half = float((high - low).max()) / 2 or 1.0
    square: Floats = np.clip((places - (low + high) / 2) / half, -1, 1).astype(np.float32)
    return square


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
