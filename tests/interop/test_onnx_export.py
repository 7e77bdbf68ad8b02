"""ONNX files compute what the models do, by onnx's own evaluator, ONNX Runtime and PyTorch's exporter."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import lookalike as la
from lookalike.errors import LookalikeError, MissingExtraError, NotFittedError, OptionError
from lookalike.graphs import session
from lookalike.interop import onnx_export
from lookalike.interop.onnx_export import export_onnx, export_saved, export_sharp, exported_by_torch
from lookalike.interop.onnx_runtime import OnnxCodec, facts_of
from lookalike.models import kinds_of_their_own, model_class
from lookalike.models.onnx_graphs import OPSET
from lookalike.models.onnx_kinds import GRAPHS
from pictures import waves
from sharps import sharpened

SHAPES = [(32, 32, 3), (38, 21, 1), (9, 40, 3), (70, 66, 3)]
"""Whole grids; grids that are cropped; sides that are padded before the poolings; sides halved for contrast."""


def fitted(kind: str, shape: tuple[int, int, int], code: int = 5, **parameters: object) -> la.Autoencoder:
    return model_class(kind)(code, **parameters).initialise(shape)


OPTIONS: dict[str, dict[str, object]] = {"residual": {"width": 4}, "conv": {"channels": (4, 6, 8, 10)}}
"""What keeps networks small: PyTorch's exporter and the reference evaluator are slow."""
CODED = [kind for kind in kinds_of_their_own() if model_class(kind).has_code]
"""A model without a code has no two sides to write."""


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(kind, shape) for kind in CODED for shape in (SHAPES if kind in GRAPHS else SHAPES[1:3])],
    ids=str,
)
def test_every_kind_computes_the_same(tmp_path: Path, kind: str, shape: tuple[int, int, int]) -> None:
    model = fitted(kind, shape, **OPTIONS.get(kind, {}))
    told = export_onnx(model, tmp_path)
    assert told["files"] == [str(tmp_path / "encoder.onnx"), str(tmp_path / "decoder.onnx")]
    assert told["max_abs_difference"] < 1e-5
    assert told["opset"] == OPSET
    pictures = waves(3, *shape)
    given = np.ascontiguousarray(la.pixels.centre(pictures).transpose(0, 3, 1, 2))
    encoder, decoder = (ReferenceEvaluator(str(tmp_path / f"{side}.onnx")) for side in ("encoder", "decoder"))
    codes = encoder.run(None, {"pictures": given})[0]
    np.testing.assert_allclose(codes, model.encode(pictures), atol=2e-5)
    back = decoder.run(None, {"codes": codes})[0].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(back, model.reconstruct(pictures), atol=2e-5)


@pytest.mark.parametrize("channels", [(4,), (3, 5), (2, 3, 4, 5, 6)], ids=str)
def test_other_networks(tmp_path: Path, channels: tuple[int, ...]) -> None:
    model = fitted("conv", (20, 24, 3), channels=channels, dense_activation="elu")
    assert export_onnx(model, tmp_path)["max_abs_difference"] < 1e-5


@pytest.mark.parametrize("name", ["relu", "leaky_relu:0.3", "softplus", "tanh", "gelu", "elu:0.5"])
def test_other_activations(tmp_path: Path, name: str) -> None:
    """Those that are one operator of ONNX by our own graphs, the others by PyTorch's exporter."""
    models = [
        fitted("conv", (20, 24, 3), channels=(3, 5), activation=name, code_activation=name, output_activation=name),
        fitted("dense", (9, 8, 1), code_activation="softmax", output_activation=name, pixels="unit"),
        fitted("conv", (9, 8, 1), channels=(3,), pixels="unit"),
    ]
    for model in models[:1] if name == "gelu" else models:
        assert export_onnx(model, tmp_path)["max_abs_difference"] < 1e-5


