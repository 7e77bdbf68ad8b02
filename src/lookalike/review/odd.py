"""Pictures of a gallery that are unlike the rest, with a line that raises few false alarms, and where they are odd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lookalike.errors import OptionError
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Snapshot
from lookalike.pixels import Floats, Pixels, centre
from lookalike.review.oddness import Doubles, Reference, measured, repaired

if TYPE_CHECKING:
    import pandas as pd

    from lookalike.models.base import Autoencoder

FALSE_ALARMS = 0.01
NEIGHBOUR = 5
"""The neighbour whose distance tells how dense codes are."""
MEAN_OF = 10_000
"""Pictures that the mean is taken of, evenly through the gallery."""
_AT_ONCE = 1000
_ROWS = 12
"""Pictures on a sheet at most."""


@dataclass(frozen=True)
class Outlier:
    """A picture that is unlike the rest.

    Attributes:
        name: the picture's.
        score: the mean negative logarithm of `shares`; more is odder.
        p: the share of the gallery's pictures, itself among them, that score as high.
        shares: for each measure, the share of pictures that are as odd by it: "error" and "repair" (what the model
            draws wrongly for so much detail, seen and hidden), "density" (how far the codes next to its own are),
            "detail" (much or little of it).
    """

    name: str
    score: float
    p: float
    shares: dict[str, float]

    @property
    def why(self) -> str:
        """The measure that says most."""
        return min(self.shares, key=lambda name: self.shares[name])


@dataclass(frozen=True)
class Outliers:
    """The odd pictures of a gallery, the oddest first.

    Attributes:
        outliers: those beyond the line, or as many as were asked for.
        threshold: the score from which on pictures are called odd; None where so few pictures, or so many that
            score alike, allow no such line.
        false_alarms: of pictures that are like the gallery's, the share that the line calls odd, on average.
        images: how many pictures were compared.
    """

    outliers: list[Outlier]
    threshold: float | None
    false_alarms: float
    images: int

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "outliers": [
                {"name": one.name, "score": one.score, "p": one.p, "why": one.why, "shares": one.shares}
                for one in self.outliers
            ],
            "outlier_threshold": self.threshold,
            "false_alarms": self.false_alarms,
            "images": self.images,
        }

    def frame(self) -> pd.DataFrame:
        """A row for each: name, score, p, why, and a column for each measure's share."""
        import pandas as pd

        rows = [(one.name, one.score, one.p, one.why, *one.shares.values()) for one in self.outliers]
        measures = list(self.outliers[0].shares) if self.outliers else []
        return pd.DataFrame(rows, columns=["name", "score", "p", "why", *measures])


