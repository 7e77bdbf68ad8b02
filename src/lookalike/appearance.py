"""How like real pictures a set of drawn ones looks: patches at every scale, fine detail, and which of them are near.

No network from elsewhere judges here: all of it is arithmetic on pixels, or on codes that are given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.pixels import Floats, Pixels, centre

PATCH = 7
"""Pixels of a patch's side."""
COARSEST = 16
"""Pixels that the shorter side of a pyramid's last band has at least."""
PATCHES_A_PICTURE = 128
PATCHES = 2**16
"""Of a set, at most, so that many pictures cost no more than some: fewer are then taken of each."""
PROJECTIONS = 512
TOGETHER = 16
"""Projections that are sorted at once."""
BATCH = 256
"""Pictures whose bands are held at once."""
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16
"""The filter of Burt and Adelson's pyramid, 1983."""
NEIGHBOURS = 5


class Nearness(NamedTuple):
    """How drawn codes lie among real ones, each from 0 to 1.

    Attributes:
        precision: share of the drawn that lie in the neighbourhood of some real one: are they plausible?
        coverage: share of the real whose neighbourhood holds some drawn one: is everything drawn that there is?
    """

    precision: float
    coverage: float


def sliced_wasserstein(drawn: Pixels | Floats, real: Pixels | Floats, seed: int = 0) -> dict[str, float]:
    """How differently patches of two sets of pictures are distributed, times 1,000, by band of detail, finest first.

    Source: Karras et al., "Progressive Growing of GANs", 2018, section 5. Each picture becomes a Laplacian pyramid (see
    `laplacian_pyramid`); of each band 128 patches of 7 x 7 pixels and all channels are taken at random places of a
    picture, the same in both sets. 512 random directions project them, and along each the Wasserstein-1 distance of the
    two sets is the mean difference of the sorted numbers; the figure is their mean.

    One thing is otherwise than in the authors' program: both sets are normalised by the mean and the standard deviation
    of each channel of the *real* patches, where that normalises each set by its own. A drawing that is blurred has too
    little contrast in its fine bands, and its own deviation would forgive it just that.

    Args:
        drawn, real: (N, H, W, C), uint8, or float32 and centred; of one shape.
        seed: of places and directions.

    Returns:
        For each band, by its size such as "64 x 64", the distance: 0 for equal sets. That of two sets of real pictures
        is the least to hope for: it is above 0, and the less the more pictures there are.

    Raises:
        OptionError: the sets are empty or of different shapes.
    """
    if drawn.shape != real.shape or not len(real):
        raise OptionError(
            f"sets of shape {drawn.shape} and {real.shape}; patches are compared in as many pictures of one size"
        )
    distances = {}
    for name, of_real, of_drawn in zip(*_patches(real, seed), _patches(drawn, seed)[1], strict=True):
        mean, deviation = of_real.mean(axis=(0, 2)), of_real.std(axis=(0, 2))
        scale = np.where(deviation > 0, deviation, 1)[:, None]
        rows = [((one - mean[:, None]) / scale).reshape(len(one), -1) for one in (of_drawn, of_real)]
        distances[name] = 1000 * sliced_distance(*rows, seed=seed)
    return distances


