"""What a whole review of many pictures takes: seconds, CPU seconds and memory, part by part, and how they grow.

    python benchmarks/review_growth.py [--counts 10000 30000 100000] [--work FOLDER]
    python benchmarks/review_growth.py --counts 100000 --against 2000

The pictures are procedural faces of 64 x 64 in JPEG files, one in a hundred of them with a copy that was saved again,
in a gallery of PCA codes of 32 numbers. Beyond 10,000 each is two of those faces laid over one another, since drawing
takes longer than reviewing. Each count is reviewed by a process of its own, so that its memory is its own; with --work
the drawn pictures stay there, and are drawn once. With --against no review is made: so many further pictures, two faces
each, are held against the gallery, as `lookalike duplicates G --against NEW` does.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import lookalike as la
import timing
from lookalike.pixels import Pixels

SIDE, CODE, LEARNT = 64, 32, 2000
AT_ONCE = 1000
"""Pictures drawn at a time, and in one folder."""
COPIED = 100
"""One picture in so many has a copy."""
FACES = 10_000
"""Pictures that are drawn as such; later ones are two of them each."""
FURTHER = 1_000_000
"""From that seed on, pictures that no gallery holds."""
SHARE = (0.35, 0.65)
"""Of the first of two."""


def draw(folder: Path, count: int) -> None:
    """Write the first `count` pictures and copies of some of them; those that are there stay."""
    from lookalike.data.synthetic import synthetic_faces

    folder.mkdir(parents=True, exist_ok=True)
    faces: Pixels | None = None
    for start in range(0, count, AT_ONCE):
        place = folder / f"{start // AT_ONCE:04}"
        if place.is_dir():
            continue
        unfinished = folder.with_name("unfinished")
        unfinished.mkdir(parents=True, exist_ok=True)
        if start < FACES:
            pictures = synthetic_faces(AT_ONCE, SIDE, seed=start // AT_ONCE).pixels
        else:
            faces = read(folder) if faces is None else faces
            pictures = mixed(faces, start // AT_ONCE)
        for number, pixels in enumerate(pictures):
            picture = Image.fromarray(pixels)
            copies = ((95, ""), (60, " copy")) if number % COPIED == 0 else ((95, ""),)
            for quality, word in copies:
                picture.save(unfinished / f"{number:04}{word}.jpg", quality=quality)
        unfinished.rename(place)


def read(folder: Path) -> Pixels:
    """The faces that were drawn, without copies."""
    paths = sorted(path for path in folder.glob("*/*.jpg") if " " not in path.name)[:FACES]
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def mixed(faces: Pixels, seed: int) -> Pixels:
    """Two faces each laid over one another, half of the second ones mirrored."""
    draw = np.random.default_rng(seed)
    first, second = (faces[draw.integers(0, len(faces), AT_ONCE)].astype(np.float32) for _ in range(2))
    mirrored = draw.random(AT_ONCE) < 0.5
    second[mirrored] = second[mirrored, :, ::-1]
    share = draw.uniform(*SHARE, (AT_ONCE, 1, 1, 1))
    return np.rint(share * first + (1 - share) * second).astype(np.uint8)


def draw_further(folder: Path, faces: Pixels, count: int) -> None:
    """Write so many pictures that are not among the others."""
    folder.mkdir()
    for number in range(count):
        if number % AT_ONCE == 0:
            pictures = mixed(faces, FURTHER + number)
        Image.fromarray(pictures[number % AT_ONCE]).save(folder / f"{number:06}.jpg", quality=95)


def indexed(folder: Path, count: int, gallery: Path) -> dict[str, float]:
    """A gallery of the first `count` pictures of the folder, by links to them; seconds and CPU seconds it took."""
    pictures = gallery.with_name(f"pictures-{count}")
    pictures.mkdir()
    for place in sorted(folder.iterdir())[: -(-count // AT_ONCE)]:
        (pictures / place.name).symlink_to(place.resolve())
    learnt = la.load(sorted(folder.iterdir())[0], size=32, cache=False)
    started, before = time.perf_counter(), time.process_time()
    with la.Gallery.open(gallery, la.PCAAutoencoder(CODE).fit(learnt)) as held:
        held.update(pictures)
    return {"index": time.perf_counter() - started, "index_cpu": time.process_time() - before}


def watch_comparing() -> dict[str, float]:
    """From now on: pairs that were compared, and the CPU seconds of reading pictures again and of comparing them."""
    from lookalike.review.sameness import Album, Link

    told = {"pairs": 0, "read_again": 0.0, "compared": 0.0}
    read, links = Album.read, Album.links

    def timed_read(album: Album, places: Iterable[int]) -> None:
        before = time.process_time()
        read(album, places)
        told["read_again"] += time.process_time() - before

    def timed_links(album: Album, pairs: npt.NDArray[np.int64]) -> list[Link | None]:
        print(f"comparing {len(pairs)} pairs; {time.process_time():.0f} CPU s", file=sys.stderr, flush=True)
        before, read_before = time.process_time(), told["read_again"]
        found = links(album, pairs)
        told["pairs"] += len(pairs)
        told["compared"] += time.process_time() - before - (told["read_again"] - read_before)
        return found

    Album.read, Album.links = timed_read, timed_links  # type: ignore[assignment, method-assign]
    return told


def reviewed(gallery: Path) -> dict[str, object]:
    """Go through a gallery, and tell what it took."""
    from lookalike.review import review

    comparing = watch_comparing()
    took: dict[str, float] = {}
    marks: list[tuple[str, float]] = []

    def say(line: str) -> None:
        marks.append((line, time.process_time()))
        took_so_far, held_now = time.process_time(), timing.status("RssAnon")
        print(f"{line}; {took_so_far:.0f} CPU s, {held_now:.0f} MB", file=sys.stderr, flush=True)

    took_in_all: dict[str, float] = {}
    with la.Gallery.open(gallery, create=False) as held:
        before = timing.status("RssAnon")
        with timing.watched(took_in_all):
            found = review(held, say=say)
        marks.append(("", time.process_time()))
        for (line, at), (_, until) in itertools.pairwise(marks):
            took[line] = until - at
        right = sum(
            " copy" in name and name.replace(" copy", "") in group for group in found.copies.groups for name in group
        )
        return {
            "pictures": len(found.names),
            "index_kind": held.snapshot().index.kind,
            "seconds": round(took_in_all["seconds"], 1),
            "by_part": {name: round(value, 1) for name, value in found.seconds.items()},
            "cpu_by_part": {name: round(value, 1) for name, value in took.items()},
            "of_copies_cpu": {name: round(value, 1) for name, value in comparing.items()},
            "memory_before": round(before),
            "memory": round(took_in_all["rss_anon_mb"]),
            "memory_with_mapped_files": round(took_in_all["vm_hwm_mb"]),
            "groups": len(found.copies.groups),
            "copies_beside_their_originals": right,
        }


def held_against(gallery: Path, further: Path) -> dict[str, object]:
    """Look for further pictures in a gallery, and tell what it took."""
    from lookalike.review import find_copies

    comparing = watch_comparing()
    took: dict[str, float] = {}
    with la.Gallery.open(gallery, create=False) as held:
        with timing.watched(took):
            found = find_copies(held, against=further)
        return {
            "pictures": len(held.names),
            "index_kind": held.snapshot().index.kind,
            "further": sum(1 for _ in further.iterdir()),
            "of_them_found": len(found.groups),
            "cpu": round(took["cpu_seconds"], 1),
            "of_copies_cpu": {name: round(value, 1) for name, value in comparing.items()},
            "memory": round(took["rss_anon_mb"]),
            "memory_with_mapped_files": round(took["vm_hwm_mb"]),
        }


def main() -> None:
    """Measure, and print as JSON, one line a count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--against", type=int, help="hold so many further pictures against the gallery instead")
    parser.add_argument("--review", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--further", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.review is not None:
        told = reviewed(given.review) if given.further is None else held_against(given.review, given.further)
        print(json.dumps(told), flush=True)
        return
    if given.work is not None:
        given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.work) as place:
        drawn = (given.work or Path(place)) / "drawn"
        draw(drawn, max(given.counts))
        further = Path(place) / "further"
        if given.against is not None:
            draw_further(further, read(drawn), given.against)
        for count in given.counts:
            gallery = Path(place) / f"gallery-{count}"
            seconds = indexed(drawn, count, gallery)
            command = [sys.executable, __file__, "--review", str(gallery)]
            if given.against is not None:
                command += ["--further", str(further)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            print(json.dumps({**json.loads(done.stdout), **{k: round(v, 1) for k, v in seconds.items()}}), flush=True)


if __name__ == "__main__":
    main()
