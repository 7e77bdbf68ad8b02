"""The reference notebook's convolutional autoencoder in Keras on TensorFlow, with the course recipe.

What lookalike is measured against: the same network, pictures and recipe (Adamax at 0.002, MSE, batches of 32,
25 epochs, shuffled, Glorot-uniform weights) in the software that the notebook was written for.

TensorFlow is no dependency of lookalike; this script runs in an environment of its own and needs only TensorFlow:

    python3.11 -m venv tfenv && tfenv/bin/pip install 'tensorflow-cpu==2.21.*'

The pictures come as uint8 arrays `train` and `test` of (N, H, W, C) in one file, written where lookalike is installed:

    python - <<'END'
    import lookalike as la, numpy as np
    train, test = la.load("lfw-deepfunneled.tgz", size=32, crop=80).split(test_size=0.1, random_state=42)
    np.savez("faces.npz", train=train.pixels, test=test.pixels)
    END

and then:

    tfenv/bin/python benchmarks/keras_reference.py --data faces.npz --code 32 --epochs 25 --out result.json --seed 0

The result holds the settings, the loss curves, the final training and test MSE, and the seconds of every epoch.

With --worker it instead waits for words on stdin, "epoch" or "encode", and answers each with its seconds, so that
training_speed.py can let it take turns with others on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

CHANNELS = (32, 64, 128, 256)
BATCH = 32


def main() -> None:
    arguments = _arguments()
    with np.load(arguments.data) as arrays:
        train, test = (centre(arrays[name]) for name in ("train", "test"))
    keras.utils.set_random_seed(arguments.seed)
    encoder, decoder = build(train.shape[1:], arguments.code)
    autoencoder = keras.Sequential([keras.Input(train.shape[1:]), encoder, decoder])
    autoencoder.compile(keras.optimizers.Adamax(0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-7), "mse")
    if arguments.worker:
        work(autoencoder, encoder, train)
        return
    clock = Clock()
    history = autoencoder.fit(
        train,
        train,
        batch_size=BATCH,
        epochs=arguments.epochs,
        validation_data=(test, test),
        shuffle=True,
        verbose=2,
        callbacks=[clock],
    ).history
    result = {
        "code": arguments.code,
        "epochs": arguments.epochs,
        "seed": arguments.seed,
        "batch": BATCH,
        "images": {"train": len(train), "test": len(test)},
        "parameters": {"encoder": encoder.count_params(), "decoder": decoder.count_params()},
        "train_mse": float(autoencoder.evaluate(train, train, batch_size=250, verbose=0)),
        "test_mse": float(autoencoder.evaluate(test, test, batch_size=250, verbose=0)),
        "train_curve": [float(loss) for loss in history["loss"]],
        "test_curve": [float(loss) for loss in history["val_loss"]],
        "seconds": clock.seconds,
        "seconds_per_epoch": float(np.median(clock.seconds)),
        "software": {"keras": keras.__version__, "tensorflow": tf.__version__, "python": platform.python_version()},
        "processors": os.cpu_count(),
    }
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("train_mse", "test_mse", "seconds_per_epoch")}))


def work(autoencoder: Any, encoder: Any, train: npt.NDArray[np.float32]) -> None:
    """Do what is asked for on stdin, one word a line, and print the seconds it took."""
    for line in sys.stdin:
        started = time.perf_counter()
        if line.strip() == "epoch":
            autoencoder.fit(train, train, batch_size=BATCH, epochs=1, shuffle=True, verbose=0)
        else:
            encoder.predict(train, batch_size=250, verbose=0)
        print(time.perf_counter() - started, flush=True)


def build(image_shape: tuple[int, ...], code: int) -> tuple[Any, Any]:
    """The notebook's encoder and decoder for pictures of (H, W, C), sides multiples of 16."""
    encoder = keras.Sequential([keras.Input(image_shape)])
    for width in CHANNELS:
        encoder.add(layers.Conv2D(width, 3, padding="same", activation="elu"))
        encoder.add(layers.MaxPooling2D(2))
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(code))

    grid = (image_shape[0] // 16, image_shape[1] // 16, CHANNELS[-1])
    decoder = keras.Sequential([keras.Input((code,)), layers.Dense(int(np.prod(grid))), layers.Reshape(grid)])
    for width in reversed(CHANNELS[:-1]):
        decoder.add(layers.Conv2DTranspose(width, 3, strides=2, padding="same", activation="elu"))
    decoder.add(layers.Conv2DTranspose(image_shape[2], 3, strides=2, padding="same"))
    return encoder, decoder


def centre(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """uint8 to float32 in [-0.5, 0.5], as the notebook."""
    return pixels.astype(np.float32) / np.float32(255) - np.float32(0.5)


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds of every epoch's training steps, without the evaluation that follows them."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self._begun = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        """The epoch's steps are over when its evaluation begins."""
        if len(self.seconds) < self.params.get("epochs", 0):
            self.seconds.append(time.perf_counter() - self._begun)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The notebook's autoencoder in Keras on TensorFlow.")
    parser.add_argument("--data", type=Path, required=True, help="an .npz with uint8 arrays train and test")
    parser.add_argument("--code", type=int, default=32, help="numbers a picture")
    parser.add_argument("--epochs", type=int, default=25, help="passes over the training pictures")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order")
    parser.add_argument("--out", type=Path, default=Path("result.json"), help="the JSON file to write")
    parser.add_argument("--worker", action="store_true", help="wait for words on stdin instead")
    return parser.parse_args()


if __name__ == "__main__":
    main()
