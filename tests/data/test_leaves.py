"""Procedural dead leaves: reproducible, with the statistics of photographs, and read as every source is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import lookalike as la
from lookalike.data.leaves import draw_leaves, leaves
from lookalike.data.leaves.shapes import mask_of, radii
from lookalike.data.leaves.textures import Materials
from lookalike.data.tiles import all_tiles, tiles
from lookalike.errors import OptionError


@pytest.fixture(scope="module")
def some() -> np.ndarray:
    return draw_leaves(range(10), 64)


def test_a_picture_depends_on_its_number_and_the_seed_alone(some: np.ndarray) -> None:
    np.testing.assert_array_equal(draw_leaves([7, 2], 64), some[[7, 2]])
    assert (draw_leaves([2], 64, seed=1) != some[2]).any()
    assert len({picture.tobytes() for picture in some}) == len(some)


def test_small_steps_are_common_and_large_ones_rare_as_in_photographs(some: np.ndarray) -> None:
    """Differences of neighbours have heavy tails (their kurtosis is 3 where they are normal); power falls as f^-2."""
    grey = some.mean(axis=3)
    assert stats.kurtosis(np.diff(grey, axis=2), axis=None, fisher=False) > 6
    window = np.hanning(64)[:, None] * np.hanning(64)
    power = np.square(np.abs(np.fft.fft2((grey - grey.mean(axis=(1, 2), keepdims=True)) * window))).mean(axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    inside = (frequency > 0.04) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]
    assert -3.2 < slope < -1.2


def test_radii_are_drawn_by_a_power_law() -> None:
    drawn = radii(np.random.default_rng(0), 4000, 2.0, 50.0)

    def share_below(radius: np.ndarray) -> np.ndarray:  # of a density of r^-3 between 2 and 50
        return (2.0**-2 - radius**-2.0) / (2.0**-2 - 50.0**-2)

    assert stats.kstest(drawn.astype(float), share_below).pvalue > 0.01


def test_a_mask_covers_the_area_of_its_outline() -> None:
    square = np.array([(10.0, 20.0), (39.0, 20.0), (39.0, 29.0), (10.0, 29.0)])
    (top, bottom, left, right), mask = mask_of(square, 64) or pytest.fail("nothing is covered")
    assert (top, left) == (20, 10)
    assert mask.shape == (bottom - top, right - left)
    assert mask.sum() == 30 * 10
    assert mask_of(square + 100, 64) is None


def test_fields_of_noise_are_periodic_and_of_one_strength() -> None:
    for field in Materials.drawn(np.random.default_rng(3)).fields:
        assert field.std() == pytest.approx(1, rel=1e-4)
        assert np.abs(field[0] - field[-1]).mean() < 3 * np.abs(np.diff(field, axis=0)).mean()


def test_leaves_are_a_source_of_pictures() -> None:
    images = la.load("leaves:3", size=16)
    np.testing.assert_array_equal(images.pixels, leaves(3, 16).pixels)
    assert images.names == ["leaves-00000", "leaves-00001", "leaves-00002"]
    assert images.spec is not None
    assert images.spec.source == "leaves:3"
    assert la.load("leaves:3", size=16).cached


@pytest.mark.parametrize(
    ("source", "asked", "message"),
    [
        ("leaves:3", {"size": 4}, "size is 4; leaves are drawn at 8 to 512 pixels"),
        ("leaves:3", {"crop": 2}, "leaves are drawn square and whole"),
        ("leaves:1", {}, "count is 1; ask for at least 2"),
        ("leaves:3", {"faces": True}, "leaves are framed already"),
    ],
)
def test_what_leaves_cannot_do_is_said(source: str, asked: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        la.load(source, **asked)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 20), (16, 8), (30, 31)])
def test_tiles_cover_a_picture(height: int, width: int) -> None:
    picture = np.arange(height * width, dtype=np.uint16).reshape(height, width, 1)
    cut = tiles(picture, 8)
    assert cut.shape == (-(-height // 8) * -(-width // 8), 8, 8, 1)
    assert set(cut.ravel().tolist()) == set(picture.ravel().tolist())
    for one in cut:  # a part of the picture at its own scale
        top, left = divmod(int(one[0, 0, 0]), width)
        np.testing.assert_array_equal(one, picture[top : top + 8, left : left + 8])


def test_tiles_of_several_pictures_leave_small_ones_out() -> None:
    pictures = [np.full((8, 17, 3), 1, np.uint8), np.full((7, 90, 3), 2, np.uint8)]
    assert all_tiles(pictures, 8).mean(axis=(1, 2, 3)).tolist() == [1, 1, 1]
    with pytest.raises(OptionError, match="side is 0"):
        tiles(pictures[0], 0)
