"""Saved models that answer without PyTorch: what they compute, what they take, and what they leave to PyTorch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

import lookalike as la
from lookalike import files
from lookalike.errors import LookalikeError, OptionError
from lookalike.models import model_class, new_model, pieces
from lookalike.models.base import Autoencoder
from lookalike.models.graphed import Graphed
from lookalike.models.loading import load_model, open_model
from lookalike.models.onnx_kinds import SHAPES, shapes_of
from pictures import waves

CASES: dict[str, tuple[str, dict[str, Any], tuple[int, int, int]]] = {
    "the course's": ("conv", {"code_size": 5, "channels": (4, 6, 8, 10)}, (32, 32, 3)),
    "odd sides": ("conv", {"code_size": 5, "channels": (4, 6)}, (21, 38, 1)),
    "smaller than its stride": ("conv", {"code_size": 3, "channels": (4, 4, 4)}, (5, 9, 3)),
    "other activations": (
        "conv",
        {"channels": (4, 6), "activation": "leaky_relu:0.2", "output_activation": "sigmoid", "pixels": "unit"},
        (16, 16, 3),
    ),
    "dense": ("dense", {"code_size": 7, "output_activation": "sigmoid", "pixels": "unit"}, (9, 8, 3)),
    "residual": ("residual", {"code_size": 6, "width": 4}, (32, 32, 3)),
    "residual of odd sides": ("residual", {"code_size": 6, "width": 5}, (21, 38, 1)),
    "residual, folded": ("residual", {"code_size": 6, "width": 4, "fold": 2}, (21, 38, 3)),
    "residual, not guided": ("residual", {"code_size": 6, "width": 4, "fold": 2, "guided": False}, (21, 38, 3)),
    "residual of large pictures": ("residual", {"code_size": 6, "width": 4}, (48, 60, 3)),
    "search": ("search", {"code_size": 6}, (40, 33, 3)),
    "search of large pictures": ("search", {"code_size": 6}, (70, 96, 1)),
    "unet": ("unet", {"width": 4}, (16, 16, 3)),
    "of photographs": (
        "unet",
        {"channels": (4, 6, 8), "fold": 2, "biases": False, "objective": "l1"},
        (16, 16, 3),
    ),
    "unet of two blocks": ("unet", {"width": 3, "blocks": 2}, (16, 16, 1)),
}


def made(name: str) -> Autoencoder:
    """A model of a case with weights of which none is without effect."""
    kind, parameters, shape = CASES[name]
    model: Any = new_model(kind, **parameters)
    if kind == "search":
        return model.fit(waves(20, *shape), run=None)  # type: ignore[no-any-return]
    model.initialise(shape)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in [*model.network_.parameters(), *model.network_.buffers()]:
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
    return model  # type: ignore[no-any-return]


def within_rounding(found: np.ndarray, expected: np.ndarray) -> None:
    """Sums of some thousand float32 products, in whatever order: a ten thousandth of the largest value is generous."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_pytorch_computes(name: str, tmp_path: Path) -> None:
    model = made(name)
    model.save(tmp_path)
    opened = open_model(tmp_path)
    assert isinstance(opened, Graphed)
    assert (opened.kind, opened.digest, opened.image_shape_) == (model.kind, model.digest, model.image_shape_)
    assert (opened.has_code, opened.takes_level, opened.reach) == (model.has_code, model.takes_level, model.reach)
    assert (opened.n_parameters, opened.described()) == (model.n_parameters, json.loads(json.dumps(model.described())))
    pictures = waves(6, *model.image_shape_, seed=1)
    within_rounding(opened.reconstruct(pictures), model.reconstruct(pictures))
    assert opened.score(pictures) == pytest.approx(model.score(pictures), rel=1e-4)
    if model.has_code:
        codes = model.encode(pictures)
        within_rounding(opened.encode(pictures), codes)
        within_rounding(opened.decode(codes), model.decode(codes))
        return
    larger = waves(2, 19, 22, 3)
    within_rounding(opened.reconstruct(larger, level=0.1), model.reconstruct(larger, level=0.1))  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="has no code"):
        opened.encode(pictures)


@pytest.mark.parametrize("name", CASES)
def test_its_tensors_are_the_networks(name: str) -> None:
    kind, parameters, shape = CASES[name]
    described = {"kind": kind, "parameters": new_model(kind, **parameters).described(), "image_shape": list(shape)}
    assert shapes_of(kind, described["parameters"], shape) == model_class(kind).expected(described)


def test_threads_change_no_bit(tmp_path: Path) -> None:
    made("residual").save(tmp_path)
    alone, together = (open_model(tmp_path, threads=threads) for threads in (1, 3))
    pictures = waves(70, 32, 32, seed=2)
    np.testing.assert_array_equal(alone.reconstruct(pictures), together.reconstruct(pictures))


def test_it_learns_nothing(tmp_path: Path) -> None:
    made("dense").save(tmp_path)
    opened: Any = open_model(tmp_path)
    for use in (lambda: opened.fit(waves(3, 9, 8)), lambda: opened.initialise((9, 8, 3))):
        with pytest.raises(OptionError, match="answers and learns nothing"):
            use()


