"""Convolutions by the compiled kernels against PyTorch's own in float64."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike import kernels
from lookalike.kernels import build, conv_pool_elu, conv_same, fused
from lookalike.models.layers import SameConvTranspose2d

ROUNDING = 4e-6
"""Of float32, relative to a result's norm: sums of some hundred products, and Winograd's sums of 16 numbers."""
SHAPES = [(2, 3, 32, 8, 6), (1, 1, 32, 2, 2), (3, 2, 64, 4, 10), (2, 4, 96, 6, 4), (5, 32, 32, 2, 2), (3, 64, 32, 6, 4)]
"""Pictures, channels in and out, height, width."""
ODD_PANELS = (2, 48, 16, 6, 8)
"""Not for AVX-512, which takes 32 channels at once."""
BEYOND_ONE_BLOCK = (3, 32, 64, 18, 30)

needs_kernels = pytest.mark.skipif(not kernels.available(), reason="no C compiler is here")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Channels last, where there are four axes."""
    found = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return found.contiguous(memory_format=torch.channels_last) if found.ndim == 4 else found


def convolution(inputs: int, outputs: int, *, biased: bool = True) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=biased).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        layer.weight.copy_(drawn(outputs, inputs, 3, 3, seed=1))
        if layer.bias is not None:
            layer.bias.copy_(drawn(outputs, seed=2))
    return layer


def differ(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.detach().double() - theirs.detach()).norm() / theirs.detach().norm())


def expected_of(images: Tensor, layer: nn.Conv2d, pooled: bool, gradient: Tensor) -> list[Tensor]:
    """The result and the gradients of pictures, weights and bias, if any, in float64."""
    x, weight, *bias = (one.detach().double().requires_grad_() for one in (images, *layer.parameters()))
    result = F.conv2d(x, weight, *bias, padding=1)
    result = F.elu(F.max_pool2d(result, 2)) if pooled else result
    return [result, *torch.autograd.grad(result, (x, weight, *bias), gradient.double())]


def found_of(images: Tensor, layer: nn.Conv2d, pooled: bool, gradient: Tensor | None = None) -> list[Tensor]:
    """The same by the kernels; without a gradient for pictures that nobody asks one for."""
    wants = layer.in_channels > 4
    given = images.clone(memory_format=torch.preserve_format).requires_grad_(wants)
    with fused():
        result = (conv_pool_elu if pooled else conv_same)(given, layer)
    assert type(result.grad_fn).__name__ == "_ConvolutionBackward"
    gradient = drawn(*result.shape, seed=3) if gradient is None else gradient
    inputs = ([given] if wants else []) + list(layer.parameters())
    return [result.detach(), *torch.autograd.grad(result, inputs, gradient)]


