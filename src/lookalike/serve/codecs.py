"""The models that a server computes with: on ONNX Runtime, from files that are written when they are first needed."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lookalike.errors import LookalikeError
from lookalike.interop.onnx_export import export_saved, export_sharp
from lookalike.interop.onnx_runtime import OnnxCodec, OnnxRestorer, open_exported
from lookalike.models.sharp import sharp_digest
from lookalike.models.store import DESCRIPTION
from lookalike.studio.preparing import Prepared

Floats = npt.NDArray[np.float32]
_log = logging.getLogger(__name__)


class Codec(Protocol):
    """What the server needs of a model; ONNX Runtime and PyTorch both give it."""

    code_size: int
    image_shape_: tuple[int, int, int]

    def encode(self, pictures: Any, /) -> Floats:
        """uint8 (N, H, W, C) -> float32 (N, K)."""

    def decode(self, codes: Any, /, *, sharp: float = False) -> Floats:
        """(N, K) -> centred float32 (N, H, W, C); `sharp`: with detail that is invented."""


class Cleaner(Protocol):
    """What the server needs of a denoiser, which need not have codes."""

    image_shape_: tuple[int, int, int]

    def reconstruct(self, pictures: Any, /) -> Floats:
        """Centred float32 (N, H, W, C) -> the same."""


class Codecs:
    """Opens exported models, and exports those that can be without PyTorch."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self._tried: set[str] = set()

    def open(self, saved: Path, key: str) -> OnnxCodec | OnnxRestorer | None:
        """The model saved in a folder; None where only a process with PyTorch can export it, which has not yet.

        Files that cannot be read any more are written anew.

        Raises:
            LookalikeError: the model, or what was written just now, cannot be read.
        """
        folder = self._exported(saved, key)
        if folder is None:
            return None
        try:
            return open_exported(folder)
        except LookalikeError as error:
            _log.warning("%s; it is written anew", error)
        shutil.rmtree(folder)
        self._tried.discard(key)
        folder = self._exported(saved, key)
        return None if folder is None else open_exported(folder)

    def open_sharp(self, saved: Path, key: str, codec: OnnxCodec) -> OnnxCodec:
        """The gallery's exported model with the sharp decoder that lies beside the saved one by now, if any."""
        wanted = sharp_digest(saved)
        if wanted is None or wanted == codec.sharp or wanted in self._tried:
            return codec
        self._tried.add(wanted)
        folder = self.prepared.models_folder(key)
        try:
            export_sharp(saved, key, folder)
            return OnnxCodec(folder)
        except (LookalikeError, OSError) as error:  # without it all else still works
            _log.warning("%s", error)
        return codec

    def _exported(self, saved: Path, key: str) -> Path | None:
        if self.prepared.models(key) is None and key not in self._tried:
            self._tried.add(key)
            if (saved / DESCRIPTION).is_file():
                export_saved(saved, key, self.prepared.models_folder(key))
        return self.prepared.models(key)
