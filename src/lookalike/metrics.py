"""How far a reconstruction is from its picture (MSE, PSNR, SSIM), and how good the neighbours of a code are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
PerPicture = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5


def squared_errors(pictures: Floats, others: Floats) -> PerPicture:
    """Mean squared error of each picture: two float (N, H, W, C) -> float64 (N,). Nothing is clipped."""
    difference = np.asarray(pictures, np.float32) - np.asarray(others, np.float32)
    flat = difference.reshape(len(difference), -1)
    errors: PerPicture = np.einsum("nd,nd->n", flat, flat, dtype=np.float64) / flat.shape[1]
    return errors


def psnr(pictures: Floats, others: Floats) -> PerPicture:
    """Peak signal-to-noise ratio of each picture in dB, for a range of 1; infinite where both are equal."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(squared_errors(pictures, others))


def ssim(pictures: Floats, others: Floats) -> PerPicture:
    """Structural similarity of each picture: two float (N, H, W, C) from 0 (black) to 1 -> float64 (N,).

    Centred pictures have to be raised by 0.5 first: SSIM compares means as well, so that it depends on where black is.
    Source: Wang et al., 2004: Gaussian window of sigma 1.5 cut at 11 pixels, K1 = 0.01, K2 = 0.03, averaged over
    channels and over the pixels whose window lies inside the picture (over what there is where a picture is
    smaller than the window).
    """
    a, b = np.asarray(pictures, np.float64), np.asarray(others, np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    c1 = 0.01**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    margin = [min(SSIM_RADIUS, (side - 1) // 2) for side in a.shape[1:3]]
    whole = luminance * structure(a, b)
    inside = whole[:, margin[0] : a.shape[1] - margin[0], margin[1] : a.shape[2] - margin[1]]
    means: PerPicture = inside.mean(axis=(1, 2, 3), dtype=np.float64)
    return means


def structure(pictures: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """SSIM's second factor at every pixel and channel, of contrast and edges whatever the brightness: -1 to 1.

    Two float (N, H, W, C) that span 1, the second perhaps one for all, (1, H, W, C) -> float64 (N, H, W, C); 1 where
    they differ by a constant alone.
    """
    a, b = np.asarray(pictures, np.float64), np.asarray(others, np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a**2
    variance_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    c2 = 0.03**2
    result: npt.NDArray[np.float64] = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return result


def _blur(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy import ndimage

    blurred = pictures
    for axis in (1, 2):
        blurred = ndimage.gaussian_filter1d(blurred, SSIM_SIGMA, axis=axis, radius=SSIM_RADIUS)
    return blurred


def recall_at_k(found: Ids, true: Ids) -> float:
    """Mean share of the true neighbours that were found: two int (Q, k), ids in any order -> 0 to 1.

    An id of -1 stands for none: it counts neither as true nor as found. NaN where there is no true neighbour at all.
    """
    is_found = ((true[:, :, None] == found[:, None, :]) & (true[:, :, None] >= 0)).any(axis=2)
    there = (true >= 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        shares = is_found.sum(axis=1) / there
    return float(shares[there > 0].mean()) if there.any() else float("nan")


def same_label_at_k(neighbours: Ids, queries: Ids, labels: npt.NDArray[np.int64], k: int) -> float:
    """Share of the queries with an item of their own label among the first k neighbours: same-person retrieval.

    Args:
        neighbours: int (Q, K), K >= k: ids of items, nearest first, the query itself left out.
        queries: int (Q,): ids of the queries.
        labels: int (N,): the label of every item.
        k: how many neighbours count, 1 or more.
    """
    hits = labels[neighbours[:, :k]] == labels[queries][:, None]
    return float(hits.any(axis=1).mean())


def ranks_of_same_label(
    distances: npt.NDArray[np.floating], own: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> Ids:
    """The place of each query's nearest item of its own label among all items: 1 where it is the nearest of all.

    Items of another label that are as near come first, so that nobody gains by ties.

    Args:
        distances: float (Q, N), of each query from each item.
        own: int (Q,): the labels of the queries, each of which some item has.
        labels: int (N,): the labels of the items.
    """
    is_own = labels[None] == own[:, None]
    nearest = np.where(is_own, distances, np.inf).min(axis=1, keepdims=True)
    ranks: Ids = 1 + ((distances <= nearest) & ~is_own).sum(axis=1)
    return ranks
