"""What people have in Keras's files: each is imported as Keras computes it, or refused by its layer's name."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from rounding import rounding

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
from keras import layers
from torch.nn import functional

from lookalike.errors import WeightsError
from lookalike.interop.keras_import import Imported, import_keras
from lookalike.models.activations import ACTIVATIONS as ACTIVATIONS_HERE

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",
    "ignore:You are saving your model as an HDF5 file",
)

Models = tuple[keras.Model, keras.Model]
SMALL, PICTURE = (4, 4, 3), (8, 8, 3)
ACTIVATIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "sigmoid", "hard_sigmoid", "log_sigmoid"),
    *("sparse_sigmoid", "tanh", "hard_tanh", "tanh_shrink", "softplus", "softsign", "squareplus", "sparse_plus"),
    *("soft_shrink", "hard_shrink", "silu", "swish", "hard_silu", "gelu", "mish", "exponential"),
    *("softmax", "log_softmax"),
)
FORMS = ("two.keras", "two.h5", "one.keras", "one.h5", "flat.keras", "flat.h5")


def stirred(*models: keras.Model) -> None:
    """Every weight at random, biases and running means too; running variances positive."""
    generator = np.random.default_rng(3)
    for model in models:
        for weight in model.weights:
            values = generator.normal(0, 0.4, weight.shape).astype(np.float32)
            weight.assign(np.abs(values) + 0.3 if "variance" in weight.path else values)


def saved(encoder: keras.Model, decoder: keras.Model, form: str, folder: Path) -> list[Path]:
    """The pair in two files, nested in one, or as one chain in one."""
    stirred(encoder, decoder)
    kind, _, suffix = form.partition(".")
    if kind == "two":
        models = {"encoder": encoder, "decoder": decoder}
    else:
        picture = keras.Input(encoder.input_shape[1:])
        x: Any = picture
        if kind == "one":
            x = decoder(encoder(picture))
        else:
            for layer in (*encoder.layers, *decoder.layers):
                x = x if isinstance(layer, layers.InputLayer) else layer(x)
        models = {"autoencoder": keras.Model(picture, x)}
    for name, model in models.items():
        model.save(folder / f"{name}.{suffix}")
    return [folder / f"{name}.{suffix}" for name in models]


def assert_equal_to_keras(imported: Imported, encoder: keras.Model, decoder: keras.Model) -> None:
    model = imported.model
    pictures = np.random.default_rng(1).random((5, *model.image_shape_), np.float32) - np.float32(0.5)
    codes = keras.ops.convert_to_numpy(encoder(pictures.reshape(5, *encoder.input_shape[1:])))
    decoded = keras.ops.convert_to_numpy(decoder(codes)).reshape(pictures.shape)
    np.testing.assert_allclose(model.encode(pictures), codes, rtol=0, atol=rounding(model, codes))
    np.testing.assert_allclose(model.decode(codes), decoded, rtol=0, atol=rounding(model, codes, decoded))


def dense(*between: Any, code: Any = "relu", output: Any = "sigmoid", shape: tuple[int, ...] = SMALL) -> Models:
    encoder = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(5, activation=code), *between])
    values = int(np.prod(shape))
    decoder = keras.Sequential([keras.Input((5,)), layers.Dense(values, activation=output), layers.Reshape(shape)])
    return encoder, decoder


def convolutional(
    *,
    activation: Any = "elu",
    after: Callable[[], list[Any]] = list,
    after_pooling: Callable[[], list[Any]] = list,
    code: Any = None,
    first: Any = None,
    output: Any = None,
    shape: tuple[int, int, int] = PICTURE,
    depth: int = 2,
    bias: bool = True,
    first_layers: list[Any] | None = None,
    pooling: Callable[[], Any] = layers.MaxPooling2D,
    end: list[Any] | None = None,
    **settings: Any,
) -> Models:
    """The notebook's network with 2 convolutions; `after` makes what follows each, `settings` go to the first."""
    encoder = keras.Sequential([keras.Input(shape), *(first_layers or [])])
    for i, filters in enumerate((4, 6)[:depth]):
        given = {"padding": "same", "activation": activation, "use_bias": bias, **(settings if i == 0 else {})}
        encoder.add(layers.Conv2D(filters, given.pop("kernel", 3), **given))
        for layer in after():
            encoder.add(layer)
        encoder.add(pooling())
        for layer in after_pooling():
            encoder.add(layer)
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(5, activation=code, use_bias=bias))
    grid = tuple(-(-side // 4) for side in shape[:2])
    decoder = keras.Sequential(
        [keras.Input((5,)), layers.Dense(int(np.prod(grid)) * 6, activation=first, use_bias=bias)]
    )
    decoder.add(layers.Reshape((*grid, 6)))
    decoder.add(layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation=activation, use_bias=bias))
    for layer in after():
        decoder.add(layer)
    decoder.add(layers.Conv2DTranspose(shape[2], 3, strides=2, padding="same", activation=output, use_bias=bias))
    for layer in end or []:
        decoder.add(layer)
    return encoder, decoder


@pytest.mark.parametrize("number", range(len(ACTIVATIONS)), ids=lambda number: ACTIVATIONS[number])
def test_one_hidden_layer_with_any_activation(number: int, tmp_path: Path) -> None:
    """Each as the code's and as the output's, over all ways of saving."""
    name, form = ACTIVATIONS[number], FORMS[number % len(FORMS)]
    other = ACTIVATIONS[(number + 1) % len(ACTIVATIONS)]
    pair = dense(code=name, output=other)
    imported = import_keras(saved(*pair, form, tmp_path))
    assert_equal_to_keras(imported, *pair)
    assert imported.model.kind == "dense"
    assert imported.difference is not None
    assert imported.difference < 1e-5


def normalised() -> list[Any]:
    return [layers.BatchNormalization(epsilon=0.01), layers.Activation("elu")]


TAKEN: dict[str, tuple[Callable[[], Models], str]] = {
    "linear": (lambda: dense(code=None, output=None), "pca"),
    "flat vectors": (lambda: flat_vectors(), "dense"),
    "normalised code": (lambda: dense(layers.BatchNormalization(scale=False), code=None, output="tanh"), "dense"),
    "dropout": (lambda: dense(layers.Dropout(0.5), layers.GaussianNoise(0.1)), "dense"),
    "an activation apart": (lambda: dense(layers.LeakyReLU(0.15), code=None), "dense"),
    "an activation that is a layer": (lambda: dense(code=layers.LeakyReLU(negative_slope=0.4)), "dense"),
    "softmax layer": (lambda: dense(layers.Softmax(), code=None), "dense"),
    "conv": (lambda: convolutional(), "conv"),
    "conv relu": (lambda: convolutional(activation="relu", code="relu", first="relu", output="sigmoid"), "conv"),
    "conv swish": (lambda: convolutional(activation="swish", output="tanh"), "conv"),
    "conv linear": (lambda: convolutional(activation=None), "conv"),
    "conv softmax code": (lambda: convolutional(code="softmax"), "conv"),
    "conv leaky layer": (lambda: convolutional(activation=None, after=lambda: [layers.LeakyReLU(0.3)]), "conv"),
    "conv relu6": (lambda: convolutional(activation=None, after=lambda: [layers.ReLU(6)]), "conv"),
    "conv elu of 0.5": (lambda: convolutional(activation=None, after=lambda: [layers.ELU(0.5)]), "conv"),
    "conv normalised": (lambda: convolutional(activation=None, after=normalised), "conv"),
    "conv dropouts": (lambda: convolutional(after=lambda: [layers.SpatialDropout2D(0.3), layers.Dropout(0.1)]), "conv"),
    "conv without biases": (lambda: convolutional(bias=False), "conv"),
    "conv cropped": (lambda: convolutional(shape=(10, 11, 1), end=[layers.Cropping2D(((0, 2), (0, 1)))]), "conv"),
    "conv normalised grid": (lambda: normalised_grid(), "conv"),
    "functional decoder": (lambda: functional_decoder(), "conv"),
    "frozen": (lambda: frozen(), "conv"),
}


def flat_vectors() -> Models:
    encoder = keras.Sequential([keras.Input((48,)), layers.Dense(5, activation="relu")])
    return encoder, keras.Sequential([keras.Input((5,)), layers.Dense(48, activation="sigmoid")])


def normalised_grid() -> Models:
    encoder, _ = convolutional()
    decoder = keras.Sequential(
        [
            *(keras.Input((5,)), layers.Dense(2 * 2 * 6), layers.Reshape((2, 2, 6)), layers.BatchNormalization()),
            *(layers.ReLU(), layers.Conv2DTranspose(4, 3, strides=2, padding="same"), layers.ELU()),
            *(layers.Conv2DTranspose(3, 3, strides=2, padding="same"), layers.BatchNormalization(center=False)),
        ]
    )
    return encoder, decoder


def functional_decoder() -> Models:
    encoder, sequential = convolutional()
    code = x = keras.Input((5,))
    for layer in sequential.layers:
        x = layer(x)
    return encoder, keras.Model(code, x)


def frozen() -> Models:
    """Weights that are not trained come last in HDF5, those of normalisations among them."""
    encoder, decoder = convolutional(activation=None, after=normalised)
    encoder.layers[0].trainable = False
    decoder.layers[3].trainable = False
    return encoder, decoder


@pytest.mark.parametrize("number", range(len(TAKEN)), ids=lambda number: list(TAKEN)[number])
def test_what_the_models_here_hold_is_taken(number: int, tmp_path: Path) -> None:
    make, kind = list(TAKEN.values())[number]
    for form in (FORMS[number % len(FORMS)], FORMS[(number + 3) % len(FORMS)]):
        folder = tmp_path / form
        folder.mkdir()
        pair = make()
        imported = import_keras(saved(*pair, form, folder))
        assert imported.model.kind == kind
        assert_equal_to_keras(imported, *pair)


@pytest.mark.parametrize("form", ["keras", "h5", "weights.h5"])
def test_a_sequential_encoder_with_a_functional_decoder_in_one_file(form: str, tmp_path: Path) -> None:
    encoder, decoder = functional_decoder()
    stirred(encoder, decoder)
    picture = keras.Input(PICTURE)
    path = tmp_path / f"autoencoder.{form}"
    autoencoder = keras.Model(picture, decoder(encoder(picture)))
    autoencoder.save_weights(path) if form == "weights.h5" else autoencoder.save(path)
    assert_equal_to_keras(import_keras([path]), encoder, decoder)


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_networks_that_were_trained_on_pictures_from_0_to_1(kind: str, tmp_path: Path) -> None:
    pair = dense() if kind == "dense" else convolutional(activation="relu", output="sigmoid")
    model = import_keras(saved(*pair, "two.keras", tmp_path), pixels="unit").model
    pictures = np.random.default_rng(1).random((5, *model.image_shape_), np.float32)
    codes = keras.ops.convert_to_numpy(pair[0](pictures))
    np.testing.assert_allclose(model.encode(pictures - np.float32(0.5)), codes, rtol=0, atol=rounding(model, codes))
    decoded = keras.ops.convert_to_numpy(pair[1](codes))
    np.testing.assert_allclose(model.decode(codes) + np.float32(0.5), decoded, rtol=0, atol=rounding(model, codes))


def test_a_saved_import_is_the_same_model(tmp_path: Path) -> None:
    encoder, decoder = convolutional(activation="relu", output="sigmoid")
    imported = import_keras(saved(encoder, decoder, "two.keras", tmp_path))
    imported.model.save(tmp_path / "run")
    import lookalike as la

    assert_equal_to_keras(imported._replace(model=la.load_model(tmp_path / "run")), encoder, decoder)


def branched() -> Models:
    x = keras.Input(SMALL)
    flat = layers.Flatten()(x)
    code = layers.Add(name="joined")([layers.Dense(5)(flat), layers.Dense(5)(flat)])
    return keras.Model(x, code), dense()[1]


def used_twice() -> Models:
    code = keras.Input((5,))
    shared = layers.Dense(5, name="shared")
    x = layers.Dense(48)(shared(shared(code)))
    return dense()[0], keras.Model(code, layers.Reshape(SMALL)(x))


def two_a_pooling() -> Models:
    encoder, decoder = convolutional()
    more = [
        *encoder.layers[:1],
        layers.Conv2D(4, 3, padding="same", activation="elu", name="more"),
        *encoder.layers[1:],
    ]
    return keras.Sequential([keras.Input(PICTURE), *more]), decoder


def upsampled() -> Models:
    encoder, decoder = convolutional()
    return encoder, keras.Sequential([keras.Input((5,)), *decoder.layers[:2], layers.UpSampling2D(name="wider")])


def deeper() -> Models:
    encoder, decoder = dense()
    more = [*encoder.layers[:1], layers.Dense(9, name="between"), layers.Dense(5)]
    return keras.Sequential([keras.Input(SMALL), *more]), decoder


def mixed() -> Models:
    _, decoder = convolutional(activation="elu")
    return convolutional(activation="relu")[0], decoder


def half_precision() -> Models:
    _, decoder = dense()
    lower = layers.Dense(5, dtype="mixed_float16", name="lower")
    return keras.Sequential([keras.Input(SMALL), layers.Flatten(), lower]), decoder


REFUSED: dict[str, tuple[Callable[[], Models], str]] = {
    "strides": (lambda: convolutional(strides=2, name="first"), r"'first' has strides \(2, 2\); \(1, 1\)"),
    "kernel": (lambda: convolutional(kernel=5, name="first"), r"'first' has kernel_size \(5, 5\); \(3, 3\)"),
    "padding": (lambda: convolutional(padding="valid", name="first"), "'first' has padding valid; same"),
    "dilation": (lambda: convolutional(dilation_rate=2, name="first"), r"'first' has dilation_rate \(2, 2\)"),
    "groups": (lambda: convolutional(groups=2, name="first", shape=(8, 8, 4)), "'first' has groups 2; 1"),
    "pooling of 4": (
        lambda: convolutional(depth=1, pooling=lambda: layers.MaxPooling2D(4, name="pool")),
        r"'pool' has pool_size \(4, 4\)",
    ),
    "overlapping": (
        lambda: convolutional(depth=1, pooling=lambda: layers.MaxPooling2D(2, strides=1, name="pool")),
        r"'pool' has strides \(1, 1\)",
    ),
    "average": (
        lambda: convolutional(depth=1, pooling=lambda: layers.AveragePooling2D(2, name="pool")),
        "'pool' is of kind AveragePooling2D",
    ),
    "no pooling": (
        lambda: convolutional(pooling=lambda: layers.Dropout(0.1)),
        "after layer 'conv2d.*' comes .*; MaxPooling2D",
    ),
    "two convolutions": (two_a_pooling, "after layer 'conv2d.*' comes nothing|3 convolutions lead to the code"),
    "upsampling": (upsampled, "'wider' is of kind UpSampling2D"),
    "three Dense": (deeper, "2 Dense layers|'between'"),
    "branches": (branched, "'joined' is of kind Add"),
    "used twice": (used_twice, "'shared'"),
    "prelu": (lambda: dense(layers.PReLU(name="slopes"), code=None), "'slopes' is of kind PReLU"),
    "relu to 4": (lambda: dense(layers.ReLU(4, name="capped"), code=None), "'capped' is a ReLU with .*'max_value': 4"),
    "two activations": (lambda: dense(layers.ReLU(name="again"), code="tanh"), "'again' applies relu after tanh"),
    "glu": (lambda: dense(layers.Activation("glu", name="gate"), code=None), "'gate'.* has an activation .*'glu'"),
    "normalised too late": (
        lambda: dense(layers.BatchNormalization(name="norm"), code="relu"),
        "'norm' normalises after relu of 'dense",
    ),
    "normalised first": (
        lambda: convolutional(first_layers=[layers.BatchNormalization(name="norm")]),
        "'norm' of kind BatchNormalization stands before every layer with weights",
    ),
    "normalised rows": (
        lambda: convolutional(activation=None, after=lambda: [layers.BatchNormalization(axis=1)]),
        "'batch_normalization.*' has axis 1; -1",
    ),
    "swish after the pooling": (
        lambda: convolutional(activation=None, after_pooling=lambda: [layers.Activation("silu")]),
        "applies silu after a MaxPooling2D",
    ),
    "two kinds of activation": (mixed, "has activation 'elu'; 'relu' is expected, as 'conv2d"),
    "half precision": (half_precision, "'lower' has dtype 'mixed_float16'"),
    "cropped at the start": (
        lambda: convolutional(shape=(10, 12, 1), end=[layers.Cropping2D(((2, 0), (0, 0)), name="crop")]),
        "'crop' has cropping .* only rows and columns at the end",
    ),
    "not cropped": (lambda: convolutional(shape=(10, 12, 1)), r"'conv2d_transpose.*' gives \(12, 12, 1\); .* \(10, 12"),
    "channels first": (
        lambda: convolutional(data_format="channels_first", name="first"),
        "'first' has data_format 'channels_first'",
    ),
    "sparsemax": (lambda: dense(code="sparsemax"), "'dense.*' has an activation .*'sparsemax'"),  # Keras's is another
}


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda number: list(REFUSED)[number])
def test_what_they_do_not_is_refused_by_its_name(number: int, tmp_path: Path) -> None:
    make, message = list(REFUSED.values())[number]
    form = FORMS[number % 2]
    with pytest.raises(WeightsError, match=message) as refusal:
        import_keras(saved(*make(), form, tmp_path))
    assert refusal.value.exit_code == 2
    assert str(tmp_path) in str(refusal.value)


