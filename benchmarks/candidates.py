"""Which pictures of a million may be copies: by codes alone, how surely, how quickly, and in how much memory.

    python benchmarks/candidates.py [--count 1000000] [--asked 20000] [--work FOLDER]

Pictures are of 32 x 32, two procedural faces laid over one another in each (`review_growth.py`), in a gallery of PCA
codes of 32 numbers, whose index is chosen by the promise of recall. A thousand of them are saved again as JPEG (quality
60, at twice their sides), and it is counted for how many of these copies the picture itself is among the candidates;
then so many of the gallery's own pictures are asked about. Nothing is read again or laid over another: that costs as
much for each pair as in a small gallery. Needs 3 GB on disk for the pictures, 6 for what is known of them.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

import lookalike as la
import timing
from lookalike.data.synthetic import synthetic_faces
from lookalike.pixels import Pixels
from lookalike.review.candidates import LIKELY, Candidates, Gate
from review_growth import AT_ONCE, CODE, mixed

SIDE, FACES, COPIES = 32, 10_000, 1000


def draw(path: Path, count: int) -> None:
    """Write `count` pictures as one array."""
    drawn = np.lib.format.open_memmap(path, "w+", np.uint8, (count, SIDE, SIDE, 3))
    faces = synthetic_faces(FACES, SIDE).pixels
    for start in range(0, count, AT_ONCE):
        drawn[start : start + AT_ONCE] = mixed(faces, start // AT_ONCE)[: count - start]
    drawn.flush()


def saved_again(picture: Pixels) -> Pixels:
    """(H, W, C), as it comes back from a JPEG of twice its sides."""
    content = io.BytesIO()
    Image.fromarray(picture).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC).save(content, "JPEG", quality=60)
    return np.asarray(Image.open(content).resize((SIDE, SIDE), Image.Resampling.BOX))


def main() -> None:
    """Measure, and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=20_000)
    parser.add_argument("--work", type=Path, help="where the pictures lie, and stay")
    given = parser.parse_args()
    told: dict[str, object] = {"machine": timing.machine(), "pictures": given.count}
    with tempfile.TemporaryDirectory(dir=given.work) as place:
        source = (given.work or Path(place)) / f"faces-{given.count}.npy"
        if not source.exists():
            draw(source, given.count)
        pictures: Pixels = np.load(source, mmap_mode="r")
        model = la.PCAAutoencoder(CODE).fit(np.array(pictures[:2000]))
        with la.Gallery.open(Path(place) / "gallery", model=model) as gallery:
            took: dict[str, float] = {}
            with timing.watched(took):
                gallery.update(source)
            told |= {"index_cpu": took["cpu_seconds"], "index_memory": took["rss_anon_mb"]}
            with timing.watched(took):
                told |= asked_of(gallery, pictures, given.asked)
            told |= {"memory": took["rss_anon_mb"], "memory_with_mapped_files": took["vm_hwm_mb"]}
    print(json.dumps({name: round(one, 4) if isinstance(one, float) else one for name, one in told.items()}))


def asked_of(gallery: la.Gallery, pictures: Pixels, count: int) -> dict[str, object]:
    """What candidates of copies, and of the gallery's own pictures, take and find."""
    snapshot = gallery.snapshot()
    view, index = snapshot.view, snapshot.index

    def nearest(codes: npt.NDArray[np.float32], k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        found = index.query(codes, k)
        return view.places_or_none(found.ids), found.distances

    def small(places: npt.NDArray[np.int64]) -> Pixels:
        stored: Pixels = view.all_pixels[view.rows[places]]
        return stored

    gate = Gate(gallery.copy_threshold().distance or 0.0, LIKELY)
    before = time.process_time()
    candidates = Candidates(gallery.encode, nearest, small, len(view.ids))
    known = time.process_time() - before
    chosen = np.linspace(0, len(view.ids) - 1, COPIES).astype(np.int64)
    copies = np.stack([saved_again(picture) for picture in small(chosen)])
    named = [pairs for (pairs,) in candidates.of(lambda places: copies[places], len(copies), [gate])]
    own = sum(int(np.isin(chosen[a], b)) for pairs in named for a, b in pairs)
    before = time.process_time()
    some = np.linspace(0, len(view.ids) - 1, count).astype(np.int64)
    pairs = sum(len(pairs) for (pairs,) in candidates.of(lambda places: small(some[places]), count, [gate]))
    return {
        "index": index.kind,
        "small_pictures_cpu": known,
        "copies": len(copies),
        "copies_whose_picture_is_named": own,
        "pairs_a_picture": pairs / count - 1,
        "milliseconds_a_picture": 1e3 * (time.process_time() - before) / count,
    }


if __name__ == "__main__":
    main()
