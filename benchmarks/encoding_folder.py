"""From a folder of JPEGs to codes: decoding alone, encoding alone, and both at once as `lookalike index` does it.

    python benchmarks/encoding_folder.py lfw-deepfunneled.tgz [--rounds 3] [--memory 1000,4000,13000] [--out FILE.json]

The archive is unpacked into a temporary folder. Decoding and encoding use all cores each, so both at once can take no
less than their sum on a machine where both keep all cores busy: that is the floor. "Files to codes" is the part of
`Gallery.update` from the first file to the last committed code, on an empty gallery; the rest of an update chooses and
measures the index. Peak memory is that of a process of its own for each number of pictures, index and all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import lookalike as la
import timing
from lookalike.data import folder
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels
from lookalike.data.pipeline import decode_all
from lookalike.gallery import updating
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.storage import Storage
from lookalike.models.encoding import Encoders
from lookalike.pixels import Floats

CROP, SIZE, CODE = 80, 32, 32
CHUNK = 500
FRAMING = Framing((SIZE, SIZE), CROP, "stretch")


WATCHED: tuple[tuple[Any, str, str], ...] = (
    (updating, "apply_feed", "files to codes"),
    (Storage, "write", "rows to disk"),
    (Catalog, "_run", "database"),
    (Catalog, "_run_many", "database"),
    (Catalog, "_rows", "database"),
)
"""Functions whose seconds are added up, and what they count as."""


class Update:
    """One update of an empty gallery: seconds of it all and of its parts, and the codes."""

    def __init__(self, pictures: Path, model: la.ConvAutoencoder, work: Path, method: str = "auto") -> None:
        self.parts = dict.fromkeys((part for *_, part in WATCHED), 0.0)
        originals = [getattr(owner, name) for owner, name, _ in WATCHED]
        for (owner, name, part), original in zip(WATCHED, originals, strict=True):
            setattr(owner, name, self._timed(original, part))
        try:
            with tempfile.TemporaryDirectory(dir=work) as place, la.Gallery.open(place, model) as gallery:
                self.seconds = timing.seconds_of(lambda: gallery.update(pictures, crop=CROP, method=method))
                self.names, self.codes = gallery.names, gallery.codes
        finally:
            for (owner, name, _), original in zip(WATCHED, originals, strict=True):
                setattr(owner, name, original)

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self.parts[part] += time.perf_counter() - started

        return timed


def decoded(pictures: Path) -> Pixels:
    """All pictures of the folder, by name, as `Gallery.update` frames them."""
    entries = folder.listing_of(pictures).entries
    return np.concatenate([chunk.pixels for chunk in decode_all(folder.pictures_in(pictures, entries), FRAMING)])


def encoded(model: la.ConvAutoencoder, pixels: Pixels) -> Floats:
    """Codes of all pictures in the chunks and by the threads that `Gallery.update` uses."""
    with Encoders(model) as encoders:
        waiting = [encoders.submit(pixels[start : start + CHUNK]) for start in range(0, len(pixels), CHUNK)]
        return np.concatenate([codes() for codes in waiting])


def unpacked(archive: Path, into: Path) -> list[Path]:
    """The archive's pictures, written below `into`, by name."""
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    return sorted(into.rglob("*.jpg"))


def linked(pictures: list[Path], count: int, into: Path) -> Path:
    """A folder of LFW's layout with the first `count` pictures, as hard links."""
    for path in pictures[:count]:
        person = into / path.parent.name
        person.mkdir(parents=True, exist_ok=True)
        (person / path.name).hardlink_to(path)
    return into


