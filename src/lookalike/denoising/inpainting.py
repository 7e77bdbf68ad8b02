"""What is hidden of a picture, filled: by a network that is told what is lost, or by the code that fits the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lookalike.denoising.depth import EIGHT, OF_DTYPE, Depth, Numbers
from lookalike.denoising.tiling import Told, spans
from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.models.codeless import Codeless
from lookalike.noise import BLACK, LOST, Noise, Occlude
from lookalike.pixels import Floats

_log = logging.getLogger(__name__)

Mask = npt.NDArray[np.bool_]
"""(H, W), true where the picture is hidden."""
ROUNDS = 30
"""There and back, at most, until a code fits what is seen. Codes of many numbers can fit it in ways that no picture
of their kind does, and come to these later: 30 was best or next to it at 32, 128 and 512 (docs/denoising.md)."""
STILL = 1 / 1020
"""A quarter of a level of 8 bits: where no hidden pixel changes by more from one round to the next, it is over."""


def can_fill(noise: Noise | None) -> bool:
    """Whether a denoiser that was trained with this noise has learned to draw what is hidden where it is told so."""
    return isinstance(noise, Occlude)


def inpaint(
    model: Autoencoder, picture: Numbers | Floats, hidden: Mask, *, depth: Depth | None = None, told: Told | None = None
) -> Numbers:
    """Draw what is hidden of a picture: (H, W, C) and bool (H, W) -> (H, W, C) of whole numbers.

    The picture is uint8, uint16 or centred float; what comes back is of `depth`, by default of the picture's own, and
    of floats uint8. What is not hidden stays what it is, and what a hidden pixel shows is of no account.

    A U-Net that was trained with `occlude` is told what is lost, on a picture of any size. It draws what it knows at
    the scale of its training, and little but grey deep in a large hole, of which it warns. A model with a code goes to
    and fro on pictures of its own size, and each time the hidden part becomes what it makes of it: towards the picture
    that its codes can hold and that agrees best with what is seen (of a linear model, by least squares). `told` hears
    the share that is done.

    Raises:
        OptionError: these are no picture and mask of one size, nothing is hidden or nothing seen, or the picture is
            not of the size that a model with a code takes.
        NotFittedError: the model has no weights yet.
    """
    source: Any = np.asarray(picture)
    _check(source, hidden)
    depth = depth or OF_DTYPE.get(source.dtype.name, EIGHT)
    told = told or (lambda share: None)
    result = source.copy() if source.dtype == depth.dtype else depth.numbers(depth.centred(source))
    if isinstance(model, Codeless):
        for window, drawn in _by_levels(model, source, hidden, depth, told):
            result[window][hidden[window]] = depth.numbers(drawn)[hidden[window]]
    else:
        result[hidden] = depth.numbers(_by_code(model, depth.centred(source), hidden, told))[hidden]
    return result


def _check(picture: npt.NDArray[Any], hidden: Mask) -> None:
    if picture.ndim != 3 or hidden.shape != picture.shape[:2]:
        raise OptionError(
            f"a picture of shape {picture.shape} with a mask of shape {hidden.shape}; give (H, W, C) and (H, W)"
        )
    if not hidden.any():
        raise OptionError("the mask hides nothing; what it hides is what is drawn")
    if hidden.all():
        raise OptionError("the mask hides all of the picture; leave something to go by")


def _by_levels(
    model: Codeless, source: Numbers | Floats, hidden: Mask, depth: Depth, told: Told
) -> Iterator[tuple[tuple[slice, slice], Floats]]:
    """What it draws, window by window as a denoiser does, of those in which something is hidden."""
    reach = model.reach or 0
    windows = [
        ((rows, columns), (seen_rows, seen_columns))
        for rows, seen_rows in spans(source.shape[0], reach)
        for columns, seen_columns in spans(source.shape[1], reach)
        if hidden[rows, columns].any()
    ]
    deepest = int(ndimage.distance_transform_cdt(hidden, "chessboard").max())
    if 2 * deepest > reach:
        _log.warning(
            "what is hidden is %d pixels deep, and this model sees %d far: deeper than %d it draws little but grey",
            *(deepest, reach, reach // 2),
        )
    for done, (window, seen) in enumerate(windows, 1):
        lost = hidden[seen]
        given = np.where(lost[..., None], np.float32(BLACK), depth.centred(source[seen]))
        levels = np.where(lost, np.float32(LOST), np.float32(0))
        drawn = model.reconstruct(given[None], level=levels[None])[0]
        rows, columns = (
            slice(own.start - around.start, own.stop - around.start) for own, around in zip(window, seen, strict=True)
        )
        yield window, drawn[rows, columns]
        told(done / len(windows))


def _by_code(model: Autoencoder, picture: Floats, hidden: Mask, told: Told) -> Floats:
    """To and fro from the mean of what is seen, until nothing changes."""
    filled = picture.copy()
    filled[hidden] = picture[~hidden].mean(axis=0)
    for done in range(1, ROUNDS + 1):
        back = model.reconstruct(filled[None])[0][hidden]
        change = float(np.abs(back - filled[hidden]).max())
        filled[hidden] = back
        told(done / ROUNDS)
        if change < STILL:
            break
    told(1.0)
    return filled
