"""One contract over every model in the registry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import lookalike as la
from lookalike.errors import NotFittedError, OptionError, RunError, WeightsError
from lookalike.models import MODELS, model_class
from lookalike.models.base import Autoencoder, centre, to_uint8
from pictures import waves

SHAPES = [(32, 32, 3), (38, 21, 1), (7, 9, 3)]
CODED = [kind for kind in sorted(MODELS) if model_class(kind).has_code]
"""The kinds with codes; what a model without one does in their place, test_unet.py says."""


def fitted(kind: str, shape: tuple[int, int, int] = (32, 32, 3), **changes: object) -> Autoencoder:
    pictures = waves(60, *shape)
    model = model_class(kind)(code_size=5, **changes)
    training = {"epochs": 1, "progress": False} if model.trains_in_epochs else {}
    return model.fit(pictures, **training)


@pytest.fixture(scope="module", params=CODED)
def model(request: pytest.FixtureRequest) -> Autoencoder:
    return fitted(request.param)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", CODED)
def test_any_size_and_one_or_three_channels(kind: str, shape: tuple[int, int, int]) -> None:
    model = fitted(kind, shape)
    pictures = waves(3, *shape, seed=1)
    codes = model.encode(pictures)
    assert (codes.shape, codes.dtype) == ((3, 5), np.float32)
    back = model.decode(codes)
    assert (back.shape, back.dtype) == ((3, *shape), np.float32)
    assert min(model.layer_widths().values()) == 5


def test_pictures_mean_the_same_in_every_form(model: Autoencoder) -> None:
    pictures = waves(4, seed=1)
    codes = model.encode(pictures)
    np.testing.assert_array_equal(codes, model.encode(la.ImageSet(pictures)))
    np.testing.assert_array_equal(codes, model.encode(pictures.astype(np.float32) / np.float32(255) - np.float32(0.5)))
    np.testing.assert_allclose(codes[:1], model.encode(pictures[0]), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(codes, model.transform(pictures))
    np.testing.assert_array_equal(model.decode(codes), model.inverse_transform(codes))
    np.testing.assert_array_equal(model.decode(codes), model.reconstruct(pictures))


def test_score_is_the_negative_mean_over_all_pixels(model: Autoencoder) -> None:
    pictures = waves(301, seed=1)  # more than one batch, and not a multiple of it
    expected = np.mean((centre(pictures).astype(np.float64) - model.reconstruct(pictures)) ** 2)
    assert model.score(pictures) == pytest.approx(-expected, rel=1e-6)
    assert model.evaluate(pictures).mse == pytest.approx(expected, rel=1e-6)


def test_noise_is_on_the_input_only(model: Autoencoder) -> None:
    pictures = waves(40, seed=1)
    result = model.evaluate(pictures, noise="gaussian:0.1")
    assert result.noisy_mse == pytest.approx(0.01, rel=0.02)
    assert result.noisy_psnr == pytest.approx(20, abs=0.1)
    # What is compared is the clean picture: a linear code of 5 numbers lets next to none of the noise through.
    assert abs(result.mse - model.evaluate(pictures).mse) < 0.003
    assert result == model.evaluate(pictures, noise="gaussian:0.1")
    assert result.mse != model.evaluate(pictures, noise="gaussian:0.1", seed=1).mse


def test_a_clone_has_the_parameters_and_no_weights(model: Autoencoder) -> None:
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(NotFittedError, match="no weights yet"):
        twin.encode(waves(2))
    assert clone(model).set_params(code_size=3).code_size == 3


def test_saved_and_loaded_gives_the_same_to_the_last_bit(model: Autoencoder, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    pictures = waves(20, seed=1)
    for loaded in (la.load_model(tmp_path / "m"), type(model).load(tmp_path / "m")):
        assert type(loaded) is type(model)
        assert loaded.score(pictures) == model.score(pictures)
        assert loaded.history_ == model.history_
        assert loaded.data_ == model.data_
        np.testing.assert_array_equal(loaded.encode(pictures), model.encode(pictures))
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"encoder.safetensors", "decoder.safetensors", "model.json"}


def test_summary_counts_every_weight(model: Autoencoder) -> None:
    counted = sum(tensor.size for side in model.weights().values() for tensor in side.values())
    assert model.n_parameters == counted
    assert f"{counted:,}" in model.summary().splitlines()[-1]


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((2, 16, 16, 3), np.uint8), r"\(16, 16, 3\); this model takes \(32, 32, 3\)"),
        (np.zeros((2, 32, 32), np.uint8), "is not pictures"),
        (np.zeros((2, 32, 32, 2), np.uint8), "is not pictures"),
        (np.zeros((0, 32, 32, 3), np.uint8), "is not pictures"),
        (np.zeros((2, 32, 32, 3), np.int64), "are int64; give uint8"),
        (np.full((2, 32, 32, 3), 255.0, np.float32), "reach 255; centre them"),
        (np.full((2, 32, 32, 3), np.nan, np.float32), "reach nan"),
    ],
)
def test_wrong_pictures_are_named(model: Autoencoder, pictures: np.ndarray, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        model.encode(pictures)


def test_wrong_codes_are_named(model: Autoencoder) -> None:
    with pytest.raises(OptionError, match=r"shape \(2, 6\); this model decodes codes of shape \(N, 5\)"):
        model.decode(np.zeros((2, 6)))


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
    elif how == "other shape":
        description["image_shape"] = [64, 64, 3]
        (folder / "model.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("flipped bit", WeightsError, "its digest differs"),
        ("missing side", WeightsError, "cannot be read"),
        ("no description", RunError, "holds no model"),
        ("half a description", WeightsError, "is damaged"),
        ("later format", WeightsError, "format 99, this version reads 1"),
        ("other shape", WeightsError, r"(en|de)coder\.\w+\.weight has shape"),
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
