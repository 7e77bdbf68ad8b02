"""Tiles against the identity, a shift and a projection; classical denoisers against scikit-image called by hand."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from skimage import metrics as skimage_metrics
from skimage import restoration
from skimage.filters import gaussian

import lookalike as la
from lookalike.denoising import (
    CLASSICAL,
    ClassicalDenoiser,
    Restored,
    compare,
    denoise,
    judging,
    markdown,
    tiling,
)
from lookalike.errors import MissingExtraError, OptionError
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.pixels import centre
from pictures import waves

NOISE = "gaussian:0.1"


class Stub:
    """A model in no more than what `denoise` needs of one; remembers the shapes it was given."""

    def __init__(self, shape: tuple[int, int, int], function=lambda x: x) -> None:  # type: ignore[no-untyped-def]
        self.image_shape_, self.function, self.batches = shape, function, []

    def reconstruct(self, pictures: np.ndarray) -> np.ndarray:
        assert pictures.dtype == np.float32
        assert pictures.shape[1:] == self.image_shape_
        self.batches.append(len(pictures))
        return self.function(pictures)


def random_picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


SIZES = [(32, 32), (33, 32), (100, 71), (5, 90), (90, 3), (7, 9), (1, 1), (1, 200), (64, 48)]


@pytest.mark.parametrize("tile", [(32, 32), (16, 24), (7, 5), (1, 1)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "channels", [(3, 3), (1, 1), (1, 3), (3, 1)], ids=["rgb", "grey", "rgb on grey", "grey on rgb"]
)
def test_the_identity_gives_the_picture_back(
    size: tuple[int, int], tile: tuple[int, int], channels: tuple[int, int]
) -> None:
    picture = random_picture(*size, channels[1])
    model = Stub((*tile, channels[0]))
    np.testing.assert_array_equal(denoise(model, picture), picture)
    np.testing.assert_array_equal(denoise(model, centre(picture)), picture)


def test_a_picture_of_the_models_size_goes_through_once() -> None:
    model = Stub((16, 24, 3), lambda x: x[:, ::-1])
    picture = random_picture(16, 24)
    np.testing.assert_array_equal(denoise(model, picture), picture[::-1])
    assert model.batches == [1]


@pytest.mark.parametrize("size", SIZES)
def test_a_constant_shift_leaves_no_seams(size: tuple[int, int]) -> None:
    model = Stub((16, 16, 3), lambda x: x + np.float32(10 / 255))
    picture = np.minimum(random_picture(*size), 240)
    np.testing.assert_array_equal(denoise(model, picture), picture + 10)


def test_what_differs_from_tile_to_tile_is_blended_smoothly() -> None:
    """Tiles that come back as one random brightness each: no step between neighbours is near a tile's own."""
    generator = np.random.default_rng(0)
    levels = []

    def one_level(batch: np.ndarray) -> np.ndarray:
        drawn = generator.choice([-0.4, 0.4], (len(batch), 1, 1, 1)).astype(np.float32)
        levels.extend(drawn.ravel())
        return np.broadcast_to(drawn, batch.shape)

    result = denoise(Stub((16, 16, 1), one_level), np.zeros((80, 80, 1), np.uint8)).astype(int)
    assert len(set(levels)) == 2
    # A raised cosine of 16 pixels changes by at most pi / 16 of the way from one pixel to the next.
    largest = 0.8 * 255 * np.pi / 16 + 1
    assert np.abs(np.diff(result, axis=0)).max() <= largest
    assert np.abs(np.diff(result, axis=1)).max() <= largest
    assert result.std() > 10


