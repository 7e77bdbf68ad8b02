"""A noise that strikes one of several processes that train together: where their work has come to, not the clock."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.noise import Noise
from lookalike.pixels import Floats
from lookalike.training.interruption import StopRequest
from waiting import until

_calls = 0


@dataclass(frozen=True)
class Deadly(Noise):
    """`harmless`, until the process of that rank draws it for the `at`-th time while the file `armed` is there.

    Then that goes, and the process is killed ("kill"); or the one that started it is asked to stop ("stop"), and work
    goes on when the wish has come back to this process.
    """

    harmless: Noise
    armed: Path
    rank: int
    at: int
    does: str = "kill"

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        global _calls
        _calls += 1
        if _calls == self.at and os.environ.get("RANK") == str(self.rank) and self.armed.exists():
            self.armed.unlink()
            starter = multiprocessing.parent_process()
            if self.does == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif starter is not None and starter.pid is not None:
                os.kill(starter.pid, signal.SIGTERM)
                until(_is_asked_to_stop, "asked to stop")
        return self.harmless(picture, generator)

    @property
    def is_blind(self) -> bool:
        return self.harmless.is_blind

    def __str__(self) -> str:
        return str(self.harmless)


def _is_asked_to_stop() -> bool:
    wish = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return isinstance(wish, StopRequest) and wish.requested
