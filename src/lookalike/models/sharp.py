"""A second decoder beside a model's own: what it draws of a code has plausible detail instead of a blurred mean.

That detail is invented, not seen. A code keeps what many pictures share, and the plain decoder draws their mean; this
one draws, upon that, a picture that could be one of them. Codes stay as they are, and with them search and directions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from lookalike import files, graphs
from lookalike.data.pipeline import available_cores
from lookalike.errors import OptionError, WeightsError
from lookalike.models.onnx_graphs import CODES, PICTURES
from lookalike.models.onnx_sharp import PLAIN, STRIDE, sharp_graph
from lookalike.models.pieces import computes_here, in_pieces, planes
from lookalike.models.sharpened import MAKE_IT, partly
from lookalike.models.store import NUMBERS, SUFFIX, Tensors, shape_in
from lookalike.pixels import Floats
from lookalike.tensors import declared, misfit

FORMAT = 1
SIDE = "sharp"
DESCRIPTION, WEIGHTS = f"{SIDE}.json", f"{SIDE}{SUFFIX}"
WIDEST = 512
LARGEST_CODE = 65_536


@dataclass(eq=False)
class SharpDecoder:
    """What draws detail upon the pictures of one model's codes.

    Attributes:
        image_shape: (H, W, C) of the pictures.
        code_size: numbers of a code.
        width: channels at half the picture's sides.
        model: the digest of the model that it was made for.
        weights: by name.
        training: how it was made, as JSON values: recipe, pull, seed, digest of the pictures, history.
        device: where it computes: "auto", "cpu" or "cuda".
    """

    image_shape: tuple[int, int, int]
    code_size: int
    width: int
    model: str
    weights: Tensors
    training: dict[str, Any] = field(default_factory=dict)
    device: str = "auto"

    def draw(self, codes: Floats, plain: Floats, share: float = 1.0) -> Floats:
        """The pictures of codes (n, K) with detail: float32 (n, H, W, C), not clipped; `plain`: as the model has them.

        `share`: of the detail, 0 to 1 (see `sharpened.partly`). By ONNX Runtime on the processor where that is
        installed, else by PyTorch: they differ by rounding.
        """
        if computes_here(self.device):
            drawn = in_pieces(self._run, available_cores(), codes, planes(plain))
        else:
            drawn = self._by_pytorch(codes, planes(plain))
        return partly(plain, drawn.transpose(0, 2, 3, 1), share)

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 that its weights and the model's decide."""
        return _digest(self.model, files.sha256(self._content))

    @property
    def n_parameters(self) -> int:
        """The number of its weights."""
        return sum(tensor.size for tensor in self.weights.values())

    def save(self, folder: str | Path) -> None:
        """Write `sharp.safetensors` and, last, `sharp.json`, which binds it and the model by their digests."""
        content = self._content
        files.write_bytes(Path(folder) / WEIGHTS, content)
        files.write_json(
            Path(folder) / DESCRIPTION,
            {
                "format": FORMAT,
                "model": self.model,
                "image_shape": list(self.image_shape),
                "code_size": self.code_size,
                "width": self.width,
                "weights": files.sha256(content),
                "training": self.training,
            },
        )

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> SharpDecoder | None:
        """Read what `save` wrote; None where there is none.

        Raises:
            WeightsError: it is damaged, or of a later format.
        """
        path = Path(folder) / DESCRIPTION
        if not path.is_file():
            return None
        try:
            told = files.read_json(path)
            if told["format"] == FORMAT:
                return cls._restored(told, path.with_name(WEIGHTS), device)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, OptionError, WeightsError) as error:
            raise WeightsError(
                f"the sharp decoder in {folder} is damaged ({error}); train it anew with: {MAKE_IT} --force"
            ) from error
        raise WeightsError(f"{path} is of format {told['format']}, this version reads {FORMAT}; update lookalike")

    @classmethod
    def _restored(cls, told: dict[str, Any], path: Path, device: str) -> SharpDecoder:
        image_shape, code_size, width = shape_in(told), told["code_size"], told["width"]
        shapes = shapes_of(image_shape, code_size, width)
        wrong = misfit(declared(path), shapes, SIDE, NUMBERS)
        if wrong is not None:
            raise ValueError(wrong)
        content = path.read_bytes()
        if files.sha256(content) != told["weights"]:
            raise ValueError(f"{WEIGHTS} is not the file that {DESCRIPTION} describes")
        weights = dict(safetensors.numpy.load(content))
        if not all(np.isfinite(tensor).all() for tensor in weights.values()):
            raise ValueError(f"{WEIGHTS} holds values that are not finite")
        return cls(image_shape, code_size, width, str(told["model"]), weights, dict(told["training"]), device)

    @property
    def _content(self) -> bytes:
        return safetensors.numpy.save({name: np.ascontiguousarray(one) for name, one in self.weights.items()})

    @cached_property
    def _session(self) -> Any:
        return graphs.session(sharp_graph(self.image_shape, self.weights), 1)

    def _run(self, codes: Floats, plain: Floats) -> Floats:
        drawn: Floats = self._session.run([PICTURES], {CODES: codes, PLAIN: plain})[0]
        return drawn

    def _by_pytorch(self, codes: Floats, plain: Floats) -> Floats:
        import torch

        given = (torch.from_numpy(np.ascontiguousarray(one)).to(self._network[1]) for one in (codes, plain))
        with torch.inference_mode():
            drawn: Floats = self._network[0](*given).cpu().numpy()
        return drawn

    @cached_property
    def _network(self) -> tuple[Any, str]:
        import torch

        from lookalike.models.sharp_network import SharpNetwork
        from lookalike.training.device import resolve_device

        network, device = SharpNetwork(self.image_shape, self.code_size, self.width), resolve_device(self.device)
        network.load_state_dict({name: torch.from_numpy(np.array(one)) for name, one in self.weights.items()})
        return network.to(device).eval(), device


