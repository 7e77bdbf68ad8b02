"""Every model's codes, raw pixels and a perceptual hash as means of finding pictures again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lookalike.data import ImageSet, Pixels
from lookalike.metrics import Floats, Ids
from lookalike.search.index import index_class
from lookalike.search.metric import METRICS, make_metric
from lookalike.yardstick.figures import Figure
from lookalike.yardstick.ground_truth import GroundTruth, Judged, by_chance, judge_neighbours
from lookalike.yardstick.subjects import Say, Subject
from lookalike.yardstick.verification import pair_distances, verify

RAW_PIXELS = "raw pixels"
HASH = "perceptual hash"
CHANCE = "by chance"
BLOCK = 1024
"""Queries at once: 1,024 x 13,233 distances take 54 MB."""
SIDE = 8
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BATCH = 1024


def judge_search(
    subjects: Sequence[Subject], faces: ImageSet, train: ImageSet, ground: GroundTruth, *, seed: int, say: Say
) -> list[Figure]:
    """Retrieval, agreement and verification by raw pixels, by a hash, and by each model's codes in each metric.

    All subjects have codes.

    All pictures are encoded, and each of the ground's queries is held against all others. What a metric learns it
    learns on the codes of the training pictures.
    """
    say(f"nearest of {len(faces):,} pictures by pixels, for {len(ground.queries):,} queries")
    rows = faces.pixels.reshape(len(faces), -1).astype(np.float32) / np.float32(255)
    by_pixels = nearest_others(rows, ground.queries, ground.k)
    figures = [Figure(CHANCE, None, "", *measured) for measured in by_chance(ground)]
    figures += [
        Figure(RAW_PIXELS, rows.shape[1], "euclidean", *measured)
        for measured in judge_codes(ground, rows, by_pixels, by_pixels)
        if measured.group != "pixel neighbours"
    ]
    bits = perceptual_hash(faces.pixels)
    by_bits = nearest_others_by_bits(bits, ground.queries, ground.k, np.random.default_rng(seed))
    found = judge_codes(ground, bits.astype(np.float32), by_bits, by_pixels)  # ones and zeros: the same order
    figures += [Figure(HASH, bits.shape[1], "hamming", *measured) for measured in found]
    for subject in subjects:
        say(f"nearest by {subject.title}, in {len(METRICS)} metrics")
        learned_on, codes = subject.model.encode(train), subject.model.encode(faces)
        for name in METRICS:
            rows = make_metric(name).fit(learned_on).transform(codes)
            neighbours = nearest_others(rows, ground.queries, ground.k)
            figures += [
                Figure(subject.name, subject.code, name, *measured)
                for measured in judge_codes(ground, rows, neighbours, by_pixels)
            ]
    return figures


def judge_codes(ground: GroundTruth, rows: Floats, neighbours: Ids, by_pixels: Ids) -> Iterator[Judged]:
    """The figures of float32 (N, D) rows and the (Q, k) neighbours they give."""
    yield from judge_neighbours(ground, neighbours, by_pixels)
    if ground.pairs is not None:
        accuracy = verify(pair_distances(rows, ground.pairs), ground.pairs)
        yield Judged("verification", "accuracy", "", accuracy.mean)
        yield Judged("verification", "standard error", "", accuracy.standard_error)


def best_metrics(figures: Sequence[Figure]) -> dict[str, str]:
    """For each model the metric that finds the same person at the first place most often."""
    best: dict[str, tuple[float, str]] = {}
    for figure in figures:
        if (figure.group, figure.level) == ("retrieval", "1") and figure.model not in (CHANCE, RAW_PIXELS, HASH):
            name = f"{figure.model} ({figure.code})"
            best[name] = max(best.get(name, (-1.0, "")), (figure.value, figure.metric))
    return {name: metric for name, (_, metric) in best.items()}


def nearest_others(rows: Floats, queries: Ids, k: int) -> Ids:
    """The k rows nearest to each queried row by Euclidean distance, itself left out.

    Args:
        rows: float32 (N, D).
        queries: int (Q,): places of the rows that are asked for.
        k: 1 to N - 1.

    Returns:
        int64 (Q, k): places of the neighbours, nearest first.
    """
    index = index_class("exact")().fit(rows)
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK):
        asked = queries[start : start + BLOCK]
        found[start : start + BLOCK] = _without_self(index.query(rows[asked], k + 1).ids, asked)
    return found


def nearest_others_by_bits(bits: npt.NDArray[np.bool_], queries: Ids, k: int, generator: np.random.Generator) -> Ids:
    """As `nearest_others`, by the number of bits that differ: bool (N, B) -> int64 (Q, k).

    Whole numbers tie often; ties are broken at random by `generator`, so that the order of the pictures lends no hash
    a better score.
    """
    signs = np.where(bits, np.float32(1), np.float32(-1))
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK):
        asked = queries[start : start + BLOCK]
        differing = (np.float32(bits.shape[1]) - signs[asked] @ signs.T) / 2
        differing += generator.random(differing.shape, np.float32)
        differing[np.arange(len(asked)), asked] = np.inf
        nearest = np.argpartition(differing, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(differing, nearest, axis=1), axis=1)
        found[start : start + BLOCK] = np.take_along_axis(nearest, order, axis=1)
    return found


def _without_self(ids: Ids, queries: Ids) -> Ids:
    """Ids (Q, k + 1) without the query; where equal pictures crowded it out, without the last one."""
    order = np.argsort(ids == queries[:, None], axis=1, kind="stable")
    kept: Ids = np.take_along_axis(ids, order, axis=1)[:, :-1]
    return kept


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
