"""Every corruption against its definition; PSNR and SSIM against scikit-image."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lookalike import metrics
from lookalike.errors import OptionError
from lookalike.noise import NOISES, Gaussian, Noise, NoiseChain, corrupt, parse_noise, picture_generator
from lookalike.noise.camera import demosaiced, mosaic_of
from pictures import waves


def noise_of(sigma: float, indices: range, seed: int = 0, epoch: int = 1) -> np.ndarray:
    clean = np.zeros((len(indices), 32, 32, 3), np.float32)
    return corrupt(clean, parse_noise(f"gaussian:{sigma}"), seed=seed, epoch=epoch, indices=indices)


def test_gaussian_noise_is_gaussian() -> None:
    noise = noise_of(0.1, range(200)).ravel().astype(np.float64)
    assert abs(noise.mean()) < 5 * 0.1 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.1, rel=0.005)
    assert stats.kstest(noise[:50_000] / 0.1, "norm").pvalue > 0.001


def test_gaussian_noise_draws_the_same_bits_forever() -> None:
    """Its definition in NumPy's own words: a training that is resumed must go on with the noise it began with."""
    clean = waves(4) / np.float32(255) - np.float32(0.5)
    noisy = corrupt(clean, parse_noise("gaussian:0.1"), seed=3, epoch=7, indices=[5, 0, 11_000, 2])
    for picture, given, index in zip(clean, noisy, [5, 0, 11_000, 2], strict=True):
        bits = np.random.Philox(key=np.array([3, 7], np.uint64), counter=np.array([0, 0, 0, index], np.uint64))
        normal = np.random.Generator(bits).standard_normal((32, 32, 3), dtype=np.float32)
        np.testing.assert_array_equal(given, picture + np.float32(0.1) * normal)
        np.testing.assert_array_equal(
            picture_generator(3, 7, index).standard_normal((32, 32, 3), dtype=np.float32), normal
        )


def test_a_blind_level_is_drawn_evenly_for_every_picture_and_epoch() -> None:
    noise = parse_noise("gaussian:0.05-0.25")
    assert noise.is_blind
    assert not parse_noise("gaussian:0.1").is_blind
    clean = np.zeros((600, 32, 32, 1), np.float32)
    sigmas = [
        corrupt(clean, noise, seed=0, epoch=epoch, indices=range(600)).std(axis=(1, 2, 3), dtype=np.float64)
        for epoch in (1, 2)
    ]
    assert stats.kstest(sigmas[0], stats.uniform(0.05, 0.2).cdf).pvalue > 0.001
    assert abs(np.corrcoef(*sigmas)[0, 1]) < 0.15


ALL = (*(str(parse_noise(kind.example)) for kind in NOISES.values()), "gaussian:0-0.25", "poisson:20-500", "blur",
       "blur:0.5-2", "jpeg:10-50", "occlude:0.25+gaussian:0.1", "blur:2+poisson:1000+jpeg:30",
       "blur:1.5+jpegpiece:30/gaussian:0.1")  # fmt: skip


