"""The same numbers as Keras, layer by layer and step by step (Keras 3 on PyTorch; TensorFlow's own where recorded).

Both sides compute in float64, so that the bounds tell two methods apart rather than two processors: rounding is by
2^-53, and float32's, 5e8 times as coarse, would hide in them no slip of a formula that matters.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from pictures import waves
from places import FIXTURES

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
from keras import layers
from keras.src.backend.common import dtypes

import lookalike as la
from lookalike.models.layers import SameConvTranspose2d
from lookalike.pixels import centre
from lookalike.training.batches import as_batch
from lookalike.training.optimizer import KerasAdamax

# Keras itself hands its variables to NumPy 2 in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

EXACT = 1e-11
"""Of outputs of size 1: sums of up to 1,152 products, each off by 2^-53, are off by 1e-12 after five layers."""

KERAS = FIXTURES / "keras2"
CHANNELS = (32, 64, 128, 256)
CODE = 32


@pytest.fixture(autouse=True)
def _in_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keras's own setting; but for TensorFlow, Keras takes what two float64 come to for float32, as JAX does."""
    monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # which otherwise stays what it was when the first layer was made
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def batch_of(pictures: np.ndarray) -> torch.Tensor:
    return as_batch(pictures, torch.device("cpu")).double()


def keras_encoder(shape: tuple[int, int, int]) -> keras.Model:
    network = keras.Sequential([keras.Input(shape)])
    for channels in CHANNELS:
        network.add(layers.Conv2D(channels, 3, padding="same", activation="elu", bias_initializer="random_normal"))
        network.add(layers.MaxPooling2D())
    network.add(layers.Flatten())
    network.add(layers.Dense(CODE, bias_initializer="random_normal"))
    return network


def keras_decoder(shape: tuple[int, int, int]) -> keras.Model:
    network = keras.Sequential([keras.Input((CODE,))])
    network.add(layers.Dense(2 * 2 * 256, bias_initializer="random_normal"))
    network.add(layers.Reshape((2, 2, 256)))
    for channels, activation in ((128, "elu"), (64, "elu"), (32, "elu"), (shape[2], "linear")):
        network.add(
            layers.Conv2DTranspose(
                channels, 3, strides=2, padding="same", activation=activation, bias_initializer="random_normal"
            )
        )
    return network


def take_over(ours: torch.nn.Module, theirs: keras.Model) -> None:
    """Keras's weights into ours, written out here once more so that the import's own code is not what is trusted."""
    with torch.no_grad():
        number = 0
        for layer in theirs.layers:
            if isinstance(layer, layers.Dense):
                kernel, bias = layer.get_weights()
                ours.dense.weight.copy_(torch.tensor(kernel.T))
                ours.dense.bias.copy_(torch.tensor(bias))
            elif layer.get_weights():
                number += 1
                kernel, bias = layer.get_weights()
                target = ours.get_submodule(f"conv{number}")
                target.weight.copy_(torch.tensor(np.moveaxis(kernel, (3, 2), (0, 1))))
                target.bias.copy_(torch.tensor(bias))


def outputs(network: keras.Model, x: np.ndarray) -> list[np.ndarray]:
    found = []
    for layer in network.layers:
        x = keras.ops.convert_to_numpy(layer(x))
        found.append(x)
    return found


def hooked(module: torch.nn.Module, names: list[str], x: torch.Tensor) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name in names:
        module.get_submodule(name).register_forward_hook(
            lambda _, __, result, name=name: found.update({name: result.detach().numpy()})
        )
    with torch.no_grad():
        found["out"] = module(x).numpy()
    return found


@pytest.mark.parametrize("shape", [(32, 32, 3), (38, 38, 3), (32, 32, 1)], ids=str)
def test_every_layer_of_the_encoder(shape: tuple[int, int, int]) -> None:
    keras.utils.set_random_seed(1)
    theirs = keras_encoder(shape)
    ours = la.ConvAutoencoder(CODE).initialise(shape).network_.encoder.double()
    take_over(ours, theirs)
    pictures = waves(4, *shape)
    batch = batch_of(pictures)
    np.testing.assert_array_equal(batch.permute(0, 2, 3, 1), centre(pictures))
    expected = outputs(theirs, centre(pictures).astype(np.float64))
    names = [f"conv{i}" for i in (1, 2, 3, 4)]
    found = hooked(ours, names, batch)
    for i, name in enumerate(names):
        activated = torch.nn.functional.elu(torch.from_numpy(found[name]))
        np.testing.assert_allclose(activated.permute(0, 2, 3, 1), expected[2 * i], rtol=0, atol=EXACT, err_msg=name)
    np.testing.assert_allclose(found["out"], expected[-1], rtol=0, atol=EXACT)