@pytest.mark.parametrize("kind", [kind for kind in GRAPHS if kind != "pca"])  # of which a dense one is more
def test_our_graphs_are_those_of_pytorchs_exporter(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both paths to a file, for a kind that has both."""
    model = fitted(kind, (18, 16, 3))
    export_onnx(model, tmp_path / "ours")
    monkeypatch.delitem(GRAPHS, kind)
    made: list[onnx.ModelProto] = []

    def noted(model: la.Autoencoder) -> dict[str, onnx.ModelProto]:
        protos = exported_by_torch(model)
        made.extend(protos.values())
        return protos

    monkeypatch.setattr(onnx_export, "exported_by_torch", noted)
    assert export_onnx(model, tmp_path / "theirs")["max_abs_difference"] < 1e-5
    ours, theirs = OnnxCodec(tmp_path / "ours"), OnnxCodec(tmp_path / "theirs")
    pictures = waves(7, 18, 16)
    np.testing.assert_allclose(ours.encode(pictures), theirs.encode(pictures), atol=1e-5)
    np.testing.assert_allclose(ours.reconstruct(pictures), theirs.reconstruct(pictures), atol=1e-5)
    assert not export_saved(_saved(model, tmp_path), model.digest, tmp_path / "none")
    assert len(made) == 2
    for proto in made:
        assert str(Path(la.__file__).parent).encode() not in proto.SerializeToString()


def test_saved_files_give_the_same_bytes(tmp_path: Path) -> None:
    model = fitted("conv", (16, 16, 3))
    export_onnx(model, tmp_path / "a")
    assert export_saved(_saved(model, tmp_path), model.digest, tmp_path / "b")
    for name in ("encoder.onnx", "decoder.onnx"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def _saved(model: la.Autoencoder, folder: Path) -> Path:
    model.save(folder / "saved")
    return folder / "saved"


def test_any_batch_and_what_it_is(tmp_path: Path) -> None:
    model = fitted("conv", (16, 16, 3), code=4)
    export_onnx(model, tmp_path)
    codec = OnnxCodec(tmp_path)
    for count in (1, 2, 33):
        assert codec.encode(waves(count, 16, 16)).shape == (count, 4)
    assert (codec.image_shape_, codec.code_size, codec.digest) == ((16, 16, 3), 4, model.digest)
    facts = facts_of(session(tmp_path / "decoder.onnx"))
    assert facts == {
        "kind": "conv", "side": "decoder", "image_shape": "[16, 16, 3]", "code_size": "4", "digest": model.digest,
    }  # fmt: skip
    for name in ("encoder", "decoder"):
        proto = onnx.load(tmp_path / f"{name}.onnx")
        onnx.checker.check_model(proto, full_check=True)
        assert [(one.domain, one.version) for one in proto.opset_import] == [("", OPSET)]
        assert not proto.functions


def test_floats_and_bytes_are_the_same_pictures(tmp_path: Path) -> None:
    model = fitted("conv", (16, 16, 3))
    export_onnx(model, tmp_path)
    pictures, codec = waves(2, 16, 16), OnnxCodec(tmp_path)
    np.testing.assert_array_equal(codec.encode(pictures), codec.encode(la.pixels.centre(pictures)))


def test_command(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = fitted("pca", (8, 8, 3))
    told = call("export", _saved(model, tmp_path), "--format", "onnx", "--out", tmp_path / "out", "--json").json
    assert told["max_abs_difference"] < 1e-5
    assert all(Path(name).is_file() for name in told["files"])
    unknown = call("export", tmp_path / "saved", "--format", "tflite", "--out", tmp_path / "out")
    assert (unknown.code, "keras" in unknown.err, "onnx" in unknown.err) == (2, True, True)


def test_faults_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFittedError):
        export_onnx(la.ConvAutoencoder(4), tmp_path)
    model = fitted("pca", (8, 8, 3))
    export_onnx(model, tmp_path / "a")
    export_onnx(fitted("pca", (8, 8, 3), seed=1), tmp_path / "b")
    (tmp_path / "a" / "decoder.onnx").write_bytes((tmp_path / "b" / "decoder.onnx").read_bytes())
    with pytest.raises(LookalikeError, match="not of one model"):
        OnnxCodec(tmp_path / "a")
    (tmp_path / "a" / "decoder.onnx").write_bytes(b"nonsense")
    with pytest.raises(LookalikeError, match="no exported model that can be read"):
        OnnxCodec(tmp_path / "a")
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name == "onnx" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"lookalike\[onnx\]"):
        export_onnx(model, tmp_path)


def test_a_wrong_graph_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison before writing can fail."""
    model = fitted("pca", (8, 8, 3))
    wrong = fitted("pca", (8, 8, 3), seed=1).weights()
    right = GRAPHS["pca"]
    monkeypatch.setitem(GRAPHS, "pca", lambda p, s, e, d: right(p, s, wrong["encoder"], d))
    with pytest.raises(LookalikeError, match="nothing was written"):
        export_onnx(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("kind", "shape"), [("pca", (16, 24, 3)), ("residual", (38, 21, 1)), ("conv", (9, 40, 3))])
def test_a_sharp_decoder_goes_along(tmp_path: Path, kind: str, shape: tuple[int, int, int]) -> None:
    model = sharpened(fitted(kind, shape, **OPTIONS.get(kind, {})))
    told = export_onnx(model, tmp_path / "whole")
    assert told["files"][2] == str(tmp_path / "whole" / "sharp.onnx")
    assert told["max_abs_difference"] < 1e-4
    codes = np.random.default_rng(0).normal(0, 1, (3, 5)).astype(np.float32)
    drawn = model.decode(codes, sharp=True)
    assert np.abs(drawn - model.decode(codes)).max() > 0.01
    found = ReferenceEvaluator(str(tmp_path / "whole" / "sharp.onnx")).run(None, {"codes": codes})[0]
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), drawn, atol=1e-4)
    codec = OnnxCodec(tmp_path / "whole")
    np.testing.assert_allclose(codec.decode(codes, sharp=True), drawn, atol=1e-4)
    np.testing.assert_allclose(codec.decode(codes, sharp=0.5), (drawn + model.decode(codes)) / 2, atol=1e-4)
    assert model.sharp_ is not None
    assert codec.sharp == model.sharp_.digest

    model.save(tmp_path / "saved")  # and later, beside what was exported before
    assert export_saved(tmp_path / "saved", model.digest, tmp_path / "later")
    with pytest.raises(OptionError, match="lookalike sharpen RUN"):
        OnnxCodec(tmp_path / "later").decode(codes, sharp=True)
    export_sharp(tmp_path / "saved", model.digest, tmp_path / "later")
    for name in ("decoder.onnx", "sharp.onnx"):
        assert (tmp_path / "later" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    export_onnx(fitted(kind, shape, 4, **OPTIONS.get(kind, {})), tmp_path / "later")  # another model, without one
    assert OnnxCodec(tmp_path / "later").sharp is None


def test_a_sharp_decoder_upon_what_pytorch_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_written_out", lambda *_: None)
    assert export_onnx(sharpened(fitted("dense", (9, 8, 1))), tmp_path)["max_abs_difference"] < 1e-4