@pytest.mark.parametrize("text", ALL)
def test_noise_comes_from_seed_epoch_and_picture_alone(text: str) -> None:
    noise = parse_noise(text)
    clean = waves(1).repeat(30, axis=0) / np.float32(255) - np.float32(0.5)

    def drawn(indices: range, seed: int = 0, epoch: int = 1) -> np.ndarray:
        before = clean[: len(indices)].copy()
        result = corrupt(before, noise, seed=seed, epoch=epoch, indices=indices)
        np.testing.assert_array_equal(before, clean[: len(indices)])  # the clean pictures stay clean
        assert result.dtype == np.float32
        return result

    whole = drawn(range(30))
    np.testing.assert_array_equal(drawn(range(10, 20)), whole[10:20])
    np.testing.assert_array_equal(drawn(range(29, -1, -1)), whole[::-1])
    if text in ("blur", "blur:1.5", "jpeg:20"):  # nothing in them is random
        assert (whole == whole[0]).all()
        return
    for other in (drawn(range(30), seed=1), drawn(range(30), epoch=2), drawn(range(30, 60)), whole[::-1]):
        assert (other != whole).any(axis=(1, 2, 3)).mean() > 0.9
    noise_of_all = (whole - clean).reshape(30, -1)
    if text.startswith("gaussian"):
        assert abs(np.corrcoef(noise_of_all[:-1].ravel(), noise_of_all[1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("share", [0.05, 0.25, 0.6, 0.95])
@pytest.mark.parametrize("shape", [(32, 32, 3), (20, 50, 1)])
def test_occlusion_covers_its_share_with_one_black_rectangle(share: float, shape: tuple[int, int, int]) -> None:
    clean = np.full((400, *shape), 0.3, np.float32)
    covered = corrupt(clean, parse_noise(f"occlude:{share}"), seed=0, epoch=1, indices=range(400))
    black = (covered == -0.5).all(axis=3)
    assert ((covered == np.float32(0.3)) | black[..., None]).all()
    tops, lefts, stretches = [], [], []
    for mask in black:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert mask.sum() == height * width  # a whole rectangle
        assert abs(mask.sum() - share * mask.size) <= height / 2  # as near as whole pixels come
        tops.append(rows[0] / max(shape[0] - height, 1))
        lefts.append(columns[0] / max(shape[1] - width, 1))
        stretches.append(np.log2(height / shape[0] / (width / shape[1])))
    assert black.mean() == pytest.approx(share, rel=0.03)
    assert min(tops) == min(lefts) == 0
    assert max(tops) == max(lefts) == 1
    assert max(np.abs(stretches)) < 1.6  # half to twice the picture's aspect, before whole pixels
    assert abs(np.mean(stretches)) < 0.12
    if share < 0.3:
        assert np.std(stretches) == pytest.approx(2 / np.sqrt(12), rel=0.15)
        assert np.mean(tops) == pytest.approx(0.5, abs=0.06)
        assert np.mean(lefts) == pytest.approx(0.5, abs=0.06)


def test_salt_and_pepper_are_half_each_of_their_share() -> None:
    clean = np.full((200, 32, 32, 3), 0.1, np.float32)
    spoilt = corrupt(clean, parse_noise("saltpepper:0.05"), seed=0, epoch=1, indices=range(200))
    white, black = ((spoilt == value).all(axis=3) for value in (0.5, -0.5))
    count = white.size
    for found in (white, black):
        assert abs(found.sum() - 0.025 * count) < 4 * np.sqrt(count * 0.025 * 0.975)
    assert (spoilt[~(white | black)] == np.float32(0.1)).all()
    # Anywhere in the picture, and one pixel knows nothing of the next.
    assert stats.chisquare((white | black).sum(axis=(0, 1))).pvalue > 0.001
    pairs = ((white | black)[:, :, 1:] & (white | black)[:, :, :-1]).mean()
    assert pairs == pytest.approx(0.05**2, rel=0.2)


@pytest.mark.parametrize("photons", [5, 100, 3000])
def test_shot_noise_has_the_variance_of_poisson(photons: float) -> None:
    light = np.linspace(0, 1, 11, dtype=np.float32).reshape(11, 1, 1, 1)
    clean = np.broadcast_to(light - np.float32(0.5), (11, 150, 150, 3))
    noisy = corrupt(clean, parse_noise(f"poisson:{photons}"), seed=0, epoch=1, indices=range(11)) + 0.5
    counts = noisy.astype(np.float64) * photons
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    assert (noisy[0] == 0).all()
    mean, variance = noisy.mean(axis=(1, 2, 3), dtype=np.float64), noisy.var(axis=(1, 2, 3), dtype=np.float64)
    level = light.ravel()[1:]
    np.testing.assert_array_less(np.abs(mean[1:] - level), 5 * np.sqrt(level / photons / noisy[0].size))
    np.testing.assert_allclose(variance[1:], level / photons, rtol=0.05)
    assert stats.skew(counts[-1], axis=None) == pytest.approx(1 / np.sqrt(photons), abs=0.05)


def test_poisson_by_default_is_as_loud_as_the_courses_noise_at_white() -> None:
    white = np.full((1, 200, 200, 1), 0.5, np.float32)
    assert corrupt(white, parse_noise("poisson"), seed=0, epoch=1, indices=[0]).std() == pytest.approx(0.1, rel=0.03)
    beyond = np.full((1, 4, 4, 1), -0.9, np.float32)  # darker than black: no photons
    assert (corrupt(beyond, parse_noise("poisson"), seed=0, epoch=1, indices=[0]) == -0.5).all()


@pytest.mark.parametrize(("text", "sigma"), [("blur", 1.0), ("blur:0.6", 0.6), ("blur:2.5", 2.5)])
def test_blur_is_a_gaussian_window(text: str, sigma: float) -> None:
    pictures = waves(2, 30, 20) / np.float32(255) - np.float32(0.5)
    pictures += np.random.default_rng(0).normal(0, 0.1, pictures.shape).astype(np.float32)
    radius = int(4 * sigma + 0.5)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    window = np.exp(-(y**2 + x**2) / (2 * sigma**2))
    expected = ndimage.convolve(pictures.astype(np.float64), (window / window.sum())[None, ..., None], mode="reflect")
    blurred = corrupt(pictures, parse_noise(text), seed=0, epoch=1, indices=range(2))
    np.testing.assert_allclose(blurred, expected, atol=1e-6)


@pytest.mark.parametrize("channels", [3, 1])
def test_jpeg_is_what_pillow_writes_and_reads(channels: int) -> None:
    pixels = waves(2, 40, 24, channels)
    lossy = corrupt(pixels / np.float32(255) - np.float32(0.5), parse_noise("jpeg:20"), seed=0, epoch=1, indices=[0, 1])
    for picture, given in zip(pixels, lossy, strict=True):
        stream = io.BytesIO()
        Image.fromarray(picture.squeeze()).save(stream, format="JPEG", quality=20)
        back = np.asarray(Image.open(stream)).reshape(picture.shape)
        assert (back != picture).any()
        np.testing.assert_array_equal(np.rint((given + 0.5) * 255), back)
    assert (
        not corrupt(np.full((1, 8, 8, 3), 0.9, np.float32), parse_noise("jpeg:90"), seed=0, epoch=1, indices=[0]).max()
        > 0.5
    )


def test_blind_qualities_are_whole_numbers_ends_included() -> None:
    noise, generator = NOISES["jpeg"](10, 13), np.random.default_rng(0)
    qualities, counts = np.unique([noise.draw(generator) for _ in range(2000)], return_counts=True)
    np.testing.assert_array_equal(qualities, [10, 11, 12, 13])
    assert stats.chisquare(counts).pvalue > 0.001


def test_the_squares_of_a_piece_of_a_jpeg_begin_anywhere() -> None:
    """Where they begin is where neighbours differ most; what lies between is smooth."""
    ramp = np.linspace(-0.4, 0.4, 64, dtype=np.float32)
    clean = np.broadcast_to((ramp[:, None] + ramp)[None, ..., None] / 2, (80, 64, 64, 3)).astype(np.float32)
    begins = []
    for picture in corrupt(clean, parse_noise("jpegpiece:5"), seed=0, epoch=1, indices=range(80)):
        steps = np.abs(np.diff(picture.mean(axis=2), axis=1)).mean(axis=0)
        begins.append(int(np.argmax([steps[first::8].mean() for first in range(8)])))
    assert sorted(set(begins)) == list(range(8))
    assert np.bincount(begins).max() < 25
    whole = corrupt(clean, parse_noise("jpeg:5"), seed=0, epoch=1, indices=range(80))
    assert (whole == whole[0]).all()


def test_a_choice_is_drawn_evenly_and_does_what_it_names() -> None:
    clean = waves(400) / np.float32(255) - np.float32(0.5)
    noise = parse_noise("blur:1.5/blur:1.5/blur:0.5+blur:0.5/jpeg:20")
    assert (str(noise), noise.is_blind) == ("blur:1.5/blur:1.5/blur:0.5+blur:0.5/jpeg:20", True)
    given = corrupt(clean, noise, seed=0, epoch=1, indices=range(400))
    counts = []
    for text in ("blur:1.5", "blur:0.5+blur:0.5", "jpeg:20"):  # nothing in them is random
        alone = corrupt(clean, parse_noise(text), seed=0, epoch=1, indices=range(400))
        counts.append(int((given == alone).all(axis=(1, 2, 3)).sum()))
    assert sum(counts) == 400
    assert stats.chisquare(counts, [200, 100, 100]).pvalue > 0.001


def test_poisson_and_gaussian_noise_together_have_a_variance_that_rises_with_the_signal() -> None:
    light = np.linspace(0.1, 1, 10)
    clean = np.broadcast_to(light.reshape(-1, 1, 1, 1) - 0.5, (10, 200, 200, 1)).astype(np.float32)
    noise = corrupt(clean, parse_noise("poisson:200+gaussian:0.03"), seed=0, epoch=1, indices=range(10)) - clean
    variances = light / 200 + 0.03**2
    # A variance of n numbers is off by sqrt(2 / n) of itself, of counts by little more.
    np.testing.assert_allclose(noise.var(axis=(1, 2, 3), dtype=np.float64), variances, rtol=4.5 * np.sqrt(2 / 40_000))
    assert (np.abs(noise.mean(axis=(1, 2, 3), dtype=np.float64)) < 5 * np.sqrt(variances / 40_000)).all()


@pytest.mark.parametrize("iso", [800, 12_800])
def test_a_camera_counts_photons_of_linear_light(iso: int) -> None:
    """Of grey, where no mosaic is: in light, by sRGB's formula, the variance is a * signal + b."""
    photons = 3e6 / iso
    light = np.linspace(0.1, 0.6, 6)
    grey = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    clean = np.broadcast_to(grey.reshape(-1, 1, 1, 1) - 0.5, (6, 200, 200, 1)).astype(np.float32)
    taken = corrupt(clean, parse_noise(f"camera:{iso}"), seed=0, epoch=1, indices=range(6)).astype(np.float64) + 0.5
    seen = np.where(taken <= 0.04045, taken / 12.92, ((taken + 0.055) / 1.055) ** 2.4)
    variances = light / photons + (3 / photons) ** 2
    np.testing.assert_allclose(seen.var(axis=(1, 2, 3)), variances, rtol=4.5 * np.sqrt(2 / 40_000))
    assert (np.abs(seen.mean(axis=(1, 2, 3)) - light) < 5 * np.sqrt(variances / 40_000) + 1e-6).all()


def test_a_cameras_noise_is_coloured_and_alike_in_neighbours() -> None:
    """On flat grey: by the weights of the filters, sums of squares of independent numbers."""
    clean = np.zeros((8, 128, 128, 3), np.float32)
    taken = corrupt(clean, parse_noise("camera:6400"), seed=0, epoch=1, indices=range(8)).astype(np.float64) + 0.5
    seen = ((taken + 0.055) / 1.055) ** 2.4
    photons, light = 3e6 / 6400, ((0.5 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(seen.mean(axis=(0, 1, 2)), light, rtol=0.002)

    def variance(gain: float) -> float:
        return light / gain / photons + (3 / photons) ** 2

    red, green, blue = variance(2), variance(1), variance(1.7)
    eighths = np.array([[4, 2, 2, 2, 2, -1, -1, -1, -1]]) / 8  # green at red or blue: the first and the last four
    at_other = (np.square(eighths[0, [0, 5, 6, 7, 8]]).sum() * (red + blue) / 2) + np.square(
        eighths[0, 1:5]
    ).sum() * green
    expected = (green + at_other) / 2
    assert seen[..., 1].var() == pytest.approx(expected, rel=0.03)
    assert seen[..., 0].var() > 1.5 * seen[..., 1].var()
    shifted = np.corrcoef(seen[:, :, 1:, 0].ravel(), seen[:, :, :-1, 0].ravel())[0, 1]
    assert shifted > 0.2  # what demosaicing puts in comes from its neighbours


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_demosaicing_is_that_of_its_paper(corner: tuple[int, int]) -> None:
    """By its equations, pixel by pixel; and what is linear, with colours that differ by constants, comes back whole."""
    colours = mosaic_of(12, 14, *corner)
    assert sorted(np.unique(colours, return_counts=True)[1].tolist()) == [42, 42, 84]
    mosaic = np.random.default_rng(0).random((12, 14))
    found = demosaiced(mosaic, colours)
    at = np.pad(mosaic, 2, mode="reflect")
    for y, x in [(y, x) for y in range(12) for x in range(14)]:
        v = at[y : y + 5, x : x + 5]
        beside, above = v[2, 1] + v[2, 3], v[1, 2] + v[3, 2]
        far_beside, far_above = v[2, 0] + v[2, 4], v[0, 2] + v[4, 2]
        corners, own = v[1, 1] + v[1, 3] + v[3, 1] + v[3, 3], v[2, 2]
        if colours[y, x] == 1:
            row = next(c for c in colours[y] if c != 1)
            expected = {1: own}
            expected[row] = beside / 2 + (5 * own - far_beside - corners + far_above / 2) / 8
            expected[2 - row] = above / 2 + (5 * own - far_above - corners + far_beside / 2) / 8
        else:
            bend = own - (far_beside + far_above) / 4
            expected = {
                colours[y, x]: own,
                1: (beside + above) / 4 + bend / 2,
                2 - colours[y, x]: corners / 4 + 3 / 4 * bend,
            }
        np.testing.assert_allclose(found[y, x], [expected[c] for c in range(3)], atol=1e-12)
    y, x = np.mgrid[:12, :14]
    plane = (0.02 * y + 0.03 * x)[..., None] + np.array([0.1, 0.3, 0.2])
    whole = demosaiced(np.take_along_axis(plane, colours[..., None], axis=2)[..., 0], colours)
    np.testing.assert_allclose(whole[2:-2, 2:-2], plane[2:-2, 2:-2], atol=1e-12)


def test_blind_isos_are_drawn_on_a_logarithmic_scale() -> None:
    noise, generator = parse_noise("camera:100-12800"), np.random.default_rng(0)
    assert isinstance(noise, NOISES["camera"])
    steps = [np.log2(noise.draw(generator) / 100) / 7 for _ in range(2000)]
    assert stats.kstest(steps, "uniform").pvalue > 0.001


def test_a_chain_goes_from_left_to_right() -> None:
    clean = np.full((3, 16, 16, 3), 0.2, np.float32)

    def after(text: str) -> np.ndarray:
        return corrupt(clean, parse_noise(text), seed=0, epoch=1, indices=range(3))

    assert (after("gaussian:0.1+occlude:0.25") == -0.5).mean() == pytest.approx(0.25, abs=0.02)
    assert (after("occlude:0.25+gaussian:0.1") == -0.5).mean() < 0.01
    parts = parse_noise("occlude:0.25+gaussian:0.1")
    assert isinstance(parts, NoiseChain)
    for i, picture in enumerate(clean):
        generator = picture_generator(0, 1, i)
        for part in parts.parts:
            picture = part(picture, generator)
        np.testing.assert_array_equal(after("occlude:0.25+gaussian:0.1")[i], picture)
    assert parse_noise("gaussian:0-0.1+blur").is_blind
    assert not parse_noise("gaussian:0.1+blur").is_blind


@pytest.mark.parametrize("text", [*ALL, "gaussian:0.123456789", "gaussian:1e-07", "occlude:1", "saltpepper:0-0.2"])
def test_the_text_of_a_corruption_reads_back_as_the_same(text: str) -> None:
    noise = parse_noise(text)
    assert isinstance(noise, Noise)
    assert str(noise) == text
    assert parse_noise(str(noise)) == noise


def test_numbers_may_be_written_in_any_way() -> None:
    assert parse_noise("gaussian:0.10") == parse_noise("gaussian:1e-1") == parse_noise("gaussian:.1") == Gaussian(0.1)
    assert str(parse_noise("poisson:1e+3+gaussian:1e-2-2e-1")) == "poisson:1000+gaussian:0.01-0.2"
    assert parse_noise("poisson:100") == parse_noise("poisson")


@pytest.mark.parametrize("name", NOISES)
def test_every_corruption_has_examples_that_work(name: str) -> None:
    kind = NOISES[name]
    assert parse_noise(kind.example).name == name
    widest = parse_noise(f"{name}:{kind.above:g}-{kind.most:g}")
    assert np.isfinite(corrupt(np.zeros((20, 9, 11, 3), np.float32), widest, seed=0, epoch=1, indices=range(20))).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fog:1", "'fog:1' is unknown; give one of gaussian:0.1, occlude:0.25, "),
        ("occlude:0.25+fog:1", "'fog:1' in 'occlude:0.25.fog:1' is unknown"),
        ("gaussian:0.1+", "'' in 'gaussian:0.1.' is unknown"),
        ("", "'' is unknown"),
        ("gaussian", "has no number after the colon; write gaussian:0.1, or gaussian:0-0.1"),
        ("poisson:", "has no number after the colon; write poisson:100"),
        ("gaussian:much", "has no number after the colon"),
        ("gaussian:nan", "has no number after the colon"),
        ("gaussian:0.1-", "has no number after the colon"),
        ("gaussian:-1", "sigma is -1; give a number above 0 and up to 1, as gaussian:0.1"),
        ("gaussian:0", "sigma is 0; give a number above 0"),
        ("gaussian:1.5", "sigma is 1.5; give a number above 0 and up to 1"),
        ("gaussian:0.2-0.1", "sigma goes from 0.2 to 0.1; give two rising numbers from 0 to 1, as gaussian:0-1"),
        ("gaussian:0.1-0.1", "give two rising numbers"),
        ("occlude:2", "the covered share is 2; give a number above 0 and up to 1, as occlude:0.25"),
        ("saltpepper:-0.1", "the share of pixels is -0.1"),
        ("poisson:0", "photons at full white is 0; give a number above 0"),
        ("blur:1e9", r"sigma in pixels is 1e\+09; give a number above 0 and up to 100"),
        ("jpeg:0", "quality is 0; give a number above 0 and up to 100, as jpeg:20"),
        ("jpeg:20.5", "quality is 20.5; give a whole number from 1 to 100"),
    ],
)
def test_bad_noise_is_named(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        parse_noise(text)
    assert "\n" not in str(caught.value)


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
