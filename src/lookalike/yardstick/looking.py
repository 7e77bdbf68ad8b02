"""What drawn pictures look like: reconstructions and new ones, held against test pictures that nobody trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from lookalike import metrics
from lookalike.appearance import NEIGHBOURS, detail_energy, precision_and_coverage, sliced_wasserstein
from lookalike.data import ImageSet
from lookalike.models.search import SearchAutoencoder
from lookalike.pixels import Floats, Pixels, centre, to_uint8
from lookalike.sampling.copying import Copying, copying
from lookalike.sampling.fitting import fit_mixture
from lookalike.sampling.mixture import LEAST_CODES
from lookalike.search.metric import Metric, make_metric
from lookalike.yardstick.figures import Figure
from lookalike.yardstick.subjects import Say, Subject
from lookalike.yardstick.telling import told_apart

FLOOR = "training pictures"
"""The row of real pictures held against real ones: the best that a drawing can come to."""
LOOKED_AT = 2000
"""Test pictures that count, at most: the first ones."""
FEWEST = 4
DETAIL = "detail kept"
PATCHES = "patches apart (SWD x1000)"
TOLD = "told from real"
KEPT = "person kept"
SEARCH_CODE = 128
"""Numbers of the search codes that say who is on a picture, and what is near."""
METRIC = "whitened-cosine"


class Finder(NamedTuple):
    """Who is on a picture, and which are near, by a model of search codes that is the same for all who are judged."""

    model: SearchAutoencoder
    metric: Metric

    def rows(self, pictures: Pixels) -> Floats:
        """Pictures uint8 (N, H, W, C) as points (N, K), near where they look alike."""
        return self.metric.transform(self.model.encode(pictures))


def judge_looks(
    subjects: Sequence[Subject], train: ImageSet, test: ImageSet, *, seed: int, left_out: list[str], say: Say
) -> list[Figure]:
    """Figures of what each subject with codes and a decoder draws: of test pictures, and anew.

    Everything is judged as it is shown, clipped and in 8 bits. Nothing is learned from test pictures but the network
    that tells real from drawn, on other pairs than those it is judged by.
    """
    drawing = [subject for subject in subjects if subject.model.has_code and subject.model.has_decoder]
    real = test[: min(len(test), LOOKED_AT)]
    if not drawing:
        return []
    if len(real) < FEWEST:
        left_out.append(f"how drawings look: {len(real)} test pictures are too few, it takes {FEWEST}")
        return []
    others = train[_some(len(train), len(real), seed)]
    finder = finder_of(train)
    say(f"looking at {len(real):,} training pictures beside as many test pictures")
    told, *patches = judge_drawn(others.pixels, real.pixels, seed)
    figures = [Figure(FLOOR, None, "", "looking", *one) for one in (told, *patches)]
    spread = judge_spread(others.pixels, real, finder)
    figures += [Figure(FLOOR, None, "", "samples", *one) for one in (*spread, *patches)]
    for subject in drawing:
        say(f"looking at what {subject.title} draws")
        codes = subject.model.encode(real)
        for name, sharp in names_of(subject):
            back = to_uint8(subject.model.decode(codes, sharp=sharp))
            judged = [*judge_drawn(back, real.pixels, seed), (KEPT, "", person_kept(finder, back, real))]
            figures += [Figure(name, subject.code, "", "looking", *one) for one in judged]
        if len(train) < LEAST_CODES:
            left_out.append(
                f"new pictures of {subject.title}: {len(train)} training pictures are too few for a mixture"
            )
            continue
        new = new_codes(subject.model.encode(train), codes, seed)
        for name, sharp in names_of(subject):
            judged = [*judge_new(subject, new, real, finder, seed, sharp=sharp)]
            figures += [Figure(name, subject.code, "", "samples", *one) for one in judged]
    return figures


def names_of(subject: Subject) -> list[tuple[str, bool]]:
    """What the rows of a subject are called, and whether its sharp decoder draws: of its own one, and of that."""
    sharp = [(f"{subject.name}, sharp", True)] if subject.model.own_sharp is not None else []
    return [(subject.name, False), *sharp]


def finder_of(train: ImageSet) -> Finder:
    """A model of search codes and its metric, learned on the training pictures alone."""
    values = int(np.prod(train.image_shape))
    model = SearchAutoencoder(max(1, min(SEARCH_CODE, len(train) - 1, values // 2))).fit(train)
    return Finder(model, make_metric(METRIC).fit(model.encode(train)))


Judged = tuple[str, str, float]
"""Measure, level and value."""


def judge_drawn(drawn: Pixels, real: Pixels, seed: int) -> Iterator[Judged]:
    """Whether a network can tell, detail, patches: uint8 (N, H, W, C), the drawn in the order of the real."""
    yield TOLD, "", told_apart(real, drawn, seed).accuracy
    yield from judge_patches(drawn, real, seed)


def judge_patches(drawn: Pixels, real: Pixels, seed: int) -> Iterator[Judged]:
    """Detail and patches of uint8 (N, H, W, C), whatever their order."""
    energy = float(detail_energy(centre(real)).mean())
    yield DETAIL, "", float(detail_energy(centre(drawn)).mean()) / energy if energy else 1.0
    for level, distance in sliced_wasserstein(drawn, real, seed).items():
        yield PATCHES, level, distance


class New(NamedTuple):
    """Codes of new pictures, float32 (N, K), and whether they are copies."""

    codes: Floats
    copying: Copying


def new_codes(learned: Floats, real: Floats, seed: int) -> New:
    """As many as there are of real pictures, drawn from a mixture of the learned ones, without truncation."""
    drawn = fit_mixture(learned, seed=seed).draw(len(real), seed=seed)
    return New(drawn, copying(drawn, learned, real))


def judge_new(
    subject: Subject, new: New, real: ImageSet, finder: Finder, seed: int, *, sharp: bool = False
) -> Iterator[Judged]:
    """New pictures of these codes beside real ones."""
    pictures = to_uint8(subject.model.decode(new.codes, sharp=sharp))
    yield from judge_spread(pictures, real, finder)
    yield from judge_patches(pictures, real.pixels, seed)
    distance = new.copying.drawn_distance / (new.copying.test_distance or 1.0)
    yield "nearest training code, over test's", "", distance


def judge_spread(drawn: Pixels, real: ImageSet, finder: Finder) -> Iterator[Judged]:
    """Whether drawn pictures lie where real ones do, and everywhere there."""
    rows, of_real = finder.rows(drawn), finder.rows(real.pixels)
    near = precision_and_coverage(rows, of_real, min(NEIGHBOURS, len(of_real) - 1))
    yield "precision", "", near.precision
    yield "coverage", "", near.coverage


def person_kept(finder: Finder, drawn: Pixels, real: ImageSet) -> float:
    """Share of drawings whose nearest of all test pictures, by search codes, shows the same person.

    Most often that is the picture itself; where nothing says who is on a picture, nothing else counts.
    """
    labels = _labels(real)
    distances = cdist(finder.rows(drawn), finder.rows(real.pixels))
    return float((metrics.ranks_of_same_label(distances, labels, labels) == 1).mean())


def _labels(pictures: ImageSet) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Who is on each picture, as numbers; each picture of nobody known is somebody of its own."""
    people = pictures.people or [""] * len(pictures)
    names = [person or f"\0{place}" for place, person in enumerate(people)]
    return np.unique(np.asarray(names, object).astype(str), return_inverse=True)[1].astype(np.int64)


def _some(among: int, count: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng(seed).permutation(among)[:count]
