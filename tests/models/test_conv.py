"""The convolutional autoencoder's shape, and TensorFlow's transposed convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lookalike as la
from lookalike.errors import OptionError
from lookalike.models.layers import FlattenChannelsLast, SameConvTranspose2d, UnflattenChannelsLast
from pictures import waves


def gradient_of_same_convolution(picture: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's definition in plain loops, for one channel: each input adds its scaled kernel to the output.

    A SAME convolution over the output's n * stride pixels pads max(k - stride, 0) in all, the smaller half before.
    """
    side, size = len(picture), len(kernel)
    before = max(size - stride, 0) // 2
    result = np.zeros((side * stride, side * stride))
    for i in range(side):
        for j in range(side):
            for a in range(size):
                for b in range(size):
                    y, x = i * stride + a - before, j * stride + b - before
                    if 0 <= y < side * stride and 0 <= x < side * stride:
                        result[y, x] += picture[i, j] * kernel[a, b]
    return result


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("side", [2, 4])
def test_transposed_convolution_is_the_gradient_of_same(side: int, kernel_size: int, stride: int) -> None:
    generator = np.random.default_rng(0)
    picture = np.arange(1, side * side + 1, dtype=np.float64).reshape(side, side)
    kernel = generator.integers(-4, 5, (kernel_size, kernel_size)).astype(np.float64)
    layer = SameConvTranspose2d(1, 1, kernel_size, stride).double()
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(kernel)[None, None])
        layer.bias.fill_(0.5)
        result = layer(torch.from_numpy(picture)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(result, gradient_of_same_convolution(picture, kernel, stride) + 0.5)


def test_pytorchs_own_padding_would_be_shifted() -> None:
    """The reason for a layer of our own: with padding=1, output_padding=1 the odd pixel goes at the other end."""
    ours = SameConvTranspose2d(1, 1, 3, 2)
    theirs = torch.nn.ConvTranspose2d(1, 1, 3, 2, padding=1, output_padding=1)
    theirs.load_state_dict(ours.state_dict())
    picture = torch.arange(1.0, 5.0).reshape(1, 1, 2, 2)
    a, b = ours(picture), theirs(picture)
    assert a.shape == b.shape == (1, 1, 4, 4)
    assert not torch.allclose(a, b)
    torch.testing.assert_close(a[..., 1:, 1:], b[..., :-1, :-1])


def test_flattening_is_in_keras_order() -> None:
    pictures = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    flat = FlattenChannelsLast()(pictures)
    np.testing.assert_array_equal(flat.numpy(), pictures.numpy().transpose(0, 2, 3, 1).reshape(2, -1))
    assert torch.equal(UnflattenChannelsLast(4, 5, 3)(flat), pictures)


@pytest.mark.parametrize(("size", "imbalance"), [(32, 1.25), (38, 3)])
@pytest.mark.parametrize("code_size", [1, 8, 32, 128, 512])
def test_the_notebooks_assertions(code_size: int, size: int, imbalance: float) -> None:
    """At 38 the encoder's grid is 2 x 2 and the decoder's, which must cover the picture, 3 x 3: it has more weights."""
    model = la.ConvAutoencoder(code_size).initialise((size, size, 3))
    pictures = waves(2, size, size)
    assert model.encode(pictures).shape == (2, code_size)
    assert model.reconstruct(pictures).shape == (2, size, size, 3)
    assert all(len(tensors) >= 6 for tensors in model.weights().values())
    assert min(model.layer_widths().values()) >= code_size
    sizes = [sum(tensor.size for tensor in tensors.values()) for tensors in model.weights().values()]
    assert max(sizes) / min(sizes) < imbalance


def test_channels_at_32_are_the_notebooks() -> None:
    model = la.ConvAutoencoder(32).initialise((32, 32, 3))
    shapes = {side: [t.shape for t in tensors.values() if t.ndim > 1] for side, tensors in model.weights().items()}
    assert [shape[0] for shape in shapes["encoder"]] == [32, 64, 128, 256, 32]
    assert [shape[1] for shape in shapes["decoder"]] == [32, 128, 64, 32, 3]
    encoder = 9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256) + (32 + 64 + 128 + 256) + 1024 * 32 + 32
    decoder = 9 * (256 * 128 + 128 * 64 + 64 * 32 + 32 * 3) + (128 + 64 + 32 + 3) + 32 * 1024 + 1024
    assert model.n_parameters == encoder + decoder


def test_glorot_limits_and_zero_biases() -> None:
    model = la.ConvAutoencoder(32, seed=3).initialise((32, 32, 3))
    for tensors in model.weights().values():
        for name, tensor in tensors.items():
            if name.endswith("bias"):
                assert not tensor.any()
                continue
            area = int(np.prod(tensor.shape[2:]))
            limit = np.sqrt(6 / (area * (tensor.shape[0] + tensor.shape[1])))
            assert 0.97 * limit < np.abs(tensor).max() <= limit
            assert tensor.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (
        la.ConvAutoencoder(4, seed=seed).initialise((16, 16, 3)).weights()["encoder"]["conv1.weight"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_elu_after_the_first_dense_is_an_option() -> None:
    linear = la.ConvAutoencoder(4).initialise((16, 16, 3))
    elu = la.ConvAutoencoder(4, dense_activation="elu").initialise((16, 16, 3))
    codes = np.ones((1, 4), np.float32)
    assert not np.array_equal(linear.decode(codes), elu.decode(codes))
    zero = np.zeros((1, 4), np.float32)  # elu(0) = 0: the same weights must agree there
    np.testing.assert_array_equal(linear.decode(zero), elu.decode(zero))


def test_all_bad_options_are_named_at_once() -> None:
    model = la.ConvAutoencoder(0, channels=(), dense_activation="swoosh", device="cpu")
    with pytest.raises(OptionError, match=r"code size is 0; .*channels are \(\); .*'swoosh' is unknown"):
        model.fit(waves(4))
    with pytest.raises(OptionError, match="device 'tpu' is unknown"):
        la.ConvAutoencoder(2, device="tpu").fit(waves(4), progress=False)
