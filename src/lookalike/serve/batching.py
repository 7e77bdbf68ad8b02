"""Requests that come at the same moment go through the model together."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Busy(Exception):
    """More requests wait than may."""


class _Waiting(NamedTuple, Generic[Job, Answer]):
    job: Job
    future: asyncio.Future[Answer]
    loop: asyncio.AbstractEventLoop


class Batcher(Generic[Job, Answer]):
    """One thread that takes all jobs that wait, up to a number, and does them in one go.

    Nobody waits for others to come: while one batch is computed, the next one gathers by itself.

    Args:
        run: jobs in, for each its answer or the exception that it ends with; called in the thread.
        most: jobs of one batch.
        waiting: jobs that may wait; one more is refused.
        seen: told the size of every batch.
    """

    def __init__(
        self,
        run: Callable[[list[Job]], list[Answer | Exception]],
        *,
        most: int,
        waiting: int,
        seen: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._run = run
        self._most = most
        self._limit = waiting
        self._seen = seen
        self._queue: deque[_Waiting[Job, Answer]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="batching", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._queue)

    async def ask(self, job: Job) -> Answer:
        """The answer to a job, together with whatever else waits.

        Raises:
            Busy: too many wait.
            Exception: what the job ended with.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        with self._changed:
            if self._closed or len(self._queue) >= self._limit:
                raise Busy
            self._queue.append(_Waiting(job, future, loop))
            self._changed.notify()
        return await future

    def close(self) -> None:
        """End the thread after the batch it is at; what waits is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    refused: list[Answer | Exception] = [Busy() for _ in self._queue]
                    _settle(list(self._queue), refused)
                    self._queue.clear()
                    return
                # A client that has left is not worth computing for.
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
            batch = [one for one in batch if not one.future.cancelled()]
            if batch:
                self._seen(len(batch))
                _settle(batch, self._answers([one.job for one in batch]))

    def _answers(self, jobs: list[Job]) -> list[Answer | Exception]:
        try:
            return self._run(jobs)
        except Exception as error:
            return [error] * len(jobs)


def _settle(batch: list[_Waiting[Job, Answer]], answers: list[Answer | Exception]) -> None:
    """Hand out the answers in each event loop's own thread: one wake-up a loop, not one a job."""
    loops = {id(one.loop): one.loop for one in batch}
    for key, loop in loops.items():
        own = [(one, answer) for one, answer in zip(batch, answers, strict=True) if id(one.loop) == key]
        if not loop.is_closed():
            loop.call_soon_threadsafe(_hand_out, own)


def _hand_out(settled: list[tuple[_Waiting[Job, Answer], Answer | Exception]]) -> None:
    for one, answer in settled:
        if one.future.done():
            continue
        if isinstance(answer, Exception):
            one.future.set_exception(answer)
        else:
            one.future.set_result(answer)
