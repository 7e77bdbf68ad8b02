"""Encoders from elsewhere: what graphs say is found, codes are ONNX Runtime's, what cannot be is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import lookalike as la
from encoders import CODE, SIDE, by_runtime, conv_encoder, saved
from lookalike.errors import MissingExtraError, OptionError, RunError, WeightsError
from lookalike.interop import onnx_import
from lookalike.interop.onnx_import import import_onnx
from lookalike.models import new_model, onnx_trial
from lookalike.models.loading import load_model
from lookalike.models.onnx_encoder import OnnxEncoder
from pictures import waves

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of these tests' own are tried without a process for each."""
    monkeypatch.setattr(onnx_import, "tried", onnx_trial.found)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OnnxEncoder]:
    path = conv_encoder(tmp_path_factory.mktemp("encoder") / "e.onnx")
    return path, import_onnx(path, mean=MEAN, std=STD)


def scaled(pictures: np.ndarray) -> np.ndarray:
    return ((pictures / 255 - np.array(MEAN)) / np.array(STD)).astype(np.float32)


def test_codes_are_the_graphs_own(imported: tuple[Path, OnnxEncoder]) -> None:
    path, model = imported
    pictures = waves(7, SIDE, SIDE)
    expected = by_runtime(path, scaled(pictures).transpose(0, 3, 1, 2))
    codes = model.encode(pictures)
    assert (codes.shape, codes.dtype, model.code_size, model.image_shape_) == ((7, CODE), np.float32, CODE, (16, 16, 3))
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(codes, model.transform(la.ImageSet(pictures)))
    centred = pictures.astype(np.float32) / np.float32(255) - np.float32(0.5)
    np.testing.assert_array_equal(codes, model.encode(centred))


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ({"layout": "nhwc"}, {}),
        ({"dtype": "uint8"}, {}),
        ({"dtype": "uint8", "layout": "nhwc", "batch": 1}, {}),
        ({"batch": 4}, {}),
        ({"side": "side"}, {"size": SIDE}),
        ({"channels": 1}, {}),
        ({"dtype": "float16"}, {}),
        ({"end": "tokens"}, {"pool": "cls"}),
        ({"end": "tokens"}, {"pool": "mean"}),
        ({"end": "map"}, {"pool": "mean"}),
        ({}, {"normalise": True}),
    ],
    ids=str,
)
@pytest.mark.usefixtures("in_process")
def test_every_form_of_graph(tmp_path: Path, form: dict[str, Any], options: dict[str, Any]) -> None:
    path = conv_encoder(tmp_path / "e.onnx", **form)
    model = import_onnx(path, **options)
    pictures = waves(5, SIDE, SIDE, form.get("channels", 3))
    given = pictures if form.get("dtype") == "uint8" else (pictures / 255).astype(form.get("dtype", "float32"))
    given = given if form.get("layout") == "nhwc" else given.transpose(0, 3, 1, 2)
    size = form.get("batch", 5)
    padded = np.concatenate([given, np.zeros((-len(given) % size, *given.shape[1:]), given.dtype)])
    found = np.concatenate([by_runtime(path, padded[i : i + size]) for i in range(0, len(padded), size)])[:5]
    if options.get("pool") == "cls":
        found = found[:, 0]
    elif "pool" in options:
        found = found.mean(axis=1 if form["end"] == "tokens" else (2, 3))
    if "normalise" in options:
        found = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(
        model.encode(pictures), found, rtol=1e-3 if "float16" in form.values() else 1e-5, atol=1e-4
    )


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        ({"side": "side"}, {}, "pictures of any size; say which it was trained with: --input-size"),
        ({}, {"size": 32}, "input size is 32; the graph takes pictures of 16 x 16"),
        ({}, {"layout": "nhwc"}, "layout is nhwc, but the input pixels has shape"),
        ({}, {"layout": "chwn"}, "layout is 'chwn'; give one of nchw, nhwc"),
        ({"end": "tokens"}, {}, "codes need two axes; pool it with --pool cls"),
        ({"end": "map"}, {"pool": "cls"}, "pool is cls, but map has shape"),
        ({}, {"pool": "mean"}, "pool is mean, but codes has shape"),
        ({"end": "nan"}, {}, "codes that are not finite for 2 of 2 pictures"),
        ({"channels": 4}, {}, "of which no axis is 1 or 3 colours"),
        ({"channels": 1}, {"mean": MEAN}, "takes grey pictures; give one number"),
        ({"dtype": "uint8"}, {"mean": MEAN}, "pixels of 0 to 255 as they are; leave --mean and --std out"),
        ({}, {"std": (0.0,)}, "std is .*; give numbers above 0"),
        ({}, {"output": "nothing"}, "has no output nothing; give one of codes"),
        ({}, {"size": 4096}, "input size is 4096; give 1 to 1,024"),
        ({}, {"text": "text.onnx"}, "give both --text and --tokenizer"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("in_process")
def test_what_the_graph_does_not_allow_is_refused(
    tmp_path: Path, form: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    path = conv_encoder(tmp_path / "e.onnx", **form)
    with pytest.raises((OptionError, WeightsError), match=message):
        import_onnx(path, **options)


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    model = onnx.load(conv_encoder(tmp_path / "e.onnx"))
    kernel = model.graph.initializer[0]
    kernel.dims[0] = 10**12
    onnx.save(model, tmp_path / "huge.onnx")
    with pytest.raises(OptionError, match=r"kernel declares 108,000,000,000,000 bytes; \d+ are there"):
        import_onnx(tmp_path / "huge.onnx")
    conv_encoder(tmp_path / "e.onnx")
    onnx.save(
        onnx.load(tmp_path / "e.onnx"),
        tmp_path / "out.onnx",
        save_as_external_data=True,
        location="w",
        size_threshold=0,
    )
    with pytest.raises(OptionError, match="keeps its numbers in another file, which is not read"):
        import_onnx(tmp_path / "out.onnx")
    (tmp_path / "words.onnx").write_text("no graph at all")
    with pytest.raises(OptionError, match="the file is no ONNX encoder that runs here"):
        import_onnx(tmp_path / "words.onnx")
    with pytest.raises(OptionError, match=r"none.onnx cannot be read \(No such file"):
        import_onnx(tmp_path / "none.onnx")


@pytest.mark.usefixtures("in_process")
def test_files_of_megabytes_come_whole_and_empty_claims_do_not(tmp_path: Path) -> None:
    path = conv_encoder(tmp_path / "e.onnx")
    model = onnx.load(path)
    unused = np.random.default_rng(0).normal(size=600_000).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(unused, "unused"))
    onnx.save(model, path)
    imported = import_onnx(path)
    imported.save(tmp_path / "run")
    assert OnnxEncoder.load(tmp_path / "run").files_["encoder.onnx"] == path.read_bytes()
    with (tmp_path / "hole.onnx").open("wb") as file:
        file.truncate(2**28)
    with pytest.raises(OptionError, match="hardly any are stored"):
        import_onnx(tmp_path / "hole.onnx")


def test_a_graph_that_grows_beyond_memory_is_refused(tmp_path: Path) -> None:
    big = np.array([10**5, 10**6], np.int64)  # 400 GB of zeros, made of sixteen bytes
    graph = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["big"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["none"], keepdims=0),
            helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Add", ["flat", "none"], ["codes"]),
        ],
        "bomb",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("codes", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(big, "big")],
    )
    with pytest.raises(OptionError, match=r"needs more than|no ONNX encoder that runs here|cannot run the graph"):
        import_onnx(saved(tmp_path / "bomb.onnx", graph))


