"""Record what Keras 2 on TensorFlow writes and computes, as fixtures for the tests.

Runs in an environment of its own: pip install 'tensorflow-cpu==2.21.*' 'tf-keras==2.21.*' h5py
    python benchmarks/record_keras_fixtures.py tests/fixtures/keras2

Writes, for a small convolutional autoencoder (channels 2, 3, 4, 5, code 3, 32 x 32) with a linear and with an ELU
first Dense in the decoder, and for a PCA autoencoder (8 x 8): `encoder.h5`, `decoder.h5` (save_weights),
`autoencoder.001.hdf5` (a whole compiled model after a step of training, so that the optimiser's weights are in it),
and `outputs.npz`; and the notebook's demonstration of the transposed convolution as TensorFlow computes it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

CHANNELS = (2, 3, 4, 5)
CODE = 3


def convolutional(activation: str) -> tuple[keras.Model, keras.Model, tuple[int, int, int]]:
    shape = (32, 32, 3)
    encoder = keras.Sequential([layers.InputLayer(shape)])
    for channels in CHANNELS:
        encoder.add(layers.Conv2D(channels, 3, padding="same", activation="elu"))
        encoder.add(layers.MaxPooling2D())
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(CODE))
    decoder = keras.Sequential([layers.InputLayer((CODE,))])
    decoder.add(layers.Dense(2 * 2 * CHANNELS[-1], activation=activation))
    decoder.add(layers.Reshape((2, 2, CHANNELS[-1])))
    for channels in (*CHANNELS[-2::-1], 3):
        last = channels == 3 and len(decoder.layers) == 5
        decoder.add(layers.Conv2DTranspose(channels, 3, strides=2, padding="same", activation=None if last else "elu"))
    return encoder, decoder, shape


def linear() -> tuple[keras.Model, keras.Model, tuple[int, int, int]]:
    shape = (8, 8, 3)
    encoder = keras.Sequential([layers.InputLayer(shape), layers.Flatten(), layers.Dense(CODE)])
    decoder = keras.Sequential([layers.InputLayer((CODE,)), layers.Dense(8 * 8 * 3), layers.Reshape(shape)])
    return encoder, decoder, shape


def record(folder: Path, encoder: keras.Model, decoder: keras.Model, shape: tuple[int, int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    picture = layers.Input(shape)
    autoencoder = keras.Model(picture, decoder(encoder(picture)))
    autoencoder.compile("adamax", "mse")
    pictures = np.random.default_rng(0).random((4, *shape), np.float32) - np.float32(0.5)
    autoencoder.fit(pictures, pictures, verbose=0)
    for network in (encoder, decoder):  # biases that a test cannot mistake for zeros
        network.set_weights([w + np.linspace(-0.2, 0.2, w.size).reshape(w.shape) for w in network.get_weights()])
    encoder.save_weights(folder / "encoder.h5")
    decoder.save_weights(folder / "decoder.h5")
    autoencoder.save(folder / "autoencoder.001.hdf5")
    codes = encoder.predict(pictures, verbose=0)
    np.savez_compressed(folder / "outputs.npz", codes=codes, pictures=decoder.predict(codes, verbose=0))


def demonstration() -> list[dict[str, object]]:
    cases = []
    for side in (2, 4):
        for size in (2, 3):
            picture = np.arange(1, side * side + 1, dtype=np.float32).reshape(1, side, side, 1)
            kernel = np.ones((size, size, 1, 1), np.float32)
            result = tf.nn.conv2d_transpose(picture, kernel, (1, 2 * side, 2 * side, 1), (1, 2, 2, 1), "SAME")
            cases.append({"side": side, "filter": size, "result": result.numpy()[0, :, :, 0].tolist()})
    return cases


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    target = Path(sys.argv[1])
    record(target / "linear", *convolutional("linear"))
    record(target / "elu", *convolutional("elu"))
    record(target / "pca", *linear())
    (target / "conv_transpose.json").write_text(json.dumps(demonstration(), indent=1) + "\n")
