"""Keras's files, old and new, in and out."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from pictures import waves
from places import FIXTURES
from rounding import rounding

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
from keras import layers

import lookalike as la
from lookalike.errors import OptionError, WeightsError
from lookalike.interop import keras_import
from lookalike.interop.keras_export import export_keras
from lookalike.models.base import Autoencoder
from lookalike.pixels import centre

# Keras itself hands its variables to NumPy 2 in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def imported_model(paths: list[Path], **options: object) -> Autoencoder:
    return keras_import.import_keras(paths, **options).model  # type: ignore[arg-type]


KERAS = FIXTURES / "keras2"


def recorded(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    outputs = np.load(KERAS / kind / "outputs.npz")
    pictures = np.random.default_rng(0).random((4, *outputs["pictures"].shape[1:]), np.float32) - np.float32(0.5)
    return pictures, outputs["codes"], outputs["pictures"]


@pytest.mark.parametrize("whole", [False, True], ids=["two files", "one file"])
@pytest.mark.parametrize(("kind", "model"), [("linear", "conv"), ("elu", "conv"), ("pca", "pca")])
def test_keras_2_files_give_what_they_gave(kind: str, model: str, whole: bool) -> None:
    folder = KERAS / kind
    paths = [folder / "autoencoder.001.hdf5"] if whole else [folder / "encoder.h5", folder / "decoder.h5"]
    activation = "elu" if kind == "elu" and not whole else None
    imported = imported_model(paths, dense_activation=activation)
    pictures, codes, decoded = recorded(kind)
    assert imported.kind == model
    np.testing.assert_allclose(imported.encode(pictures), codes, rtol=0, atol=rounding(imported, codes))
    np.testing.assert_allclose(imported.decode(codes), decoded, rtol=0, atol=rounding(imported, codes))


def test_the_activation_matters() -> None:
    wrong = imported_model([KERAS / "elu" / "encoder.h5", KERAS / "elu" / "decoder.h5"])
    _, codes, decoded = recorded("elu")
    assert np.abs(wrong.decode(codes) - decoded).max() > 1e-3


def keras_3_model() -> tuple[keras.Model, keras.Model, keras.Model]:
    """Twelve convolutions before, so that the running numbers of names have two digits and cross from 9 to 10."""
    for _ in range(8):
        layers.Conv2D(1, 3)
    shape = (32, 48, 1)
    encoder = keras.Sequential([keras.Input(shape)])
    for channels in (2, 3, 4, 5):
        encoder.add(layers.Conv2D(channels, 3, padding="same", activation="elu", bias_initializer="random_normal"))
        encoder.add(layers.MaxPooling2D())
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(6))
    decoder = keras.Sequential(
        [keras.Input((6,)), layers.Dense(2 * 3 * 5, activation="elu"), layers.Reshape((2, 3, 5))]
    )
    for channels, activation in ((4, "elu"), (3, "elu"), (2, "elu"), (1, "linear")):
        decoder.add(layers.Conv2DTranspose(channels, 3, strides=2, padding="same", activation=activation))
    picture = keras.Input(shape)
    return encoder, decoder, keras.Model(picture, decoder(encoder(picture)))


@pytest.mark.parametrize("form", ["weights.h5", "keras", "one weights.h5", "one keras"])
def test_keras_3_files(form: str, tmp_path: Path) -> None:
    encoder, decoder, autoencoder = keras_3_model()
    suffix = form.split()[-1]
    models = {"autoencoder": autoencoder} if form.startswith("one") else {"encoder": encoder, "decoder": decoder}
    paths = [tmp_path / f"{name}.{suffix}" for name in models]
    for path, network in zip(paths, models.values(), strict=True):
        network.save(path) if suffix == "keras" else network.save_weights(path)
    told = suffix == "keras"
    imported = imported_model(paths, dense_activation=None if told else "elu", size=None if told else (32, 48))
    pictures = centre(waves(3, 32, 48, 1))
    codes = keras.ops.convert_to_numpy(encoder(pictures))
    np.testing.assert_allclose(imported.encode(pictures), codes, rtol=0, atol=rounding(imported, codes))
    decoded = keras.ops.convert_to_numpy(decoder(codes))
    np.testing.assert_allclose(imported.decode(codes), decoded, rtol=0, atol=rounding(imported, codes))


MODELS = {
    "conv": la.ConvAutoencoder(5, channels=(2, 3, 4, 5)).initialise((32, 32, 3)),
    "conv, elu, cropped": la.ConvAutoencoder(5, channels=(2, 3), dense_activation="elu").initialise((22, 17, 1)),
    "conv, activations": la.ConvAutoencoder(
        5,
        channels=(2, 3),
        activation="leaky_relu:0.3",
        code_activation="tanh",
        output_activation="sigmoid",
        pixels="unit",
    ).initialise((8, 8, 3)),
    "dense": la.DenseAutoencoder(4, code_activation="elu:0.5", output_activation="gelu").initialise((8, 8, 3)),
    "pca": la.PCAAutoencoder(4).initialise((8, 8, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_keras_reads(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    result = export_keras(model, tmp_path)
    assert result["max_abs_difference"] < rounding(model)
    assert {Path(path).name for path in result["files"]} == {p.name for p in tmp_path.iterdir()}
    encoder, decoder = (keras.saving.load_model(tmp_path / f"{side}.keras") for side in ("encoder", "decoder"))
    pictures = centre(waves(3, *model.image_shape_))
    codes = model.encode(pictures)
    within = rounding(model, codes)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(encoder(pictures)), codes, rtol=0, atol=within)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(decoder(codes)), model.decode(codes), rtol=0, atol=within)
    # The weights for Keras 2, through Keras's own reader of that format, into a network that had others.
    encoder.set_weights([np.zeros_like(w) for w in encoder.get_weights()])
    encoder.load_weights(tmp_path / "encoder.h5")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(encoder(pictures)), codes, rtol=0, atol=within)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", MODELS)
def test_out_and_in_again_is_the_same_model(name: str, suffix: str, tmp_path: Path) -> None:
    """Of what Keras computes with the exported model, also where the file holds weights alone."""
    model = MODELS[name]
    export_keras(model, tmp_path)
    height, width, _ = model.image_shape_
    size = (height, width) if suffix == "h5" and height != width else None
    imported = keras_import.import_keras([tmp_path / f"{side}.{suffix}" for side in ("encoder", "decoder")], size=size)
    again = imported.model
    assert imported.difference is not None
    for side, tensors in model.weights().items():
        for tensor_name, tensor in tensors.items():
            np.testing.assert_array_equal(again.weights()[side][tensor_name], tensor)
    encoder, decoder = (keras.saving.load_model(tmp_path / f"{side}.keras") for side in ("encoder", "decoder"))
    pictures = centre(waves(3, *model.image_shape_))
    codes = keras.ops.convert_to_numpy(encoder(pictures))
    np.testing.assert_allclose(again.encode(pictures), codes, atol=1e-5)
    np.testing.assert_allclose(again.decode(codes), keras.ops.convert_to_numpy(decoder(codes)), atol=1e-5)


def test_an_exported_layer_that_does_not_say_its_activation_is_refused(tmp_path: Path) -> None:
    export_keras(MODELS["dense"], tmp_path)
    paths = [tmp_path / "encoder.h5", tmp_path / "decoder.h5"]
    with pytest.raises(OptionError, match=r"dense activation is given as 'relu', but .*decoder.h5 says 'gelu'"):
        imported_model(paths, dense_activation="relu")
    with h5py.File(paths[1], "a") as file:
        del next(iter(file.values())).attrs["activation"]
    with pytest.raises(WeightsError, match=r"decoder.h5: layer .*dense.* does not say its activation"):
        imported_model(paths)
    with h5py.File(paths[1], "a") as file:
        file.attrs["pixels"] = "unit"
    with pytest.raises(WeightsError):
        imported_model(paths)


def test_small_pictures_cannot_go_to_keras(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="7 x 9 are padded before the poolings"):
        export_keras(la.ConvAutoencoder(2).initialise((7, 9, 3)), tmp_path)


def bad_files(folder: Path) -> dict[str, list[Path]]:
    linear, pca = KERAS / "linear", KERAS / "pca"
    text = folder / "text.h5"
    text.write_text("no weights")
    cut = folder / "cut.h5"
    cut.write_bytes((linear / "encoder.h5").read_bytes()[:9000])
    empty = folder / "empty.h5"
    h5py.File(empty, "w").close()
    lamb = folder / "lambda.keras"
    with zipfile.ZipFile(lamb, "w") as archive:
        archive.writestr("config.json", '{"class_name": "Lambda", "config": {"name": "evil", "function": "code"}}')
        archive.write(KERAS / "linear" / "encoder.h5", "model.weights.h5")
    wide = folder / "wide.h5"
    wide.write_bytes((linear / "encoder.h5").read_bytes())
    with h5py.File(wide, "a") as file:
        group = file[file.attrs["layer_names"][0]]
        name = group.attrs["weight_names"][0]
        del group[name]
        group[name] = np.zeros((5, 5, 3, 2), np.float32)
    return {
        "not HDF5": [text, text],
        "cut off": [cut, linear / "decoder.h5"],
        "no layers": [empty, empty],
        "swapped": [linear / "decoder.h5", linear / "encoder.h5"],
        "mixed": [linear / "encoder.h5", pca / "decoder.h5"],
        "5 x 5": [wide, linear / "decoder.h5"],
        "unknown layer": [lamb],
    }


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("not HDF5", "cannot be read as Keras weights"),
        ("cut off", "cannot be read as Keras weights"),
        ("no layers", "neither 'layer_names' nor 'layers'"),
        ("swapped", "looks like the decoder .* swap the two"),
        ("mixed", "only one of .* has convolutions"),
        ("5 x 5", r"has a kernel of \(5, 5\)"),
        ("unknown layer", "layer 'evil' is of kind Lambda"),
    ],
)
def test_bad_files_are_refused(case: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        imported_model(bad_files(tmp_path)[case])


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        (["linear/autoencoder.001.hdf5"], {"dense_activation": "elu"}, "given as 'elu', but .* says 'linear'"),
        (["linear/autoencoder.001.hdf5"], {"size": (64, 64)}, r"size is \(64, 64\), but .* says \(32, 32\)"),
        (["linear/encoder.h5", "linear/decoder.h5"], {"size": (64, 64)}, "give the size they have"),
        (["pca/encoder.h5", "pca/decoder.h5"], {"size": (5, 5)}, "192 values are no picture of size"),
        (["pca/encoder.h5", "pca/decoder.h5"], {"dense_activation": "reluctant"}, "'reluctant' is unknown"),
    ],
)
def test_options_that_contradict_the_files(paths: list[str], options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        imported_model([KERAS / path for path in paths], **options)
