"""kill -9 at any moment: the continued training ends with the same bits as an unbroken one."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from pictures import waves

EPOCHS = 4
RESULTS = ("encoder.safetensors", "decoder.safetensors", "model.json", "metrics.csv", "metrics.jsonl", "loss.png")


def train(run: Path, *, die_at: int | None = None, images: int = 640, epochs: int = EPOCHS) -> None:
    """Train in a process of its own; with `die_at`, die as by kill -9 at that touch of the disk."""
    import lookalike as la

    if die_at is not None:
        _count_touches(die_at)
    model = la.ConvAutoencoder(code_size=8, channels=(4, 8, 8, 8), device="cpu")
    model.fit(
        waves(images), test=waves(50, seed=1), epochs=epochs, noise="gaussian:0.1", run=run, resume=True, progress=False
    )


def _count_touches(die_at: int) -> None:
    """Die before the `die_at`-th flush, rename or deletion, and in the middle of the writing before it."""
    touches = 0

    def dying(original):  # type: ignore[no-untyped-def]
        def touch(*arguments, **options):  # type: ignore[no-untyped-def]
            nonlocal touches
            touches += 1
            if touches == die_at:
                os._exit(9)
            return original(*arguments, **options)

        return touch

    os.fsync = dying(os.fsync)
    os.replace = dying(os.replace)
    Path.replace = dying(Path.replace)  # type: ignore[method-assign]
    Path.unlink = dying(Path.unlink)  # type: ignore[method-assign]
    Path.mkdir = dying(Path.mkdir)  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def fresh() -> multiprocessing.context.ForkServerContext:
    """Processes that start with PyTorch imported and nothing computed yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["lookalike.models.conv", "matplotlib.figure", "matplotlib.backends.backend_agg", "test_resume"]
    )
    return context


def finish(context: multiprocessing.context.ForkServerContext, run: Path, **options: int) -> int:
    process = context.Process(target=train, args=(run,), kwargs=options)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the training hangs"
    return process.exitcode


def results(run: Path, epochs: int = EPOCHS) -> dict[str, bytes]:
    last = run / "checkpoints" / f"epoch-{epochs:04d}.safetensors"
    return {name: (run / name).read_bytes() for name in RESULTS} | {"checkpoint": last.read_bytes()}


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path: Path, fresh: multiprocessing.context.ForkServerContext) -> None:
    assert finish(fresh, tmp_path / "unbroken") == 0
    started = time.perf_counter()  # of a second one: the first has started the server of processes as well
    assert finish(fresh, tmp_path / "timed") == 0
    duration = time.perf_counter() - started
    expected = results(tmp_path / "unbroken")
    moments = random.Random(0)
    killed = 0
    run, number = tmp_path / "run0", 0
    while killed < 20:
        process = fresh.Process(target=train, args=(run,))
        process.start()
        process.join(moments.uniform(0, duration))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += 1
        else:  # it came to its end between the kills: begin the next one
            assert process.exitcode == 0
            assert results(run) == expected
            number += 1
            run = tmp_path / f"run{number}"
    assert finish(fresh, run) == 0
    assert results(run) == expected


@pytest.mark.slow
def test_killed_at_every_touch_of_the_disk(tmp_path: Path, fresh: multiprocessing.context.ForkServerContext) -> None:
    """Every flush, rename, deletion and folder of a whole training, one after another."""
    small = {"images": 64, "epochs": 2}
    assert finish(fresh, tmp_path / "unbroken", **small) == 0
    expected = results(tmp_path / "unbroken", 2)
    moment = 0
    while True:
        moment += 1
        run = tmp_path / f"run{moment}"
        code = finish(fresh, run, **small, die_at=moment)
        if code == 0:
            break
        assert code == 9
        assert finish(fresh, run, **small) == 0
        assert results(run, 2) == expected, f"killed at touch {moment}"
    assert moment > 25, "the training touches the disk less often than it must"
