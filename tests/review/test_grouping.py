"""Which pictures come into one group, by what pairs of them are said to be to one another"""

from __future__ import annotations

import itertools

import pytest

from lookalike.review.grouping import Grouping
from lookalike.review.sameness import Link

Links = dict[tuple[int, int], Link]


def grouped(links: Links, pairs: list[tuple[int, int]] | None = None) -> dict[int, list[int]]:
    """The members of each group by its leader; of two pictures the lower number leads."""

    def check(asked: list[tuple[int, int]]) -> list[Link | None]:
        return [links.get(pair) for pair in asked]

    found = Grouping(lambda place: (place,), check)
    found.take(list(links) if pairs is None else pairs)
    return {leader: sorted(members) for leader, members in found.members.items()}


def test_a_chain_joins_nothing_that_is_not_alike() -> None:
    alike = Link("near", 0.9)
    assert grouped({(0, 1): alike, (1, 2): alike}) == {0: [1]}


@pytest.mark.parametrize("closest", [Link("near", 0.99), Link("picture", 1.0), Link("bytes", 1.0)])
def test_a_picture_stays_with_its_copy_among_look_alikes(closest: Link) -> None:
    assert grouped({(0, 1): Link("near", 0.88), (1, 2): closest}) == {1: [2]}


def test_pieces_of_one_picture_stay_with_it_however_alike_they_are() -> None:
    whole, pieces = Link("near", 0.9), Link("near", 0.99)
    links = {(0, 1): whole, (0, 2): whole, (1, 2): pieces}
    assert grouped(links) == {0: [1, 2]}
    assert grouped(links, [(0, 1), (1, 2)]) == {0: [1, 2]}  # nobody named the third, which is looked at all the same


def test_what_is_already_taken_holds_nobody_back() -> None:
    links = {(0, 1): Link("near", 0.99), (1, 2): Link("near", 0.95), (2, 3): Link("near", 0.9)}
    assert grouped(links) == {0: [1], 2: [3]}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_pairs_plays_no_part(order: tuple[int, ...]) -> None:
    links = {(0, 1): Link("near", 0.88), (1, 2): Link("near", 0.99), (2, 3): Link("near", 0.9)}
    pairs = list(links)
    assert grouped(links, [pairs[place] for place in order]) == {1: [2]}
