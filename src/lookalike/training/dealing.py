"""Pieces of work on matrices, dealt out to processes, and the results brought together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from math import prod

import torch
from torch import Tensor, distributed

Hands = tuple[tuple[int, ...], ...]
"""By process, the numbers of the pieces that are its own."""


@cache
def dealt(shapes: tuple[tuple[int, ...], ...], size: int) -> Hands:
    """Deal out matrices of those shapes to `size` processes, the dearest first, each to who has least to do.

    A product of one with itself takes rows x columns x the lesser of both. The same for the same shapes.
    """
    costs = [prod(shape) * min(shape) for shape in shapes]
    hands: list[list[int]] = [[] for _ in range(size)]
    load = [0] * size
    for i in sorted(range(len(shapes)), key=lambda i: (-costs[i], i)):
        least = min(range(size), key=lambda rank: (load[rank], rank))
        hands[least].append(i)
        load[least] += costs[i]
    return tuple(map(tuple, hands))


def all_of(own: Sequence[Tensor], hands: Hands, like: Sequence[Tensor], dtype: torch.dtype) -> Iterator[Tensor]:
    """All results in the order of `like`, whose shapes they have, from this process's `own`; one message for all."""
    room = max(sum(like[i].numel() for i in hand) for hand in hands)
    sent = like[0].new_zeros(room, dtype=dtype)
    if own:
        flat = torch.cat([result.reshape(-1) for result in own])
        sent[: len(flat)] = flat
    received = [torch.empty_like(sent) for _ in hands]
    distributed.all_gather(received, sent)
    found: dict[int, Tensor] = {}
    for hand, message in zip(hands, received, strict=True):
        start = 0
        for i in hand:
            found[i] = message[start : start + like[i].numel()].view(like[i].shape)
            start += like[i].numel()
    return (found[i] for i in range(len(like)))
