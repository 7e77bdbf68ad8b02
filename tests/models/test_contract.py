"""One contract over every model: what goes in, what comes out, how good it is, and how it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import lookalike as la
from contract import CASES, CODE, CODED, UNCODED
from lookalike.errors import NotFittedError, OptionError, RunError, WeightsError
from lookalike.models import model_class
from lookalike.models.base import Autoencoder
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.pixels import centre, to_uint8
from pictures import waves

SHAPES = [(38, 21, 1), (7, 9, 3)]
FITTED: dict[str, Autoencoder] = {}


def fitted(name: str) -> Autoencoder:
    """Fitted once to 60 pictures of 32 x 32; nobody may change it."""
    if name not in FITTED:
        FITTED[name] = CASES[name].fit(waves(60))
    return FITTED[name]


@pytest.fixture(params=CASES)
def model(request: pytest.FixtureRequest) -> Autoencoder:
    return fitted(request.param)


@pytest.fixture(params=CODED)
def coded(request: pytest.FixtureRequest) -> Autoencoder:
    return fitted(request.param)


# Pictures and codes


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_any_size_and_one_or_three_channels(name: str, shape: tuple[int, int, int]) -> None:
    model, pictures = CASES[name].fit(waves(40, *shape)), waves(3, *shape, seed=1)
    back = model.reconstruct(pictures)
    assert (back.shape, back.dtype) == ((3, *shape), np.float32)
    if model.has_code:
        codes = model.encode(pictures)
        assert (codes.shape, codes.dtype) == ((3, CODE), np.float32)
        assert min(model.layer_widths().values()) == CODE


def test_pictures_mean_the_same_in_every_form(model: Autoencoder) -> None:
    pictures = waves(4, seed=1)
    expected = model.reconstruct(pictures)
    np.testing.assert_array_equal(expected, model.reconstruct(la.ImageSet(pictures)))
    floats = pictures.astype(np.float32) / np.float32(255) - np.float32(0.5)
    np.testing.assert_array_equal(expected, model.reconstruct(floats))
    np.testing.assert_allclose(expected[:1], model.reconstruct(pictures[0]), rtol=0, atol=1e-5)


def test_codes_are_the_way_there_and_back(coded: Autoencoder) -> None:
    pictures = waves(4, seed=1)
    codes = coded.encode(pictures)
    assert (codes.shape, codes.dtype, coded.code_size) == ((4, CODE), np.float32, CODE)
    np.testing.assert_array_equal(coded.decode(codes), coded.reconstruct(pictures))
    np.testing.assert_array_equal(codes, coded.encode(la.ImageSet(pictures)))
    np.testing.assert_array_equal(codes, coded.transform(pictures))
    np.testing.assert_array_equal(coded.decode(codes), coded.inverse_transform(codes))
    np.testing.assert_allclose(coded.decode(codes[0]), coded.decode(codes)[:1], rtol=0, atol=1e-5)
    with pytest.raises(OptionError, match=r"shape \(2, 6\); this model decodes codes of shape \(N, 5\)"):
        coded.decode(np.zeros((2, 6)))


@pytest.mark.parametrize("name", UNCODED)
def test_a_model_without_codes_says_so(name: str, tmp_path: Path) -> None:
    model, pictures = fitted(name), waves(2)
    attempts = [
        lambda: model.code_size,
        lambda: model.encode(pictures),
        lambda: model.decode(np.zeros((1, 4))),
        lambda: model.transform(pictures),
        lambda: model.inverse_transform(np.zeros((1, 4))),
        lambda: la.morph(model, pictures[0], pictures[1]),
        lambda: la.Gallery.open(tmp_path / "gallery", model),
    ]
    for attempt in attempts:
        with pytest.raises(OptionError, match="removes noise and has no code; train conv or pca for codes"):
            attempt()


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((2, 32, 32), np.uint8), "is not pictures"),
        (np.zeros((2, 32, 32, 2), np.uint8), "is not pictures"),
        (np.zeros((0, 32, 32, 3), np.uint8), "is not pictures"),
        (np.zeros((2, 32, 32, 3), np.int64), "are int64; give uint8"),
        (np.full((2, 32, 32, 3), 255.0, np.float32), "reach 255; centre them"),
        (np.full((2, 32, 32, 3), np.nan, np.float32), "reach nan"),
    ],
)
def test_wrong_pictures_are_named(model: Autoencoder, pictures: np.ndarray, message: str) -> None:
    for call in (model.reconstruct, model.score, model.evaluate):
        with pytest.raises(OptionError, match=message):
            call(pictures)


def test_pictures_of_another_size_are_refused_unless_any_size_goes(model: Autoencoder) -> None:
    smaller = waves(2, 16, 16)
    if model.reach is not None:
        assert model.reconstruct(smaller).shape == (2, 16, 16, 3)
        return
    with pytest.raises(OptionError, match=r"\(16, 16, 3\); this model takes \(32, 32, 3\)"):
        model.encode(smaller)


# Figures


def test_figures_are_means_over_all_pixels(model: Autoencoder) -> None:
    pictures = waves(301, seed=1)  # more than one batch, and not a multiple of it
    clean, back = centre(pictures).astype(np.float64), model.reconstruct(pictures)
    expected = np.mean((clean - back) ** 2)
    assert model.score(pictures) == pytest.approx(-expected, rel=1e-6)
    result = model.evaluate(pictures)
    assert (result.images, result.noise, result.noisy_mse) == (301, None, None)
    assert result.mse == pytest.approx(expected, rel=1e-6)
    shown = np.mean((clean - np.clip(back, -0.5, 0.5)) ** 2, axis=(1, 2, 3))
    assert result.psnr == pytest.approx(np.mean(-10 * np.log10(shown)), rel=1e-6)


def test_noise_is_on_the_input_only(model: Autoencoder) -> None:
    pictures = waves(40, seed=1)
    clean = centre(pictures)
    noisy = corrupt(clean, parse_noise("gaussian:0.1"), seed=0, epoch=EVALUATION_EPOCH, indices=range(40))
    result = model.evaluate(pictures, noise="gaussian:0.1")
    assert result.noisy_mse == pytest.approx(0.01, rel=0.02)
    assert result.noisy_psnr == pytest.approx(20, abs=0.1)
    assert result.mse == pytest.approx(np.mean((model.reconstruct(noisy) - clean) ** 2, dtype=np.float64), rel=1e-5)
    assert result == model.evaluate(pictures, noise="gaussian:0.1")
    assert result.mse != model.evaluate(pictures, noise="gaussian:0.1", seed=1).mse


# scikit-learn's manners


def test_a_clone_has_the_parameters_and_no_weights(model: Autoencoder) -> None:
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert type(model)(**model.get_params()).get_params() == model.get_params()
    for use in (twin.reconstruct, twin.score, twin.evaluate):
        with pytest.raises(NotFittedError, match="no weights yet"):
            use(waves(2))
    name = sorted(set(twin.get_params()) - {"device", "channels", "solver", "dense_activation"})[0]
    assert twin.set_params(**{name: 3}).get_params()[name] == 3
    assert model.get_params()[name] != 3


@pytest.mark.parametrize("name", ["pca", "search"])
def test_it_goes_into_a_pipeline(name: str) -> None:
    """scikit-learn's own call of `fit`, with a y of None, and of `transform`."""
    pictures = waves(40, 16, 16)
    pipeline = make_pipeline(FunctionTransformer(), CASES[name].new()).fit(pictures)
    np.testing.assert_array_equal(pipeline.transform(pictures), CASES[name].fit(pictures).encode(pictures))
    assert pipeline.score(pictures) == CASES[name].fit(pictures).score(pictures)


