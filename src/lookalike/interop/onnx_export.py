"""A model's two sides as ONNX: for ONNX Runtime on a server, in a browser or on a phone.

The graphs hold standard operators only, so that ONNX Runtime Web's WASM kernels run them. A batch is of any size.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.errors import LookalikeError, MissingExtraError, OptionError
from lookalike.interop.onnx_graphs import CODES, GRAPHS, OPSET, PICTURES

if TYPE_CHECKING:
    from torch import nn

    from lookalike.models.base import Autoencoder

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
SIDES = ("encoder", "decoder")
COMPARED = 8
"""Random pictures on which both programs are compared."""
LARGEST_DIFFERENCE = 1e-3
"""Between the outputs of ONNX Runtime and of the model; rounding gives about 1e-6."""


def export_onnx(model: Autoencoder, folder: str | Path, *, seed: int = 0) -> dict[str, Any]:
    """Write `encoder.onnx` and `decoder.onnx` into a folder, after ONNX Runtime was seen to compute what `model` does.

    The encoder takes `pictures`, float32 (N, C, H, W) centred to [-0.5, 0.5], and gives `codes`, float32 (N, K); the
    decoder the reverse, not clipped. Both carry what they are in their metadata: `lookalike.kind`, `.image_shape`
    (JSON, H, W and C), `.code_size`, `.digest` (of the model's weights and parameters) and `.side`.

    Returns `files`, the paths written, `max_abs_difference`, the largest between the outputs of ONNX Runtime and of
    `model` on random pictures drawn by `seed`, and `opset`.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        NotFittedError: the model has no weights yet.
        OptionError: the model has no code.
        LookalikeError: ONNX Runtime computes something else.
    """
    _check_packages("export --format onnx")
    if not getattr(model, "has_code", True):
        raise OptionError(f"a model of kind {model.kind!r} has no code, so there are no two sides to export")
    weights = model.weights()
    if model.kind in GRAPHS:
        sides = GRAPHS[model.kind](model.get_params(), model.image_shape_, weights["encoder"], weights["decoder"])
        protos = [_model_of(graph) for graph in sides]
    else:
        protos = exported_by_torch(model)
    facts = _facts(model.kind, model.image_shape_, model.code_size, model.digest)
    graphs = [_serialised(proto, facts, side) for proto, side in zip(protos, SIDES, strict=True)]
    difference = _difference(model, graphs, seed)
    if not difference <= LARGEST_DIFFERENCE:
        raise LookalikeError(
            f"ONNX Runtime's outputs differ by up to {difference:.2g} from the model's, beyond {LARGEST_DIFFERENCE:g}; "
            "nothing was written: please report the versions of torch and onnxruntime"
        )
    return {"files": _written(graphs, Path(folder)), "max_abs_difference": difference, "opset": OPSET}


def export_saved(saved: Path, digest: str, folder: Path) -> bool:
    """Write a model of a known kind straight from its files, without PyTorch; False where the kind needs it.

    Args:
        saved: the folder that `Autoencoder.save` wrote.
        digest: `Autoencoder.digest` of that model, noted in what is written.
        folder: takes `encoder.onnx` and `decoder.onnx`.

    Raises:
        MissingExtraError: onnx is not installed.
        RunError, WeightsError: the model's files are missing or damaged.
    """
    from lookalike.models.store import load

    _check_packages("an ONNX model")
    description, encoder, decoder = load(saved)
    kind, parameters = description["kind"], description["parameters"]
    if kind not in GRAPHS:
        return False
    height, width, depth = description["image_shape"]
    sides = GRAPHS[kind](parameters, (height, width, depth), encoder, decoder)
    facts = _facts(kind, (height, width, depth), parameters["code_size"], digest)
    graphs = [_serialised(_model_of(graph), facts, side) for graph, side in zip(sides, SIDES, strict=True)]
    _written(graphs, folder)
    return True


def exported_by_torch(model: Autoencoder) -> list[Any]:
    """Both sides of a model of any kind as PyTorch's exporter writes them: `onnx.ModelProto`, encoder first."""
    height, width, depth = model.image_shape_
    encoder, decoder = _sides(model)
    return [
        _traced(encoder, (2, depth, height, width), PICTURES, CODES),
        _traced(decoder, (2, model.code_size), CODES, PICTURES),
    ]


def _check_packages(feature: str) -> None:
    if not all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        raise MissingExtraError("onnx", feature)


def _facts(kind: str, image_shape: tuple[int, int, int], code_size: int, digest: str) -> dict[str, str]:
    shape = json.dumps([int(side) for side in image_shape])
    return {"kind": kind, "image_shape": shape, "code_size": str(code_size), "digest": digest}


def _written(graphs: list[bytes], folder: Path) -> list[str]:
    paths = [folder / ENCODER, folder / DECODER]
    for path, graph in zip(paths, graphs, strict=True):
        files.write_bytes(path, graph)
    return [str(path) for path in paths]


def _model_of(graph: Any) -> Any:
    from onnx import helper

    # The intermediate representation of opset 18's time, which older runtimes read as well.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def _sides(model: Autoencoder) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder as PyTorch modules on the CPU."""
    weights = model.weights()
    if hasattr(model, "network_"):
        network = copy.deepcopy(model.network_).cpu().eval()
        return network.encoder, network.decoder
    import torch

    from lookalike.models.dense import DenseAutoencoderNetwork

    # What is no network is linear: two Dense layers.
    dense = DenseAutoencoderNetwork(model.image_shape_, model.code_size, seed=0)
    for side, tensors in weights.items():
        held = {name: torch.from_numpy(np.ascontiguousarray(tensor)) for name, tensor in tensors.items()}
        dense.get_submodule(side).load_state_dict(held)
    return dense.encoder.eval(), dense.decoder.eval()


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


def _serialised(proto: Any, facts: dict[str, str], side: str) -> bytes:
    import onnx

    proto.producer_name, proto.producer_version = "lookalike", ""
    for name, value in {**facts, "side": side}.items():
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
    """Between the model and ONNX Runtime, over codes of random pictures and pictures of these codes."""
    encoder, decoder = (session(graph) for graph in graphs)
    generator = np.random.default_rng(seed)
    pictures = generator.random((COMPARED, *model.image_shape_), np.float32) - np.float32(0.5)
    codes = model.encode(pictures)
    found_codes = encoder.run([CODES], {PICTURES: np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))})[0]
    found_pictures = decoder.run([PICTURES], {CODES: codes})[0].transpose(0, 2, 3, 1)
    scale = max(1.0, float(np.abs(codes).max()))  # codes of hundreds round to that much less
    differences = np.abs(codes - found_codes).max() / scale, np.abs(model.decode(codes) - found_pictures).max()
    return max(float(one) for one in differences)