class Judge:
    """Tells how odd pictures are beside a gallery's; learns from it once, and sees that state alone.

    Args:
        gallery: open, with one picture or more.

    Raises:
        GalleryError: it holds no picture.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.snapshot = gallery.snapshot()
        self.encode = gallery.encode
        self._model = gallery.model
        self._filling = mean_picture(self.snapshot)
        count, parts = len(self.snapshot.view.ids), []
        for start in range(0, count, _AT_ONCE):
            places = np.arange(start, min(start + _AT_ONCE, count))
            parts.append(measured(self._model, _stored(self.snapshot, places), self._filling))
        measures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        measures["density"] = self._distances(self.snapshot.view.codes, self.snapshot.view.ids)
        self.reference = Reference(measures)

    def new(self, pictures: Pixels) -> tuple[Doubles, Doubles]:
        """Scores and p-values, (n,) each, of pictures (n, H, W, C) that are not in the gallery."""
        return self.reference.judge(self.measures(pictures))

    def measures(self, pictures: Pixels) -> dict[str, Doubles]:
        """What is measured of pictures (n, H, W, C) that are not in the gallery, by name, (n,) each."""
        measures = measured(self._model, pictures, self._filling)
        return measures | {"density": self._distances(self.encode(pictures), None)}

    def _distances(self, codes: Floats, own: Any) -> Doubles:
        """To the code that is `NEIGHBOUR`th nearest, (n,), their `own` ids left out."""
        index = self.snapshot.index
        wanted = min(NEIGHBOUR, len(index) - (own is not None))
        if wanted < 1:
            return np.zeros(len(codes))
        found = index.query(codes, wanted + (own is not None))
        if own is None:
            return found.distances[:, -1].astype(np.float64)
        before = (found.ids[:, :-1] == own[:, None]).any(axis=1)
        return np.where(before, found.distances[:, -1], found.distances[:, -2]).astype(np.float64)


def outliers(gallery: Gallery, k: int | None = None, *, false_alarms: float = FALSE_ALARMS) -> Outliers:
    """The pictures of a gallery that are unlike the rest.

    Four measures, each of them as the share of the gallery's pictures that are as odd by it: the error of the model's
    reconstruction, and of its repair of hidden parts, both beyond what a picture of so much detail has (a plain one
    is drawn well by every model); the distance to the fifth nearest code, by the gallery's index and metric; and the
    amount of detail itself. Fisher's rule makes one score of them. A model without a decoder has the last two.

    The line is conformal: every picture is compared with all others, never with itself, and of pictures drawn as the
    gallery's were at most the share `false_alarms` lies beyond it, on average. So where more than that share is odd,
    it calls the oddest of them only. Nothing is drawn at random.

    Args:
        gallery: whose pictures are compared.
        k: how many of the oddest, whether beyond the line or not; None gives those beyond it.
        false_alarms: above 0 and below 1.

    Raises:
        OptionError: an argument is out of range.
        GalleryError: the gallery holds no picture.
    """
    if not 0 < false_alarms < 1:
        raise OptionError(f"false alarms are {false_alarms:g}; give a share above 0 and below 1")
    if k is not None and k < 1:
        raise OptionError(f"k is {k}; ask for 1 picture or more")
    judge = Judge(gallery)
    reference, names = judge.reference, judge.snapshot.view.names
    scores, p = reference.own_scores, reference.own_p
    order = np.lexsort((np.arange(len(names)), -scores))
    beyond = p <= false_alarms + 1e-12
    chosen = order[:k] if k is not None else order[beyond[order]]
    found = [
        Outlier(
            names[place],
            float(scores[place]),
            float(p[place]),
            {name: float(shares[place]) for name, shares in reference.own_shares.items()},
        )
        for place in chosen.tolist()
    ]
    line = float(scores[beyond].min()) if beyond.any() else None
    return Outliers(found, line, false_alarms, len(names))


class OutlierMap(NamedTuple):
    """Where a picture is odd.

    Attributes:
        picture: as the model sees it, uint8 (H, W, C).
        drawn, repaired: its reconstruction, and every pixel as the model draws it while it is hidden: float32
            (H, W, C), centred.
        error, repair: their squared errors, mean over the channels: float32 (H, W).
    """

    picture: Pixels
    drawn: Floats
    error: Floats
    repaired: Floats
    repair: Floats


def outlier_map(gallery: Gallery, name: str) -> OutlierMap:
    """Where a stored picture is drawn wrongly by the gallery's model.

    Raises:
        GalleryError: no picture has that name.
        OptionError: the model has no decoder.
    """
    return _maps(gallery, [name])[0]


def _maps(gallery: Gallery, names: Sequence[str]) -> list[OutlierMap]:
    model: Autoencoder = gallery.model
    model.require_decoder()
    filling = mean_picture(gallery.snapshot())
    found = []
    for name in names:
        picture = gallery.picture(name)
        given = centre(picture)[None]
        drawn, again = model.reconstruct(given), repaired(model, given, filling)
        errors = [np.square(one - given)[0].mean(axis=-1) for one in (drawn, again)]
        found.append(OutlierMap(picture, drawn[0], errors[0], again[0], errors[1]))
    return found


def write_outliers(gallery: Gallery, found: Outliers, path: Path) -> int:
    """Write a PNG with a row for each of the oddest, up to twelve; returns how many.

    Raises:
        OptionError: the model has no decoder, or no picture was found odd.
    """
    from lookalike import plots

    if not found.outliers:
        raise OptionError("no picture is beyond the line, so there is nothing to show; ask for some with -k")
    shown = found.outliers[:_ROWS]
    maps = _maps(gallery, [one.name for one in shown])
    plots.save_figure(plots.error_sheet(maps, [f"{Path(one.name).stem[:18]}\n{one.score:.2f}" for one in shown]), path)
    return len(shown)


def mean_picture(snapshot: Snapshot) -> Floats:
    """The mean of the stored pictures, centred, float32 (H, W, C); of many thousands, of some evenly among them."""
    count = len(snapshot.view.ids)
    places = np.arange(0, count, math.ceil(count / MEAN_OF))
    total = np.zeros(snapshot.view.all_pixels.shape[1:])
    for start in range(0, len(places), _AT_ONCE):
        total += _stored(snapshot, places[start : start + _AT_ONCE]).sum(axis=0, dtype=np.float64)
    return (total / len(places) / 255 - 0.5).astype(np.float32)


def _stored(snapshot: Snapshot, places: Any) -> Pixels:
    view = snapshot.view
    return np.asarray(view.all_pixels[view.rows[places]])
