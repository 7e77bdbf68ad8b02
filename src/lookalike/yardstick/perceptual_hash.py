"""A perceptual hash, the usual tool for finding near-duplicates, to judge codes against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.data import Pixels

SIDE = 8
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BATCH = 1024


def perceptual_hash(pictures: Pixels) -> npt.NDArray[np.bool_]:
    """64 bits a picture: uint8 (N, H, W, C) -> bool (N, 64); compare them by the number that differ.

    Grey by the luma of ITU-R BT.601, then the type-II DCT over the whole picture; of its 8 x 8 lowest frequencies
    without the constant row and column, a bit says which lie above their median. Brightness and contrast do not change
    it. Source: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, 3.2.1 (the pHash
    library). It blurs and resizes to 32 x 32 first, which the lowest frequencies hardly notice; pictures come here at
    the models' size. A side of less than 9 pixels gives fewer bits.
    """
    from scipy.fft import dctn

    hashes = []
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH].astype(np.float32)
        grey = batch @ LUMA if batch.shape[3] == 3 else batch[..., 0]
        low = dctn(grey, type=2, axes=(1, 2))[:, 1 : SIDE + 1, 1 : SIDE + 1].reshape(len(grey), -1)
        hashes.append(low > np.median(low, axis=1, keepdims=True))
    return np.concatenate(hashes)
