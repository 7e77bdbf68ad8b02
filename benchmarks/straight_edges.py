"""What it costs that blocks of copies must tell in both directions where they lie, kind of change by kind.

    python benchmarks/straight_edges.py BSDS500 [--pieces 150] [--seed 1]

Of PICTURES' files with odd numbers (those with even ones served to choose the constants) pieces of 96 x 96 are drawn by
chance, as `review.py` cuts them, many of which show little. Each is compared with its changed copies, with and without
that rule; codes, which name candidates, have no part in it. Of as many pairs of different pieces those of the least
texture are compared as well: what is found alike of them is false.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json

import numpy as np
from PIL import Image

from lookalike.data.decode import decode_picture
from lookalike.pixels import Pixels
from lookalike.review import hints, sameness
from lookalike.review.originals import SIDE, squashed
from review import KINDS, contents, tiles

PROMISED = ("resaved", "resized", "recoloured", "bordered", "text", "cropped to 90%", "mirrored", "quarter turns")
QUALITY = (30, 91)
PLAIN = 60
"""Pieces with the least deviation that still show something, all of which are compared with one another."""
SHOWS = 6.0
"""Levels of 255: a piece that deviates by less shows nothing."""


def are_copies(pairs: list[tuple[Pixels, Pixels]]) -> tuple[float, float]:
    """The shares of pairs that are found alike, without and with the rule."""
    grey = [np.concatenate([squashed(pair[side][None]) for pair in pairs]) for side in (0, 1)]
    inner = [hints.without_borders(one.astype(np.float32)) for one in grey]
    areas = np.array([[one.shape[0] * one.shape[1] for one in pair] for pair in pairs])
    small = areas.min(1) < SIDE**2
    enough = np.where(small, sameness.COPY_OF_SMALL, sameness.COPY)
    for_most = np.where(small, sameness.LEAST_OF_SMALL, sameness.LEAST)
    shares = []
    with_it = sameness.LEAST_PINNED
    for least in (0, with_it):
        sameness.LEAST_PINNED = least
        likeness, lower = sameness.likeness_of(grey[0], grey[1], inner[0], inner[1])
        shares.append(float(((likeness >= enough) & (lower >= for_most)).mean()))
    return shares[0], shares[1]


def changed(piece: Pixels, kind: str, draw: np.random.Generator) -> Pixels:
    """A changed copy, saved as JPEG and read again."""
    stream = io.BytesIO()
    KINDS[kind](Image.fromarray(piece), draw).save(stream, "jpeg", quality=int(draw.integers(*QUALITY)))
    return decode_picture(stream.getvalue(), None)


def main() -> None:
    """Measure and print as JSON: shares without and with the rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("--pieces", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = np.random.default_rng(given.seed)
    cut = [decode_picture(one, None) for one in tiles(itertools.islice(contents(given.pictures), 1, None, 2))]
    some = [cut[place] for place in draw.choice(len(cut), given.pieces, replace=False)]
    told = {kind: are_copies([(one, changed(one, kind, draw)) for one in some]) for kind in PROMISED}
    deviations = np.array([one.mean(2).std() for one in cut])
    plain = [cut[place] for place in np.argsort(np.where(deviations >= SHOWS, deviations, np.inf))[:PLAIN]]
    told["different, of little texture"] = are_copies(list(itertools.combinations(plain, 2)))
    print(json.dumps({kind: [round(share, 3) for share in shares] for kind, shares in told.items()}, indent=2))


if __name__ == "__main__":
    main()
