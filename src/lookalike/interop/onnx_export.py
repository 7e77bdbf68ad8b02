"""Models as ONNX: for ONNX Runtime on a server, in a browser or on a phone.

A model with a code becomes two graphs, one without a code becomes one. They hold standard operators only, so that ONNX
Runtime Web's WASM kernels run them. A batch is of any size.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike import files
from lookalike.errors import LookalikeError, MissingExtraError
from lookalike.graphs import parsed, session
from lookalike.interop.onnx_runtime import DECODER, ENCODER, SHARP
from lookalike.models.onnx_graphs import CODES, OPSET, PICTURES
from lookalike.models.onnx_kinds import CODELESS, written_out
from lookalike.models.onnx_sharp import sharp_upon
from lookalike.models.onnx_unet import CLEAN, LEVELS, reach_of
from lookalike.models.pieces import planes
from lookalike.noise import NOT_TOLD

if TYPE_CHECKING:
    from torch import nn

    from lookalike.models.base import Autoencoder
    from lookalike.models.sharp import SharpDecoder

COMPARED = 8
"""Random pictures on which both programs are compared."""
ODD = 3
"""Rows and columns more than the training's pictures have, where a model takes any size: no multiple of its stride."""
LARGEST_DIFFERENCE = 1e-3
"""Between the outputs of ONNX Runtime and of the model; rounding gives about 1e-6."""


def export_onnx(model: Autoencoder, folder: str | Path, *, seed: int = 0) -> dict[str, Any]:
    """Write a model into a folder as ONNX, after ONNX Runtime was seen to compute what `model` does.

    Of a model with a code, `encoder.onnx` takes `pictures`, float32 (N, C, H, W) centred to [-0.5, 0.5], and gives
    `codes`, float32 (N, K); `decoder.onnx` does the reverse, not clipped. Of a U-Net, `denoiser.onnx` takes `pictures`
    of any height and width with `levels`, float32 (N,), and gives `clean`, of the same size and not clipped: a level is
    the noise's standard deviation, a picture spanning 1, or -1 for the model to judge for itself. Where there is a
    sharp decoder, `sharp.onnx` takes `codes` and gives `pictures` with detail that is invented, not seen.

    All carry what they are in their metadata: `lookalike.kind`, `.image_shape` (JSON, H, W and C), `.digest` (of the
    model's weights and parameters), `.side`, and `.code_size` or `.reach` (pixels that a denoiser sees to each side).

    Returns `files`, the paths written, `max_abs_difference`, the largest between the outputs of ONNX Runtime and of
    `model` on random pictures drawn by `seed`, and `opset`.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        NotFittedError: the model has no weights yet.
        LookalikeError: ONNX Runtime computes something else.
    """
    model.require_decoder()
    _check_packages("export --format onnx")
    weights = model.weights()
    parts = model.settled(), model.image_shape_, weights["encoder"], weights["decoder"]
    graphs = _written_out(model.kind, *parts)
    protos = exported_by_torch(model) if graphs is None else graphs
    facts = _facts(model.kind, model.settled(), model.image_shape_, model.digest)
    contents = {name: _serialised(proto, facts, name) for name, proto in protos.items()}
    if model.own_sharp is not None:
        contents[SHARP] = _sharp(protos[DECODER], model.own_sharp, facts)
    difference = (_difference if model.has_code else _difference_in_cleaning)(model, list(contents.values()), seed)
    if not difference <= LARGEST_DIFFERENCE:
        raise LookalikeError(
            f"ONNX Runtime's outputs differ by up to {difference:.2g} from the model's, beyond {LARGEST_DIFFERENCE:g}; "
            "nothing was written: please report the versions of torch and onnxruntime"
        )
    return {"files": _written(contents, Path(folder)), "max_abs_difference": difference, "opset": OPSET}


def export_saved(saved: Path, digest: str, folder: Path) -> bool:
    """Write a model of a known kind straight from its files, without PyTorch; False where the kind needs it.

    Args:
        saved: the folder that `Autoencoder.save` wrote.
        digest: `Autoencoder.digest` of that model, noted in what is written.
        folder: takes what `export_onnx` would write.

    Raises:
        MissingExtraError: onnx is not installed.
        RunError, WeightsError: the model's files are missing or damaged.
    """
    from lookalike.models import kind_named
    from lookalike.models.store import load, read_description

    if not kind_named(read_description(saved)["kind"]).learns:  # it came as a graph, which has no decoder
        return False
    _check_packages("an ONNX model")
    description, sides = load(saved, None)
    kind, parameters = description["kind"], description["parameters"]
    height, width, depth = description["image_shape"]
    graphs = _written_out(kind, parameters, (height, width, depth), sides["encoder"], sides["decoder"])
    if graphs is None:
        return False
    facts = _facts(kind, parameters, (height, width, depth), digest)
    _written({name: _serialised(proto, facts, name) for name, proto in graphs.items()}, folder)
    return True


