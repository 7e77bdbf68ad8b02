"""Pictures laid over one another: the map between them is found, by the compiled kernel and without."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lookalike import kernels
from lookalike.kernels import alignment as laying
from lookalike.review import alignment

SIDE, COUNT = 48, 40
WAYS = ["plain", pytest.param("kernel", marks=pytest.mark.skipif(not kernels.available(), reason="no C compiler"))]


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the kernel is used."""
    if request.param == "plain":
        monkeypatch.setattr(laying, "at_hand", lambda: None)
    else:
        kernels.available()
    return str(request.param)


def drawn(maps: Tensor, side: int = SIDE) -> Tensor:
    """Pictures (n, side, side) that are waves of their own, at the places where maps lay their pixels."""
    draw = np.random.default_rng(0)
    at = alignment.line(side).double()
    here = torch.stack([at.expand(side, side), at[:, None].expand(side, side), torch.ones(side, side).double()], -1)
    there = torch.einsum("yxk,nak->nyxa", here, maps.double())
    pictures = torch.zeros(len(maps), side, side, dtype=torch.float64)
    for _ in range(12):
        waves, phase, size = (
            torch.from_numpy(draw.uniform(low, high, (len(maps), count)))
            for low, high, count in ((-7, 7, 2), (0, 6.3, 1), (0.2, 1, 1))
        )
        pictures += size[:, :, None] * torch.sin(torch.einsum("nyxa,na->nyx", there, waves) + phase[:, :, None])
    return (0.5 + pictures / 16).float()


def maps_near_one(count: int, far: float) -> Tensor:
    """Maps (count, 2, 3) that move a picture by up to so much of half its side, and bend it by as much."""
    one = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).expand(count, 2, 3)
    return one + far * torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (count, 2, 3))).float()


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_the_map_between_two_pictures_is_found(way: str) -> None:
    """In another light; and with a line of white over one of them, of which Gauss-Newton lets go."""
    true, one = maps_near_one(COUNT, 0.04), maps_near_one(COUNT, 0)
    fixed, moving = 0.8 * drawn(true) + 0.1, drawn(one)
    assert (kernels.lay_over(fixed, moving, one, 1, alignment.LIMITS) is None) == (way == "plain")
    laid = alignment.aligned(fixed, moving, one, 12)
    pixels = (laid.maps - true).abs().amax((1, 2)) * SIDE / 2
    assert float(pixels.max()) < 0.1
    assert float(laid.agreement.min()) > 0.999
    fixed[:, 22:24, 6:42] = 1
    pixels = (alignment.aligned(fixed, moving, one, 12).maps - true).abs().amax((1, 2)) * SIDE / 2
    assert float(pixels.quantile(0.9)) < 1
    x, y = (
        true[:, axis, :1, None] * alignment.line(SIDE)
        + (true[:, axis, 1:2] * alignment.line(SIDE) + true[:, axis, 2:])[..., None]
        for axis in (0, 1)
    )
    covered = (torch.maximum(x.abs(), y.abs()) <= 1).float().mean((1, 2))
    torch.testing.assert_close(laid.overlap, covered, rtol=0, atol=0.02)


@pytest.mark.skipif(not kernels.available(), reason="no C compiler")
@pytest.mark.parametrize(("side", "steps"), [(24, 8), (48, 5), (96, 3), (7, 2)])
def test_the_kernel_takes_the_steps_that_pytorch_takes(side: int, steps: int) -> None:
    """From near and far, of pictures that are alike, of others, and of plain ones."""
    begun, true = maps_near_one(COUNT, 0.05), maps_near_one(COUNT, 0.1)
    fixed, moving = drawn(true, side), drawn(maps_near_one(COUNT, 0), side)
    moving[::4] = moving[::4].flip(0)
    moving[1::8], fixed[3] = 0.4, 0.6
    begun[5::7, :, 2] += 0.8
    fixed, moving = (one - one.mean((1, 2), keepdim=True) for one in (fixed, moving))
    assert kernels.available()
    found = kernels.lay_over(fixed, moving, begun, steps, alignment.LIMITS)
    assert found is not None
    expected = alignment._aligned(fixed, moving, begun, steps)
    torch.testing.assert_close(found[1], expected.agreement, rtol=0, atol=1e-3)
    alike = expected.agreement > 0.8  # else maps go anywhere, and a last digit decides where
    assert alike.sum() >= COUNT / 3
    torch.testing.assert_close(found[0][alike], expected.maps[alike], rtol=0, atol=1e-3)
    torch.testing.assert_close(found[2][alike], expected.overlap[alike], rtol=0, atol=2 / side)
