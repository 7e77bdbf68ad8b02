"""kill -9 at any moment: the continued training ends with the same bits as an unbroken one."""

from __future__ import annotations

import os
import random
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from killing import DIED, Moment, finish, fresh_processes
from pictures import waves

EPOCHS = 4
STEPS = EPOCHS * 640 // 32
RESULTS = ("encoder.safetensors", "decoder.safetensors", "model.json", "metrics.csv", "metrics.jsonl", "loss.png")


def train(
    run: Path, *, moment: Moment | None = None, images: int = 640, epochs: int = EPOCHS, draws: bool = True
) -> None:
    """Train in a process of its own, which dies at that touch of the disk, or soon after that step."""
    import lookalike as la
    from lookalike import plots
    from lookalike.training.optimizer import KerasAdamax

    if not draws:  # what is drawn is written down instead, in the same file
        plots.loss_curve, plots.figure_png = repr, lambda figure, _note: figure.encode()  # type: ignore[assignment]
    if moment is not None and moment.after is None:
        for owner, name in ((os, "fsync"), (os, "replace"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
            moment.before(owner, name)
    elif moment is not None:
        moment.before(KerasAdamax, "step")
    model = la.ConvAutoencoder(code_size=8, channels=(4, 8, 8, 8), device="cpu")
    pictures, test = waves(images, 16, 16), waves(50, 16, 16, seed=1)
    model.fit(pictures, test=test, epochs=epochs, noise="gaussian:0.1", run=run, resume=True, progress=False)


@pytest.fixture(scope="module")
def fresh() -> ForkServerContext:
    return fresh_processes()


def results(run: Path, epochs: int = EPOCHS) -> dict[str, bytes]:
    last = run / "checkpoints" / f"epoch-{epochs:04d}.safetensors"
    return {name: (run / name).read_bytes() for name in RESULTS} | {"checkpoint": last.read_bytes()}


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path, fresh: ForkServerContext) -> None:
    """Within hundredths of a second of a random step: in the middle of it or of a later one, or while saving."""
    assert finish(fresh, train, tmp_path / "unbroken") == 0
    expected = results(tmp_path / "unbroken")
    draws = random.Random(0)
    killed, number, run = 0, 0, tmp_path / "run0"
    while killed < 20:
        moment = Moment(draws.randint(1, STEPS), draws.uniform(0, 0.03))
        code = finish(fresh, train, run, moment=moment)
        if code == -signal.SIGKILL:
            killed += 1
        else:  # fewer steps were left, or it came to its end meanwhile: begin the next one
            assert code == 0
            assert results(run) == expected
            number += 1
            run = tmp_path / f"run{number}"
    assert finish(fresh, train, run) == 0
    assert results(run) == expected


@pytest.mark.slow
def test_killed_at_every_touch_of_the_disk(tmp_path: Path, fresh: ForkServerContext) -> None:
    """Every flush, rename, deletion and folder of a whole training, one after another."""
    small = {"images": 64, "epochs": 2, "draws": False}
    assert finish(fresh, train, tmp_path / "unbroken", **small) == 0
    expected = results(tmp_path / "unbroken", 2)
    at = 0
    while True:
        at += 1
        run = tmp_path / f"run{at}"
        code = finish(fresh, train, run, **small, moment=Moment(at))
        if code == 0:
            break
        assert code == DIED
        assert finish(fresh, train, run, **small) == 0
        assert results(run, 2) == expected, f"killed at touch {at}"
    assert at > 25, "the training touches the disk less often than it must"
