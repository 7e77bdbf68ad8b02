"""Sliders: a picture walks along directions of its code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.editing.detail import with_detail
from lookalike.editing.directions import Direction
from lookalike.editing.morph import PictureOrCode, code_of
from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.models.inputs import as_pictures
from lookalike.pixels import Floats, centre

FURTHEST = 1000
"""Largest amount: far beyond anything worth drawing, and before numbers overflow."""

DEFAULT_AMOUNTS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def edit(
    model: Autoencoder,
    picture_or_code: PictureOrCode,
    direction: Direction | Sequence[Direction],
    amount: npt.ArrayLike,
    *,
    keep_residual: bool = True,
    sharp: float = False,
) -> Floats:
    """Change a picture by moving its code: float32 (H, W, C), or (n, H, W, C) for n amounts; centred, not clipped.

    Args:
        model: the fitted model whose codes the directions are of.
        picture_or_code: a picture (H, W, C), uint8 or centred floats, or a code (K,).
        direction: one direction, or D of them at once.
        amount: how far, in the direction's units (`Direction.unit`): for one direction a number, or n numbers for n
            pictures; for D directions D numbers, or (n, D) for n pictures.
        keep_residual: to a picture, add what decoding the moved code changes, so that amount 0 is the picture itself
            and its detail stays. False draws from the moved code alone: blurred, but without shadows of what a large
            edit should have replaced; with `sharp` these go, and drawn detail takes their place (see `with_detail`). A
            code has no residual, and is always drawn alone.
        sharp: draw by the model's sharp decoder, whose detail is invented: True, or how far towards it, 0 to 1.

    Raises:
        OptionError: shapes do not fit one another, an amount is not within -1000 to 1000, there is no sharp decoder, or
            `sharp` is out of range.
    """
    several = not isinstance(direction, Direction)
    directions = [direction] if isinstance(direction, Direction) else list(direction)
    code = code_of(model, picture_or_code)
    for one in directions:
        if one.vector.shape != code.shape:
            raise OptionError(
                f"direction {one.name!r} is of codes of {len(one.vector)} numbers, the model's have {len(code)}; "
                "learn it from this model's codes"
            )
    amounts = np.asarray(amount, np.float64)
    table = amounts if several else amounts[..., None]
    if not directions or table.ndim not in (1, 2) or table.shape[-1] != len(directions):
        raise OptionError(
            f"amounts of shape {amounts.shape} for {len(directions)} directions; give one for each direction, or a row "
            "of them for each picture"
        )
    if not (np.abs(table) <= FURTHEST).all():  # NaN fails as well
        raise OptionError(f"an amount is not within -{FURTHEST} to {FURTHEST}; a few units go a long way")
    steps = np.stack([one.step for one in directions])
    pictures = model.decode(code + np.atleast_2d(table) @ steps, sharp=sharp)
    given: npt.NDArray[Any] = np.asarray(picture_or_code)
    if keep_residual and given.ndim == 3:
        own, before = centre(as_pictures(given))[0], model.decode(code, sharp=sharp)[0]
        pictures = with_detail(own, before, pictures, drop_what_changed=sharp)
    return pictures[0] if table.ndim == 1 else pictures


def amount_rows(directions: int, amounts: Sequence[float]) -> list[list[float]]:
    """Amounts as typed, as rows for `edit`: for one direction each number is a picture, for D they are one picture's.

    Without amounts: -2 to 2 in steps of 1, along all directions at once.

    Raises:
        OptionError: several directions, and not one amount for each.
    """
    if not amounts:
        return [[amount] * directions for amount in DEFAULT_AMOUNTS]
    if directions == 1:
        return [[amount] for amount in amounts]
    if len(amounts) != directions:
        raise OptionError(f"{len(amounts)} amounts for {directions} directions; give one for each")
    return [list(amounts)]