def torn(run: Path) -> None:
    path = run / "encoder.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def exchanged(run: Path) -> None:
    path = run / "encoder.safetensors"
    tensors = safetensors.numpy.load(path.read_bytes())
    path.write_bytes(safetensors.numpy.save({name: tensor + 1 for name, tensor in tensors.items()}))


def not_finite(run: Path) -> None:
    path = run / "encoder.safetensors"
    tensors = safetensors.numpy.load(path.read_bytes())
    path.write_bytes(safetensors.numpy.save({**tensors, "dense.bias": tensors["dense.bias"] * np.float32(np.nan)}))
    described(
        run, files={**json.loads((run / "model.json").read_text())["files"], path.name: files.sha256(path.read_bytes())}
    )


def described(run: Path, **changed: Any) -> None:
    path = run / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


DAMAGES = {
    "torn": torn,
    "exchanged": exchanged,
    "not finite": not_finite,
    "missing": lambda run: (run / "decoder.safetensors").unlink(),
    "no description": lambda run: (run / "model.json").unlink(),
    "another code": lambda run: described(run, parameters={**_parameters(run), "code_size": 8}),
    "an unknown parameter": lambda run: described(run, parameters={**_parameters(run), "depth": 8}),
    "a word for a number": lambda run: described(run, parameters={**_parameters(run), "code_size": "many"}),
    "another kind": lambda run: described(run, kind="vae"),
    "another shape": lambda run: described(run, image_shape=[9, 8]),
    "another format": lambda run: described(run, format=7),
}


def _parameters(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "model.json").read_text())["parameters"])


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_wrong_with_files_is_told_as_ever(damage: str, tmp_path: Path) -> None:
    made("dense").save(tmp_path)
    DAMAGES[damage](tmp_path)
    with pytest.raises(LookalikeError) as expected:
        load_model(tmp_path)
    with pytest.raises(type(expected.value)) as found:
        open_model(tmp_path)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("why", ["no ONNX Runtime", "a GPU", "an activation of ours alone", "a closed form"])
def test_the_rest_is_left_to_pytorch(why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("dense")
    if why == "no ONNX Runtime":
        monkeypatch.setattr(pieces, "find_spec", lambda name: None)
    elif why == "a GPU":
        monkeypatch.setattr(pieces, "GPUS", (str(tmp_path),))
        monkeypatch.setattr(pieces.sys, "platform", "linux")  # type: ignore[attr-defined]
    elif why == "an activation of ours alone":
        model = la.DenseAutoencoder(4, code_activation="gelu").initialise((9, 8, 3))
    else:
        model = la.PCAAutoencoder(4).fit(waves(12, 9, 8))
    model.save(tmp_path)
    assert type(open_model(tmp_path)) is type(model)


def test_a_runtime_that_cannot_be_loaded_is_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a library of the system's is missing."""
    package = tmp_path / "packages" / "onnxruntime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('raise ImportError("libmissing.so.1: cannot open shared object file")')
    monkeypatch.syspath_prepend(package.parent)
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    pieces.runtime_loads.cache_clear()
    model = made("dense")
    model.save(tmp_path / "model")
    pictures = waves(5, 9, 8)
    try:
        found = [open_model(tmp_path / "model").encode(pictures) for _ in range(2)]
    finally:
        pieces.runtime_loads.cache_clear()
    np.testing.assert_array_equal(found, [model.encode(pictures)] * 2)
    [said] = [record.getMessage() for record in caplog.records]
    assert "libmissing.so.1" in said


def test_kinds_with_graphs_have_their_tensors_told() -> None:
    assert set(SHAPES) == {kind for kind, _, _ in CASES.values()}


def test_a_gallery_finds_by_it_what_it_finds_by_pytorch(tmp_path: Path) -> None:
    """Every query a picture that is stored, but for half a level of one pixel: the copy is nearest, at rounding."""
    pictures = waves(120, 32, 32)
    model = made("the course's")
    with la.Gallery.open(tmp_path, model) as gallery:
        gallery.update(la.ImageSet(pictures, names=[f"{i:03}" for i in range(len(pictures))]))
    with la.Gallery.open(tmp_path, create=False) as gallery:
        assert isinstance(gallery.model, Graphed)
        spread = float(np.linalg.norm(gallery.codes - gallery.codes.mean(axis=0), axis=1).mean())
        found = gallery.encode(pictures)
        order = np.argsort([int(name) for name in gallery.names])
        np.testing.assert_allclose(found, gallery.codes[order], rtol=0, atol=1e-4 * spread)
        kept = []
        for code, exact in zip(found[:40], model.encode(pictures[:40]), strict=True):
            ours, theirs = gallery.search(code, 10), gallery.search(exact, 10)
            assert ours.distances[0] <= 1e-3 * spread
            kept.append(len(set(ours.names) & set(theirs.names)) / 10)
        assert np.mean(kept) >= 0.99
