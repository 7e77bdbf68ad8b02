"""Who is on picture i, and what they are called."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from lookalike.data.synthetic.sampling import BLOCK, ORDER_STREAM, generator

# LFW's own shape, in small: a few people are photographed over and over, most once.
LARGEST_GROUP, GROUP_DECAY = 40.0, 0.58

ONSETS = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "tr", "st", "kr")
VOWELS = ("a", "e", "i", "o", "u")
FIRST_ENDS = ("la", "na", "ra", "mi", "no", "vin", "ric", "lia", "dan", "lo", "sha", "ton", "bel", "ki", "rus", "ma")
LAST_ENDS = (
    "lan", "rek", "mond", "vik", "sen", "tari", "bury", "nov", "dell", "maru",
    "gard", "lini", "ros", "kov", "nar", "petz", "than", "wick", "zano", "ford",
)  # fmt: skip
FIRST_NAMES = len(ONSETS) * len(VOWELS) * len(FIRST_ENDS)
LAST_NAMES = len(ONSETS) * len(VOWELS) * len(LAST_ENDS)
# Multipliers without a common factor with what they are taken modulo: neighbours in number are far apart in name.
STRIDE, FIRST_STEP, LAST_STEP = 1_977_709, 457, 733


@cache
def group_sizes() -> tuple[int, ...]:
    """How many pictures each person of a block has, largest first; they sum to BLOCK."""
    sizes: list[int] = []
    while sum(sizes) < BLOCK:
        size = max(1, int(LARGEST_GROUP * (len(sizes) + 1) ** -GROUP_DECAY))
        sizes.append(min(size, BLOCK - sum(sizes)))
    return tuple(sizes)


def people_of_block(seed: int, block: int) -> npt.NDArray[np.int64]:
    """(BLOCK,) index of the person on each picture of a block, shuffled."""
    ranks = np.repeat(np.arange(len(group_sizes())), group_sizes())
    order = generator(seed, ORDER_STREAM, block).permutation(BLOCK)
    return (BLOCK * block + ranks)[order].astype(np.int64)


def person_name(seed: int, index: int) -> str:
    """An invented name, "Mira Tolan", unlike every other in the seed's world (for the first 3,200,000 persons)."""
    first, last = divmod((index * STRIDE + 7_919 * seed) % (FIRST_NAMES * LAST_NAMES), LAST_NAMES)
    last = (last + LAST_STEP * first) % LAST_NAMES  # one-to-one, as is the next line: no two numbers share a name
    first = (first + FIRST_STEP * last) % FIRST_NAMES
    return f"{_spelt(first, FIRST_ENDS)} {_spelt(last, LAST_ENDS)}"


def _spelt(number: int, ends: tuple[str, ...]) -> str:
    number, end = divmod(number, len(ends))
    onset, vowel = divmod(number, len(VOWELS))
    return f"{ONSETS[onset]}{VOWELS[vowel]}{ends[end]}".capitalize()
