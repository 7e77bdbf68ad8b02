"""One photograph of 12 megapixels cleaned: the command's own way beside the same network by hand, and classical ways.

python benchmarks/denoise_photo.py                       # by the package's own denoiser
python benchmarks/denoise_photo.py --run runs/clean --photo photo.jpg
python benchmarks/denoise_photo.py --megapixels 3 --peers 0.25 --rounds 1

The photograph is drawn here (waves, edges and noise of sigma 12 of 255) unless one is named, and is saved as a JPEG.
"the command" reads, cleans and writes the file as `lookalike denoise` does, in this process; "PyTorch, tiles by hand"
is the same network on arrays in float32, in the largest tiles that it can take in 1 GB, with as much around each as can
change it. OpenCV's fastNlMeansDenoisingColored and scikit-image's denoise_nl_means get a part of `--peers` megapixels,
since they take so long. All take turns; medians of CPU seconds and of wall seconds, and megapixels a second of either.
The command's most memory is of a process of its own.
"""

from __future__ import annotations

import argparse
import io
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.denoising import denoise
from lookalike.denoising.choosing import chosen_model
from lookalike.denoising.photo import read_photo
from lookalike.denoising.ready import ready_folder
from lookalike.denoising.saving import encoded
from lookalike.kernels.machine import rates
from lookalike.models.loading import load_model
from lookalike.pixels import centre, to_uint8
from timing import described, machine, table, write_result

SIGMA = 12.0
BY_HAND = 1024
"""Side of the tiles by hand."""
COMMAND, PLAIN = "the command", "PyTorch, tiles by hand"


def main() -> None:
    parser = argparse.ArgumentParser(description="A large photograph cleaned, beside other ways.")
    parser.add_argument("--run", type=Path, help="the run of a U-Net; the package's own denoiser unless given")
    parser.add_argument("--photo", type=Path, help="a photograph; drawn unless given")
    parser.add_argument("--megapixels", type=float, default=12.0, help="of the drawn photograph")
    parser.add_argument("--peers", type=float, default=1.0, help="megapixels that the classical ways get; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a JSON file for the result")
    options = parser.parse_args()

    content = options.photo.read_bytes() if options.photo else drawn(options.megapixels)
    model, picture = chosen_model(options.run), read_photo(content).pixels
    calls: dict[str, Callable[[], object]] = {
        COMMAND: partial(as_the_command, model, content),
        PLAIN: partial(by_hand, load_model(options.run or ready_folder()), picture),
    }
    pixels = dict.fromkeys(calls, picture.shape[0] * picture.shape[1] / 1e6)
    if options.peers:
        side = int(min((options.peers * 1e6) ** 0.5, *picture.shape[:2]))
        part = np.ascontiguousarray(np.repeat(picture[:side, :side], 3 // picture.shape[2], axis=2))
        calls |= {
            "OpenCV fastNlMeansDenoisingColored": partial(opencv, part),
            "scikit-image nl_means": partial(nl_means, part),
        }
        pixels |= dict.fromkeys(list(calls)[2:], side * side / 1e6)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            spent[name].append(measured(call))
    rows = {
        name: {
            "megapixels": pixels[name],
            "cpu_seconds": statistics.median(cpu for cpu, _ in times),
            "seconds": statistics.median(wall for _, wall in times),
        }
        for name, times in spent.items()
    }
    facts, found = machine(), rates()
    peak = most_memory(options.run, content)
    print(f"{described(facts)}; {found['float32'] / 1e9:.0f} GFLOP/s, {found['bytes'] / 1e9:.1f} GB/s")
    print(f"most memory of the command: {peak:.0f} MB\n")
    print(
        table(
            ["", "megapixels", "CPU s", "s", "megapixels a CPU s", "megapixels a s"],
            [
                [name, f"{row['megapixels']:.2f}", f"{row['cpu_seconds']:.2f}", f"{row['seconds']:.2f}"]
                + [f"{row['megapixels'] / row[what]:.3f}" for what in ("cpu_seconds", "seconds")]
                for name, row in rows.items()
            ],
        )
    )
    write_result(options.out, {"rows": rows, "peak_mb": peak, "rates": found})


def drawn(megapixels: float) -> bytes:
    """A JPEG of 4 to 3."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    y, x = np.mgrid[: round(width * 3 / 4), :width].astype(np.float32)
    grey = 128 + 50 * np.sin(x / 37 + np.sin(y / 91)) + 40 * np.sign(np.sin(x / 210) * np.cos(y / 170))
    picture = grey[..., None] * np.array([1.0, 0.9, 0.75], np.float32)
    picture += SIGMA * np.random.default_rng(0).standard_normal(picture.shape, dtype=np.float32)
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def as_the_command(model: Any, content: bytes) -> bytes:
    """Read, clean, write."""
    photo = read_photo(content)
    return encoded(photo, denoise(model, photo.pixels, depth=photo.depth))


def by_hand(model: Any, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The network itself, in float32, on tiles with what is around them."""
    import torch

    reach, result = int(model.reach), np.empty_like(picture)
    for top in range(0, picture.shape[0], BY_HAND):
        for left in range(0, picture.shape[1], BY_HAND):
            up, before = min(top, reach), min(left, reach)
            seen = picture[top - up : top + BY_HAND + reach, left - before : left + BY_HAND + reach]
            with torch.inference_mode():
                batch = torch.from_numpy(centre(seen)).permute(2, 0, 1)[None]
                clean = model.network_(batch)[0].permute(1, 2, 0).numpy()
            own = result[top : top + BY_HAND, left : left + BY_HAND]
            own[:] = to_uint8(clean[up : up + own.shape[0], before : before + own.shape[1]])
    return result


def opencv(part: npt.NDArray[np.uint8]) -> object:
    import cv2

    return cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(part[..., ::-1]), None, SIGMA, SIGMA, 7, 21)


def nl_means(part: npt.NDArray[np.uint8]) -> object:
    from skimage.restoration import denoise_nl_means

    floats = part.astype(np.float32) / 255
    return denoise_nl_means(floats, 7, 11, 0.8 * SIGMA / 255, sigma=SIGMA / 255, fast_mode=True, channel_axis=-1)


def measured(call: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of all threads, and wall seconds."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    call()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def most_memory(run: Path | None, content: bytes) -> float:
    """MB that the whole command holds at most."""
    code = "import sys\nfrom lookalike import cli\nfrom timing import peak_memory\n"
    code += "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code, end.code\nprint(peak_memory())\n"
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo")
        photo.write_bytes(content)
        named = [] if run is None else ["--run", str(run.resolve())]
        arguments = ["denoise", *named, str(photo), "--out", str(Path(folder, "out"))]
        place = Path(__file__).parent
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=place
        )
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
