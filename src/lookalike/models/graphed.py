"""Saved models at work without what trained them: their own graphs, on ONNX Runtime."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from lookalike import graphs
from lookalike.data.pipeline import available_cores
from lookalike.errors import LookalikeError, OptionError
from lookalike.models import onnx_bytes, store
from lookalike.models.base import Autoencoder
from lookalike.models.codeless import Codeless
from lookalike.models.inputs import Pictures
from lookalike.models.onnx_graphs import CODES, OPSET, PICTURES
from lookalike.models.onnx_kinds import CODELESS, DECODER, DENOISER, ENCODER, SHAPES, has_graph, shapes_of, written_out
from lookalike.models.onnx_unet import CLEAN, LEVELS, reach_of, unet
from lookalike.models.pieces import computes_here, in_pieces, planes
from lookalike.pixels import Floats

LEARNS_NOTHING = "this model answers and learns nothing; lookalike.load_model gives the one that can be trained"


def graphed(folder: Path, threads: int | None = None) -> Graphed | None:
    """The model that is saved in a folder, computed by ONNX Runtime; None where PyTorch is needed.

    That is: of a kind or with an activation that has no graph of ours, to be computed on a GPU, without ONNX Runtime,
    or where anything is wrong with the files, which `lookalike.models.loading.load_model` then tells.

    Args:
        folder: of a run, or of a saved model.
        threads: that compute a batch; None: all cores.
    """
    try:
        description = store.read_description(folder)
        kind, parameters = description["kind"], description["parameters"]
        if kind not in SHAPES or not has_graph(kind, parameters) or not computes_here(parameters.get("device", "cpu")):
            return None
        shapes = shapes_of(kind, parameters, store.shape_in(description))
        description, sides = store.load(folder, lambda _: shapes)
        store.expect_sides(sides, shapes)
    except (LookalikeError, TypeError, ValueError, ArithmeticError):
        return None
    model = (GraphedDenoiser if kind in CODELESS else GraphedAutoencoder)(description, sides, threads)
    model.saved_in = folder
    return model


class Graphed(Autoencoder):
    """A saved model: its description as in `model.json`, and the weights of its sides."""

    def __init__(self, description: dict[str, Any], sides: store.Sides, threads: int | None = None) -> None:
        self.kind = description["kind"]  # type: ignore[misc]
        self.image_shape_ = store.shape_in(description)
        self.history_ = description["history"]
        self.data_ = description["data"]
        self._parameters: dict[str, Any] = description["parameters"]
        self._sides = sides
        self._threads = threads

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Those of the model that was saved."""
        return dict(self._parameters)

    def fit(self, X: Pictures, y: None = None) -> NoReturn:
        """Refuse: raises OptionError."""
        raise OptionError(LEARNS_NOTHING)

    def initialise(self, image_shape: tuple[int, int, int]) -> NoReturn:
        """Refuse: raises OptionError."""
        raise OptionError(LEARNS_NOTHING)

    def layer_widths(self) -> dict[str, int]:
        """How many values each side puts out for one picture; between its layers nobody looks."""
        values = int(np.prod(self.image_shape_))
        return {ENCODER: self.code_size, DECODER: values} if self.has_code else {DENOISER: values}

    @cached_property
    def _written(self) -> dict[str, bytes]:
        contents = written_out(
            self.kind, self._parameters, self.image_shape_, self._sides[ENCODER], self._sides[DECODER]
        )
        assert contents is not None
        return contents

    @property
    def _cores(self) -> int:
        return self._threads or available_cores()

    def _session(self, name: str, threads: int) -> Any:
        return graphs.session(self._written[name], threads)

    def _weights(self) -> store.Sides:
        return self._sides

    def _shapes(self) -> store.Shapes:
        return shapes_of(self.kind, self._parameters, self.image_shape_)

    def _set_weights(self, sides: store.Sides) -> NoReturn:
        raise OptionError(LEARNS_NOTHING)


class GraphedAutoencoder(Graphed):
    """One with a code: two graphs, of which each is made when it is first needed."""

    def __init__(self, description: dict[str, Any], sides: store.Sides, threads: int | None = None) -> None:
        super().__init__(description, sides, threads)
        self.code_size = self._parameters["code_size"]

    @cached_property
    def _encoder(self) -> Any:
        return self._session(ENCODER, 1)

    @cached_property
    def _decoder(self) -> Any:
        return self._session(DECODER, 1)

    def _encode(self, pictures: Floats) -> Floats:
        return in_pieces(lambda piece: self._encoder.run([CODES], {PICTURES: planes(piece)})[0], self._cores, pictures)

    def _decode(self, codes: Floats) -> Floats:
        pictures = in_pieces(lambda piece: self._decoder.run([PICTURES], {CODES: piece})[0], self._cores, codes)
        return pictures.transpose(0, 2, 3, 1)


class GraphedDenoiser(Codeless, Graphed):
    """One without a code: one graph."""

    has_code: ClassVar[bool] = False

    @property
    def reach(self) -> int | None:
        """Pixels, along an axis, from which a pixel of the result can be changed."""
        return reach_of(self._parameters)

    @cached_property
    def _cleaner(self) -> Any:
        return self._session(DENOISER, self._cores)

    @cached_property
    def _cleaner_by_pixel(self) -> Any:
        """The same graph, that is told the level at each pixel."""
        sides = self._sides[ENCODER], self._sides[DECODER]
        graph = unet(self._parameters, self.image_shape_, *sides, by_pixel=True)
        return graphs.session(onnx_bytes.model(graph, OPSET), self._cores)

    def _denoised(self, pictures: Floats, levels: Floats | None) -> Floats:
        from lookalike.noise import NOT_TOLD

        told = np.full(len(pictures), NOT_TOLD, np.float32) if levels is None else levels
        cleaner = self._cleaner if told.ndim == 1 else self._cleaner_by_pixel
        clean: Floats = cleaner.run([CLEAN], {PICTURES: planes(pictures), LEVELS: told})[0]
        return clean.transpose(0, 2, 3, 1)
