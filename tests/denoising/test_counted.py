"""Noise that rises with the signal: the transform against its statistics, its inverse against means of drawn counts."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.denoising import denoise
from lookalike.denoising.counted import Counted
from lookalike.errors import OptionError
from lookalike.noise import corrupt, parse_noise


def drawn(photons: float, read_out: float, light: np.ndarray, count: int = 40_000) -> np.ndarray:
    clean = np.broadcast_to(light.reshape(-1, 1, 1, 1) - 0.5, (len(light), count, 1, 1)).astype(np.float32)
    noise = f"poisson:{photons}" + (f"+gaussian:{read_out}" if read_out else "")
    return corrupt(clean, parse_noise(noise), seed=0, epoch=1, indices=range(len(light)))


@pytest.mark.parametrize(("photons", "read_out"), [(100, 0.0), (100, 0.05), (2000, 0.01)])
def test_noise_is_alike_at_every_value_and_of_the_level_that_is_told(photons: float, read_out: float) -> None:
    light = np.linspace(0.1, 1, 8)
    counted = Counted(photons, read_out)
    shown = counted.shown(drawn(photons, read_out, light))
    assert shown.dtype == np.float32
    spread = shown.std(axis=(1, 2, 3), dtype=np.float64)
    # From ten photons on the transform's variance is within some 2% of one; a measured one is off by 1.4%.
    np.testing.assert_allclose(spread / counted.level, 1, atol=0.03)
    before = drawn(photons, read_out, light).std(axis=(1, 2, 3))
    assert before[-1] > 1.3 * before[0]
    np.testing.assert_allclose(counted.shown(np.array([-0.5, 0.5], np.float32)), [-0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize(("photons", "read_out"), [(20, 0.0), (100, 0.05), (2000, 0.01)])
def test_the_mean_of_what_is_shown_comes_back_as_the_mean(photons: float, read_out: float) -> None:
    """Which the plain inverse misses: a root's mean is below the mean's root."""
    light = np.linspace(0.1, 1, 8)
    counted = Counted(photons, read_out)
    means = counted.shown(drawn(photons, read_out, light)).mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)
    error = 5 * np.sqrt((light / photons + read_out**2) / 40_000)
    found = counted.taken(means) + 0.5
    np.testing.assert_array_less(np.abs(found - light), error + 0.01 / photons)
    if photons == 20:
        plain = ((means + 0.5) * (2 * np.sqrt(20 + 3 / 8) - 2 * np.sqrt(3 / 8)) + 2 * np.sqrt(3 / 8)) ** 2 / 4 - 3 / 8
        assert (np.abs(plain / 20 - light) > error + 0.01 / photons).all()


class Told:
    """Remembers what it is shown and told."""

    image_shape_, reach, takes_level = (8, 8, 1), 4, True

    def reconstruct(self, pictures: np.ndarray, level: float | None = None) -> np.ndarray:
        self.shown, self.level = pictures, level
        return pictures


def test_a_model_is_shown_and_told_so_and_strength_acts_on_the_picture() -> None:
    model, picture = Told(), np.arange(0, 256, 3, dtype=np.uint8).reshape(2, 43, 1)
    result = denoise(model, picture, 0.02, photons=50)
    counted = Counted(50, 0.02)
    assert model.level == counted.level
    np.testing.assert_array_equal(model.shown[0], counted.shown(picture / np.float32(255) - np.float32(0.5)))
    expected = np.clip(np.rint((counted.taken(model.shown[0]) + 0.5) * 255), 0, 255)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(denoise(model, picture, 0.02, photons=50, strength=0), picture)
    for photons, level, message in ((0, None, "photons are 0; give how many"), (50, 2, "level is 2; give the noise")):
        with pytest.raises(OptionError, match=message):
            denoise(model, picture, level, photons=photons)
