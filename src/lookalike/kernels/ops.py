"""Steps fused on the CPU: pooling with ELU in bfloat16, the transposed convolution in both types, Adamax in float32."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lookalike.kernels.build import library
from lookalike.kernels.use import loaded

_BLOCK = 32
"""Channels that the kernels take at once."""
_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
"""What the kernels call types of numbers."""


def pool_elu(images: Tensor) -> Tensor:
    """ELU(max pooling by 2 x 2): (N, C, H, W) -> (N, C, H // 2, W // 2) of the same type.

    ELU is increasing, so it commutes with the maximum; after the pooling it is a quarter of the work.
    """
    kernels = _kernels_for(images) if images.dtype == torch.bfloat16 else None
    height, width = images.shape[-2:]
    if kernels is None or images.shape[1] % _BLOCK or height % 2 or width % 2:
        return F.elu(F.max_pool2d(images, 2))
    pooled: Tensor = _PoolElu.apply(images, kernels)  # type: ignore[no-untyped-call]
    return pooled


def same_transpose(images: Tensor, weight: Tensor, bias: Tensor, *, elu: bool) -> Tensor | None:
    """Transposed convolution 3 x 3, stride 2, SAME as in TensorFlow: (N, C, H, W) -> (N, out, 2 H, 2 W).

    `weight` is (C, out, 3, 3), `bias` (out,). None where there is no fused way for these tensors.
    """
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else images.dtype
    given = images.to(dtype)
    kernels = _kernels_for(given)
    if kernels is None or weight.shape[2:] != (3, 3):
        return None
    # (C, 3, 3, out) is how channels-last weights lie in memory, so this copies nothing but the change of type.
    matrix = weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1).to(dtype)
    with torch.autocast("cpu", enabled=False):
        result: Tensor = _SameTranspose.apply(given, matrix, bias.float(), elu, kernels)  # type: ignore[no-untyped-call]
    return result


def adamax(
    weights: Tensor,
    gradient: Tensor,
    mean: Tensor,
    most: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    rate: float,
) -> bool:
    """Move `weights` and both averages in place by Keras's Adamax; False where there is no fused way for them.

    `rate` is the learning rate over 1 - beta_1^t.
    """
    if weights.device.type != "cpu" or not weights.dtype == gradient.dtype == torch.float32:
        return False
    strides = weights.stride()
    if not strides == mean.stride() == most.stride() or not _is_dense(weights):
        return False
    kernels = library()
    if kernels is None:
        return False
    if gradient.stride() != strides:
        gradient = torch.empty_like(weights).copy_(gradient)
    pointers = (weights.data_ptr(), gradient.data_ptr(), mean.data_ptr(), most.data_ptr())
    kernels.adamax(*pointers, weights.numel(), beta_1, beta_2, epsilon, rate)
    return True


def _is_dense(weights: Tensor) -> bool:
    """Whether the numbers lie together, in whatever order of axes."""
    return weights.is_contiguous() or (weights.ndim == 4 and is_channels_last(weights))


def _kernels_for(images: Tensor) -> ctypes.CDLL | None:
    if images.dtype not in _NAMES or images.device.type != "cpu" or not is_channels_last(images):
        return None
    return loaded()


def is_channels_last(images: Tensor) -> bool:
    """Whether pictures (N, C, H, W) lie as (N, H, W, C)."""
    return images.is_contiguous(memory_format=torch.channels_last)


def _like_pictures(n: int, c: int, h: int, w: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    return torch.empty((n, c, h, w), dtype=dtype, memory_format=torch.channels_last)


class _PoolElu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, kernels: ctypes.CDLL) -> Tensor:
        n, c, h, w = images.shape
        out = _like_pictures(n, c, h // 2, w // 2)
        which = torch.empty(out.numel(), dtype=torch.int16)
        kernels.pool_elu_forward(images.data_ptr(), out.data_ptr(), which.data_ptr(), n, h, w, c)
        ctx.save_for_backward(out, which)
        ctx.kernels, ctx.shape = kernels, (n, c, h, w)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        out, which = ctx.saved_tensors
        n, c, h, w = ctx.shape
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        back = _like_pictures(n, c, h, w)
        ctx.kernels.pool_elu_backward(
            gradient.data_ptr(), out.data_ptr(), which.data_ptr(), back.data_ptr(), n, h, w, c
        )
        return back, None


class _SameTranspose(torch.autograd.Function):
    """A matrix product makes every picture's 3 x 3 contributions; the kernel adds them where they overlap."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, matrix: Tensor, bias: Tensor, elu: bool, kernels: ctypes.CDLL) -> Tensor:
        n, channels, h, w = images.shape
        flat = images.permute(0, 2, 3, 1).reshape(-1, channels)
        columns = flat @ matrix
        out = _like_pictures(n, len(bias), 2 * h, 2 * w, images.dtype)
        fold = getattr(kernels, f"fold_forward_{_NAMES[images.dtype]}")
        fold(columns.data_ptr(), bias.data_ptr(), out.data_ptr(), n, h, w, len(bias), elu)
        ctx.save_for_backward(flat, matrix, out)
        ctx.kernels, ctx.elu = kernels, elu
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        flat, matrix, out = ctx.saved_tensors
        n, c, h, w = out.shape[0], out.shape[1], out.shape[2] // 2, out.shape[3] // 2
        slopes = gradient.contiguous(memory_format=torch.channels_last)
        gradient = slopes
        if ctx.elu:
            slopes = torch.empty_like(gradient)
        columns = gradient.new_empty((n * h * w, 9 * c))
        unfold = getattr(ctx.kernels, f"fold_backward_{_NAMES[out.dtype]}")
        unfold(gradient.data_ptr(), out.data_ptr(), slopes.data_ptr(), columns.data_ptr(), n, h, w, c, ctx.elu)
        back = (columns @ matrix.t()).view(n, h, w, -1).permute(0, 3, 1, 2)
        return back, flat.t() @ columns, slopes.sum((0, 2, 3), dtype=torch.float32), None, None
