"""kill -9 at any moment of an update: the next one ends in the same gallery as an unbroken one."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import waves

SIDE = 16
CHUNK = 20
EVERY = 3
"""Of all touches of the disk, this many further on for each kill: all of them take minutes, and were tried."""


def write(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / name)


def update(gallery: Path, source: Path, die_at: int | None = None, report: Any = None) -> None:
    """Update in a process of its own; with `die_at`, die as by kill -9 at that touch of the disk, 0 never."""
    import lookalike as la
    from lookalike.gallery import changes, housekeeping

    changes.CHUNK = CHUNK
    changes.AHEAD = 1
    housekeeping.COMPACT_FROM = CHUNK
    if die_at is not None:
        _count_touches(die_at)
    model = la.load_model(source.parent / "model")
    if report is not None:
        report.send(0)
    done = la.Gallery.open(gallery, model).update(source)
    if report is not None:
        report.send(done.images)


def _count_touches(die_at: int) -> None:
    """Die at the `die_at`-th flush, rename, deletion, folder, or begin or end of a transaction."""
    from lookalike.gallery.catalog import Catalog

    touches = 0

    def touch() -> None:
        nonlocal touches
        touches += 1
        if touches == die_at:
            os._exit(9)

    def dying(original: Any) -> Any:
        def touching(*arguments: Any, **options: Any) -> Any:
            touch()
            return original(*arguments, **options)

        return touching

    run = Catalog._run

    def running(self: Catalog, statement: str, *values: Any) -> Any:
        is_end = statement in ("BEGIN IMMEDIATE", "COMMIT")
        if is_end:
            touch()
        result = run(self, statement, *values)
        if is_end:
            touch()
        return result

    Catalog._run = running  # type: ignore[method-assign]
    os.fsync = dying(lambda _: None)  # what a killed process wrote stays, flushed or not; only a power cut asks for it
    os.unlink = dying(os.unlink)
    os.rmdir = dying(os.rmdir)
    Path.replace = dying(Path.replace)  # type: ignore[method-assign]
    Path.unlink = dying(Path.unlink)  # type: ignore[method-assign]
    Path.mkdir = dying(Path.mkdir)  # type: ignore[method-assign]


def state(folder: Path) -> dict[str, Any]:
    """All that a gallery is: items with hashes, codes and pixels to the last bit, and what searches answer."""
    import lookalike as la

    with la.Gallery.open(folder, create=False) as gallery:
        items = [gallery.item(name) for name in gallery.names]
        view = gallery._now()
        assert len(set(gallery.names)) == len(gallery.names)
        assert gallery._catalog.count("retired") == 0
        kept = next(folder.glob("index-*"))
        assert [path.name for path in folder.glob("index-*")] == [kept.name]
        found = [gallery.search(picture, k=5) for picture in waves(20, SIDE, SIDE)]
        return {
            "items": [(item.name, item.size, item.modified, item.content, item.pixels) for item in items],
            "rejected": gallery.rejected,
            "codes": gallery.codes.tobytes(),
            "pixels": view.all_pixels[view.rows].tobytes(),
            "found": [(one.names, one.distances.tobytes()) for one in found],
            "index": sorted(gallery._ready()[1].ids.tolist()) == sorted(view.ids.tolist()),
        }


@pytest.fixture(scope="module")
def fresh() -> multiprocessing.context.ForkServerContext:
    """Processes that start with everything imported and nothing computed yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            *("lookalike.models.pca", "lookalike.models.encoding", "lookalike.gallery", "lookalike.search.exact"),
            *("faiss", "test_gallery_kill"),
        ]
    )
    return context