@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32, 1)], ids=str)
def test_every_layer_of_the_decoder(shape: tuple[int, int, int]) -> None:
    keras.utils.set_random_seed(2)
    theirs = keras_decoder(shape)
    ours = la.ConvAutoencoder(CODE).initialise(shape).network_.decoder.double()
    take_over(ours, theirs)
    codes = np.random.default_rng(0).normal(size=(4, CODE))
    expected = outputs(theirs, codes)
    names = ["dense", *(f"conv{i}" for i in (1, 2, 3, 4))]
    found = hooked(ours, names, torch.from_numpy(codes))
    np.testing.assert_allclose(found["dense"], expected[0], rtol=0, atol=EXACT)
    for i, name in enumerate(names[1:]):
        np.testing.assert_allclose(found[name].transpose(0, 2, 3, 1), expected[2 + i], rtol=0, atol=EXACT, err_msg=name)
    np.testing.assert_allclose(found["out"].transpose(0, 2, 3, 1), expected[-1], rtol=0, atol=EXACT)


def test_training_steps_move_the_weights_as_keras_does() -> None:
    """Adamax divides a gradient by its own running maximum, so that rounding of the smallest ones is magnified.

    In float32 that moved some weights 3e-5 apart, a sixtieth of a step of 0.002; in float64, where the same rounding is
    2^29 times finer, by 6e-14. A bound of a millionth of a step leaves room for rarer gradients, and none for another
    epsilon, bias correction or decay: each of these moves weights by a thousandth of a step and more.
    """
    rate = 0.002
    keras.utils.set_random_seed(3)
    shape = (32, 32, 3)
    encoder, decoder = keras_encoder(shape), keras_decoder(shape)
    network = la.ConvAutoencoder(CODE).initialise(shape).network_.double().train()
    take_over(network.encoder, encoder)
    take_over(network.decoder, decoder)
    theirs = keras.Sequential([keras.Input(shape), encoder, decoder])
    theirs.compile(optimizer=keras.optimizers.Adamax(rate), loss="mse")
    optimizer = KerasAdamax(network.parameters(), rate)
    before = network.encoder.conv1.weight.detach().clone()
    twin = la.ConvAutoencoder(CODE).initialise(shape).network_.double()
    for step in range(5):
        batch = batch_of(waves(32, seed=step))
        pictures = batch.permute(0, 2, 3, 1).numpy()
        loss = theirs.train_on_batch(pictures, pictures)
        own = torch.nn.functional.mse_loss(network(batch), batch)
        optimizer.zero_grad()
        own.backward()
        optimizer.step()
        assert float(own.detach()) == pytest.approx(float(loss), rel=1e-6)  # which Keras reports in float32
        take_over(twin.encoder, encoder)
        take_over(twin.decoder, decoder)
        for (name, a), b in zip(network.named_parameters(), twin.parameters(), strict=True):
            np.testing.assert_allclose(a.detach(), b.detach(), rtol=0, atol=1e-6 * rate, err_msg=f"step {step}: {name}")
    assert float((network.encoder.conv1.weight.detach() - before).abs().max()) > 0.005


@pytest.mark.parametrize("case", json.loads((KERAS / "conv_transpose.json").read_text()), ids=str)
def test_the_notebooks_demonstration_gives_tensorflows_numbers(case: dict) -> None:
    layer = SameConvTranspose2d(1, 1, case["filter"], 2)
    picture = torch.arange(1.0, case["side"] ** 2 + 1).reshape(1, 1, case["side"], case["side"])
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.zero_()
        np.testing.assert_array_equal(layer(picture)[0, 0].numpy(), np.array(case["result"]))


def test_initial_weights_are_drawn_as_keras_draws_them() -> None:
    keras.utils.set_random_seed(4)
    theirs = {
        "encoder": keras.layers.Conv2D(256, 3), "decoder": keras.layers.Conv2DTranspose(128, 3)
    }  # fmt: skip
    theirs["encoder"].build((None, 4, 4, 128))
    theirs["decoder"].build((None, 4, 4, 256))
    ours = la.ConvAutoencoder(CODE).initialise((32, 32, 3)).weights()
    for side, name in (("encoder", "conv4.weight"), ("decoder", "conv1.weight")):
        reference = theirs[side].get_weights()[0]
        tensor = ours[side][name]
        assert tensor.size == reference.size
        assert np.abs(tensor).max() == pytest.approx(np.abs(reference).max(), rel=1e-3)
        assert tensor.std() == pytest.approx(reference.std(), rel=0.01)