@pytest.mark.usefixtures("in_process")
def test_a_run_keeps_it_and_its_digest(imported: tuple[Path, OnnxEncoder], tmp_path: Path) -> None:
    _, model = imported
    model.save(tmp_path / "run")
    back = load_model(tmp_path / "run")
    pictures = waves(3, SIDE, SIDE)
    np.testing.assert_array_equal(back.encode(pictures), model.encode(pictures))
    assert back.digest == model.digest
    assert back.n_parameters == model.n_parameters == CODE * 3 * 9
    assert "encoder.kernel" in back.summary()
    other = import_onnx(conv_encoder(tmp_path / "o.onnx", seed=1), mean=MEAN, std=STD)
    plain = import_onnx(imported[0])
    assert len({model.digest, other.digest, plain.digest}) == 3


def test_a_damaged_run_is_refused(imported: tuple[Path, OnnxEncoder], tmp_path: Path) -> None:
    imported[1].save(tmp_path)
    with (tmp_path / "encoder.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(WeightsError, match=r"encoder.onnx is not the file that model.json describes"):
        OnnxEncoder.load(tmp_path)
    imported[1].save(tmp_path)
    told = json.loads((tmp_path / "model.json").read_text())
    told["parameters"]["std"] = [0, 1, 1]
    (tmp_path / "model.json").write_text(json.dumps(told))
    with pytest.raises(WeightsError, match=r"is of no encoder \(std is"):
        OnnxEncoder.load(tmp_path)


def test_what_needs_a_decoder_or_a_training_says_so(imported: tuple[Path, OnnxEncoder]) -> None:
    model, pictures = imported[1], waves(2, SIDE, SIDE)
    for attempt in (
        lambda: model.decode(np.zeros((1, CODE))),
        lambda: model.reconstruct(pictures),
        lambda: model.score(pictures),
        lambda: model.evaluate(pictures),
        lambda: la.morph(model, pictures[0], pictures[1]),
    ):
        with pytest.raises(OptionError, match="this model has no decoder: its codes find pictures and draw none"):
            attempt()
    with pytest.raises(OptionError, match="comes as it is and learns nothing"):
        model.fit(pictures)
    with pytest.raises(OptionError, match="model 'onnx' is not trained here; it is an encoder from elsewhere"):
        new_model("onnx")
    with pytest.raises(OptionError, match="no encoder of texts"):
        model.encode_text("a red bicycle")
    with pytest.raises(OptionError, match=r"pictures of shape \(8, 8, 3\); this model takes \(16, 16, 3\)"):
        model.encode(waves(2, 8, 8))


@pytest.mark.usefixtures("in_process")
def test_without_the_extra_the_line_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookalike import graphs

    model = import_onnx(conv_encoder(tmp_path / "e.onnx"))
    monkeypatch.setattr(graphs, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs the extra 'onnx': pip install 'lookalike\[onnx\]'"):
        model.encode(waves(1, SIDE, SIDE))


def test_no_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no model"):
        OnnxEncoder.load(tmp_path)
