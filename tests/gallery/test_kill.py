"""kill -9 at any moment of an update: the next one ends in the same gallery as an unbroken one."""

from __future__ import annotations

import os
import random
import shutil
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from killing import DIED, HANGS, Moment, finish, fresh_processes
from pictures import waves

SIDE = 16
CHUNK = 20
EVERY = 3
"""Of all touches of the disk, this many further on for each kill: all of them take minutes, and were tried."""


def write(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / name)


def update(gallery: Path, source: Path, moment: Moment | None = None, report: Any = None) -> None:
    """Update in a process of its own, which dies at that touch of the disk; how many there were is reported."""
    import lookalike as la
    from lookalike.gallery import changes
    from lookalike.gallery import folder as gallery_folder

    changes.CHUNK = CHUNK
    changes.AHEAD = 1
    gallery_folder.COMPACT_FROM = CHUNK
    if moment is not None:
        _count_touches(moment)
    model = la.load_model(source.parent / "model")
    la.Gallery.open(gallery, model).update(source)
    if moment is not None and report is not None:
        report.send(moment.events)


def _count_touches(moment: Moment) -> None:
    """A touch: a flush, rename, deletion, folder, or begin or end of a transaction."""
    from lookalike.gallery.catalog import Catalog

    run = Catalog._run

    def running(self: Catalog, statement: str, *values: Any) -> Any:
        is_end = statement in ("BEGIN IMMEDIATE", "COMMIT")
        if is_end:
            moment.event()
        result = run(self, statement, *values)
        if is_end:
            moment.event()
        return result

    Catalog._run = running  # type: ignore[method-assign]
    # What a killed process wrote stays, flushed or not; only a power cut asks for it.
    moment.before(os, "fsync", lambda _: None)
    for owner, name in ((os, "unlink"), (os, "rmdir"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir")):
        moment.before(owner, name)


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
def fresh() -> ForkServerContext:
    return fresh_processes()


def prepare(folder: Path, count: int, changes: int, context: ForkServerContext) -> Path:
    """A gallery of `count` pictures whose source then had so many changes: a third each changed, new, and gone."""
    import lookalike as la

    source = folder / "pictures"
    pixels = waves(count + changes, SIDE, SIDE, seed=1)
    write(source, {f"{i:04d}.png": pixels[i] for i in range(count)})
    la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=2)).save(folder / "model")
    assert finish(context, update, folder / "before", source) == 0
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
@pytest.mark.local_store("test_stores.py kills over Milvus, where each start takes a second")
def test_killed_at_thirty_random_moments(tmp_path: Path, fresh: ForkServerContext) -> None:
    """Within hundredths of a second of a random touch of the disk, wherever the update has come to by then."""
    source = prepare(tmp_path, 240, 100, fresh)
    shutil.copytree(tmp_path / "before", tmp_path / "unbroken")
    told, report = fresh.Pipe(duplex=False)
    assert finish(fresh, update, tmp_path / "unbroken", source, Moment(0), report) == 0
    touches = told.recv()
    expected = state(tmp_path / "unbroken")
    assert len(expected["items"]) == 240 - 33 + 30 + 1 - 1  # gone, new, the same as before, emptied
    assert expected["index"]
    draws = random.Random(0)
    killed = broken = number = 0
    run = shutil.copytree(tmp_path / "before", tmp_path / "run0")
    while killed < 30 or broken < 10:  # a kill before the first chunk breaks nothing
        code = finish(fresh, update, run, source, Moment(draws.randint(1, touches), draws.uniform(0, 0.03)))
        if code == -signal.SIGKILL:
            killed += 1
            broken += state_of_catalog(run) != state_of_catalog(tmp_path / "before")
            if draws.random() < 0.5:  # half of the next updates begin where this one was killed, half go through
                continue
            code = finish(fresh, update, run, source)
        assert code == 0
        assert state(run) == expected, f"after {killed} kills"
        number += 1
        shutil.rmtree(run)
        run = shutil.copytree(tmp_path / "before", tmp_path / f"run{number}")
    assert finish(fresh, update, run, source) == 0
    assert state(run) == expected


def state_of_catalog(folder: Path) -> list[Any]:
    from lookalike.gallery.catalog import Catalog

    catalog = Catalog(folder / "catalog.sqlite")
    items = catalog.items("stored", "rejected", "retired")
    catalog.close()
    return items


