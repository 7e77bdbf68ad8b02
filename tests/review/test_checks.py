"""Each check by itself: closed forms, independent references, and what is spoilt more is never called better."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.special import erfc
from skimage.measure import blur_effect

from lookalike.gallery.columns import SCORES
from lookalike.pixels import Pixels
from lookalike.review.checks import BAD, CHECKS, odd_sizes, scores_of
from lookalike.review.looks import PIECE, WORKING, look_at
from lookalike.review.sharpness import blur_of

SIDE = 256


def rounded(values: np.ndarray) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def disks(sigma: float, contrast: float = 0.8) -> np.ndarray:
    """Luma (SIDE, SIDE) of 16 disks whose edges are those of a step that a Gaussian of `sigma` pixels blurred."""
    y, x = np.mgrid[:SIDE, :SIDE] % 64 - 31.7
    inside = 0.5 * erfc((np.hypot(y, x) - 22) / (np.sqrt(2) * sigma))
    return 0.5 + contrast * (inside - 0.5)


@pytest.fixture(scope="module")
def scene() -> Pixels:
    """A picture of 150 coloured ellipses, some of them with stripes."""
    generator = np.random.default_rng(5)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    picture = np.full((SIDE, SIDE, 3), 128.0)
    for size in np.geomspace(0.3, 0.03, 150):
        (cy, cx), ratio = generator.random(2), generator.uniform(0.5, 2)
        inside = ((x - cx) / ratio) ** 2 + ((y - cy) * ratio) ** 2 < size**2
        waves = 20 * np.sin(generator.uniform(50, 400) * (x + y * generator.normal()))
        picture[inside] = (generator.integers(0, 256, 3) + waves[..., None])[inside]
    return rounded(picture)


def of(check: str, picture: Pixels) -> float:
    return scores_of(look_at(picture))[check]


def test_every_column_has_its_check() -> None:
    assert tuple(CHECKS) == tuple(score.name for score in SCORES)
    assert all(check.score(check.limit) == BAD for check in CHECKS.values())
    assert all(check.about.endswith("0 fine, 1 bad") for check in CHECKS.values())


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
@pytest.mark.parametrize("contrast", [0.8, 0.2])
def test_the_blur_of_edges_is_found(sigma: float, contrast: float) -> None:
    """The edges bend (a radius of 22 pixels), and derivatives are differences over 2 pixels: that much is left."""
    assert blur_of(disks(sigma, contrast).astype(np.float32), 0.0) == pytest.approx(sigma, rel=0.15, abs=0.15)


def test_noise_is_no_sharpness() -> None:
    drawn = np.random.default_rng(0).normal(0, 25 / 255, (SIDE, SIDE))
    for sigma, least, most in ((1.5, 1.2, 1.8), (3.0, 2.2, 6.0)):
        noisy = (disks(sigma) + drawn).astype(np.float32)
        assert least < (blur_of(noisy, 25 / 255) or 0) < most
        assert (blur_of(noisy, 0.0) or 0) < 0.85 * sigma  # what a measure that does not know of it would say


def test_blur_is_ordered_as_scikit_image_orders_it(scene: Pixels) -> None:
    sigmas = (0, 1, 1.5, 2, 3, 4)
    blurred = [rounded(ndimage.gaussian_filter(scene.astype(float), (s, s, 0))) for s in sigmas]
    ours = [of("blur", picture) for picture in blurred]
    theirs = [blur_effect(picture, channel_axis=2) for picture in blurred]
    assert np.array_equal(np.argsort(ours), np.argsort(theirs))
    assert [score >= BAD for score in ours] == [False, False, True, True, True, True]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_moving_camera_blurs(scene: Pixels, axis: int) -> None:
    moved = ndimage.uniform_filter1d(scene.astype(float), 15, axis=axis)
    assert of("blur", rounded(moved)) > 0.7


def test_a_sharp_thing_before_a_blurred_ground_is_sharp(scene: Pixels) -> None:
    """A fifth of the picture is sharp; without it the picture is blurred."""
    blurred = ndimage.gaussian_filter(scene.astype(float), (4, 4, 0))
    deep = blurred.copy()
    part = slice(SIDE // 4, SIDE // 4 + round(SIDE * 0.2**0.5))
    deep[part, part] = scene[part, part]
    assert of("blur", rounded(blurred)) > 0.9
    assert of("blur", rounded(deep)) < 0.2


@pytest.mark.parametrize("value", [10, 60, 128, 200, 250])
def test_a_constant_picture_has_the_closed_form(value: int) -> None:
    found = scores_of(look_at(np.full((40, 50, 3), value, np.uint8)))
    v = value / 255
    assert found["dark"] == pytest.approx(0.34**5 / (0.34**5 + v**5), abs=1e-6)
    assert found["bright"] == pytest.approx(0.38**5 / (0.38**5 + (1 - v) ** 5), abs=1e-6)
    assert (found["low_contrast"], found["empty"], found["grey"]) == pytest.approx((1, 1, 1))
    assert (found["blur"], found["noisy"], found["jpeg_blocks"]) == pytest.approx((0, 0, 0))


def test_a_ramp_has_the_contrast_of_nine_tenths_of_it() -> None:
    ramp = np.repeat(np.linspace(50, 150, 401).astype(np.uint8)[None, :, None], 3, axis=2).repeat(64, axis=0)
    assert CHECKS["low_contrast"].measure is not None
    assert CHECKS["low_contrast"].measure(look_at(ramp)) == pytest.approx(0.9 * 100 / 255, abs=1 / 255)


def test_known_noise_is_told_in_steps_of_eight_bits(scene: Pixels) -> None:
    measure = CHECKS["noisy"].measure
    assert measure is not None
    grey = np.full((300, 300, 3), 128.0)
    for sigma in (5, 20, 40):
        noisy = rounded(grey + np.random.default_rng(2).normal(0, sigma, grey.shape))
        expected = (sigma**2 + 1 / 12) ** 0.5  # rounding adds its own
        assert measure(look_at(noisy)) == pytest.approx(expected, rel=0.03)


def test_the_edge_of_noise_is_looked_for_in_own_pixels() -> None:
    """A picture three times the working size: made smaller, its noise would be a third."""
    side = 3 * WORKING
    noisy = rounded(128 + np.random.default_rng(2).normal(0, 20, (side, side, 3)))
    look = look_at(noisy)
    assert (look.height, look.width, look.small.shape, look.piece.shape) == (side, side, (512, 512, 3), (PIECE, PIECE))
    assert 255 * look.noise == pytest.approx(20, rel=0.03)
    assert look.grey_noise < look.noise / 3


def saved(picture: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "jpeg", quality=quality)
    return np.asarray(Image.open(stream))


def cropped_after(picture: Pixels, quality: int) -> Pixels:
    return saved(picture, quality)[3:, 5:]


WORSE: dict[str, list[Callable[[Pixels], Pixels]]] = {
    "blur": [lambda p, s=s: rounded(ndimage.gaussian_filter(p.astype(float), (s, s, 0))) for s in (0, 1, 2, 3, 4, 6)],
    "dark": [lambda p, f=f: rounded(f * p.astype(float)) for f in (1, 0.7, 0.4, 0.2, 0.1, 0)],
    "bright": [lambda p, f=f: rounded(255 - f * (255.0 - p)) for f in (1, 0.7, 0.4, 0.2, 0.1, 0)],
    "low_contrast": [lambda p, f=f: rounded(p.mean() + f * (p - p.mean())) for f in (1, 0.7, 0.4, 0.2, 0.1, 0)],
    "empty": [
        lambda p, k=k: np.where(np.arange(SIDE)[:, None, None] < k, p, np.uint8(90)) for k in (256, 128, 48, 16, 0)
    ],
    "odd_aspect": [lambda p, k=k: p[:k] for k in (256, 128, 90, 60, 20, 1)],
    "grey": [lambda p, f=f: rounded(p.mean(2, keepdims=True) * (1 - f) + p * f) for f in (1, 0.5, 0.2, 0.1, 0.05, 0)],
    "noisy": [lambda p, s=s: rounded(p + np.random.default_rng(0).normal(0, s, p.shape)) for s in (0, 5, 10, 20, 40)],
    "jpeg_blocks": [lambda p, q=q: cropped_after(p, q) for q in (95, 70, 40, 20, 10, 5)],
}


@pytest.mark.parametrize("check", WORSE)
def test_more_of_it_is_never_better(check: str, scene: Pixels) -> None:
    found = [of(check, change(scene)) for change in WORSE[check]]
    assert all(later >= earlier - 1e-9 for earlier, later in itertools.pairwise(found)), found
    assert found[0] < 0.3
    assert found[-1] > 0.85


def test_a_stripe_pattern_has_no_blocks() -> None:
    """Lines 8 pixels apart, on one axis only."""
    striped = np.full((200, 200, 3), 100, np.uint8)
    striped[::8] = 140
    assert of("jpeg_blocks", striped) < 0.1


def test_odd_sizes_are_told_by_the_others() -> None:
    """In doublings of the side: the limit is one, where three robust deviations of the folder are less."""
    sides = np.array([100] * 20 + [200, 400, 50, 25, 141])
    found = odd_sizes(sides, sides)
    doublings = np.abs(np.log2(sides / 100))
    np.testing.assert_allclose(found, doublings**5 / (doublings**5 + 1), atol=1e-9)
    spread = 2.0 ** np.random.default_rng(0).normal(8, 1, 1000)
    assert (odd_sizes(spread, spread) >= BAD).mean() < 0.01  # 0.0027 of a normal distribution
    assert odd_sizes([1, 20000], [1, 1]).tolist() == pytest.approx([odd_sizes([1, 20000], [1, 1])[0]] * 2)
    assert odd_sizes([7], [9]).tolist() == [0]
    assert odd_sizes([], []).shape == (0,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (3, 3), (7, 9), (20000, 1), (1, 5000), (17, 600), (33, 31)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_of_any_shape_has_scores(shape: tuple[int, int], channels: int) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (*shape, channels), dtype=np.uint8)
    for picture in (drawn, np.zeros_like(drawn), np.full_like(drawn, 255)):
        found = scores_of(look_at(picture))
        assert set(found) == set(CHECKS) - {"odd_size"}
        assert all(0 <= score <= 1 for score in found.values())