def test_both_files_are_looked_at(tmp_path: Path) -> None:
    """The encoder's own architecture counts although the decoder's is all right."""
    with pytest.raises(WeightsError, match=r"encoder.keras: layer 'first' has strides \(2, 2\)"):
        import_keras(saved(*convolutional(strides=2, name="first"), "two.keras", tmp_path))


def test_weights_alone_do_not_say_where_a_normalisation_is(tmp_path: Path) -> None:
    encoder, decoder = convolutional(activation=None, after=normalised)
    for name, model in (("encoder", encoder), ("decoder", decoder)):
        model.save_weights(tmp_path / f"{name}.weights.h5")
    with pytest.raises(WeightsError, match="'batch_normalization' has 4 tensors, and weights alone do not say"):
        import_keras([tmp_path / "encoder.weights.h5", tmp_path / "decoder.weights.h5"])


def test_keras_2_had_another_hard_sigmoid(tmp_path: Path) -> None:
    (path,) = saved(*dense(code="hard_sigmoid"), "one.h5", tmp_path)
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["keras_version"] = "2.15.0"
    with pytest.raises(WeightsError, match=r"layer 'dense.*' has activation 'hard_sigmoid' as Keras 2"):
        import_keras([path])


def test_what_comes_out_otherwise_than_by_the_layers_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Should a layer be computed wrongly here, if only by the approximation of GELU that others mean by its name."""
    paths = saved(*dense(code="gelu"), "two.keras", tmp_path)
    monkeypatch.setitem(ACTIVATIONS_HERE, "gelu", partial(functional.gelu, approximate="tanh"))
    with pytest.raises(WeightsError, match=r"differs by \S+ from the layers of the files, beyond 1e-05; .* not taken"):
        import_keras(paths)


def test_the_command_prints_the_difference_and_refuses_with_2(call: Any, tmp_path: Path) -> None:
    good = saved(*dense(), "two.keras", tmp_path)
    assert 0 < call("import", *good, "--run", tmp_path / "run", "--json").json["max_abs_difference"] < 1e-5
    bad = saved(*convolutional(strides=2, name="first"), "two.keras", tmp_path)
    refused = call("import", *bad, "--run", tmp_path / "other")
    assert refused.code == 2
    assert "layer 'first' has strides" in refused.err
    assert not (tmp_path / "other").exists()