def peak_of_update(pictures: Path, model: Path, work: Path) -> dict[str, float]:
    """MB held at most by a process that fills a gallery, and by one that has only imported what that takes."""
    command = [sys.executable, __file__, str(pictures), "--fill", str(work), "--model", str(model)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def fill(pictures: Path, model: Path, work: Path) -> None:
    """What `peak_of_update` asks of a process of its own."""
    loaded = la.load_model(model)
    loaded.encode(np.zeros((1, *loaded.image_shape_), np.uint8))
    before = timing.peak_memory()
    with tempfile.TemporaryDirectory(dir=work) as place, la.Gallery.open(place, loaded) as gallery:
        images = gallery.update(pictures, crop=CROP).images
    print(json.dumps({"images": images, "before_mb": before, "peak_mb": timing.peak_memory()}))


def measure(pictures: Path, rounds: int, work: Path) -> dict[str, Any]:
    """Medians over interleaved rounds, and whether both ways give the same codes."""
    pixels = decoded(pictures)
    model = la.ConvAutoencoder(CODE).initialise((SIZE, SIZE, 3))
    model.save(work / "model")
    updates: list[Update] = []

    def update() -> float:
        updates.append(Update(pictures, model, work))
        return updates[-1].parts["files to codes"]

    times = timing.take_turns(
        {
            "decoding alone": lambda: timing.seconds_of(lambda: decoded(pictures)),
            "encoding alone": lambda: timing.seconds_of(lambda: encoded(model, pixels)),
            "files to codes": update,
        },
        rounds,
    )
    kept = updates[-rounds:]
    middle = {what: statistics.median(seconds) for what, seconds in times.items()}
    slower = max(middle["decoding alone"], middle["encoding alone"])
    both = middle["decoding alone"] + middle["encoding alone"]
    return {
        "images": len(pixels),
        "times": times,
        "seconds": middle,
        "whole_update": statistics.median(one.seconds for one in kept),
        "parts": {part: statistics.median(one.parts[part] for one in kept) for part in kept[0].parts},
        "of_the_slower_alone": slower / middle["files to codes"],
        "of_both_after_one_another": both / middle["files to codes"],
        "same_codes": bool(np.array_equal(kept[-1].codes, encoded(model, pixels))),
    }


def page(result: dict[str, Any]) -> str:
    """Two tables: speed and memory."""
    count, seconds = result["images"], {**result["seconds"], "the whole update, index and all": result["whole_update"]}
    speed = timing.table(
        ("what", "seconds, median", "pictures a second"),
        [(what, f"{taken:.2f}", f"{count / taken:,.0f}") for what, taken in seconds.items()],
    )
    parts = ", ".join(f"{part} {taken:.2f} s" for part, taken in result["parts"].items() if part in SHARES)
    text = (
        f"{speed}\n\nFiles to codes run at {result['of_the_slower_alone']:.0%} of the slower of decoding and encoding "
        f"alone, and {result['of_both_after_one_another']:.2f} times as quick as one after the other. Within the whole "
        f"update: {parts}. The codes are {'the same' if result['same_codes'] else 'NOT the same'} to the last bit.\n"
    )
    rows = [
        (f"{row['images']:,}", f"{row['peak_mb']:.0f}", f"{row['peak_mb'] - row['before_mb']:.0f}")
        for row in result["memory"]
    ]
    return text + "\n" + timing.table(("pictures", "peak memory, MB", "above the imported program"), rows)


SHARES = ("rows to disk", "database")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="LFW's archive")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", default="1000,4000,13000", help="numbers of pictures whose peak memory is measured")
    parser.add_argument("--most", type=int, default=100_000, help="take only so many pictures")
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fill is not None:
        fill(arguments.archive, arguments.model, arguments.fill)
        return
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        pictures = unpacked(arguments.archive, work / "archive")[: arguments.most]
        result = measure(linked(pictures, len(pictures), work / "all"), arguments.rounds, work)
        result["memory"] = [
            peak_of_update(linked(pictures, count, work / f"first-{count}"), work / "model", work)
            for count in map(int, arguments.memory.split(","))
        ]
    timing.write_result(arguments.out, result)
    print(page(result))


if __name__ == "__main__":
    main()