def session(graph: bytes | Path, threads: int = 1) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtraError("onnx", "running an ONNX model")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        graph if isinstance(graph, bytes) else str(graph), options, providers=["CPUExecutionProvider"]
    )


def facts_of(held: Any) -> dict[str, str]:
    """What `export_onnx` noted in a session's model: kind, image_shape, code_size, digest and side."""
    noted = held.get_modelmeta().custom_metadata_map
    return {name.removeprefix("lookalike."): value for name, value in noted.items() if name.startswith("lookalike.")}


class OnnxCodec:
    """The two exported sides as one: pictures to codes and back, on ONNX Runtime, without PyTorch.

    Attributes:
        image_shape_: (H, W, C) of the pictures.
        code_size: numbers of a code.
        digest: of the model that was exported.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Open what `export_onnx` wrote into a folder.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            LookalikeError: the files are missing, damaged, or not of one model.
        """
        try:
            self._encoder = session(Path(folder) / ENCODER, threads)
            self._decoder = session(Path(folder) / DECODER, threads)
            facts, other = facts_of(self._encoder), facts_of(self._decoder)
            height, width, depth = json.loads(facts["image_shape"])
            self.code_size = int(facts["code_size"])
            self.digest = facts["digest"]
        except MissingExtraError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise LookalikeError(f"{folder} holds no exported model that can be read ({error})") from error
        if other.get("digest") != self.digest or (facts["side"], other["side"]) != ("encoder", "decoder"):
            raise LookalikeError(f"{folder} holds two sides that are not of one model; export it again")
        self.image_shape_: tuple[int, int, int] = (height, width, depth)

    def encode(self, pictures: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """uint8 or centred float32 (N, H, W, C) -> float32 (N, code_size)."""
        centred = np.asarray(pictures, np.float32)
        if pictures.dtype == np.uint8:  # as `models.base.centre`, without what its module imports
            centred = centred / np.float32(255) - np.float32(0.5)
        batch = np.ascontiguousarray(centred.transpose(0, 3, 1, 2))
        codes: npt.NDArray[np.float32] = self._encoder.run([CODES], {PICTURES: batch})[0]
        return codes

    def decode(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """(N, code_size) -> float32 (N, H, W, C), centred to 0, not clipped."""
        given = np.ascontiguousarray(codes, np.float32)
        pictures: npt.NDArray[np.float32] = self._decoder.run([PICTURES], {CODES: given})[0]
        return pictures.transpose(0, 2, 3, 1)

    def reconstruct(self, pictures: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Encode and decode: (N, H, W, C) -> float32 (N, H, W, C), centred to 0, not clipped."""
        return self.decode(self.encode(pictures))