# Kept, and found again


def test_saved_and_loaded_gives_the_same_to_the_last_bit(model: Autoencoder, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    pictures = waves(20, seed=1)
    for loaded in (la.load_model(tmp_path / "m"), type(model).load(tmp_path / "m")):
        assert type(loaded) is type(model)
        assert loaded.score(pictures) == model.score(pictures)
        assert (loaded.history_, loaded.data_, loaded.digest) == (model.history_, model.data_, model.digest)
        assert json.dumps(loaded.get_params()) == json.dumps(model.get_params())  # which knows no tuples
        np.testing.assert_array_equal(loaded.reconstruct(pictures), model.reconstruct(pictures))
        if model.has_code:
            np.testing.assert_array_equal(loaded.encode(pictures), model.encode(pictures))
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"encoder.safetensors", "decoder.safetensors", "model.json"}


def test_summary_counts_every_weight(model: Autoencoder, tmp_path: Path) -> None:
    model.save(tmp_path)
    sides = [load_file(tmp_path / f"{side}.safetensors") for side in ("encoder", "decoder")]
    counted = sum(tensor.size for side in sides for tensor in side.values())
    assert model.n_parameters == counted == sum(t.size for side in model.weights().values() for t in side.values())
    lines = model.summary().splitlines()
    code = f"{CODE} -> " if model.has_code else ""
    assert lines[0] == f"{type(model).__name__}: 32 x 32 x 3 -> {code}32 x 32 x 3"
    assert f"{counted:,}" in lines[-1]
    assert len(lines) == 4 + sum(map(len, sides))


