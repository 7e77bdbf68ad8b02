"""The compiled kernels against PyTorch's own operators in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lookalike import kernels
from lookalike.kernels import build
from lookalike.models.layers import SameConvTranspose2d
from lookalike.training.optimizer import KerasAdamax

BFLOAT16 = 2.0**-8
"""Half a unit in the last place, relative: what one rounding to bfloat16 may change."""

needs_kernels = pytest.mark.skipif(not kernels.available(), reason="no C compiler is here")


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Channels last, exact in bfloat16."""
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16().float()
    return drawn.contiguous(memory_format=torch.channels_last) if drawn.ndim == 4 else drawn


@pytest.fixture(autouse=True)
def _in_use() -> Iterator[None]:
    with kernels.fused():
        yield


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the kernels."""
    monkeypatch.setenv(build.SWITCH, "0")
    build.library.cache_clear()
    yield
    build.library.cache_clear()


@needs_kernels
@pytest.mark.parametrize("shape", [(3, 32, 8, 6), (1, 64, 2, 2), (5, 96, 4, 10)], ids=str)
def test_pooling_with_elu_and_its_gradient(shape: tuple[int, int, int, int]) -> None:
    exact, half = normal(*shape).requires_grad_(), normal(*shape).bfloat16().requires_grad_()
    expected = F.elu(F.max_pool2d(exact, 2))
    found = kernels.pool_elu(half)
    assert type(found.grad_fn).__name__ == "_PoolEluBackward"
    torch.testing.assert_close(found.float(), expected, rtol=BFLOAT16, atol=1e-6)
    gradient = normal(*expected.shape, seed=1)
    expected.backward(gradient)
    found.backward(gradient.bfloat16())
    assert exact.grad is not None
    assert half.grad is not None
    # Two roundings: of the result, from which the slope comes, and of the product.
    torch.testing.assert_close(half.grad.float(), exact.grad, rtol=3 * BFLOAT16, atol=1e-2)
    assert torch.equal(half.grad == 0, exact.grad == 0)


@needs_kernels
def test_of_equal_values_the_first_takes_the_gradient() -> None:
    flat = torch.ones(1, 32, 2, 2).bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
    kernels.pool_elu(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad[0, 0].tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("shape", [(2, 32, 5, 4), (2, 8, 4, 4)], ids=str)
def test_what_does_not_fit_the_kernel_goes_the_plain_way(shape: tuple[int, int, int, int]) -> None:
    half = normal(*shape).bfloat16()
    assert torch.equal(kernels.pool_elu(half), F.elu(F.max_pool2d(half, 2)))
    assert torch.equal(kernels.pool_elu(half.float()), F.elu(F.max_pool2d(half.float(), 2)))


@needs_kernels
@pytest.mark.parametrize("elu", [False, True])
@pytest.mark.parametrize(("inputs", "outputs", "side"), [(64, 32, 4), (16, 3, 5), (32, 40, 2)])
def test_the_transposed_convolution_and_its_gradients(inputs: int, outputs: int, side: int, elu: bool) -> None:
    layer = SameConvTranspose2d(inputs, outputs, elu=elu).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        layer.weight.copy_(layer.weight.bfloat16())
    images = normal(3, inputs, side, side + 1)
    exact, half = images.clone().requires_grad_(), images.clone().requires_grad_()
    with kernels.fused(False):
        expected = layer(exact)
    gradient = normal(*expected.shape, seed=1)
    expected.backward(gradient)
    gradients = [parameter.grad.clone() for parameter in (layer.weight, layer.bias)]
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(half)
    assert found.dtype == torch.bfloat16
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(found.float(), expected, rtol=2 * BFLOAT16, atol=2 * BFLOAT16 * scale)
    found.backward(gradient.bfloat16())
    for ours, theirs in zip((half.grad, layer.weight.grad, layer.bias.grad), (exact.grad, *gradients), strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < 3 * BFLOAT16


@needs_kernels
def test_adamax_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    for fused in (True, False):
        if not fused:
            monkeypatch.setattr("lookalike.training.optimizer.adamax", lambda *_, **__: False)
        weights = [normal(8, 4, 3, 3).requires_grad_(), normal(7, seed=1).requires_grad_()]
        optimizer = KerasAdamax(weights)
        for step in range(4):
            for weight in weights:
                weight.grad = normal(*weight.shape, seed=step).contiguous()  # another order of axes than the weight's
            optimizer.step()
        moved.append([weight.detach() for weight in weights])
    for ours, theirs in zip(*moved, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


def test_not_a_number_stays_one() -> None:
    broken = torch.full((1, 32, 2, 2), float("nan")).bfloat16().contiguous(memory_format=torch.channels_last)
    assert kernels.pool_elu(broken).isnan().all()


@pytest.mark.usefixtures("plain")
def test_they_can_be_switched_off() -> None:
    assert not kernels.available()
    half = normal(2, 32, 4, 4).bfloat16()
    assert torch.equal(kernels.pool_elu(half), F.elu(F.max_pool2d(half, 2)))


def test_a_broken_compiler_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\necho broken >&2\n[ "$1" = --version ]\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    build.library.cache_clear()
    try:
        assert not kernels.available()
        assert "cannot be built" in caplog.text
        assert "broken" in caplog.text
    finally:
        build.library.cache_clear()
    assert not list((tmp_path / "cache").rglob("*.so"))
    assert "training" not in caplog.text  # which is not all that uses them
    assert np.isfinite(kernels.pool_elu(normal(1, 32, 2, 2)).numpy()).all()


@needs_kernels
def test_where_they_cannot_be_kept_a_process_builds_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the cache would be")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    build.library.cache_clear()
    try:
        assert build.lack() is None
        half = normal(2, 32, 4, 4).bfloat16()
        torch.testing.assert_close(kernels.pool_elu(half), F.elu(F.max_pool2d(half, 2)), rtol=BFLOAT16, atol=1e-6)
    finally:
        build.library.cache_clear()
    [said] = [record.getMessage() for record in caplog.records]
    assert str(tmp_path / "cache") in said
    assert not list((tmp_path / "temporary").iterdir())


LACKS = {
    "switched off": ({build.SWITCH: "0"}, "LOOKALIKE_KERNELS is 0"),
    "no compiler": ({"PATH": "", "CC": "cc"}, "no C compiler found"),
    "a broken one": ({"CC": "false"}, "they could not be built here"),
}


@pytest.mark.parametrize("case", LACKS)
def test_it_is_told_why_there_are_none(case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables, expected = LACKS[case]
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    build.library.cache_clear()
    try:
        assert build.lack() == expected
    finally:
        build.library.cache_clear()
