"""From one picture to another by way of their codes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels
from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.pixels import Floats

Doubles = npt.NDArray[np.float64]
PictureOrCode = Pixels | Floats | Doubles
"""A picture (H, W, C), uint8 or centred floats, or a code (K,)."""

KINDS = ("linear", "spherical")
MOST_STEPS = 1000


def morph(
    model: Autoencoder,
    a: PictureOrCode,
    b: PictureOrCode,
    steps: int = 7,
    kind: str = "linear",
    *,
    sharp: float = False,
) -> Floats:
    """Draw what lies between two pictures: float32 (steps, H, W, C), centred to 0, not clipped.

    The first and the last are the reconstructions of `a` and `b`; `to_uint8` makes pictures to look at.

    Args:
        model: a fitted model.
        a: a picture (H, W, C), uint8 or centred floats, or a code (K,).
        b: the other one.
        steps: how many pictures in all, 2 to 1000, at even distances.
        kind: "linear" as the reference notebook, or "spherical", for models whose codes are normalised.
        sharp: draw by the model's sharp decoder, whose detail is invented: True, or how far towards it, 0 to 1.

    Raises:
        OptionError: an argument is out of range, there is no single way round the sphere, or no sharp decoder.
        NotFittedError: the model has no weights yet.
    """
    return model.decode(between(code_of(model, a), code_of(model, b), steps, kind), sharp=sharp)


def between(a: npt.ArrayLike, b: npt.ArrayLike, steps: int = 7, kind: str = "linear") -> Doubles:
    """Codes from `a` to `b`, both (K,): float64 (steps, K), the ends exactly `a` and `b`.

    "linear" is a (1 - t) + b t with t in even steps from 0 to 1. "spherical" turns the direction evenly from one to
    the other along the great circle (Shoemake, 1985) and lets the length grow evenly from |a| to |b|, so that codes of
    one length stay at it; all angles are seen from the code 0.

    Raises:
        OptionError: `steps` or `kind` is out of range, the codes differ in shape, or, for "spherical", lie opposite
            to one another or at 0, so that no great circle leads on.
    """
    start, end = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if start.ndim != 1 or start.shape != end.shape:
        raise OptionError(f"codes of shape {start.shape} and {end.shape}; give two of one shape (K,)")
    t = np.linspace(0, 1, _checked_steps(steps))[:, None]
    if kind == "linear":
        return start * (1 - t) + end * t
    if kind != "spherical":
        raise OptionError(f"kind of morph {kind!r} is unknown; give one of {', '.join(KINDS)}")
    return _spherical(start, end, t)


def code_of(model: Autoencoder, given: PictureOrCode) -> Doubles:
    """The code (K,) of a picture (H, W, C), or the code itself, in float64.

    Raises:
        OptionError: it is neither, or does not fit the model.
    """
    array: npt.NDArray[Any] = np.asarray(given)
    if array.ndim == 3:
        code: Doubles = model.encode(array)[0].astype(np.float64)
        return code
    if array.shape != (model.code_size,):
        raise OptionError(
            f"an array of shape {array.shape} is neither picture nor code; this model takes one picture of shape "
            f"{model.image_shape_} or a code of shape ({model.code_size},)"
        )
    code = array.astype(np.float64)
    if not np.isfinite(code).all():
        raise OptionError("the code holds values that are not finite; give finite numbers")
    return code


def _spherical(start: Doubles, end: Doubles, t: Doubles) -> Doubles:
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0:
        raise OptionError("a code of length 0 has no direction; use kind 'linear'")
    first, last = start / lengths[0], end / lengths[1]
    # The sine and cosine of the angle by halves of sum and difference: exact for small angles, where arccos is not.
    angle = 2 * np.arctan2(np.linalg.norm(last - first), np.linalg.norm(last + first))
    if np.pi - angle < 1e-6:
        raise OptionError("the codes lie opposite to one another, every great circle joins them; use kind 'linear'")
    if angle < 1e-6:  # sin(x) = x to the last bit there
        turned = first * (1 - t) + last * t
    else:
        turned = (first * np.sin((1 - t) * angle) + last * np.sin(t * angle)) / np.sin(angle)
    codes: Doubles = turned * (lengths[0] * (1 - t) + lengths[1] * t)
    codes[0], codes[-1] = start, end
    return codes


def _checked_steps(steps: int) -> int:
    try:
        count = operator.index(steps)
    except TypeError:
        raise OptionError(f"steps is {steps!r}; give a whole number from 2 to {MOST_STEPS}") from None
    if not 2 <= count <= MOST_STEPS:
        raise OptionError(f"steps is {count}; give 2 to {MOST_STEPS}: both ends count")
    return count