def export_sharp(saved: Path, digest: str, folder: Path) -> None:
    """Write the sharp decoder of a saved model, where it has one, beside what was exported of the model before.

    Args:
        saved: the folder of the model.
        digest: of that model.
        folder: holds `decoder.onnx`, and takes `sharp.onnx`.

    Raises:
        MissingExtraError: onnx is not installed.
        WeightsError: the sharp decoder's files are damaged.
    """
    from lookalike.models.sharp import SharpDecoder

    decoder = SharpDecoder.load(saved)
    if decoder is None or decoder.model != digest:
        return
    plain = parsed((folder / DECODER).read_bytes())
    noted = {one.key.removeprefix("lookalike."): one.value for one in plain.metadata_props}
    del noted["side"]
    files.write_bytes(folder / SHARP, _sharp(plain, decoder, noted))


def exported_by_torch(model: Autoencoder) -> dict[str, Any]:
    """Both sides of a model of any kind with a code, as PyTorch's exporter writes them: `onnx.ModelProto` by file."""
    height, width, depth = model.image_shape_
    from lookalike.models.modules import torch_sides

    encoder, decoder = torch_sides(model)
    return {
        ENCODER: _traced(encoder, (2, depth, height, width), PICTURES, CODES),
        DECODER: _traced(decoder, (2, model.code_size), CODES, PICTURES),
    }


def _check_packages(feature: str) -> None:
    if not all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        raise MissingExtraError("onnx", feature)


def _written_out(kind: str, *parts: Any) -> dict[str, Any] | None:
    """`onnx.ModelProto` by file of a kind whose graphs we write ourselves, None of any other."""
    import onnx

    contents = written_out(kind, *parts)
    if contents is None:
        return None
    return {f"{name}.onnx": onnx.load_model_from_string(content) for name, content in contents.items()}


def _facts(kind: str, parameters: dict[str, Any], image_shape: tuple[int, int, int], digest: str) -> dict[str, str]:
    facts = {"kind": kind, "image_shape": json.dumps([int(side) for side in image_shape]), "digest": digest}
    own = {"reach": reach_of(parameters)} if kind in CODELESS else {"code_size": parameters["code_size"]}
    return facts | {name: str(value) for name, value in own.items()}


def _written(contents: dict[str, bytes], folder: Path) -> list[str]:
    for name, content in contents.items():
        files.write_bytes(folder / name, content)
    return [str(folder / name) for name in contents]


def _traced(network: nn.Module, example: tuple[int, ...], given: str, result: str) -> Any:
    """One side as PyTorch's exporter writes it, without what it notes about the machine it ran on."""
    import torch

    with _quietly():
        program = torch.onnx.export(
            network,
            (torch.zeros(example),),
            dynamo=True,
            opset_version=OPSET,
            input_names=[given],
            output_names=[result],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
            optimize=True,
        )
    assert program is not None
    proto: Any = program.model_proto
    # Source files, lines and stack traces at every node.
    graph = proto.graph
    for held in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del held.metadata_props[:]
        held.doc_string = ""
    return proto


def _sharp(plain: Any, decoder: SharpDecoder, facts: dict[str, str]) -> bytes:
    """Both decoders as one graph, the plain one's being there already."""
    proto = sharp_upon(plain, decoder.image_shape, decoder.weights)
    del proto.metadata_props[:]
    return _serialised(proto, {**facts, "sharp": decoder.digest}, SHARP)


def _serialised(proto: Any, facts: dict[str, str], file: str) -> bytes:
    import onnx

    proto.producer_name, proto.producer_version = "lookalike", ""
    for name, value in {**facts, "side": Path(file).stem}.items():
        proto.metadata_props.add(key=f"lookalike.{name}", value=value)
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter warns of its own insides, and says that torchvision, which nobody asks for, is not there."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def _difference(model: Autoencoder, graphs: list[bytes], seed: int) -> float:
    """Between the model and ONNX Runtime, over codes of random pictures and pictures of these codes, sharp ones too."""
    encoder, *decoders = (session(graph) for graph in graphs)
    generator = np.random.default_rng(seed)
    pictures = generator.random((COMPARED, *model.image_shape_), np.float32) - np.float32(0.5)
    codes = model.encode(pictures)
    found_codes = encoder.run([CODES], {PICTURES: planes(pictures)})[0]
    scale = max(1.0, float(np.abs(codes).max()))  # codes of hundreds round to that much less
    differences = [np.abs(codes - found_codes).max() / scale]
    for decoder, sharp in zip(decoders, (False, True), strict=False):
        found = decoder.run([PICTURES], {CODES: codes})[0].transpose(0, 2, 3, 1)
        differences.append(np.abs(model.decode(codes, sharp=sharp) - found).max())
    return max(float(one) for one in differences)


def _difference_in_cleaning(model: Any, graphs: list[bytes], seed: int) -> float:
    """Between a denoiser and ONNX Runtime, over random pictures of two sizes, told and not told a level."""
    held = session(graphs[0])
    generator = np.random.default_rng(seed)
    height, width, depth = model.image_shape_
    differences = [0.0]
    for shape in ((COMPARED, height, width, depth), (1, height + ODD, width + ODD, depth)):
        pictures = generator.random(shape, np.float32) - np.float32(0.5)
        for level in (None, 0.1):
            levels = np.full(len(pictures), NOT_TOLD if level is None else level, np.float32)
            found = held.run([CLEAN], {PICTURES: planes(pictures), LEVELS: levels})[0].transpose(0, 2, 3, 1)
            differences.append(float(np.abs(found - model.reconstruct(pictures, level)).max()))
    return max(differences)
