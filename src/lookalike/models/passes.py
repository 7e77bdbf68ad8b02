"""Principal components by passes over the pictures, where neither covariance nor Gram matrix has room.

A block Krylov method: the block begins at the components of a sample, each pass multiplies it by the covariance, and
what is new of the product is the next block (Musco and Musco, 2015; Halko, Martinsson and Tropp, 2011, for blocks from
random samples). All blocks together span a space whose own components are the result. Memory is of the blocks and of
one chunk of pictures, whatever the number of pictures. Products with pictures are taken in float32 and summed in
float64.

How many passes are needed shows on the way, by a bound that holds but for one case in a million. Let P be that space,
T the covariance within it, E what the covariance leads out of it, and F the covariance outside. Of F the largest
eigenvalue is bounded by random vectors to which it is applied, again and again (as Halko and others, 4.3, but by the
distribution of their squared length, and for powers). By Haynsworth's inertia theorem an eigenvalue of the covariance
that is at least s > |F| is no larger than the one of the same rank of T + E'E / (s - |F|): `_most_captured`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from lookalike.models.subspace import (
    Approximation,
    Doubles,
    Subspace,
    centred_rows,
    excess_of,
    of_rows,
    with_fixed_signs,
)
from lookalike.pixels import Floats, Pixels, centre

TOLERANCE = 1e-3
"""How much larger than the exact components' the squared error may be, as a share."""
CHUNK_BYTES = 1 << 26
"""Of pictures in float32 at once."""
SAMPLE = 512
"""Pictures from whose components the first block is made, or twice as many as these."""
PROBES = 24
"""Random vectors by which the rest is bounded."""
UNLIKELY = 1e-7
"""Probability with which their bound does not hold, each time that they are drawn."""
PATIENCE = 2
"""Passes after which probes are drawn, and how many more they get: others, outside of more, come as far in so many."""
SLACK = 1.05
"""How near a bound comes to what it bounds, in time."""
LEAST_MORE = 24
"""Vectors of a block beyond the components, at least; a quarter of these where that is more."""
MOST_PASSES = 20

_log = logging.getLogger(__name__)