def sharp_digest(folder: Path) -> str | None:
    """`SharpDecoder.digest` of what lies in a folder, by its description alone; None where there is none to be read."""
    try:
        told = files.read_json(folder / DESCRIPTION)
        return _digest(str(told["model"]), str(told["weights"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(model: str, weights: str) -> str:
    return files.sha256(f"{model} {weights}".encode())


def shapes_of(image_shape: tuple[int, int, int], code_size: int, width: int) -> dict[str, tuple[int, ...]]:
    """Those of the tensors of a sharp decoder by name, as `SharpNetwork` has them.

    Raises:
        OptionError: a number is out of range.
    """
    if type(width) is not int or not 1 <= width <= WIDEST:
        raise OptionError(f"width is {width}; give 1 to {WIDEST}")
    if type(code_size) is not int or not 1 <= code_size <= LARGEST_CODE:
        raise OptionError(f"code size is {code_size}; give 1 to {LARGEST_CODE:,}")
    height, across, depth = image_shape
    channels = (4 * width, 2 * width, width, -(-width // 2))
    cells = -(-height // STRIDE) * -(-across // STRIDE)
    shapes: dict[str, tuple[int, ...]] = {"mean": (code_size,), "deviation": (code_size,)}
    layers: dict[str, tuple[int, ...]] = {
        "dense": (cells * channels[0], code_size),
        "last": (depth, channels[-1], 3, 3),
    }
    for number, own in enumerate(channels):
        layers[f"stages.{number}.see"] = (own, depth, 3, 3)
        layers |= {f"stages.{number}.block.conv{i}": (own, own, 3, 3) for i in (1, 2)}
    for number, (own, finer) in enumerate(pairwise(channels)):
        layers[f"growths.{number}"] = (finer, own, 3, 3)
    for name, shape in layers.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes
