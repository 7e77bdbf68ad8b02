"""How well screening tells spoilt pictures from others, and how fast, beside CleanVision on the same folders.

    pip install cleanvision
    python benchmarks/screening.py BSDS500 lfw-deepfunneled.tgz [--half 1] [--pictures 60] [--rounds 3] [--timed 200]
    python benchmarks/screening.py BSDS500 lfw-deepfunneled.tgz --alarms 250

Of each source every second picture belongs to half 1 (half 0 served to choose the limits in `review/checks.py`). From
each of `--pictures` of them, evenly spread, one spoilt copy of every kind in `KINDS` is made; all lie in one folder as
PNG with the pictures as they are. A check is judged by the kinds that it is for against the pictures as they are:
area under the ROC curve, the share found at the threshold, and the share of pictures as they are that are called bad.
`spared` are kinds that are no reason for a check to call a picture bad.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from sklearn.metrics import roc_auc_score

import lookalike as la
from lookalike.data import DataOptions
from lookalike.data.decode import decode_picture
from lookalike.data.located import locate
from lookalike.pixels import Pixels
from lookalike.review import screen

Generator = np.random.Generator
Change = Callable[[Pixels, Generator], Pixels]
Numbers = npt.NDArray[np.float64]


def rounded(values: npt.ArrayLike) -> Pixels:
    """To 8 bits."""
    found: Pixels = np.rint(np.clip(np.asarray(values), 0, 255)).astype(np.uint8)
    return found


def blurred(sigma: float) -> Change:
    """By a Gaussian of that many pixels."""

    def change(picture: Pixels, draw: Generator) -> Pixels:
        return rounded(ndimage.gaussian_filter(picture.astype(np.float32), (sigma, sigma, 0)))

    return change


def moved(length: int) -> Change:
    """Along a line of that many pixels, in any direction."""

    def change(picture: Pixels, draw: Generator) -> Pixels:
        angle, half = draw.uniform(0, np.pi), (length - 1) / 2
        kernel = np.zeros((length, length), np.float32)
        for along in np.linspace(-half, half, 4 * length):
            kernel[round(half + along * np.sin(angle)), round(half + along * np.cos(angle))] += 1
        channels = [ndimage.correlate(channel.astype(np.float32), kernel / kernel.sum()) for channel in picture.T]
        return rounded(np.stack(channels).T)

    return change


def noisy(sigma: float) -> Change:
    """With Gaussian noise."""
    return lambda picture, draw: rounded(picture + draw.normal(0, sigma, picture.shape))


def saved(quality: int) -> Change:
    """As a JPEG."""

    def change(picture: Pixels, draw: Generator) -> Pixels:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "jpeg", quality=quality)
        return np.asarray(Image.open(stream).convert("RGB"))

    return change


def lit(factor: float, power: float = 1.0) -> Change:
    """With another exposure and gamma."""
    return lambda picture, draw: rounded(255 * factor * (picture / 255.0) ** power)


def washed(factor: float) -> Change:
    """Brought towards white."""
    return lambda picture, draw: rounded(255 - factor * (255 - picture.astype(np.float32)))


def flattened(factor: float) -> Change:
    """Brought towards its mean."""
    return lambda picture, draw: rounded(picture.mean() + factor * (picture - picture.mean()))


def greyed(picture: Pixels, draw: Generator) -> Pixels:
    """Without colour."""
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def emptied(picture: Pixels, draw: Generator) -> Pixels:
    """Nothing but soft light and a little noise."""
    return noisy(3)(blurred(60)(picture, draw), draw)


def cut(picture: Pixels, draw: Generator) -> Pixels:
    """A strip of the fifth of its height."""
    top = int(draw.integers(0, picture.shape[0] * 4 // 5))
    return picture[top : top + picture.shape[0] // 5]


def shrunk(picture: Pixels, draw: Generator) -> Pixels:
    """To a quarter of its sides."""
    return np.asarray(Image.fromarray(picture).resize((picture.shape[1] // 4, picture.shape[0] // 4)))


def deep(share: float) -> Change:
    """Sharp within a disk of that share of the picture in its middle, blurred by 4 pixels beside it."""

    def change(picture: Pixels, draw: Generator) -> Pixels:
        height, width = picture.shape[:2]
        y, x = np.mgrid[:height, :width]
        inside = (y - height / 2) ** 2 + (x - width / 2) ** 2 < share * height * width / np.pi
        soft = ndimage.gaussian_filter(inside.astype(np.float32), 2)[..., None]
        return rounded(soft * picture + (1 - soft) * blurred(4)(picture, draw))

    return change


def both(first: Change, second: Change) -> Change:
    """One after the other."""
    return lambda picture, draw: second(first(picture, draw), draw)


KINDS: dict[str, Change] = {
    "as it is": lambda picture, draw: picture,
    **{f"blur {sigma}": blurred(sigma) for sigma in (1, 1.5, 2, 3, 4)},
    **{f"motion {length}": moved(length) for length in (7, 11, 15)},
    "blur 2, noise 15": both(blurred(2), noisy(15)),
    "blur 3, noise 25": both(blurred(3), noisy(25)),
    **{f"noise {sigma}": noisy(sigma) for sigma in (10, 15, 25, 50)},
    **{f"jpeg {quality}": saved(quality) for quality in (10, 20, 30)},
    **{f"exposure {factor}": lit(factor) for factor in (0.1, 0.2, 0.3)},
    "gamma 5": lit(1, 5),
    **{f"washed {factor}": washed(factor) for factor in (0.1, 0.2, 0.3)},
    "gamma 0.2": lit(1, 0.2),
    **{f"contrast {factor}": flattened(factor) for factor in (0.1, 0.2, 0.3)},
    "grey": greyed,
    "empty": emptied,
    "strip": cut,
    "quarter": shrunk,
    **{f"deep {share}": deep(share) for share in (0.1, 0.2, 0.35)},
}
"""How pictures are spoilt."""
TASKS: dict[str, tuple[list[str], list[str]]] = {
    "blur": (
        [kind for kind in KINDS if kind.startswith(("blur", "motion"))],
        [*(kind for kind in KINDS if kind.startswith(("noise", "deep", "jpeg"))), "exposure 0.2", "contrast 0.2"],
    ),
    "dark": (["exposure 0.1", "exposure 0.2", "exposure 0.3", "gamma 5"], ["noise 25"]),
    "bright": (["washed 0.1", "washed 0.2", "washed 0.3", "gamma 0.2"], ["noise 25"]),
    "low_contrast": (["contrast 0.1", "contrast 0.2", "contrast 0.3"], ["noise 25"]),
    "empty": (["empty"], ["noise 50", "blur 4"]),
    "odd_aspect": (["strip"], []),
    "odd_size": (["quarter"], []),
    "grey": (["grey"], ["noise 25", "jpeg 10"]),
    "noisy": (["noise 10", "noise 15", "noise 25", "noise 50"], ["jpeg 10"]),
    "jpeg_blocks": (["jpeg 10", "jpeg 20", "jpeg 30"], ["noise 25"]),
}
"""The kinds that each check is for, and those that it is to spare."""
PEER = {
    "blur": "blurry",
    "dark": "dark",
    "bright": "light",
    "empty": "low_information",
    "odd_aspect": "odd_aspect_ratio",
    "odd_size": "odd_size",
    "grey": "grayscale",
}
"""CleanVision's checks by ours."""


