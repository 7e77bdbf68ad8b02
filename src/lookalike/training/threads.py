"""Threads that compute alone: independent pieces side by side instead of one after the other, each on all cores.

Threads that compute one thing together wait for each other at every layer, and longer where something else holds a
core; what one thread computes alone has the same bits however many there are.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import torch


def alone(count: int, name: str) -> ThreadPoolExecutor:
    """`count` threads, each of which PyTorch gives one thread for what it asks for."""
    pool = ThreadPoolExecutor(count, name)
    threads, together = torch.get_num_threads(), threading.Barrier(count)
    for begun in [pool.submit(_compute_alone, together) for _ in range(count)]:
        begun.result()
    torch.set_num_threads(threads)  # what a thread sets for itself would hold for later ones as well
    return pool


def _compute_alone(together: threading.Barrier) -> None:
    """Wait until all threads are there, so that none does this twice."""
    torch.get_num_threads()  # before its first use a thread would take over the number of all others
    torch.set_num_threads(1)
    together.wait()