@pytest.mark.parametrize("name", CASES)
def test_the_digest_is_of_the_weights_and_not_of_where_they_came_from(name: str) -> None:
    first, again = (CASES[name].fit(waves(24, 16, 16)) for _ in range(2))
    assert first.digest == again.digest
    assert first.digest != CASES[name].fit(waves(24, 16, 16, seed=1)).digest


def damage(folder: Path, how: str) -> None:
    encoder = folder / "encoder.safetensors"
    description = json.loads((folder / "model.json").read_text())
    if how == "flipped bit":
        content = bytearray(encoder.read_bytes())
        content[-1] ^= 1
        encoder.write_bytes(content)
    elif how == "missing side":
        encoder.unlink()
    elif how == "no description":
        (folder / "model.json").unlink()
    elif how == "half a description":
        (folder / "model.json").write_text('{"format": 1')
    elif how == "later format":
        (folder / "model.json").write_text(json.dumps({**description, "format": 99}))
    elif how == "another folder's file":
        description["files"]["../encoder.safetensors"] = description["files"]["encoder.safetensors"]
        (folder / "model.json").write_text(json.dumps(description))
    elif how == "other shape":
        description["image_shape"] = [64, 64, 1]
        (folder / "model.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("flipped bit", WeightsError, "its digest differs"),
        ("missing side", WeightsError, "cannot be read"),
        ("no description", RunError, "holds no model"),
        ("half a description", WeightsError, "is damaged"),
        ("another folder's file", WeightsError, "names other files than its sides' own"),
        ("later format", WeightsError, "format 99, this version reads 1"),
        ("other shape", WeightsError, r"(en|de)coder\.\S+ has shape"),
    ],
)
def test_damaged_models_are_refused(
    model: Autoencoder, tmp_path: Path, how: str, error: type[Exception], message: str
) -> None:
    model.save(tmp_path)
    damage(tmp_path, how)
    with pytest.raises(error, match=message):
        la.load_model(tmp_path)


def test_loading_as_another_kind_is_refused(tmp_path: Path) -> None:
    fitted("pca").save(tmp_path)
    with pytest.raises(RunError, match="of kind 'pca', not 'conv'"):
        la.ConvAutoencoder.load(tmp_path)


def test_unknown_kinds_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="'vae' is unknown; give one of conv, pca"):
        model_class("vae")
    with pytest.raises(RunError, match="is not a folder"):
        la.load_model(tmp_path / "nowhere")


def test_to_uint8_inverts_centre() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(to_uint8(centre(every)), every)
    np.testing.assert_array_equal(to_uint8(np.array([-9.0, 9.0])), np.array([0, 255]))