def pictures_of(source: str, half: int, count: int) -> list[Pixels]:
    """Some of every second picture of a source, evenly spread."""
    located = locate(source, DataOptions())
    assert located is not None
    contents = [one.read() for one in located.pictures(located.labels())][half::2]
    places = np.linspace(0, len(contents) - 1, min(count, len(contents))).round().astype(int)
    return [decode_picture(contents[place], None) for place in places]


def fill(folder: Path, pictures: list[Pixels], kinds: list[str]) -> None:
    """Write each picture as every kind spoils it."""
    for kind in kinds:
        (folder / kind).mkdir()
        for number, picture in enumerate(pictures):
            spoilt = KINDS[kind](picture, np.random.default_rng(number))
            Image.fromarray(spoilt).save(folder / kind / f"{number:04}.png", compress_level=1)


def ours(folder: Path, place: Path) -> tuple[dict[str, dict[str, float]], float]:
    """The scores of each picture, and the seconds of screening it took."""
    model = la.PCAAutoencoder(4).fit(la.load(folder, size=16, cache=False))
    with la.Gallery.open(place, model) as gallery:
        gallery.update(folder)
        started = time.perf_counter()
        found = screen(gallery)
        seconds = time.perf_counter() - started
    shutil.rmtree(place)
    return found.as_json()["quality"], seconds


