"""The distance of patches as a loss, held to the yardstick's pyramid and to SciPy's distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from lookalike.appearance import laplacian_pyramid
from lookalike.sharpening import patches
from lookalike.sharpening.patches import DIRECTIONS, fine_bands, patches_apart
from pictures import waves


def planes(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - 0.5


@pytest.mark.parametrize(("height", "width", "channels"), [(64, 64, 3), (37, 70, 1), (16, 31, 3)])
def test_its_bands_are_the_yardsticks(height: int, width: int, channels: int) -> None:
    pictures = waves(3, height, width, channels)
    expected = laplacian_pyramid(pictures.astype(np.float32) / 255 - 0.5)
    expected = expected[:-1] or expected
    for found, band in zip(fine_bands(planes(pictures)), expected, strict=True):
        np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), band, atol=1e-6)


def test_it_is_the_mean_distance_along_its_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of patches of 7 x 7, taken one by one; distances by SciPy."""
    monkeypatch.setattr(patches, "DIRECTIONS", 3)
    drawn, real = waves(4, 20, 24, seed=1), waves(4, 20, 24, seed=2)  # 14 x 18 places, each of them taken
    found = patches_apart(planes(drawn), planes(real), seed=5, step=7)

    generator = np.random.default_rng([5, patches.STREAM, 7])
    directions = generator.normal(size=(3, 3 * 7 * 7))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    scale = (real / 255).std(axis=(0, 1, 2), ddof=1)
    sets = []
    for pictures in (drawn, real):
        windows = np.lib.stride_tricks.sliding_window_view((pictures / 255 - 0.5) / scale, (7, 7), axis=(1, 2))
        sets.append(windows.reshape(4, 14, 18, 3 * 7 * 7))  # pictures, rows, columns
    together, quarters = [], []
    for one in directions:
        a, b = (patch @ one for patch in sets)
        together.append(stats.wasserstein_distance(a.ravel(), b.ravel()))
        for picture in range(4):
            for rows in (slice(0, 7), slice(7, 14)):
                for columns in (slice(0, 9), slice(9, 18)):
                    some = (picture, rows, columns)
                    quarters.append(stats.wasserstein_distance(a[some].ravel(), b[some].ravel()))
    expected = patches.TOGETHER * np.mean(together) + (1 - patches.TOGETHER) * np.mean(quarters)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_it_is_nothing_for_the_same_pictures_and_the_more_the_more_is_blurred() -> None:
    real = planes(waves(8, 64, 64))
    assert float(patches_apart(real.clone(), real, 0, 1)) == 0
    little, much = (torch.nn.functional.avg_pool2d(real, side, 1, side // 2) for side in (3, 7))
    assert 0.01 < float(patches_apart(little, real, 0, 1)) < 0.8 * float(patches_apart(much, real, 0, 1))


def test_each_step_looks_along_other_directions_and_the_same_again() -> None:
    drawn, real = planes(waves(4, 40, 40, seed=1)), planes(waves(4, 40, 40, seed=2))
    first, again, other = (float(patches_apart(drawn, real, 0, step)) for step in (1, 1, 2))
    assert first == again != other
    assert DIRECTIONS > 1


def test_following_it_brings_patches_nearer() -> None:
    drawn, real = planes(waves(6, 36, 36, seed=1)), planes(waves(6, 36, 36, seed=2))
    drawn = 0.3 * drawn
    moved = drawn.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([moved], 0.02)
    for step in range(30):
        optimizer.zero_grad()
        patches_apart(moved, real, 0, step).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    before, after = (float(patches_apart(one.detach(), real, 1, 0)) for one in (drawn, moved))
    assert after < 0.5 * before
