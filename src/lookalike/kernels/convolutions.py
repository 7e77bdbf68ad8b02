"""Convolutions 3 x 3 in float32 on the CPU by compiled kernels, with what follows them; else the plain way."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn

from lookalike.kernels.ops import is_channels_last, pool_elu
from lookalike.kernels.use import loaded

SHALLOW = 4
"""Channels of pictures that a convolution with pooling may have; else channels are multiples of two vectors."""


def conv_pool_elu(images: Tensor, convolution: nn.Conv2d) -> Tensor:
    """ELU(max pooling by 2 x 2(convolution)), 3 x 3 that keeps the sides: (N, C, H, W) -> (N, out, H // 2, W // 2).

    In float32, where the kernels are in use, by Winograd's F(2 x 2, 3 x 3): the plain way's result within 1e-6 of its
    size, since sums are made in another order.
    """
    kernels = _kernels_for(images, convolution, pooled=True)
    if kernels is None:
        return pool_elu(convolution(images))
    return _convolved(images, convolution, kernels, pooled=True)


def conv_same(images: Tensor, convolution: nn.Conv2d) -> Tensor:
    """A convolution 3 x 3 that keeps the sides: (N, C, H, W) -> (N, out, H, W); otherwise as `conv_pool_elu`."""
    kernels = _kernels_for(images, convolution, pooled=False)
    if kernels is None:
        plain: Tensor = convolution(images)
        return plain
    return _convolved(images, convolution, kernels, pooled=False)


def _convolved(images: Tensor, convolution: nn.Conv2d, kernels: ctypes.CDLL, *, pooled: bool) -> Tensor:
    result: Tensor = _Convolution.apply(images, convolution.weight, convolution.bias, kernels, pooled)  # type: ignore[no-untyped-call]
    return result


def _kernels_for(images: Tensor, convolution: nn.Conv2d, *, pooled: bool) -> ctypes.CDLL | None:
    kernels = loaded()
    if kernels is None or not images.dtype == convolution.weight.dtype == torch.float32:
        return None
    if images.device.type != "cpu" or torch.is_autocast_enabled("cpu") or not is_channels_last(images):
        return None
    height, width = images.shape[-2:]
    at_once, inputs = kernels.channels_at_once(), convolution.in_channels
    shallow = pooled and inputs <= SHALLOW and not images.requires_grad
    takes = (shallow or inputs % at_once == 0) and convolution.out_channels % at_once == 0
    fits = takes and convolution.kernel_size == (3, 3) and not height % 2 and not width % 2
    return kernels if fits and images.numel() else None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, kernels: ctypes.CDLL, pooled: bool
    ) -> Tensor:
        n, inputs, h, w = images.shape
        outputs = len(weight)
        added = weight.new_zeros(outputs) if bias is None else bias
        weight = weight.contiguous(memory_format=torch.channels_last)
        shape = (n, outputs, h // 2, w // 2) if pooled else (n, outputs, h, w)
        out = torch.empty(shape, dtype=torch.float32, memory_format=torch.channels_last)
        which = torch.empty(out.numel() if pooled and any(ctx.needs_input_grad) else 0, dtype=torch.int32)
        ends = added.data_ptr(), out.data_ptr(), which.data_ptr() or None, n, h, w, inputs, outputs
        if inputs <= SHALLOW:
            _expect_room(kernels.shallow_forward(images.data_ptr(), weight.data_ptr(), *ends))
        else:
            transformed = _transformed(weight, kernels, back=False)
            _expect_room(kernels.winograd_forward(images.data_ptr(), transformed.data_ptr(), *ends, pooled))
        ctx.save_for_backward(images, weight, which, *([out] if pooled else []))
        ctx.kernels, ctx.has_bias = kernels, bias is not None
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:
        images, weight, which, *pooled = ctx.saved_tensors
        n, inputs, h, w = images.shape
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        result = pooled[0].data_ptr() if pooled else None
        incoming = gradient.data_ptr(), result, which.data_ptr() or None
        sizes = n, h, w, inputs, len(weight)
        for_weight, for_bias = torch.empty_like(weight), weight.new_empty(len(weight))
        back = ctx.kernels.shallow_back if inputs <= SHALLOW else ctx.kernels.winograd_weights_back
        _expect_room(back(images.data_ptr(), *incoming, for_weight.data_ptr(), for_bias.data_ptr(), *sizes))
        for_images = None
        if ctx.needs_input_grad[0]:
            for_images = torch.empty_like(images)
            transformed = _transformed(weight, ctx.kernels, back=True)
            _expect_room(ctx.kernels.winograd_back(*incoming, transformed.data_ptr(), for_images.data_ptr(), *sizes))
        return for_images, for_weight, for_bias if ctx.has_bias else None, None, None


def _transformed(weight: Tensor, kernels: ctypes.CDLL, *, back: bool) -> Tensor:
    """Winograd's 16 products of each pair of channels."""
    outputs, inputs = weight.shape[:2]
    transformed = weight.new_empty(16 * outputs * inputs)
    kernels.winograd_weights(weight.data_ptr(), transformed.data_ptr(), inputs, outputs, back)
    return transformed


def _expect_room(failed: int) -> None:
    if failed:
        raise MemoryError("no memory is left for a convolution's transforms")