@needs_kernels
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize(("n", "inputs", "outputs", "h", "w"), [*SHAPES, BEYOND_ONE_BLOCK, ODD_PANELS])
def test_the_result_and_its_gradients(n: int, inputs: int, outputs: int, h: int, w: int, pooled: bool) -> None:
    if inputs <= 4 and not pooled:
        pytest.skip("few channels are for the pooled one")
    library = build.library()
    if library is not None and outputs % library.channels_at_once():
        pytest.skip("these channels go the plain way here")
    layer, images = convolution(inputs, outputs), drawn(n, inputs, h, w)
    gradient = drawn(n, outputs, h // 2 if pooled else h, w // 2 if pooled else w, seed=3)
    expected = expected_of(images, layer, pooled, gradient)
    found = found_of(images, layer, pooled, gradient)
    if len(found) == 3:
        del expected[1]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert differ(ours, theirs) < ROUNDING


@needs_kernels
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("inputs", [3, 64])
def test_a_layer_may_lack_biases(inputs: int, pooled: bool) -> None:
    if inputs <= 4 and not pooled:
        pytest.skip("few channels are for the pooled one")
    layer, images = convolution(inputs, 32, biased=False), drawn(2, inputs, 6, 8)
    gradient = drawn(2, 32, 3, 4, seed=3) if pooled else drawn(2, 32, 6, 8, seed=3)
    expected = expected_of(images, layer, pooled, gradient)
    found = found_of(images, layer, pooled, gradient)
    if len(found) == 2:
        del expected[1]
    for ours, theirs in zip(found, expected, strict=True):
        assert differ(ours, theirs) < ROUNDING


@needs_kernels
def test_bits_do_not_depend_on_the_threads() -> None:
    threads = torch.get_num_threads()
    for shape in (BEYOND_ONE_BLOCK, (7, 3, 32, 8, 8)):
        n, inputs, outputs, h, w = shape
        layer, images, found = convolution(inputs, outputs), drawn(n, inputs, h, w), []
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(found_of(images, layer, True))
        torch.set_num_threads(threads)
        for one, many in zip(*found, strict=True):
            assert torch.equal(one, many)


@needs_kernels
@pytest.mark.parametrize("width", [4, 16])
def test_every_width_of_a_vector_gives_the_same(width: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NEON has 4 numbers in a vector, AVX2 8, AVX-512 16; a compiler makes any of them of what there is."""
    cases = [(convolution(inputs, outputs), drawn(n, inputs, h, w)) for n, inputs, outputs, h, w in SHAPES]
    usual = [found_of(images, layer, True) for layer, images in cases]
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    quickly = tuple(flag.replace("-O3", "-O1") for flag in build.FLAGS)
    monkeypatch.setattr(build, "FLAGS", (*quickly, f"-DWIDTH={width}", "-Wno-psabi"))
    build.library.cache_clear()
    try:
        assert list((tmp_path / "kernels").glob("*.so")) == []
        for (layer, images), expected in zip(cases, usual, strict=True):
            for ours, theirs in zip(found_of(images, layer, True), expected, strict=True):
                assert differ(ours, theirs.double()) < 1e-6
        assert list((tmp_path / "kernels").glob("*.so"))
    finally:
        build.library.cache_clear()


@needs_kernels
def test_of_equal_values_the_first_takes_the_gradient() -> None:
    layer = nn.Conv2d(32, 32, 3, padding=1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(1)
    flat = torch.ones(1, 32, 2, 2).contiguous(memory_format=torch.channels_last)
    _, _, weight, bias = found_of(flat, layer, True, torch.ones(1, 32, 1, 1))
    # From the upper left result alone, whose kernel lies beyond the picture above and to the left
    assert weight[0, 0].tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]
    assert bias.tolist() == [1] * 32


def plain_cases() -> Iterator[tuple[str, nn.Conv2d, Tensor]]:
    yield "odd sides", convolution(32, 32), drawn(1, 32, 5, 4)
    yield "other channels", convolution(32, 36), drawn(1, 32, 4, 4)
    yield "another kernel", nn.Conv2d(32, 32, 5, padding=2), drawn(1, 32, 4, 4)
    yield "another order of axes", convolution(32, 32), drawn(2, 32, 4, 4).contiguous()
    yield "float64", convolution(32, 32).double(), drawn(1, 32, 4, 4).double()


@pytest.mark.parametrize(("layer", "images"), [pytest.param(*case, id=name) for name, *case in plain_cases()])
def test_what_does_not_fit_goes_the_plain_way(layer: nn.Conv2d, images: Tensor) -> None:
    with torch.no_grad(), fused():
        assert torch.equal(conv_same(images, layer), layer(images))
        assert torch.equal(conv_pool_elu(images, layer), F.elu(F.max_pool2d(layer(images), 2)))


def test_they_are_used_only_where_this_is_asked_for() -> None:
    layer, images = convolution(32, 32), drawn(1, 32, 4, 4)
    assert torch.equal(conv_pool_elu(images, layer), F.elu(F.max_pool2d(layer(images), 2)))
    with fused(), fused(False):
        assert torch.equal(conv_same(images, layer), layer(images))


@needs_kernels
@pytest.mark.parametrize("elu", [False, True])
@pytest.mark.parametrize(("inputs", "outputs", "side"), [(64, 32, 4), (16, 3, 5), (32, 40, 2)])
def test_the_transposed_convolution_in_float32(inputs: int, outputs: int, side: int, elu: bool) -> None:
    layer = SameConvTranspose2d(inputs, outputs, elu=elu).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, exact = drawn(3, inputs, side, side + 1), []
    for double in (True, False):
        if not double:
            layer = layer.float()
        given = (images.double() if double else images.clone()).requires_grad_()
        with fused(not double):
            result = (layer.double() if double else layer)(given)
        gradient = drawn(*result.shape, seed=1).to(result.dtype)
        exact.append([result, *torch.autograd.grad(result, (given, layer.weight, layer.bias), gradient)])
    assert type(exact[1][0].grad_fn).__name__ == "_SameTransposeBackward"
    for theirs, ours in zip(*exact, strict=True):
        assert differ(ours, theirs) < ROUNDING
