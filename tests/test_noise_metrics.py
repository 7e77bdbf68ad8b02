"""Noise against its own statistics; PSNR and SSIM against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lookalike import metrics
from lookalike.errors import OptionError
from lookalike.noise import corrupt, parse_noise
from pictures import waves


def noise_of(sigma: float, indices: range, seed: int = 0, epoch: int = 1) -> np.ndarray:
    clean = np.zeros((len(indices), 32, 32, 3), np.float32)
    return corrupt(clean, parse_noise(f"gaussian:{sigma}"), seed=seed, epoch=epoch, indices=indices)


def test_gaussian_noise_is_gaussian() -> None:
    noise = noise_of(0.1, range(200)).ravel().astype(np.float64)
    assert abs(noise.mean()) < 5 * 0.1 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.1, rel=0.005)
    assert stats.kstest(noise[:50_000] / 0.1, "norm").pvalue > 0.001


def test_noise_comes_from_seed_epoch_and_picture_alone() -> None:
    whole = noise_of(0.1, range(50))
    np.testing.assert_array_equal(noise_of(0.1, range(20, 30)), whole[20:30])
    others = [noise_of(0.1, range(50), seed=1), noise_of(0.1, range(50), epoch=2), noise_of(0.1, range(50, 100))]
    for other in others:
        assert abs(np.corrcoef(other.ravel(), whole.ravel())[0, 1]) < 0.02
    neighbours = np.corrcoef(whole[:-1].ravel(), whole[1:].ravel())[0, 1]
    assert abs(neighbours) < 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fog:1", "'fog:1' is unknown; give one of gaussian:SIGMA"),
        ("gaussian", "has no number after the colon"),
        ("gaussian:much", "has no number after the colon"),
        ("gaussian:-1", "sigma -1; give a value above 0"),
        ("gaussian:nan", "sigma nan"),
    ],
)
def test_bad_noise_is_named(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_noise(text)


@pytest.mark.parametrize("shape", [(32, 32, 3), (24, 40, 1)])
def test_metrics_equal_scikit_image(shape: tuple[int, int, int]) -> None:
    pictures = waves(5, *shape) / np.float32(255)
    others = np.clip(pictures + np.random.default_rng(0).normal(0, 0.1, pictures.shape), 0, 1).astype(np.float32)
    for a, b, psnr, ssim in zip(
        pictures, others, metrics.psnr(pictures, others), metrics.ssim(pictures, others), strict=True
    ):
        assert psnr == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1), rel=1e-5)
        reference = structural_similarity(
            a, b, data_range=1, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert ssim == pytest.approx(reference, abs=1e-5)


def test_equal_pictures_are_alike_at_any_size() -> None:
    tiny = waves(2, 3, 5) / np.float32(255)
    assert metrics.ssim(tiny, tiny) == pytest.approx(1)
    assert np.isinf(metrics.psnr(tiny, tiny)).all()
    assert not metrics.squared_errors(tiny, tiny).any()
