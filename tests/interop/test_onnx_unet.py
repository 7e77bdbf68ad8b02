"""The U-Net as one ONNX graph, held against PyTorch and NumPy's reflection by ONNX Runtime and onnx's own evaluator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import lookalike as la
from lookalike import serve
from lookalike.denoising import denoise
from lookalike.errors import LookalikeError, OptionError
from lookalike.graphs import session
from lookalike.interop.onnx_export import export_onnx, export_saved
from lookalike.interop.onnx_runtime import OnnxRestorer, facts_of, open_exported
from lookalike.models import onnx_kinds, onnx_unet
from lookalike.models.onnx_graphs import OPSET
from lookalike.noise import NOT_TOLD
from lookalike.pixels import centre
from pictures import waves
from rounding import rounding

SIZES = [(32, 32), (33, 38), (1, 1), (2, 3), (5, 64), (1, 9)]
"""Multiples of the stride, odd ones, and sides shorter than what they are continued by."""


def trained_a_little(depth: int = 3, blocks: int = 1, seed: int = 0) -> la.UNetDenoiser:
    """Not as it begins, where the last layer is zero and pictures stay as they are."""
    model = la.UNetDenoiser(width=4, blocks=blocks, seed=seed, device="cpu")
    return model.fit(waves(40, 16, 16, depth), epochs=2, progress=False)


@pytest.fixture(scope="module")
def model() -> la.UNetDenoiser:
    return trained_a_little()


@pytest.fixture(scope="module")
def folder(model: la.UNetDenoiser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("onnx")
    told = export_onnx(model, out)
    assert told["files"] == [str(out / "denoiser.onnx")]
    assert told["max_abs_difference"] < 1e-5
    assert told["opset"] == OPSET
    return out


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_as_pytorch_does(model: la.UNetDenoiser, folder: Path, size: tuple[int, int]) -> None:
    pictures = waves(3, *size)
    restorer = OnnxRestorer(folder)
    expected = model.reconstruct(pictures)
    assert np.abs(expected - centre(pictures)).max() > 1e-3  # it does something
    np.testing.assert_allclose(restorer.reconstruct(pictures), expected, rtol=0, atol=rounding(model))
    told = model.reconstruct(pictures, 0.2)
    np.testing.assert_allclose(restorer.reconstruct(pictures, 0.2), told, rtol=0, atol=rounding(model))
    assert np.abs(restorer.reconstruct(pictures, 0.2) - expected).max() > 1e-6  # the level is heard


def test_a_level_for_each_picture(model: la.UNetDenoiser, folder: Path) -> None:
    pictures, levels = waves(3, 16, 16), np.array([0.0, 0.1, 1.0])
    restored = OnnxRestorer(folder).reconstruct(pictures, levels)
    np.testing.assert_allclose(restored, model.reconstruct(pictures, levels), rtol=0, atol=rounding(model))
    for wrong in (-0.1, 1.5, np.nan):
        with pytest.raises(OptionError, match="from 0 to 1"):
            OnnxRestorer(folder).reconstruct(pictures, wrong)


@pytest.mark.parametrize(("depth", "blocks"), [(1, 1), (3, 2)])
def test_by_the_reference_evaluator(tmp_path: Path, depth: int, blocks: int) -> None:
    model = trained_a_little(depth, blocks)
    export_onnx(model, tmp_path)
    given = np.ascontiguousarray(centre(waves(2, 14, 9, depth)).transpose(0, 3, 1, 2))
    levels = np.array([NOT_TOLD, 0.15], np.float32)
    clean = ReferenceEvaluator(str(tmp_path / "denoiser.onnx")).run(None, {"pictures": given, "levels": levels})[0]
    for i, level in enumerate((None, 0.15)):
        expected = model.reconstruct(given[i : i + 1].transpose(0, 2, 3, 1), level)
        np.testing.assert_allclose(clean[i : i + 1].transpose(0, 2, 3, 1), expected, rtol=0, atol=rounding(model))


def test_at_half_size_without_biases(tmp_path: Path) -> None:
    """Squares of pixels become channels in PyTorch's order, and sides are continued to multiples of 8."""
    form = {"channels": (4, 6, 8), "fold": 2, "biases": False}
    model = la.UNetDenoiser(**form, device="cpu").fit(waves(40, 16, 16), epochs=2, progress=False)
    export_onnx(model, tmp_path)
    restorer = OnnxRestorer(tmp_path)
    for size in [(32, 32), (33, 38), (1, 3)]:
        pictures = waves(2, *size)
        for level in (None, 0.2):
            expected = model.reconstruct(pictures, level)
            np.testing.assert_allclose(restorer.reconstruct(pictures, level), expected, rtol=0, atol=rounding(model))
    assert facts_of(session(tmp_path / "denoiser.onnx"))["reach"] == str(model.reach)


def test_what_it_is(model: la.UNetDenoiser, folder: Path) -> None:
    facts = facts_of(session(folder / "denoiser.onnx"))
    assert facts == {
        "kind": "unet", "side": "denoiser", "image_shape": "[16, 16, 3]", "reach": str(model.reach),
        "digest": model.digest,
    }  # fmt: skip
    page = Path(serve.__file__).with_name("page") / "cleaner.js"
    assert f"const NOT_TOLD = {NOT_TOLD:g};" in page.read_text()
    for blocks in (1, 2, 5):
        assert onnx_unet.reach_of({"blocks": blocks}) == la.UNetDenoiser(blocks=blocks).reach
    proto = onnx.load(folder / "denoiser.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert [one.name for one in proto.graph.input] == ["pictures", "levels"]


def test_large_pictures_go_by_windows(model: la.UNetDenoiser, folder: Path) -> None:
    picture = waves(1, 300, 290)[0]
    restorer = open_exported(folder)
    assert isinstance(restorer, OnnxRestorer)
    np.testing.assert_allclose(denoise(restorer, picture).astype(int), denoise(model, picture), atol=1)
    grey = waves(1, 20, 21, 1)[0]
    np.testing.assert_allclose(denoise(restorer, grey, 0.1).astype(int), denoise(model, grey, 0.1), atol=1)


def test_saved_files_give_the_same_bytes(model: la.UNetDenoiser, folder: Path, tmp_path: Path) -> None:
    model.save(tmp_path / "saved")
    assert export_saved(tmp_path / "saved", model.digest, tmp_path / "out")
    assert (tmp_path / "out" / "denoiser.onnx").read_bytes() == (folder / "denoiser.onnx").read_bytes()


def test_a_wrong_graph_is_not_written(model: la.UNetDenoiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = trained_a_little(seed=1).weights(), onnx_unet.unet
    monkeypatch.setitem(onnx_kinds.CODELESS, "unet", lambda p, s, e, d: right(p, s, wrong["encoder"], d))
    with pytest.raises(LookalikeError, match="nothing was written"):
        export_onnx(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "denoiser.onnx").write_bytes((folder / "denoiser.onnx").read_bytes()[:500])
    with pytest.raises(LookalikeError, match="no exported model that can be read"):
        open_exported(tmp_path)


def test_command(call, model: la.UNetDenoiser, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model.save(tmp_path / "saved")
    told = call("export", tmp_path / "saved", "--format", "onnx", "--out", tmp_path / "out", "--json").json
    assert told["files"] == [str(tmp_path / "out" / "denoiser.onnx")]
    assert told["max_abs_difference"] < 1e-5
