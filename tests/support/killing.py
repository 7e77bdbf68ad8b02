"""Processes of a test's own that die as by kill -9, at moments that their work reaches and not the clock."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

DIED = 9
"""The exit code of a process that ended itself at once."""
HANGS = 600
"""Seconds after which a process is taken to hang; on a machine with much else to do one takes tens of them."""


PRELOADED = (
    *("pytest", "pictures", "PIL.Image", "PIL.PngImagePlugin"),
    *("faiss", "matplotlib.figure", "matplotlib.backends.backend_agg"),
    *("lookalike.gallery", "lookalike.models.conv", "lookalike.models.encoding", "lookalike.models.pca"),
    *("pymilvus", "milvus_lite.adapter.grpc.server"),
    *(
        "lookalike.review.applying",
        "lookalike.review.screening",
        "lookalike.search.exact",
        "lookalike.training.launching",
    ),
)
"""What any of them imports: one server starts the processes of a whole test run, with what it was told at first."""


class Moment:
    """Events of some work are counted; at the `at`-th, counted from 1, the process dies: `after` seconds later.

    At once (`after` None) it dies in the middle of the event. Later, a thread kills it wherever it has come to by then,
    which may be the midst of what Python cannot interrupt. Number 0 never comes, and counts the events.
    """

    def __init__(self, at: int, after: float | None = None) -> None:
        self.at = at
        self.after = after
        self.events = 0

    def event(self) -> None:
        self.events += 1
        if self.events == self.at:
            if self.after is None:
                os._exit(DIED)
            threading.Thread(target=_kill, args=(self.after,), daemon=True).start()

    def before(self, owner: Any, name: str, do: Callable[..., Any] | None = None) -> None:
        """Let every call of `owner.name` be an event, and then do what it does, or `do` instead."""
        original = getattr(owner, name) if do is None else do

        def called(*arguments: Any, **options: Any) -> Any:
            self.event()
            return original(*arguments, **options)

        setattr(owner, name, called)


def _kill(after: float) -> None:
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGKILL)


def fresh_processes() -> ForkServerContext:
    """Processes that start with `PRELOADED` imported and nothing computed yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def finish(context: ForkServerContext, work: Callable[..., None], *arguments: Any, **options: Any) -> int:
    """Let a process do some work; its exit code, `-signal.SIGKILL` where it was killed."""
    process = context.Process(target=work, args=arguments, kwargs=options)
    process.start()
    process.join(HANGS)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"{work.__name__} hangs")
    return process.exitcode
