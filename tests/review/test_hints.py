"""Where small pictures may lie in one another: what is computed for many at once, as it is defined for one."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.review import hints
from pictures import waves


def framed(side: int) -> np.ndarray:
    """Luma (n, side, side) of pictures, a third of them with a border on one side, a third on all, of little noise."""
    grey = hints.luma(waves(30, side, side))
    noise = np.random.default_rng(0).uniform(-hints.FLAT / 2, hints.FLAT / 2, grey.shape).astype(np.float32)
    grey[::3, : side // 5] = 40
    for edge in (np.s_[:, :3], np.s_[:, -2:], np.s_[:, :, :4], np.s_[:, :, -5:]):
        grey[1::3][edge] = 200
    return (grey + noise).clip(0, 255)


def test_borders_of_many_pictures_are_those_of_each() -> None:
    grey = framed(32)
    found = hints.without_borders(grey)
    np.testing.assert_array_equal(found, np.array([hints.without_border(one) for one in grey], np.float32))
    assert (found != np.array(hints.WHOLE, np.float32)).any(axis=1).mean() >= 2 / 3


def test_packed_parts_are_as_alike_as_they_were() -> None:
    parts = hints.parts_of(framed(24))
    expected, how = hints.compared(parts, parts[::-1])
    found, same = hints.compared(hints.packed(parts).astype(np.float32), parts[::-1] / np.float32(hints.PACKED))
    np.testing.assert_allclose(found, expected, rtol=0, atol=hints.SIDE / 2 / hints.PACKED)  # half a step in each
    assert (same == how).mean() > 0.9


@pytest.mark.parametrize("turn", range(hints.TURNS))
def test_parts_of_turned_pictures_are_the_parts_turned(turn: int) -> None:
    grey = framed(24)
    inner = hints.without_borders(grey)
    expected = hints.parts_of(hints.turned(grey, turn), hints.turned_parts(inner, turn))
    found = hints.parts_turned(hints.parts_of(grey, inner), turn)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # sums of float32 in another order
