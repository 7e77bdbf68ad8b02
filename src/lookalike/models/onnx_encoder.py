"""Any encoder of pictures in ONNX behind the contract of models: codes for galleries, and no way back."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from lookalike import files
from lookalike.errors import OptionError, WeightsError
from lookalike.models import store
from lookalike.models.base import Autoencoder
from lookalike.models.encoder_graphs import LAYOUTS, POOLS, ImageGraph, TextGraph
from lookalike.models.inputs import Pictures, unknown_data
from lookalike.pixels import Floats

ENCODER, TEXT, TOKENIZER = "encoder.onnx", "text.onnx", "tokenizer.json"
FILES = (ENCODER, TEXT, TOKENIZER)
LARGEST_CODE = 1 << 16
LARGEST_FILE = 2**31 - 1
"""Bytes, which is what a file of ONNX's format can hold."""


class OnnxEncoder(Autoencoder):
    """An encoder that was trained elsewhere; `lookalike.interop.onnx_import.import_onnx` makes one of a file.

    Args:
        code_size: numbers a picture.
        mean: of the colours, where pixels are 0 to 1; () for 0.
        std: their scale; () for 1.
        layout: "nchw" or "nhwc"; "" as the graph says.
        output: name of the output that holds the codes; "" for the only one.
        pool: "cls" or "mean", where the output holds tokens or a map; "" where it holds codes.
        normalise: whether codes are brought to length 1.

    Attributes:
        files_: content of the files by their names in `FILES`.
    """

    kind: ClassVar[str] = "onnx"
    has_decoder: ClassVar[bool] = False

    def __init__(
        self,
        code_size: int = 0,
        mean: tuple[float, ...] = (),
        std: tuple[float, ...] = (),
        layout: str = "",
        output: str = "",
        pool: str = "",
        normalise: bool = False,
    ) -> None:
        self.code_size = code_size
        self.mean = mean
        self.std = std
        self.layout = layout
        self.output = output
        self.pool = pool
        self.normalise = normalise

    def check(self) -> None:
        """Raises OptionError where a parameter is out of range."""
        if type(self.code_size) is not int or not 1 <= self.code_size <= LARGEST_CODE:
            raise OptionError(f"code size is {self.code_size}; give 1 to {LARGEST_CODE:,}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (0, 1, 3) or not all(math.isfinite(value) for value in values):
                raise OptionError(f"{name} is {values}; give one number, or one for each of three colours")
        if not all(value > 0 for value in self.std):
            raise OptionError(f"std is {self.std}; give numbers above 0")
        if self.layout not in ("", *LAYOUTS):
            raise OptionError(f"layout is {self.layout!r}; give one of {', '.join(LAYOUTS)}")
        if self.pool not in ("", *POOLS):
            raise OptionError(f"pool is {self.pool!r}; give one of {', '.join(POOLS)}")

    def take(self, held: dict[str, bytes], image_shape: tuple[int, int, int]) -> Self:
        """Take over the files' contents, for pictures of (H, W, C); returns self."""
        self.files_ = held
        self.image_shape_ = image_shape
        self.history_: list[dict[str, Any]] = []
        self.data_ = unknown_data(image_shape)
        self._opening = threading.Lock()
        self._graph: ImageGraph | None = None
        self._text: TextGraph | None = None
        return self

    @property
    def trains_in_epochs(self) -> bool:
        """Never: it comes as it is."""
        return False

    @property
    def has_text(self) -> bool:
        """Whether texts become codes among those of pictures."""
        return TEXT in self.files_

    def fit(self, X: Pictures, y: None = None) -> NoReturn:
        """Refuse: raises OptionError."""
        raise OptionError(LEARNS_NOTHING)

    def initialise(self, image_shape: tuple[int, int, int]) -> NoReturn:
        """Refuse: raises OptionError."""
        raise OptionError(LEARNS_NOTHING)

    def encode_text(self, text: str) -> Floats:
        """The code of a text, float32 (code_size,).

        Raises:
            OptionError: the model has no encoder of texts, or the text is empty or too long.
            MissingExtraError: onnx, onnxruntime or tokenizers are not installed.
        """
        self._check_fitted()
        if not self.has_text:
            return super().encode_text(text)
        with self._opening:
            if self._text is None:
                self._text = TextGraph(self.files_[TEXT], self.files_[TOKENIZER], self.normalise)
        code = self._text(text)
        self._check_size(len(code), "text encoder")
        return code

    def layer_widths(self) -> dict[str, int]:
        """How many values the encoder puts out for one picture."""
        self._check_fitted()
        return {"encoder": self.code_size}

    def save(self, folder: str | Path) -> None:
        """Write the files and `model.json` with their digests into a folder, each atomically."""
        self._check_fitted()
        folder = Path(folder)
        for name, content in self.files_.items():
            files.write_bytes(folder / name, content)
        digests = {name: files.sha256(content) for name, content in self.files_.items()}
        description = {"format": store.FORMAT, **self._description(), "files": digests}
        files.write_json(folder / store.DESCRIPTION, description)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote. Raises RunError or WeightsError where it is not there, or damaged."""
        folder = Path(folder)
        description = store.read_description(folder)
        digests = description["files"]
        if set(digests) not in ({ENCODER}, set(FILES)):
            raise WeightsError(f"{folder / store.DESCRIPTION} names {', '.join(digests)}; import the encoder again")
        model = cls._without_weights(description)
        try:
            model.check()
        except (OptionError, TypeError) as error:
            raise WeightsError(f"{folder / store.DESCRIPTION} is of no encoder ({error}); import it again") from error
        model.take({name: _read(folder / name, digest) for name, digest in digests.items()}, model.image_shape_)
        model.data_ = description["data"]
        return model

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of parameters, picture shape and the files."""
        self._check_fitted()
        held = {name: files.sha256(content) for name, content in self.files_.items()}
        told = [self.kind, self.described(), self.image_shape_, held]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _encode(self, pictures: Floats) -> Floats:
        with self._opening:
            if self._graph is None:
                self._graph = ImageGraph(
                    self.files_[ENCODER], self.layout, self.output, self.mean, self.std, self.pool, self.normalise
                )
        codes = self._graph(pictures)
        self._check_size(codes.shape[1], "encoder")
        return codes

    def _check_size(self, found: int, what: str) -> None:
        if found != self.code_size:
            raise WeightsError(f"the {what} gives {found} numbers, this model's codes have {self.code_size}")

    def _decode(self, codes: Floats) -> NoReturn:
        self.require_decoder()
        raise AssertionError

    def _weights(self) -> store.Sides:
        """The graph's own floating numbers, by their names in it."""
        from onnx import TensorProto, numpy_helper

        from lookalike import graphs

        kept = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
        held = [one for one in graphs.tensors_of(graphs.parsed(self.files_[ENCODER]).graph) if one.data_type in kept]
        return {"encoder": {one.name: numpy_helper.to_array(one).astype(np.float32) for one in held}}

    def _shapes(self) -> store.Shapes:
        return {"encoder": {name: weight.shape for name, weight in self._weights()["encoder"].items()}}

    def _set_weights(self, sides: store.Sides) -> NoReturn:
        raise OptionError(LEARNS_NOTHING)


LEARNS_NOTHING = "an imported encoder comes as it is and learns nothing; train conv, pca or search for that"


def _read(path: Path, digest: str) -> bytes:
    try:
        content = files.read_stored(path, LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); import the encoder again") from error
    if files.sha256(content) != digest:
        raise WeightsError(f"{path} is not the file that {store.DESCRIPTION} describes; import the encoder again")
    return content