@pytest.mark.slow
@pytest.mark.local_store("test_stores.py kills over Milvus, where each start takes a second")
def test_killed_at_touches_of_the_disk(tmp_path: Path, fresh: ForkServerContext) -> None:
    """Every third flush, rename, deletion and transaction of building a gallery, and of updating it."""
    source = prepare(tmp_path, 45, 36, fresh)
    for begin, least in ((None, 50), (tmp_path / "before", 30)):
        unbroken = tmp_path / f"unbroken{begin is not None}"
        if begin is not None:
            shutil.copytree(begin, unbroken)
        assert finish(fresh, update, unbroken, source, Moment(0)) == 0
        expected = state(unbroken)
        at = 0
        while True:
            at += EVERY
            run = tmp_path / f"run{begin is not None}{at}"
            if begin is not None:
                shutil.copytree(begin, run)
            code = finish(fresh, update, run, source, Moment(at))
            assert code in (0, DIED)
            if code == 0:
                break
            assert finish(fresh, update, run, source, Moment(0)) == 0
            assert state(run) == expected, f"killed at touch {at}"
            shutil.rmtree(run)
        assert at > least, "the update touches the disk less often than it must"


def read(gallery: Path, report: Any) -> None:
    """Ask again and again until told to stop: every stored picture must be itself, at distance 0.

    Every state that is seen is told at once, and no end is made before some answers were of one state.
    """
    import lookalike as la

    held = la.Gallery.open(gallery, create=False)
    seen, problems, checked = None, [], 0
    while not (checked > 20 and report.poll()):
        view = held._now()
        if view.generation != seen:
            seen = view.generation
            report.send(seen)
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
    report.send((problems[:3], len(held)))


def told_of(pipe: Any, generation: int) -> None:
    """Wait until a reader has seen a state; the ones before may have passed it by."""
    while pipe.poll(HANGS):
        if pipe.recv() == generation:
            return
    pytest.fail(f"a reader does not come to state {generation}")


@pytest.mark.local_store("an embedded Milvus lets in one process at a time")
def test_two_readers_during_updates(tmp_path: Path, fresh: ForkServerContext) -> None:
    import lookalike as la

    la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=2)).save(tmp_path / "model")
    source = tmp_path / "pictures"
    write(source, {f"{i:03d}.png": pixels for i, pixels in enumerate(waves(100, SIDE, SIDE))})
    assert finish(fresh, update, tmp_path / "g", source) == 0
    readers = []
    for _ in range(2):
        ours, theirs = fresh.Pipe()
        process = fresh.Process(target=read, args=(tmp_path / "g", theirs))
        process.start()
        readers.append((process, ours))
    for seed in range(4):  # each replaces all pictures, in five chunks, and rewrites the files of rows in the end
        if seed:
            write(source, {f"{i:03d}.png": pixels for i, pixels in enumerate(waves(100, SIDE, SIDE, seed=seed))})
            assert finish(fresh, update, tmp_path / "g", source) == 0
        with la.Gallery.open(tmp_path / "g", create=False) as gallery:
            for _, pipe in readers:
                told_of(pipe, gallery.generation)
    for process, pipe in readers:
        pipe.send("stop")
        assert pipe.poll(HANGS)
        problems, count = pipe.recv()
        process.join()
        assert (problems, count) == ([], 100)


@pytest.mark.local_store("an embedded Milvus lets in one process at a time")
def test_the_second_writer_is_refused(tmp_path: Path, fresh: ForkServerContext) -> None:
    import lookalike as la
    from lookalike.gallery.folder import only_writer

    la.PCAAutoencoder(8).fit(waves(200, SIDE, SIDE, seed=2)).save(tmp_path / "model")
    write(tmp_path / "pictures", {"0.png": waves(1, SIDE, SIDE)[0], "1.png": waves(1, SIDE, SIDE, seed=1)[0]})
    assert finish(fresh, update, tmp_path / "g", tmp_path / "pictures") == 0
    with only_writer(tmp_path / "g"):
        assert finish(fresh, update, tmp_path / "g", tmp_path / "pictures") == 1
    assert finish(fresh, update, tmp_path / "g", tmp_path / "pictures") == 0