def peers(folder: Path) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, bool]], float]:
    """CleanVision's scores (1 less theirs, so that 1 is bad), which it calls bad, and the seconds it took."""
    imagelab = importlib.import_module("cleanvision").Imagelab
    started = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):  # it talks; ours to standard output is JSON alone
        lab = imagelab(data_path=str(folder))
        lab.find_issues({name: {} for name in PEER.values()}, verbose=False)
    seconds = time.perf_counter() - started
    names = [str(Path(name).relative_to(folder.resolve())) for name in lab.issues.index]
    scores = {name: 1 - lab.issues[f"{theirs}_score"].to_numpy(float) for name, theirs in PEER.items()}
    called = {name: lab.issues[f"is_{theirs}_issue"].to_numpy(bool) for name, theirs in PEER.items()}
    return (
        {one: {check: float(scores[check][at]) for check in PEER} for at, one in enumerate(names)},
        {one: {check: bool(called[check][at]) for check in PEER} for at, one in enumerate(names)},
        seconds,
    )


def judged(check: str, values: dict[str, dict[str, float]], called: dict[str, dict[str, bool]]) -> dict[str, Any]:
    """One check's figures."""
    kinds, spared = TASKS[check]

    def of(kind: str) -> tuple[Numbers, float]:
        names = [name for name in values if name.startswith(f"{kind}/")]
        return np.array([values[name][check] for name in names]), float(
            np.mean([called[name][check] for name in names])
        )

    fine, false_alarms = of("as it is")
    spoilt = np.concatenate([of(kind)[0] for kind in kinds])
    truth = np.repeat([0, 1], [len(fine), len(spoilt)])
    return {
        "auroc": round(float(roc_auc_score(truth, np.concatenate([fine, spoilt]))), 3),
        "false_alarms": round(false_alarms, 3),
        "found": {kind: round(of(kind)[1], 3) for kind in kinds},
        "spared": {kind: round(of(kind)[1], 3) for kind in spared},
    }


def measured(source: str, half: int, count: int, peer: bool) -> dict[str, Any]:
    """All checks on one source."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        folder.mkdir()
        fill(folder, pictures_of(source, half, count), list(KINDS))
        scores, _ = ours(folder, Path(place) / "gallery")
        called = {name: {check: value >= 0.5 for check, value in one.items()} for name, one in scores.items()}
        told: dict[str, Any] = {"ours": {check: judged(check, scores, called) for check in TASKS}}
        if peer:
            theirs, they_call, _ = peers(folder)
            told["cleanvision"] = {check: judged(check, theirs, they_call) for check in PEER}
    return told


def alarms(source: str, half: int, count: int, peer: bool) -> dict[str, Any]:
    """Of many pictures as they are, the share that each check calls bad, and CleanVision's."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        folder.mkdir()
        fill(folder, pictures_of(source, half, count), ["as it is"])
        scores, _ = ours(folder, Path(place) / "gallery")
        called = peers(folder)[1] if peer else {}
    told: dict[str, Any] = {
        "pictures": len(scores),
        "called_bad": {check: shared([one[check] >= 0.5 for one in scores.values()]) for check in TASKS},
    }
    if peer:
        told["cleanvision"] = {check: shared([one[check] for one in called.values()]) for check in PEER}
    return told


def shared(called: list[bool]) -> float:
    """The share of pictures that are called bad."""
    return round(float(np.mean(called)), 3)


def timed(source: str, half: int, count: int, rounds: int, peer: bool) -> Iterator[dict[str, float]]:
    """Pictures a second, ours and CleanVision's one after the other in each round."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        folder.mkdir()
        fill(folder, pictures_of(source, half, count), ["as it is"])
        for _ in range(rounds):
            scores, seconds = ours(folder, Path(place) / "gallery")
            told = {"ours": round(len(scores) / seconds, 1)}
            if peer:
                told["cleanvision"] = round(len(scores) / peers(folder)[2], 1)
            yield told


def main() -> None:
    """Measure and print a line of JSON for each source, and one of the speed on the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timed", type=int, default=200, help="pictures that the speed is measured with")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--alarms", type=int, help="only count false alarms, on that many pictures as they are")
    given = parser.parse_args()
    if given.alarms is not None:
        for source in given.sources:
            told = alarms(source, given.half, given.alarms, not given.no_peer)
            print(json.dumps({Path(source).name: told}), flush=True)
        return
    for source in given.sources:
        told = measured(source, given.half, given.pictures, not given.no_peer)
        print(json.dumps({Path(source).name: told}), flush=True)
    rounds = list(timed(given.sources[0], given.half, given.timed, given.rounds, not given.no_peer))
    print(json.dumps({"pictures_per_second": rounds}))


if __name__ == "__main__":
    main()
