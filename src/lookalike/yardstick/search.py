"""Every model's codes, raw pixels and a perceptual hash as means of finding pictures again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lookalike.data import ImageSet
from lookalike.metrics import Floats, Ids
from lookalike.search.metric import METRICS, make_metric
from lookalike.yardstick.figures import Figure
from lookalike.yardstick.ground import Ground, Measured, by_chance, judge_neighbours
from lookalike.yardstick.neighbours import nearest_others, nearest_others_by_bits
from lookalike.yardstick.perceptual_hash import perceptual_hash
from lookalike.yardstick.subjects import Say, Subject
from lookalike.yardstick.verification import pair_distances, verify

RAW_PIXELS = "raw pixels"
HASH = "perceptual hash"
CHANCE = "by chance"


def judge_search(
    subjects: Sequence[Subject], faces: ImageSet, train: ImageSet, ground: Ground, *, seed: int, say: Say
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


def judge_codes(ground: Ground, rows: Floats, neighbours: Ids, by_pixels: Ids) -> Iterator[Measured]:
    """The figures of float32 (N, D) rows and the (Q, k) neighbours they give."""
    yield from judge_neighbours(ground, neighbours, by_pixels)
    if ground.pairs is not None:
        accuracy = verify(pair_distances(rows, ground.pairs), ground.pairs)
        yield Measured("verification", "accuracy", "", accuracy.mean)
        yield Measured("verification", "standard error", "", accuracy.standard_error)


def best_metrics(figures: Sequence[Figure]) -> dict[str, str]:
    """For each model the metric that finds the same person at the first place most often."""
    best: dict[str, tuple[float, str]] = {}
    for figure in figures:
        if (figure.group, figure.level) == ("retrieval", "1") and figure.model not in (CHANCE, RAW_PIXELS, HASH):
            name = f"{figure.model} ({figure.code})"
            best[name] = max(best.get(name, (-1.0, "")), (figure.value, figure.metric))
    return {name: metric for name, (_, metric) in best.items()}