def by_passes(pictures: Pixels | Floats, code_size: int, seed: int = 0) -> Subspace:
    """The leading principal components of pictures (N, H, W, C), their squared error within `TOLERANCE` of the least.

    Where `MOST_PASSES` do not suffice for that, as for pictures of noise alone, it says so in a warning.
    """
    generator = np.random.default_rng(seed)
    values = int(np.prod(pictures.shape[1:]))
    columns = min(code_size + max(code_size // 4, LEAST_MORE), len(pictures), values)
    sample = _sample(pictures, max(SAMPLE, 2 * columns), generator)
    begin = of_rows(sample, columns, exact=False)
    del sample
    space = Space(begin.components.T)
    covariance = Covariance(pictures, begin.mean)
    probes: Probes | None = None
    outside = np.inf
    while True:
        covariance.apply_to(space, probes)
        if probes is not None:
            outside = min(outside, probes.bound)
        excess = _excess(space, code_size, outside, covariance.total)
        _log.info("after pass %d the error is at most %.2g above the least", covariance.passes, excess)
        if excess <= TOLERANCE or covariance.passes == MOST_PASSES:
            break
        # Blocks are spared where the bound will do once it is as near as it can come, probes where that is soon
        if probes is None:
            probes = Probes(space, generator) if covariance.passes >= PATIENCE else None
            space.grow()
            continue
        hoped = max(SLACK * probes.rate, probes.bound_after(PATIENCE))
        if _excess(space, code_size, hoped, covariance.total) > TOLERANCE:
            probes = Probes(space, generator) if probes.products > PATIENCE else probes
            space.grow()
    if excess > TOLERANCE:
        _log.warning(
            "after %d passes the components' squared error is at most %.2g above the exact ones' (%g is aimed at)",
            *(covariance.passes, excess, TOLERANCE),
        )
    components = with_fixed_signs(space.components(code_size).T)
    variances = np.maximum(space.variances[:code_size], 0.0)
    return Subspace(components, covariance.mean, variances, covariance.total, Approximation(covariance.passes, excess))


class Covariance:
    """The covariance of pictures (N, H, W, C), which is multiplied by in a pass over them.

    Args:
        pictures: uint8, or float32 and centred.
        about: float64 (D,), near their mean, which the first pass finds.
    """

    def __init__(self, pictures: Pixels | Floats, about: Doubles) -> None:
        self.pictures = pictures
        self.mean = about
        self.total = np.nan
        self.passes = 0

    def apply_to(self, space: Space, probes: Probes | None) -> None:
        """Give the space and the probes what they wait for: the product with what is theirs."""
        blocks = [*([] if space.is_known else [space.blocks[-1]]), *([] if probes is None else [probes.vectors])]
        product = self.times(np.hstack(blocks))
        if probes is not None:
            probes.take(product[:, -PROBES:])
            product = product[:, :-PROBES]
        if not space.is_known:
            space.take(product)

    def times(self, block: Floats) -> Doubles:
        """The covariance times (D, n), n vectors."""
        product = np.zeros(block.shape)
        sums, squares = np.zeros(len(block)), 0.0
        count = len(self.pictures)
        for rows in self._rows():
            product += rows.T @ (rows @ block)
            if not self.passes:
                sums += rows.sum(axis=0, dtype=np.float64)
                squares += float(np.einsum("nd,nd->n", rows, rows).sum(dtype=np.float64))
        freedom = max(count - 1, 1)
        if not self.passes:
            off = sums / count
            product -= count * np.outer(off, off @ block)
            self.total = max(squares - count * float(off @ off), 0.0) / freedom
            self.mean = self.mean + off
        self.passes += 1
        product /= freedom
        return product

    def _rows(self) -> Iterator[Floats]:
        about = self.mean.astype(np.float32)
        step = max(1, CHUNK_BYTES // about.nbytes)
        for start in range(0, len(self.pictures), step):
            chunk = centre(self.pictures[start : start + step]).reshape(-1, len(about))
            yield chunk - about


class Space:
    """What blocks of orthonormal vectors span, and what is known of the covariance in it."""

    def __init__(self, block: Doubles) -> None:
        self.blocks = [block.astype(np.float32)]
        self.within = np.zeros((0, 0))
        self.rest = np.zeros((len(block), 0))
        self.variances: Doubles = np.zeros(0)
        self._axes: Doubles = np.zeros((0, 0))

    @property
    def is_known(self) -> bool:
        """Whether the product of the last block with the covariance was taken."""
        return len(self.within) == self.size

    @property
    def size(self) -> int:
        """Dimensions."""
        return sum(block.shape[1] for block in self.blocks)

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing outside."""
        return self.size == len(self.rest)

    @property
    def out(self) -> Doubles:
        """E'E of the last block, to which the others' products lead."""
        gram: Doubles = self.rest.T @ self.rest
        return gram

    def take(self, product: Doubles) -> None:
        """Take the covariance times the last block."""
        from scipy import linalg

        inside = np.vstack([block.T.astype(np.float64) @ product for block in self.blocks])
        self.rest = without(self.blocks, product)
        size, known = self.size, len(self.within)
        within = np.zeros((size, size))
        within[:known, :known] = self.within
        within[:, known:] = inside
        within[known:, :] = inside.T
        within[known:, known:] = (inside[known:] + inside[known:].T) / 2
        self.within = within
        variances, axes = linalg.eigh(within, check_finite=False)
        self.variances, self._axes = variances[::-1], axes[:, ::-1]

    def grow(self) -> None:
        """Add a block of what the last one's product has outside; none where the space is whole."""
        columns = min(self.rest.shape[1], len(self.rest) - self.size)
        if columns:
            block = _orthonormal(self.rest[:, :columns])
            self.blocks.append(_orthonormal(without(self.blocks, block)).astype(np.float32))

    def components(self, count: int) -> Doubles:
        """(D, count), orthonormal."""
        axes, start = self._axes[:, :count], 0
        found = np.zeros((len(self.rest), count))
        for block in self.blocks[: None if self.is_known else -1]:
            stop = start + block.shape[1]
            found += block @ axes[start:stop]
            start = stop
        return _orthonormal(found)


class Probes:
    """Random vectors outside of a space, by which the covariance there is bounded.

    For a unit vector u of its largest eigenvalue f, and p products, the sum of the vectors' squared lengths is at least
    f^(2p) times that of their parts along u when they were drawn, which is chi-squared distributed.

    Attributes:
        vectors: float32 (D, `PROBES`), what is to be multiplied next.
        products: how often they were.
        bound: on f; infinite before the first product.
        rate: the last product's length over the one's before, to which the bound falls: never more than f.
    """

    def __init__(self, space: Space, generator: np.random.Generator) -> None:
        self._inside = tuple(space.blocks)
        drawn = generator.standard_normal((len(space.rest), PROBES))
        self.vectors = without(self._inside, drawn).astype(np.float32)
        self.products = 0
        self.rate = 0.0
        self.bound = np.inf
        self._length = 0.0

    def take(self, product: Doubles) -> None:
        """Take the covariance times `vectors`."""
        outside = without(self._inside, product)
        length = float(np.linalg.norm(outside))
        self.rate = length if self.products else length / float(np.linalg.norm(self.vectors))
        self.products += 1
        if not length:
            self.bound = 0.0
            return
        self.vectors = (outside / length).astype(np.float32)
        self._length += np.log(length)
        self.bound = min(self.bound, self.bound_after(0))

    def bound_after(self, products: int) -> float:
        """What the bound will be after so many products more, if these are like the last one."""
        from scipy import special

        least = 2 * special.gammaincinv(PROBES / 2, UNLIKELY)
        length = self._length + products * np.log(max(self.rate, np.finfo(np.float64).tiny))
        return float(np.exp((length - np.log(least) / 2) / (self.products + products)))


def without(blocks: Sequence[Floats], vectors: Doubles) -> Doubles:
    """(D, n) less what lies in the span of blocks; twice, since rounding leaves some of it the first time."""
    for _ in range(2):
        for block in blocks:
            held = block.astype(np.float64)
            vectors = vectors - held @ (held.T @ vectors)
    return vectors


def _excess(space: Space, count: int, outside: float, total: float) -> float:
    """`excess_of` so many components in a space, where the covariance's norm outside of it is at most `outside`."""
    captured = float(space.variances[:count].sum())
    return excess_of(captured, _most_captured(space, count, 0.0 if space.is_whole else outside), total)


def _most_captured(space: Space, count: int, outside: float) -> float:
    """What so many components of the covariance can have of the variance.

    For any s, the eigenvalue of rank i is at most the larger of s and the bound that holds from s on; the least over
    several s is taken for each.
    """
    from scipy import linalg

    variances = space.variances
    starts = {float(variances[place]) for place in (count - 1, count // 2, count // 4, count // 8)}
    starts |= {outside * factor for factor in (1.02, 1.1, 1.25, 1.5, 2.0)}
    most = np.full(count, np.inf)
    last = space.rest.shape[1]
    for start in starts:
        if not 1.001 * outside < start < np.inf:
            continue
        raised = space.within.copy()
        raised[-last:, -last:] += space.out / (start - outside)
        size = len(raised)
        highest = linalg.eigvalsh(raised, subset_by_index=(size - count, size - 1), check_finite=False)[::-1]
        most = np.minimum(most, np.maximum(highest, start))
    return float(most.sum())


def _sample(pictures: Pixels | Floats, count: int, generator: np.random.Generator) -> Floats:
    """Some of the pictures as rows of their own, in their order."""
    if len(pictures) > count:
        pictures = pictures[np.sort(generator.choice(len(pictures), count, replace=False))]
    return centred_rows(pictures)


def _orthonormal(vectors: Doubles) -> Doubles:
    from scipy import linalg

    factor: Doubles = linalg.qr(vectors, mode="economic", check_finite=False)[0]
    return factor
