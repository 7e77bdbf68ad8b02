"""What a person sees while a training runs: a bar with losses, speed and time left, and a line an epoch."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from lookalike.training.checkpoint import State

REFRESH = 0.5
"""Seconds between two looks at the loss: reading it waits for the device, and drawing takes milliseconds."""


class TrainingProgress:
    """A bar on stderr for all that is left of the training; a line an epoch stays above it.

    Where stderr is no terminal, in a notebook too, only the lines are written.
    """

    def __init__(self, shown: bool, epochs: int, images: int, state: State) -> None:
        self.shown = shown
        self.epochs = epochs
        self.images = images
        self.steps = len(state.losses)
        self.console = Console(stderr=True)
        self.first = (state.epoch - 1) * self.steps + state.step
        self.started = self.refreshed = self.epoch_started = time.perf_counter()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[loss]}"),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
            auto_refresh=False,  # a thread that draws would make every parallel step wait for it
            expand=True,
            disable=not (shown and self.console.is_terminal),
        )
        self.task = self.bar.add_task(
            "", total=epochs * self.steps, completed=self.first, loss="", speed="", left="starting"
        )

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, state: State) -> None:
        """After a step; drawn anew a few times a second."""
        now = time.perf_counter()
        if self.bar.disable or now - self.refreshed < REFRESH:
            return
        self.refreshed = now
        done = (state.epoch - 1) * self.steps + state.step
        speed = (done - self.first) / (now - self.started)
        self.bar.update(
            self.task,
            completed=done,
            description=f"epoch {state.epoch}/{self.epochs}",
            loss=f"mse {float(state.losses[: state.step].mean()):.5f}",
            speed=f"{speed * self.images / self.steps:,.0f} images/s",
            left=f"{_clock((self.epochs * self.steps - done) / speed)} left",
            refresh=True,
        )

    def epoch(self, entry: dict[str, Any]) -> None:
        """After an epoch's evaluation."""
        if not self.shown:
            return
        now = time.perf_counter()
        seconds, self.epoch_started = now - self.epoch_started, now
        curves = [
            f"{name} {entry[f'{name}_mse']:.5f}"
            for name in ("train", "validation", "test")
            if entry[f"{name}_mse"] is not None
        ]
        line = f"epoch {entry['epoch']:>3}/{self.epochs}  mse: {', '.join(curves)}  {seconds:.1f} s"
        self.console.print(line, highlight=False, soft_wrap=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