def test_edges_are_continued_by_reflection() -> None:
    seen = []
    small = random_picture(3, 4)
    denoise(Stub((9, 8, 3), lambda x: seen.append(x) or x), small)
    expected = np.pad(small, ((3, 3), (2, 2), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(la.to_uint8(seen[0][0]), expected)


def test_tiles_go_through_in_bounded_batches() -> None:
    model = Stub((4, 4, 1))
    denoise(model, np.zeros((8, 4000, 1), np.uint8))
    assert max(model.batches) <= 250
    assert sum(model.batches) >= 8 * 4000


@pytest.fixture(scope="module")
def projection() -> la.PCAAutoencoder:
    """A true denoiser of 16 x 16 pieces of large waves: what the noise adds outside of 20 components is gone."""
    pieces = waves(40, 128, 128, seed=3).reshape(40, 8, 16, 8, 16, 3).swapaxes(2, 3).reshape(-1, 16, 16, 3)
    return la.PCAAutoencoder(20).fit(pieces)


def border_excess(squared: np.ndarray, step: int) -> float:
    """Error at the borders of tiles that begin every `step` pixels, over the error inside; away from the edges, where
    a reflection continues no wave."""
    rows, columns = (120 - 32) // step, (112 - 32) // step
    first = 16 + -32 % step  # a tile of 16 pixels begins here: the first one does so `step - 16` before the picture
    inner = squared[:, first : first + rows * step, first : first + columns * step]
    cells = inner.reshape(len(squared), rows, step, columns, step).mean(axis=(0, 1, 3))
    border = np.zeros((step, step), bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    return float(cells[border].mean() / cells[~border].mean())


def test_a_denoiser_is_no_worse_at_the_borders_of_tiles(
    projection: la.PCAAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = waves(10, 120, 112, seed=4)
    noisy = corrupt(centre(large), parse_noise(NOISE), seed=0, epoch=EVALUATION_EPOCH, indices=range(10))

    def squared_errors() -> np.ndarray:
        restored = np.stack([denoise(projection, picture) for picture in noisy])
        return ((centre(restored) - centre(large)) ** 2).mean(axis=3)

    squared = squared_errors()
    assert squared.mean() < 0.05 * 0.01
    assert border_excess(squared, tiling.step_of(16)) < 1.02
    # Side by side, without overlap, the same tiles do worse, at their borders most of all.
    apart, wanted = (
        pictures[:, :112].reshape(10, 7, 16, 7, 16, 3).swapaxes(2, 3).reshape(-1, 16, 16, 3)
        for pictures in (noisy, centre(large))
    )
    errors = ((projection.reconstruct(apart) - wanted) ** 2).mean(axis=(0, 3))
    assert squared.mean() < errors.mean()
    assert errors[[0, -1]].mean() > 2 * errors[4:-4].mean()
    # What is measured above does tell steps of half a tile from these.
    monkeypatch.setattr(tiling, "step_of", lambda tile: tile // 2)
    assert border_excess(squared_errors(), 8) > 1.06


@pytest.mark.parametrize("period", [2, 4, 8, 16])
def test_what_a_network_adds_with_its_strides_is_averaged_away(period: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.cos(2 * np.pi * np.arange(32) / period).astype(np.float32)
    model = Stub((32, 32, 1), lambda x: x + np.float32(0.1) * (wave[:, None] + wave)[None, ..., None])
    flat = np.full((90, 80, 1), 128, np.uint8)
    assert np.abs(denoise(model, flat).astype(int) - 128).max() <= 51 / 8
    if period < 16:
        monkeypatch.setattr(tiling, "step_of", lambda tile: tile // 4)
        assert np.abs(denoise(model, flat).astype(int) - 128).max() > 40


def test_denoise_refuses_what_is_not_one_picture() -> None:
    with pytest.raises(OptionError, match=r"is not one picture; give \(H, W, 3\)"):
        denoise(Stub((8, 8, 3)), np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(OptionError, match="float pictures reach 200"):
        denoise(Stub((8, 8, 3)), np.full((8, 8, 3), 200.0, np.float32))


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    faces = la.load("synthetic:60", size=32)
    train, test = faces.split(0.5)
    return train.pixels[:12], test.pixels[:6]


def by_hand(name: str, picture: np.ndarray, sigma: float, s: dict) -> np.ndarray:
    """scikit-image's own functions on pictures of [0, 1], called as its documentation does."""
    if name == "Gaussian filter":
        return gaussian(picture, sigma=s["width"] * sigma, mode="reflect", channel_axis=-1)
    if name == "total variation":
        return restoration.denoise_tv_chambolle(picture, weight=s["weight"] * sigma, channel_axis=-1)
    if name == "wavelet":
        colours = {"convert2ycbcr": True} if picture.shape[2] == 3 else {}
        return restoration.denoise_wavelet(
            picture, sigma=s["strength"] * sigma, wavelet=s["wavelet"], method="BayesShrink", mode="soft",
            rescale_sigma=True, channel_axis=-1, **colours,
        )  # fmt: skip
    assert name == "non-local means"
    return restoration.denoise_nl_means(
        picture, patch_size=s["patch"], patch_distance=7, h=s["h"] * sigma, sigma=sigma, channel_axis=-1
    ).reshape(picture.shape)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("name", CLASSICAL)
def test_tuned_denoisers_are_scikit_images_at_their_best(
    name: str, channels: int, sets: tuple[np.ndarray, np.ndarray]
) -> None:
    train, test = (pictures[..., :channels] for pictures in sets)
    tuned = ClassicalDenoiser(name).tune(train, NOISE)
    assert tuned.sigma == pytest.approx(0.1, rel=0.02)
    members = range(len(train))
    noisy = corrupt(centre(train), parse_noise(NOISE), seed=0, epoch=1, indices=members)
    losses = []
    for settings, mse in tuned.tried[:2] + tuned.tried[-1:]:
        theirs = [by_hand(name, picture + 0.5, tuned.sigma, settings) - 0.5 for picture in noisy]
        losses.append(np.mean((np.stack(theirs) - centre(train)) ** 2))
        assert mse == pytest.approx(losses[-1], rel=0.02)  # the wavelet's output is clipped to the range by hand
    assert tuned.settings == tuned.tried[0][0]
    assert tuned.tried[0][1] == min(mse for _, mse in tuned.tried)
    noisy = corrupt(centre(test), parse_noise(NOISE), seed=0, epoch=EVALUATION_EPOCH, indices=range(len(test)))
    restored = tuned.denoise(noisy)
    assert restored.dtype == np.float32
    assert np.mean((restored - centre(test)) ** 2) < 0.7 * np.mean((noisy - centre(test)) ** 2)


@pytest.mark.parametrize("name", CLASSICAL)
def test_blind_noise_is_estimated_picture_by_picture(name: str, sets: tuple[np.ndarray, np.ndarray]) -> None:
    train, test = sets
    tuned = ClassicalDenoiser(name).tune(train, "gaussian:0.02-0.25")
    assert tuned.sigma is None
    clean = centre(test)
    noisy = clean + np.random.default_rng(0).normal(0, 1, clean.shape).astype(np.float32) * np.linspace(
        0.02, 0.25, len(clean), dtype=np.float32
    ).reshape(-1, 1, 1, 1)
    estimates = [restoration.estimate_sigma(picture, channel_axis=-1, average_sigmas=True) for picture in noisy]
    alone = [tuned.denoise(picture[None], sigma)[0] for picture, sigma in zip(noisy, estimates, strict=True)]
    np.testing.assert_array_equal(tuned.denoise(noisy), np.stack(alone))
    np.testing.assert_array_equal(tuned(noisy), tuned.denoise(noisy, estimates))
    assert not np.array_equal(tuned.denoise(noisy, 0.1), tuned.denoise(noisy))


def test_a_flat_picture_stays(sets: tuple[np.ndarray, np.ndarray]) -> None:
    flat = np.full((1, 32, 32, 3), 0.2, np.float32)
    for name in CLASSICAL:
        np.testing.assert_allclose(
            ClassicalDenoiser(name).tune(sets[0][:2], "gaussian:0-0.1").denoise(flat), flat, atol=1e-4
        )


def test_tuning_takes_a_sample_by_seed(sets: tuple[np.ndarray, np.ndarray]) -> None:
    def tried(seed: int, limit: int) -> tuple:
        return ClassicalDenoiser("Gaussian filter").tune(sets[0], NOISE, seed=seed, limit=limit).tried

    assert tried(0, 5) == tried(0, 5)
    assert tried(0, 5) != tried(1, 5)
    assert tried(0, 12) == tried(0, 1000)


def test_unknown_and_missing_denoisers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="'magic' is unknown; give one of Gaussian filter, total variation"):
        ClassicalDenoiser("magic")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "lookalike.denoising.classical.find_spec", lambda name: None if name == "skimage" else found(name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[bench\]'"):
        ClassicalDenoiser("wavelet")


@pytest.mark.parametrize("noise", [NOISE, "gaussian:0-0.25", "occlude:0.1+poisson"])
def test_compare_judges_as_evaluate_does(noise: str, projection: la.PCAAutoencoder) -> None:
    pictures = waves(30, 16, 16, seed=5)
    evaluated = projection.evaluate(pictures, noise, seed=7)
    ours, nothing = compare({"ours": projection.reconstruct, "nothing": lambda x: x}, pictures, noise, seed=7)
    assert (ours.name, ours.noise, nothing.noise) == ("ours", noise, noise)
    assert (ours.mse, ours.psnr, ours.ssim) == pytest.approx((evaluated.mse, evaluated.psnr, evaluated.ssim), rel=1e-5)
    assert nothing.mse == pytest.approx(evaluated.noisy_mse, rel=1e-6)
    assert ours.seconds > 0


def test_similarity_is_that_of_the_pictures_as_shown(projection: la.PCAAutoencoder) -> None:
    """scikit-image's, from black at 0 to white at 1: on centred values it would be another number."""
    pictures = waves(5, 16, 16, seed=5)
    shown = np.clip(projection.reconstruct(pictures) + 0.5, 0, 1)
    way = {"data_range": 1, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = np.mean(
        [skimage_metrics.structural_similarity(a / 255, b, **way) for a, b in zip(pictures, shown, strict=True)]
    )
    assert projection.evaluate(pictures).ssim == pytest.approx(expected, abs=1e-5)


def test_compare_shields_denoisers_from_one_another() -> None:
    def spoil(noisy: np.ndarray) -> np.ndarray:
        noisy[:] = 0
        return noisy

    pictures = waves(3, 16, 16)
    rows = compare({"spoil": spoil, "nothing": lambda x: x}, pictures, NOISE)
    assert rows[1].mse == pytest.approx(0.01, rel=0.1)
    with pytest.raises(OptionError, match=r"'half' returns shape \(3, 8, 16, 3\); it must return \(3, 16, 16, 3\)"):
        compare({"half": lambda x: x[:, :8]}, pictures, NOISE)


def test_the_table_says_what_the_rows_say() -> None:
    table = markdown([Restored("ours", NOISE, 0.00281, 25.517, 0.8812, 0.0004)])
    assert table.splitlines()[-1] == "| gaussian:0.1 | ours | 0.00281 | 25.52 | 0.8812 | 0.40 |"
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_protocol_is_eight_bits_out_and_one_seed_for_every_picture() -> None:
    """Against scikit-image's PSNR and SSIM of pictures made by hand, of two sizes, one without colour."""
    pictures = [waves(1, 40, 33, seed=6)[0], waves(1, 24, 50, 1, seed=7)[0]]
    seen: list[tuple[int, np.ndarray]] = []

    def half_way(noisy: np.ndarray, place: int) -> np.ndarray:
        seen.append((place, noisy.copy()))
        noisy *= 0.5  # in place: the others must not see it
        return noisy

    nothing, halved, same = judging.judge({"half way": half_way, "same": lambda x, _: x}, pictures, 25 / 255, seed=3)
    assert [row.name for row in (nothing, halved, same)] == ["the noisy pictures", "half way", "same"]
    assert {row.noise for row in (nothing, halved, same)} == {"25 of 255"}
    assert (nothing.mse, nothing.psnr, nothing.ssim) == (same.mse, same.psnr, same.ssim)
    expected = []
    for place, clean in enumerate(pictures):
        drawn = np.random.default_rng(3).standard_normal(clean.shape, dtype=np.float32)
        noisy = clean / 255 - 0.5 + 25 / 255 * drawn
        assert np.abs(noisy).max() > 0.5  # not clipped on the way in
        assert seen[place][0] == place
        np.testing.assert_allclose(seen[place][1], noisy, atol=1e-6)
        out = np.round(np.clip(0.5 * noisy + 0.5, 0, 1) * 255).astype(np.uint8)
        pair = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        expected.append(
            (
                skimage_metrics.mean_squared_error(clean / 255, out / 255),
                skimage_metrics.peak_signal_noise_ratio(clean, out),
                skimage_metrics.structural_similarity(clean, out, channel_axis=-1, **pair),
            )
        )
    assert (halved.mse, halved.psnr, halved.ssim) == pytest.approx(np.mean(expected, axis=0), rel=2e-3)
    assert nothing.psnr == pytest.approx(20.17, abs=0.7)
