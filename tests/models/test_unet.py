"""The U-Net denoiser: the contract as far as it applies, any size, levels, windows, resuming, and clear refusals."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lookalike as la
from lookalike.denoising import denoise, tiling
from lookalike.errors import OptionError
from lookalike.models import KINDS, parameters_of_words
from lookalike.models.base import Autoencoder
from lookalike.models.unet import Block, Form, UNet, UNetDenoiser
from lookalike.models.unet_shape import reach_of
from lookalike.noise import BLACK, EVALUATION_EPOCH, LOST, NOT_TOLD, corrupt, levels_of, parse_noise
from lookalike.pixels import centre
from lookalike.training.batches import Batches, Epoch, sides_shown
from lookalike.training.loop import measure_mse
from lookalike.training.recipe import RECIPES, Recipe
from pictures import waves
from rounding import rounding

CPU = torch.device("cpu")
PLAIN = Recipe()
QUICK = Recipe(
    epochs=8, optimizer="muon", learning_rate=0.02, beta_1=0.95, beta_2=0.95, schedule="cosine", flips=True, greys=0.2
)


def noisy_waves(level: float, count: int = 40, side: int = 16, seed: int = 9) -> tuple[np.ndarray, np.ndarray]:
    clean = centre(waves(count, side, side, seed=seed))
    noise = parse_noise(f"gaussian:{level}")
    return clean, corrupt(clean, noise, seed=0, epoch=EVALUATION_EPOCH, indices=range(count))


@pytest.fixture(scope="module")
def model() -> UNetDenoiser:
    return UNetDenoiser(width=8, device="cpu").fit(waves(1600, 16, 16), recipe=QUICK, progress=False)


@pytest.fixture(scope="module")
def grey() -> UNetDenoiser:
    return UNetDenoiser(width=4, device="cpu").fit(waves(64, 16, 16, 1), epochs=1, progress=False)


def lively(width: int = 4, blocks: int = 1, channels: int = 3, seed: int = 0) -> UNetDenoiser:
    """Untrained, but with an end that is not zero: every weight shows in the result."""
    model = UNetDenoiser(width=width, blocks=blocks, seed=seed, device="cpu").initialise((16, 16, channels))
    with torch.no_grad():
        model.network_.decoder.tail.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(seed))
    return model


# The contract


def test_it_is_in_the_registry_and_its_preset_is_blind() -> None:
    assert (KINDS["unet"].code_size, KINDS["unet"].noise, KINDS["unet"].recipe) == (None, "gaussian:0-0.25", "unet")
    assert KINDS["conv"].recipe == KINDS["denoiser"].recipe == "course"
    assert RECIPES["unet"].least_steps > 0


def test_blind_it_removes_noise_of_every_strength(model: UNetDenoiser) -> None:
    for level, most in ((0.05, 0.9), (0.1, 0.5), (0.2, 0.35)):
        clean, noisy = noisy_waves(level)
        left = np.mean((model.reconstruct(noisy) - clean) ** 2)
        assert left < most * level**2, level
        result = model.evaluate(waves(40, 16, 16, seed=9), f"gaussian:{level}")
        assert result.mse == pytest.approx(left, rel=1e-5)
        assert result.noisy_mse == pytest.approx(level**2, rel=0.05)


def test_untrained_it_leaves_pictures_as_they_are() -> None:
    pictures = waves(3, 18, 13)
    fresh = UNetDenoiser(width=4, device="cpu").initialise((16, 16, 3))
    np.testing.assert_array_equal(fresh.reconstruct(pictures), centre(pictures))
    assert fresh.score(pictures) == 0


def test_summary_and_widths_name_every_layer(model: UNetDenoiser) -> None:
    counted = sum(tensor.size for side in model.weights().values() for tensor in side.values())
    assert model.n_parameters == counted == sum(p.numel() for p in model.network_.parameters())
    lines = model.summary().splitlines()
    assert lines[0] == "UNetDenoiser: 16 x 16 x 3 -> 16 x 16 x 3"
    assert f"{counted:,}" in lines[-1]
    widths = model.layer_widths()
    assert widths["encoder.bottom.0.conv2"] == 4 * 4 * 32
    assert widths["decoder.tail"] == 16 * 16 * 3


def test_its_weights_are_a_function_of_the_seed_and_the_digest_of_both() -> None:
    first, again, other = lively(), lively(), lively(seed=1)
    assert first.digest == again.digest != other.digest
    assert lively(width=5).digest != first.digest


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"width": 0}, "width is 0; give 1 to 256"), ({"blocks": 17, "width": 300}, "width is 300.*; blocks are 17")],
)
def test_parameters_out_of_range_are_named(parameters: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        UNetDenoiser(**parameters).initialise((16, 16, 3))


# Any size


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (16, 16), (17, 22), (40, 5), (64, 63)])
@pytest.mark.parametrize("blocks", [1, 2])
def test_any_size_is_reflected_to_a_multiple_of_four_and_cropped(shape: tuple[int, int], blocks: int) -> None:
    model, pictures = lively(blocks=blocks), waves(2, *shape)
    back = model.reconstruct(pictures)
    assert (back.shape, back.dtype) == ((2, *shape, 3), np.float32)
    height, width = shape
    padded = np.pad(centre(pictures), [(0, 0), (0, -height % 4), (0, -width % 4), (0, 0)], mode="reflect")
    with torch.inference_mode():
        whole = model.network_(torch.from_numpy(padded).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(back, whole[:, :height, :width], rtol=0, atol=rounding(model))
    assert np.abs(back - centre(pictures)).max() > 0.01


def test_grey_pictures_go_through_a_model_of_colours_as_three_equal_channels() -> None:
    model, pictures = lively(), waves(3, 20, 14, 1)
    expected = model.reconstruct(np.repeat(pictures, 3, axis=3)).mean(axis=3, keepdims=True)
    np.testing.assert_allclose(model.reconstruct(pictures), expected, rtol=0, atol=rounding(model))
    assert denoise(model, pictures[0]).shape == (20, 14, 1)
    assert model.evaluate(pictures, "gaussian:0.1").mse > 0


def test_a_model_of_grey_takes_each_channel_on_its_own(grey: UNetDenoiser) -> None:
    pictures = waves(3, 20, 14)
    expected = np.concatenate([grey.reconstruct(pictures[..., c : c + 1]) for c in range(3)], axis=3)
    np.testing.assert_allclose(grey.reconstruct(pictures), expected, rtol=0, atol=rounding(grey))


def test_large_batches_go_through_in_parts_of_so_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pictures = lively(), waves(7, 16, 16)
    whole = model.reconstruct(pictures)
    monkeypatch.setattr("lookalike.models.codeless.BATCH_PIXELS", 2 * 16 * 16)
    seen = []
    original = UNetDenoiser._denoised

    def watched(self: UNetDenoiser, batch: np.ndarray, levels: np.ndarray | None) -> np.ndarray:
        seen.append(len(batch))
        return original(self, batch, levels)

    monkeypatch.setattr(UNetDenoiser, "_denoised", watched)
    np.testing.assert_allclose(model.reconstruct(pictures), whole, rtol=0, atol=rounding(model))
    assert seen == [2, 2, 2, 1]


@pytest.mark.parametrize(("blocks", "fold"), [(1, 1), (2, 1), (1, 2)])
def test_reach_is_how_far_a_pixel_can_matter(blocks: int, fold: int) -> None:
    """Every weight one, no bias: a changed pixel changes all that it can, wherever it lies in its cell."""
    network, side = UNet(Form(1, (2, 4, 8), blocks, fold), "mse", seed=0), 160
    stride = 4 * fold
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1 if parameter.ndim > 1 else 0)
        furthest = 0
        for place in range(side // 2, side // 2 + stride):
            pictures = torch.zeros(1, 1, side, side)
            pictures[0, 0, place, place] = 1
            changed = torch.nonzero((network(pictures) - network(pictures * 0))[0, 0])
            furthest = max(furthest, int((changed - place).abs().max()))
    assert furthest <= reach_of(blocks, fold) <= furthest + stride - 1
    model = UNetDenoiser(blocks=blocks, fold=fold)
    assert model.reach is not None
    assert model.reach % stride == 0
    assert 0 <= model.reach - reach_of(blocks, fold) < stride


@pytest.mark.parametrize("shape", [(64, 64), (65, 130), (150, 70), (20, 129), (31, 30)])
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_give_what_the_whole_gives(
    shape: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lively(width=6)
    picture = np.random.default_rng(0).integers(0, 256, (*shape, channels), dtype=np.uint8)
    whole = la.to_uint8(model.reconstruct(picture)[0])
    largest = []
    original = UNetDenoiser.reconstruct

    def watched(self: UNetDenoiser, X: np.ndarray, level: float | None = None) -> np.ndarray:
        largest.append(max(X.shape[1:3]))
        return original(self, X, level)

    monkeypatch.setattr(UNetDenoiser, "reconstruct", watched)
    monkeypatch.setattr(tiling, "WINDOW", 32)
    difference = np.abs(denoise(model, picture).astype(int) - whole)
    assert difference.max() <= 1  # half a level may round either way
    assert (difference > 0).mean() < 0.002
    assert max(largest) <= 32 + 2 * model.reach
    # With less than its reach the borders of windows do show: the comparison can tell.
    if min(shape) > 60:
        monkeypatch.setattr(UNetDenoiser, "reach", property(lambda self: 4))
        assert (np.abs(denoise(model, picture).astype(int) - whole) > 1).any()


@pytest.mark.parametrize("shape", [(40, 40), (33, 46), (5, 70)])
def test_a_self_ensemble_is_the_mean_of_quarter_turns(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "WINDOW", 32)
    model, picture = lively(width=6), np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    turns = [model.reconstruct(np.rot90(picture, k).copy(), 0.1)[0] for k in range(4)]
    by_hand = np.mean([np.rot90(la.to_uint8(turn).astype(int), -k) for k, turn in enumerate(turns)], axis=0)
    together = denoise(model, picture, 0.1, self_ensemble=True)
    assert np.abs(together - by_hand).max() <= 1
    # It answers a turned picture by its turned answer, which one look alone does not; and the level is told on.
    turned = np.rot90(picture).copy()
    np.testing.assert_array_equal(denoise(model, turned, 0.1, self_ensemble=True), np.rot90(together))
    assert (denoise(model, turned, 0.1) != np.rot90(denoise(model, picture, 0.1))).any()
    assert (denoise(model, picture, self_ensemble=True) != together).any()


# For photographs: at half size, without biases


def photographic(seed: int = 0) -> UNetDenoiser:
    """Untrained, with an end that is not zero."""
    settings = {"channels": (6, 8, 10), "fold": 2, "biases": False, "objective": "l1"}
    model = UNetDenoiser(**settings, seed=seed, device="cpu").initialise((16, 16, 3))
    with torch.no_grad():
        model.network_.decoder.tail.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(seed))
    return model


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (16, 16), (17, 22)])
def test_folded_it_takes_any_size_too(shape: tuple[int, int]) -> None:
    model, pictures = photographic(), waves(2, *shape)
    height, width = shape
    padded = np.pad(centre(pictures), [(0, 0), (0, -height % 8), (0, -width % 8), (0, 0)], mode="reflect")
    with torch.inference_mode():
        whole = model.network_(torch.from_numpy(padded).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(model.reconstruct(pictures), whole[:, :height, :width], rtol=0, atol=rounding(model))


def test_without_biases_twice_as_strong_a_picture_gives_twice_the_result() -> None:
    """Blind: what it is told is not scaled with the picture."""
    pictures = centre(waves(2, 24, 16))
    model, with_biases = photographic(), lively()
    with torch.no_grad():
        for name, parameter in with_biases.network_.named_parameters():
            parameter.add_(0.1 if name.endswith("bias") else 0)
    np.testing.assert_allclose(model.reconstruct(2 * pictures), 2 * model.reconstruct(pictures), rtol=0, atol=1e-4)
    assert np.abs(with_biases.reconstruct(2 * pictures) - 2 * with_biases.reconstruct(pictures)).max() > 0.01


def test_it_minimises_the_mean_absolute_error_where_that_is_asked_for() -> None:
    model, shown_ = photographic(), torch.from_numpy(centre(waves(3, 16, 16))).permute(0, 3, 1, 2)
    given = shown_ + 0.1
    with torch.no_grad():
        total, mse = model.network_.loss(shown_, given, {"levels": torch.full((3,), NOT_TOLD)})
    left = model.reconstruct(given.permute(0, 2, 3, 1).numpy()) - shown_.permute(0, 2, 3, 1).numpy()
    assert float(total) == pytest.approx(np.abs(left).mean(), rel=1e-5)
    assert float(mse) == pytest.approx(np.square(left).mean(), rel=1e-5)


def test_it_is_saved_with_its_form_and_others_as_they_were(tmp_path: Path) -> None:
    model = photographic()
    model.save(tmp_path / "new")
    again = la.load_model(tmp_path / "new")
    assert (again.digest, again.reach) == (model.digest, model.reach)
    lively().save(tmp_path / "old")
    parameters = json.loads((tmp_path / "old" / "model.json").read_text())["parameters"]
    assert set(parameters) == {"width", "blocks", "seed", "device"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": (4, 8)}, r"channels are \(4, 8\); give 3 numbers from 1 to 1024"),
        ({"fold": 5}, "fold is 5; give 1 to 4"),
        ({"objective": "l2"}, "objective 'l2' is unknown; give one of mse, l1"),
    ],
)
def test_a_form_that_cannot_be_is_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        UNetDenoiser(**parameters).initialise((16, 16, 3))


def test_a_form_is_given_in_words() -> None:
    words = ["channels=6,8,10", "fold=2", "biases=false", "objective=l1"]
    given = parameters_of_words("unet", words)
    assert given == {"channels": (6, 8, 10), "fold": 2, "biases": False, "objective": "l1"}
    with pytest.raises(OptionError, match="biases is 'maybe'; give true or false"):
        parameters_of_words("unet", ["biases=maybe"])


def test_a_trapezoid_rises_stays_and_falls_to_nothing() -> None:
    recipe = Recipe(schedule="trapezoid", warmup=0.1, fall=0.3)
    rates = [recipe.rate_at(step, 100) for step in range(100)]
    np.testing.assert_allclose(np.diff(rates[:10]), 1 / 11)
    assert set(rates[10:70]) == {1.0}
    np.testing.assert_allclose(np.diff(rates[70:]), -1 / 31)
    assert rates[-1] == pytest.approx(1 / 31)


def test_pictures_are_shown_in_all_quarter_turns() -> None:
    pictures, members = waves(200, 8, 8), np.arange(200)
    clean = shown(pictures, None, recipe=Recipe(turns=True)).pictures(members)[0].permute(0, 2, 3, 1).numpy()
    turns = [np.rot90(centre(pictures), quarters, axes=(1, 2)) for quarters in range(4)]
    same = np.array([[np.allclose(one, turn[i], atol=1e-6) for turn in turns] for i, one in enumerate(clean)])
    assert same.any(axis=1).all()
    assert (same.sum(axis=0) > 25).all()


# Levels


def test_the_level_matters_and_is_one_for_each_picture() -> None:
    model, pictures = lively(), waves(3, 16, 16)
    blind, low, high = (model.reconstruct(pictures, level) for level in (None, 0.02, 0.2))
    assert min(np.abs(a - b).max() for a, b in itertools.combinations((blind, low, high), 2)) > 1e-4
    mixed = model.reconstruct(pictures, [0.02, 0.2, 0.02])
    np.testing.assert_allclose(mixed[[0, 2]], low[[0, 2]], rtol=0, atol=rounding(model))
    np.testing.assert_allclose(mixed[1], high[1], rtol=0, atol=rounding(model))
    np.testing.assert_array_equal(denoise(model, pictures[0], 0.2), la.to_uint8(model.reconstruct(pictures[0], 0.2))[0])


def test_a_trained_model_removes_what_it_is_told_is_there(model: UNetDenoiser) -> None:
    """Told of little noise it leaves more of a strong one, and takes less from what is clean."""
    clean, noisy = noisy_waves(0.2)
    left = {level: np.mean((model.reconstruct(noisy, level) - clean) ** 2) for level in (0.02, 0.2)}
    assert left[0.2] < 0.9 * left[0.02]
    taken = {level: np.mean((model.reconstruct(clean, level) - clean) ** 2) for level in (0.02, 0.2)}
    assert taken[0.02] < 0.9 * taken[0.2]


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (-0.1, "level is -0.1; give the noise's standard deviation from 0 to 1"),
        (25, "level is 25; give"),
        (float("nan"), "level is nan; give"),
        ([0.1, 0.2], r"levels of shape \(2,\) for 3 pictures; give one number, or one for each"),
    ],
)
def test_wrong_levels_are_named(model: UNetDenoiser, level: float, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        model.reconstruct(waves(3, 16, 16), level)


def test_other_models_take_no_level_and_no_self_ensemble() -> None:
    pca: Autoencoder = la.PCAAutoencoder(4).fit(waves(20, 8, 8))
    with pytest.raises(OptionError, match=r"level is 0.1, but this model takes none; .* train one with --model unet"):
        denoise(pca, waves(1, 8, 8)[0], 0.1)
    with pytest.raises(OptionError, match=r"a self-ensemble is for models of pictures of any size; .* --model unet"):
        denoise(pca, waves(1, 8, 8)[0], self_ensemble=True)


def test_the_drawn_level_is_the_noises_own() -> None:
    flat = np.zeros((50, 40, 40, 3), np.float32)
    noise = parse_noise("gaussian:0.01-0.25")
    drawn = levels_of(noise, (40, 40), seed=3, epoch=2, indices=range(50))
    added = corrupt(flat, noise, seed=3, epoch=2, indices=range(50)).std(axis=(1, 2, 3))
    np.testing.assert_allclose(drawn, added, rtol=0.05)
    assert len(set(drawn.tolist())) == 50
    same = levels_of(parse_noise("gaussian:0.1"), (8, 8), seed=0, epoch=1, indices=[4, 5])
    assert set(same.tolist()) == {np.float32(0.1)}
    for other in ("poisson", "blur:1.5", "gaussian:0.1+jpeg:20"):
        assert np.isnan(levels_of(parse_noise(other), (8, 8), seed=0, epoch=1, indices=[1])).all()


def test_of_a_choice_each_picture_has_the_level_of_what_it_was_given() -> None:
    flat = np.zeros((60, 12, 12, 3), np.float32)
    noise, drawn = parse_noise("gaussian:0.1/occlude:0.25/jpeg:20"), {"seed": 3, "epoch": 2, "indices": range(60)}
    given, levels = corrupt(flat, noise, **drawn), levels_of(noise, (12, 12), **drawn)
    assert levels.shape == (60, 12, 12)
    seen = set()
    for picture, level in zip(given, levels, strict=True):
        if np.isnan(level).all():  # a JPEG of flat grey is flat
            assert np.ptp(picture) == 0
        elif (level == np.float32(0.1)).all():
            assert 0.08 < picture.std() < 0.12
        else:
            np.testing.assert_array_equal(level == LOST, (picture == BLACK).all(axis=2))
            assert set(np.unique(level)) == {0, LOST}
        seen.add(float(np.nan_to_num(level, nan=-1).max()))
    assert len(seen) == 3
    without_places = levels_of(parse_noise("gaussian:0-0.1/poisson"), (12, 12), **drawn)
    assert without_places.shape == (60,)
    assert 15 < np.isnan(without_places).sum() < 45


def epoch_of(pictures: np.ndarray, noise: str | None, recipe: Recipe = PLAIN, epoch: int = 1) -> Epoch:
    parsed = None if noise is None else parse_noise(noise)
    return Epoch(0, epoch, len(pictures), parsed, sides_shown(pictures, recipe))


def shown(pictures: np.ndarray, noise: str | None, recipe: Recipe = PLAIN, epoch: int = 1) -> Batches:
    return Batches(pictures, recipe, epoch_of(pictures, noise, recipe, epoch), CPU)


def told_levels(pictures: np.ndarray, noise: str, members: np.ndarray, epoch: int = 1) -> torch.Tensor:
    return torch.from_numpy(UNet.extras["levels"](epoch_of(pictures, noise, epoch=epoch))(members))


def test_half_of_the_pictures_are_told_their_level_anew_each_epoch() -> None:
    pictures, members = waves(400, 8, 8), np.arange(400)
    levels = {}
    for epoch in (1, 2):
        clean, noisy = shown(pictures, "gaussian:0-0.25", epoch=epoch).pictures(members)
        told = told_levels(pictures, "gaussian:0-0.25", members, epoch)
        assert told.shape == (400,)
        is_told = told != NOT_TOLD
        assert 150 < int(is_told.sum()) < 250
        drawn = torch.from_numpy(
            levels_of(parse_noise("gaussian:0-0.25"), (8, 8), seed=0, epoch=epoch, indices=members)
        )
        assert torch.equal(told[is_told], drawn[is_told])
        measured = (noisy - clean).std(dim=(1, 2, 3))
        torch.testing.assert_close(told[is_told], measured[is_told], rtol=0.3, atol=0.002)
        levels[epoch] = is_told
    assert not torch.equal(levels[1], levels[2])
    # A picture's draw depends on nothing but its place: not on its batch.
    alone = told_levels(pictures, "gaussian:0-0.25", np.array([7, 399]), epoch=2)
    assert torch.equal(alone, told[[7, 399]])
    assert (told_levels(pictures, "poisson", members) == NOT_TOLD).all()


def test_other_networks_are_shown_what_they_were_shown_before() -> None:
    pictures, members = waves(40, 8, 8), np.arange(0, 40, 3)
    plain = shown(pictures, "gaussian:0.1", recipe=Recipe(flips=True))
    clean, noisy = plain.pictures(members)
    mirrored = np.random.Generator(np.random.Philox(key=np.array([0, 1 + (1 << 40)], np.uint64))).random(40) < 0.5
    wanted = np.stack([pictures[i, :, ::-1] if mirrored[i] else pictures[i] for i in members])
    np.testing.assert_allclose(clean.permute(0, 2, 3, 1).numpy(), centre(wanted), atol=1e-7)
    added = corrupt(centre(wanted), parse_noise("gaussian:0.1"), seed=0, epoch=1, indices=members)
    np.testing.assert_allclose(noisy.permute(0, 2, 3, 1).numpy(), added, atol=1e-6)


# Greys and pieces


def test_some_pictures_are_shown_without_colour_noise_and_all() -> None:
    pictures, members = waves(400, 8, 8), np.arange(400)
    recipe = Recipe(greys=0.25)
    clean, noisy = shown(pictures, "gaussian:0.1", recipe=recipe).pictures(members)
    grey = (clean == clean[:, :1]).flatten(1).all(dim=1)
    assert 60 < int(grey.sum()) < 140
    assert torch.equal(grey, (noisy == noisy[:, :1]).flatten(1).all(dim=1))
    expected = centre(pictures).mean(axis=3)[grey.numpy()]
    np.testing.assert_allclose(clean[grey][:, 0].numpy(), expected, atol=1e-6)
    plain = shown(pictures, "gaussian:0.1").pictures(members)
    assert torch.equal(clean[~grey], plain[0][~grey])
    assert torch.equal(noisy[~grey], plain[1][~grey])
    assert float((noisy - clean)[grey].std()) == pytest.approx(0.1, rel=0.03)
    anew = shown(pictures, "gaussian:0.1", recipe=recipe, epoch=2).pictures(members)[0]
    assert not torch.equal(grey, (anew == anew[:, :1]).flatten(1).all(dim=1))
    with pytest.raises(OptionError, match="greys is 2; give a share from 0 to 1"):
        Recipe(greys=2)


def test_a_model_that_has_seen_greys_removes_their_noise(model: UNetDenoiser) -> None:
    """In three equal channels the noise does not average out as that of colours does; unseen, it would stay."""
    clean = centre(waves(40, 16, 16, 1, seed=9))
    noisy = corrupt(clean, parse_noise("gaussian:0.2"), seed=0, epoch=EVALUATION_EPOCH, indices=range(40))
    assert np.mean((model.reconstruct(noisy) - clean) ** 2) < 0.5 * 0.2**2


def test_pieces_are_squares_of_the_picture_at_places_drawn_anew() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (200, 24, 12, 3), dtype=np.uint8)
    places = {}
    for epoch in (1, 2):
        clean = shown(pictures, None, recipe=Recipe(piece=16), epoch=epoch).pictures(np.arange(200))[0]
        pieces = la.to_uint8(clean.permute(0, 2, 3, 1).numpy())
        assert pieces.shape == (200, 16, 12, 3)  # all of the shorter side
        found = []
        for piece, picture in zip(pieces, pictures, strict=True):
            tops = [top for top in range(9) if (picture[top : top + 16] == piece).all()]
            assert len(tops) == 1
            found += tops
        assert set(found) == set(range(9))
        places[epoch] = found
    assert places[1] != places[2]
    alone = shown(pictures, None, recipe=Recipe(piece=16), epoch=2).pictures(np.array([5]))[0]
    assert torch.equal(alone[0], clean[5])


def test_models_of_one_size_refuse_a_recipe_of_pieces() -> None:
    with pytest.raises(OptionError, match="shows pieces of 8 pixels, but conv learns from whole pictures"):
        la.ConvAutoencoder(4, channels=(4,)).fit(waves(20, 16, 16), recipe=Recipe(piece=8), progress=False)
    with pytest.raises(OptionError, match="piece is -1; give 0 or more"):
        Recipe(piece=-1)


# Training


def test_its_curves_are_of_noisy_pictures() -> None:
    training, aside = waves(64, 16, 16), waves(30, 16, 16, seed=1)
    model = UNetDenoiser(width=4, device="cpu")
    model.fit(training, test=aside, recipe=QUICK, epochs=2, noise="gaussian:0.1", progress=False)
    assert model.history_[-1]["test_mse"] == pytest.approx(model.evaluate(aside, "gaussian:0.1").mse, rel=1e-4)
    clean = measure_mse(model.network_, aside, CPU)
    assert clean == pytest.approx(-model.score(aside), rel=1e-4)


def test_without_noise_there_is_nothing_to_learn() -> None:
    with pytest.raises(OptionError, match=r"no noise is given; .* give 'gaussian:0-0.25'"):
        UNetDenoiser().fit(waves(10), noise=None)


def test_few_pictures_get_more_epochs() -> None:
    recipe = RECIPES["unet"]
    assert recipe.for_pictures(11_909).epochs == recipe.epochs
    assert recipe.for_pictures(640).epochs == recipe.least_steps / 20
    assert recipe.for_pictures(5).epochs == recipe.most_epochs


# On the command line


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unet")
    np.save(folder / "waves.npy", waves(60, 16, 16))
    return folder / "run"


def test_train_and_denoise(call, run: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = run.parent / "waves.npy"
    result = call("train", data, "--run", run, "--model", "unet", "--size", 16, "--epochs", 2, "--json").json
    assert (result["model"], result["code_size"], result["epochs"]) == ("unet", None, 2)
    assert result["noise"] == "gaussian:0-0.25"
    model = la.load_model(run)
    history = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert result["denoise_mse"] == pytest.approx(history["test_mse"], rel=1e-3)
    assert json.loads((run / "config.json").read_text())["recipe"]["optimizer"] == "muon"

    picture = waves(1, 40, 27, seed=5)[0]
    Image.fromarray(picture).save(tmp_path / "p.png")
    Image.fromarray(picture[..., 0]).save(tmp_path / "g.png")
    out = tmp_path / "out"
    call("denoise", run, tmp_path / "p.png", tmp_path / "g.png", "--out", out, "--level", 0.1, "--json").json  # noqa: B018
    for name, given in (("p.png", picture), ("g.png", picture[..., :1])):
        with Image.open(out / name) as written:
            np.testing.assert_array_equal(np.asarray(written), denoise(model, given, 0.1).squeeze())
    call("denoise", run, tmp_path / "p.png", "--out", tmp_path / "turns", "--self-ensemble")
    with Image.open(tmp_path / "turns" / "p.png") as written:
        np.testing.assert_array_equal(np.asarray(written), denoise(model, picture, self_ensemble=True))

    text = call("train", data, "--run", run, "--model", "unet", "--size", 16, "--epochs", 2, "--resume").out
    assert text.startswith("unet without a code, 2 epochs")
    assert "(test pictures with gaussian:0-0.25)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "{data}", "--run", "{tmp}/r", "--model", "unet", "--code", 8],
            "'unet' takes no code size; leave it out: it belongs to conv, pca",
        ),
        (
            ["train", "{data}", "--run", "{tmp}/r", "--model", "unet", "--solver", "svd"],
            "takes no solver; leave",
        ),
        (["denoise", "{run}", "{png}", "--out", "{tmp}/o", "--level", 25], "level is 25; give"),
        (["index", "{run}", "{data}", "--gallery", "{tmp}/g"], "has no code; train conv or pca"),
        (["morph", "{run}", "{png}", "{png}", "--out", "{tmp}/m.png"], "has no code; train conv or pca"),
        (["reconstruct", "{run}", "{png}", "--out", "{tmp}/o"], "has no code; train conv or pca"),
        (["report", "{run}", "--out", "{tmp}/r.html"], "has no code; train conv or pca"),
        (["check", "{run}"], "has no code; train conv or pca"),
        (["submit", "{run}", "--email", "a@b.c", "--token", "t", "--dry-run"], "has no code; train conv or pca"),
        (["export", "{run}", "--format", "keras", "--out", "{tmp}/k"], "export it with --format onnx"),
        (["directions", "{run}", "{data}"], "has no code; train conv or pca"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_does_not_apply_is_one_clear_line(call, run: Path, tmp_path: Path, arguments: list, message: str) -> None:  # type: ignore[no-untyped-def]
    data = run.parent / "waves.npy"
    if not run.exists():
        call("train", data, "--run", run, "--model", "unet", "--size", 16, "--epochs", 1)
    Image.fromarray(waves(1, 16, 16)[0]).save(tmp_path / "p.png")
    places = {"data": data, "run": run, "tmp": tmp_path, "png": tmp_path / "p.png"}
    outcome = call(*(str(argument).format(**places) for argument in arguments))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
    assert message in outcome.err
    assert not (tmp_path / "g").exists()


def test_a_block_adds_to_what_it_is_given() -> None:
    block, x = Block(4), torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        by_hand = x + block.conv2(torch.clamp(block.conv1(x), min=0))
    torch.testing.assert_close(block(x), by_hand)