def finish(context: multiprocessing.context.ForkServerContext, *arguments: Any) -> int:
    process = context.Process(target=update, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the update hangs"
    return process.exitcode


def begun(context: multiprocessing.context.ForkServerContext, *arguments: Any) -> tuple[Any, Any]:
    """A process that is about to update, and where it reports to: starting takes longer than the update."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=update, args=(*arguments, None, theirs))
    process.start()
    assert ours.poll(60), "the update does not begin"
    ours.recv()
    return process, ours


def prepare(folder: Path, count: int, changes: int, context: multiprocessing.context.ForkServerContext) -> Path:
    """A gallery of `count` pictures whose source then had so many changes: a third each changed, new, and gone."""
    import lookalike as la

    source = folder / "pictures"
    pixels = waves(count + changes, SIDE, SIDE, seed=1)
    write(source, {f"{i:04d}.png": pixels[i] for i in range(count)})
    la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=2)).save(folder / "model")
    assert finish(context, folder / "before", source) == 0
    each = changes // 3
    chosen = np.random.default_rng(0).permutation(count)
    write(source, {f"{i:04d}.png": pixels[count + n] for n, i in enumerate(chosen[:each])})
    write(source, {f"new-{n:04d}.png": pixels[count + each + n] for n in range(changes - 2 * each - 4)})
    write(source, {"same-as-before.png": pixels[chosen[0]]})  # the picture that another name had, until now
    (source / "bad.png").write_text("?")
    (source / f"{chosen[-1]:04d}.png").rename(source / "moved.png")
    (source / f"{chosen[-2]:04d}.png").write_bytes(b"")
    for i in chosen[each : 2 * each]:
        (source / f"{i:04d}.png").unlink()
    return source


@pytest.mark.slow
def test_killed_at_thirty_random_moments(tmp_path: Path, fresh: multiprocessing.context.ForkServerContext) -> None:
    source = prepare(tmp_path, 2000, 100, fresh)
    shutil.copytree(tmp_path / "before", tmp_path / "unbroken")
    unbroken, _told = begun(fresh, tmp_path / "unbroken", source)
    started = time.perf_counter()
    unbroken.join(120)
    duration = time.perf_counter() - started
    assert unbroken.exitcode == 0
    expected = state(tmp_path / "unbroken")
    assert len(expected["items"]) == 2000 - 33 + 30 + 1 - 1  # gone, new, the same as before, emptied
    assert expected["index"]
    moments = random.Random(0)
    killed = broken = number = 0
    run = shutil.copytree(tmp_path / "before", tmp_path / "run0")
    while killed < 30:
        process, _told = begun(fresh, run, source)
        process.join(moments.uniform(0, 1.2 * duration))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += 1
            broken += state_of_catalog(run) != state_of_catalog(tmp_path / "before")
            if moments.random() < 0.5:  # half of the next updates begin where this one was killed, half go through
                continue
            assert finish(fresh, run, source) == 0
        assert process.exitcode in (0, -signal.SIGKILL)
        assert state(run) == expected, f"after {killed} kills"
        number += 1
        shutil.rmtree(run)
        run = shutil.copytree(tmp_path / "before", tmp_path / f"run{number}")
    assert finish(fresh, run, source) == 0
    assert state(run) == expected
    assert broken >= 3, "the kills came too early to break anything"


def state_of_catalog(folder: Path) -> list[Any]:
    from lookalike.gallery.catalog import Catalog

    catalog = Catalog(folder / "catalog.sqlite")
    items = catalog.items("stored", "rejected", "retired")
    catalog.close()
    return items


@pytest.mark.slow
def test_killed_at_touches_of_the_disk(tmp_path: Path, fresh: multiprocessing.context.ForkServerContext) -> None:
    """Every third flush, rename, deletion and transaction of building a gallery, and of updating it."""
    source = prepare(tmp_path, 45, 36, fresh)
    for begin, least in ((None, 50), (tmp_path / "before", 30)):
        unbroken = tmp_path / f"unbroken{begin is not None}"
        if begin is not None:
            shutil.copytree(begin, unbroken)
        assert finish(fresh, unbroken, source, 0) == 0
        expected = state(unbroken)
        moment = 0
        while True:
            moment += EVERY
            run = tmp_path / f"run{begin is not None}{moment}"
            if begin is not None:
                shutil.copytree(begin, run)
            code = finish(fresh, run, source, moment)
            assert code in (0, 9)
            if code == 0:
                break
            assert finish(fresh, run, source, 0) == 0
            assert state(run) == expected, f"killed at touch {moment}"
            shutil.rmtree(run)
        assert moment > least, "the update touches the disk less often than it must"


def read(gallery: Path, report: Any) -> None:
    """Ask again and again until told to stop: every stored picture must be itself, at distance 0."""
    import lookalike as la

    held = la.Gallery.open(gallery, create=False)
    generations, problems, checked = set(), [], 0
    report.send(0)
    while not report.poll():
        view = held._now()
        generations.add(view.generation)
        for name in view.names[::7]:
            try:
                picture = held.picture(name)
                found = held.search(picture, k=2)
            except la.errors.GalleryError as error:
                found, problem = None, str(error)
            else:
                problem = "" if name in np.array(found.names)[found.distances == 0] else str(found)
            if held._now() is not view:  # the update has gone on: these answers were of two states
                break
            checked += 1
            if problem:
                problems.append(f"{name}: {problem}")
    report.send((len(generations), problems[:3], checked, len(held)))


def test_two_readers_during_updates(tmp_path: Path, fresh: multiprocessing.context.ForkServerContext) -> None:
    import lookalike as la

    la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=2)).save(tmp_path / "model")
    source = tmp_path / "pictures"
    write(source, {f"{i:03d}.png": pixels for i, pixels in enumerate(waves(100, SIDE, SIDE))})
    assert finish(fresh, tmp_path / "g", source) == 0
    readers = []
    for _ in range(2):
        ours, theirs = fresh.Pipe()
        process = fresh.Process(target=read, args=(tmp_path / "g", theirs))
        process.start()
        readers.append((process, ours))
    for _, pipe in readers:
        assert pipe.poll(60)
        pipe.recv()
    for seed in range(1, 4):  # each replaces all pictures, in five chunks, and rewrites the files of rows in the end
        write(source, {f"{i:03d}.png": pixels for i, pixels in enumerate(waves(100, SIDE, SIDE, seed=seed))})
        assert finish(fresh, tmp_path / "g", source) == 0
    for process, pipe in readers:
        pipe.send("stop")
        assert pipe.poll(60)
        generations, problems, checked, count = pipe.recv()
        process.join()
        assert problems == []
        assert (generations >= 3, checked > 20, count) == (True, True, 100)


def test_the_second_writer_is_refused(tmp_path: Path, fresh: multiprocessing.context.ForkServerContext) -> None:
    import lookalike as la
    from lookalike.gallery.housekeeping import only_writer

    la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=2)).save(tmp_path / "model")
    write(tmp_path / "pictures", {"0.png": waves(1, SIDE, SIDE)[0], "1.png": waves(1, SIDE, SIDE, seed=1)[0]})
    assert finish(fresh, tmp_path / "g", tmp_path / "pictures") == 0
    with only_writer(tmp_path / "g"):
        ours, theirs = fresh.Pipe()
        arguments = (tmp_path / "g", tmp_path / "pictures", None, theirs)
        process = fresh.Process(target=update, args=arguments)
        process.start()
        process.join(60)
        assert process.exitcode == 1
        assert ours.recv() == 0
        assert not ours.poll()
    process = fresh.Process(target=update, args=arguments)
    process.start()
    process.join(60)
    assert (process.exitcode, ours.recv(), ours.recv()) == (0, 0, 2)
