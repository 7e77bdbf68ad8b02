"""Codes that were drawn become pictures, files, and a sheet with the nearest training picture beside each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lookalike import files, plots
from lookalike.data import ImageSet
from lookalike.errors import OptionError
from lookalike.models import note_of
from lookalike.models.base import Autoencoder
from lookalike.outputs import Outputs
from lookalike.pixels import Floats, to_uint8
from lookalike.sampling.copying import JUDGED, Copying, Found, copying, nearest
from lookalike.sampling.mixture import Mixture

ON_A_SHEET = 24
"""Pictures on the sheet, each with its nearest one."""


class Sampled(NamedTuple):
    """New pictures and what they are like.

    Attributes:
        pictures: float32 (n, H, W, C), centred, not clipped.
        sharp: how far the model's sharp decoder has drawn them, 0 to 1.
        codes: float32 (n, K).
        nearest: for each the nearest training code and its distance.
        copying: whether the mixture copies, by draws of its own without truncation.
    """

    pictures: Floats
    sharp: float
    codes: Floats
    nearest: Found
    copying: Copying


def sample(
    model: Autoencoder,
    mixture: Mixture,
    count: int = 16,
    *,
    truncation: float = 1.0,
    seed: int = 0,
    sharp: float = False,
) -> Floats:
    """Draw new pictures: float32 (count, H, W, C), centred, not clipped.

    Args:
        model: a fitted model with codes and a decoder.
        mixture: of that model's codes (`fit_mixture`).
        count: 1 to 100,000.
        truncation: how far from the middles of the parts, 0 to 1 (see `Mixture.draw`).
        seed: of all draws; the i-th picture of a seed is the same whatever the count.
        sharp: draw by the model's sharp decoder, with plausible detail: True, or how far towards it, 0 to 1.

    Raises:
        OptionError: an argument is out of range, the mixture is of codes of another size, or there is no sharp decoder.
    """
    return model.decode(_drawn(model, mixture, count, truncation, seed), sharp=sharp)


def sample_beside(
    model: Autoencoder,
    mixture: Mixture,
    train: Floats,
    test: Floats,
    count: int = 16,
    *,
    truncation: float = 1.0,
    seed: int = 0,
    sharp: float = False,
) -> Sampled:
    """As `sample`, with the nearest of the training codes (N, K) for each, and whether the mixture only copies.

    The test for copying holds up to 2,000 further draws, without truncation, against the test pictures' codes (M, K).
    """
    codes = _drawn(model, mixture, count, truncation, seed)
    judged = mixture.draw(min(len(test), JUDGED) or 1, seed=seed)
    return Sampled(model.decode(codes, sharp=sharp), sharp, codes, nearest(codes, train), copying(judged, train, test))


def write_samples(sampled: Sampled, train: ImageSet, out: Path, *, force: bool = False) -> list[Path]:
    """Write new pictures: the sheet alone where `out` ends in .png, else a PNG of each and `sheet.png` into the folder.

    The sheet has up to 24 of them, each followed by the nearest picture of `train`. All of these files say that what is
    drawn is invented, the sheet below its pictures too.

    Raises:
        OptionError: `out` is there already, or a file where a folder is to be.
    """
    pixels, note = to_uint8(sampled.pictures), note_of(sampled.sharp, new=True)
    outputs = Outputs(force=force)
    if out.suffix.lower() == ".png":
        targets = [outputs.file(out)]
    else:
        digits = max(2, len(str(len(pixels))))
        names = [f"sample-{number:0{digits}}.png" for number in range(1, len(pixels) + 1)]
        targets = outputs.free_together(out, [*names, "sheet.png"])
        for target, picture in zip(targets, pixels, strict=False):
            files.write_bytes(target, plots.picture_png(picture, note))
    shown = slice(ON_A_SHEET)
    places = sampled.nearest.places[shown]
    titles = [
        f"{_title(train.names[place])}\n{distance:.3g}"
        for place, distance in zip(places, sampled.nearest.distances[shown], strict=True)
    ]
    sheet = plots.pairs(pixels[shown], train.pixels[places], ("invented", "nearest"), titles, note)
    plots.save_figure(sheet, targets[-1], note)
    return targets


def _drawn(model: Autoencoder, mixture: Mixture, count: int, truncation: float, seed: int) -> Floats:
    model.require_code()
    model.require_decoder()
    if mixture.code_size != model.code_size:
        raise OptionError(
            f"the mixture is of codes of {mixture.code_size} numbers, the model's have {model.code_size}; fit it to "
            "codes of this model"
        )
    return mixture.draw(count, truncation=truncation, seed=seed)


def _title(name: str) -> str:
    return plots.short(name.rpartition("/")[2].rpartition(".")[0] or name)