def sliced_distance(rows: Floats, others: Floats, *, seed: int = 0, projections: int = PROJECTIONS) -> float:
    """Mean Wasserstein-1 distance along random directions of two sets of as many points: float (N, D) twice.

    Raises:
        OptionError: there are not as many.
    """
    if rows.shape != others.shape or not len(rows):
        raise OptionError(f"points of shape {rows.shape} and {others.shape}; give as many of one size")
    directions = np.random.default_rng([seed, 1]).normal(size=(projections, rows.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions.astype(rows.dtype)
    total = 0.0
    for start in range(0, projections, TOGETHER):
        chosen = directions[start : start + TOGETHER]
        first, second = (np.sort(chosen @ points.T, axis=1) for points in (rows, others))
        total += float(np.abs(first - second).mean(axis=1, dtype=np.float64).sum())
    return total / projections


def laplacian_pyramid(pictures: Floats) -> list[Floats]:
    """What each halving of the size loses, finest first, and last what is left: (N, h, w, C) each.

    Source: Burt and Adelson, 1983: a binomial filter of 5 pixels, every second pixel of the blurred picture, and back
    by the same filter; pictures are mirrored at their borders. The last band has 16 to 31 pixels on its shorter side,
    or as many as a smaller picture has.
    """
    bands, rest = [], np.asarray(pictures, np.float32)
    while min(rest.shape[1:3]) >= 2 * COARSEST:
        lower = _blurred(rest, 1.0)[:, ::2, ::2]
        bands.append(rest - _enlarged(lower, rest.shape))
        rest = lower
    return [*bands, rest]


def detail_energy(pictures: Floats) -> npt.NDArray[np.float64]:
    """Mean square of what averaging every 2 x 2 pixels removes: (N, H, W, C) -> float64 (N,).

    The last row or column of an odd side is left out. How much detail drawings keep is their mean of this over that of
    the real pictures.
    """
    count, height, width, channels = pictures.shape
    rows, columns = height // 2, width // 2
    blocks = np.asarray(pictures, np.float32)[:, : 2 * rows, : 2 * columns].reshape(
        count, rows, 2, columns, 2, channels
    )
    detail = blocks - blocks.mean(axis=(2, 4), keepdims=True)
    energy: npt.NDArray[np.float64] = np.square(detail).mean(axis=(1, 2, 3, 4, 5), dtype=np.float64)
    return energy


def precision_and_coverage(drawn: Floats, real: Floats, k: int = NEIGHBOURS) -> Nearness:
    """Whether drawn codes lie where real ones do, and whether they lie everywhere there: float (M, D), (N, D).

    The neighbourhood of a real code is the ball up to the k-th nearest of the other real ones. Sources: Kynkäänniemi et
    al., "Improved Precision and Recall Metric", 2019, for precision; Naeem et al., "Reliable Fidelity and Diversity
    Metrics", 2020, for coverage. Codes drawn from the very distribution of as many real ones cover 1 - 2^-k of them,
    for k = 5 about 0.97.

    Raises:
        OptionError: there are too few real codes for so many neighbours.
    """
    from scipy.spatial.distance import cdist

    if not 1 <= k < len(real) or not len(drawn):
        raise OptionError(f"{len(real)} real and {len(drawn)} drawn codes; {k} neighbours need more than {k} real ones")
    radii, is_inside, is_covered = np.empty(len(real)), np.zeros(len(drawn), bool), np.empty(len(real), bool)
    for start in range(0, len(real), BATCH):
        some = slice(start, start + BATCH)
        radii[some] = np.partition(cdist(real[some], real), k, axis=1)[:, k]  # the 0th is the code itself
        near = cdist(real[some], drawn) <= radii[some, None]
        is_covered[some] = near.any(axis=1)
        is_inside |= near.any(axis=0)
    return Nearness(float(is_inside.mean()), float(is_covered.mean()))


def _patches(pictures: Pixels | Floats, seed: int) -> tuple[list[str], list[npt.NDArray[np.float32]]]:
    """The names of a pyramid's bands, and for each its patches, float32 (n, C, pixels)."""
    each = max(1, min(PATCHES_A_PICTURE, PATCHES // len(pictures)))
    shapes = [band.shape[1:3] for band in laplacian_pyramid(centre(pictures[:1]))]
    places = [_places(len(pictures), each, shape, [seed, 0, number]) for number, shape in enumerate(shapes)]
    found: list[list[npt.NDArray[Any]]] = [[] for _ in shapes]
    for start in range(0, len(pictures), BATCH):
        some = slice(start, start + BATCH)
        for kept, band, (tops, lefts) in zip(found, laplacian_pyramid(centre(pictures[some])), places, strict=True):
            sides = _sides(band.shape[1:3])
            windows = np.lib.stride_tricks.sliding_window_view(band, sides, axis=(1, 2))
            taken = windows[np.arange(len(band))[:, None], tops[some], lefts[some]]
            kept.append(taken.reshape(-1, band.shape[3], sides[0] * sides[1]))
    return [f"{height} x {width}" for height, width in shapes], [np.concatenate(kept) for kept in found]


def _places(count: int, each: int, shape: tuple[int, int], seed: list[int]) -> list[npt.NDArray[np.int64]]:
    """Rows and columns, int64 (count, each), where patches of a band begin; a picture's do not hang on the others."""
    generator = np.random.default_rng(seed)
    most = [side - patch + 1 for side, patch in zip(shape, _sides(shape), strict=True)]
    drawn = generator.random((count, each, 2))
    return [(drawn[..., axis] * most[axis]).astype(np.int64) for axis in (0, 1)]


def _sides(shape: tuple[int, ...]) -> tuple[int, int]:
    return min(PATCH, shape[0]), min(PATCH, shape[1])


def _blurred(pictures: Floats, gain: float) -> Floats:
    """By the binomial filter along both sides, times `gain` along each."""
    from scipy.ndimage import correlate1d

    for axis in (1, 2):
        pictures = correlate1d(pictures, gain * BINOMIAL, axis=axis, mode="mirror")
    return pictures


def _enlarged(lower: Floats, shape: tuple[int, ...]) -> Floats:
    """Back to (N, H, W, C): the pixels with zeros between them, blurred to twice the sum along each side."""
    spread = np.zeros(shape, np.float32)
    spread[:, ::2, ::2] = lower
    return _blurred(spread, 2.0)
