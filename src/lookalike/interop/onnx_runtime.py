"""Exported models at work, on ONNX Runtime and without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import LookalikeError, MissingExtraError, OptionError
from lookalike.graphs import session
from lookalike.models.onnx_graphs import CODES, PICTURES
from lookalike.models.onnx_unet import CLEAN, LEVELS
from lookalike.models.pieces import planes
from lookalike.models.sharpened import NO_SHARP, checked_share, partly
from lookalike.models.unet_shape import checked_levels
from lookalike.noise import NOT_TOLD
from lookalike.pixels import Floats

ENCODER, DECODER, DENOISER, SHARP = "encoder.onnx", "decoder.onnx", "denoiser.onnx", "sharp.onnx"
SETS = ((ENCODER, DECODER), (DENOISER,))
"""What an export consists of: the two sides of a model with a code, or the one graph of a model without.

Beside the two sides may lie `SHARP`, which draws codes with detail."""


def exported_files(folder: Path) -> tuple[str, ...] | None:
    """Which of `SETS` a folder holds, None where it holds none."""
    return next((names for names in SETS if all((folder / name).is_file() for name in names)), None)


def facts_of(held: Any) -> dict[str, str]:
    """What `export_onnx` noted in a session's model: kind, image_shape, digest, side, and code_size or reach."""
    noted = held.get_modelmeta().custom_metadata_map
    return {name.removeprefix("lookalike."): value for name, value in noted.items() if name.startswith("lookalike.")}


def open_exported(folder: Path, threads: int = 1) -> OnnxCodec | OnnxRestorer:
    """Whatever model `export_onnx` wrote into a folder.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        LookalikeError: the files are missing, damaged, or not of one model.
    """
    return OnnxRestorer(folder, threads) if exported_files(folder) == (DENOISER,) else OnnxCodec(folder, threads)


class _Exported:
    """The sessions of one exported model.

    Attributes:
        image_shape_: (H, W, C) of the pictures.
        digest: of the model that was exported.
    """

    def __init__(self, folder: str | Path, names: Iterable[str], threads: int) -> None:
        try:
            self._sessions = [session(Path(folder) / name, threads) for name in names]
            told = [facts_of(held) for held in self._sessions]
            height, width, depth = json.loads(told[0]["image_shape"])
            self.facts = told[0]
            self.digest = self.facts["digest"]
        except MissingExtraError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise LookalikeError(f"{folder} holds no exported model that can be read ({error})") from error
        sides = [f"{facts['side']}.onnx" for facts in told]
        if any(facts.get("digest") != self.digest for facts in told) or sides != list(names):
            raise LookalikeError(f"{folder} holds two sides that are not of one model; export it again")
        self.image_shape_: tuple[int, int, int] = (height, width, depth)


class OnnxCodec(_Exported):
    """The two exported sides as one: pictures to codes and back.

    Attributes:
        image_shape_: (H, W, C) of the pictures.
        code_size: numbers of a code.
        digest: of the model that was exported.
        sharp: the digest of the sharp decoder that was exported with it, None without.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Open what `export_onnx` wrote into a folder.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            LookalikeError: the files are missing, damaged, or not of one model.
        """
        super().__init__(folder, (ENCODER, DECODER), threads)
        self._encoder, self._decoder = self._sessions
        self.code_size = int(self.facts["code_size"])
        beside = _Exported(folder, (SHARP,), threads) if (Path(folder) / SHARP).is_file() else None
        is_own = beside is not None and beside.digest == self.digest
        self._sharp = beside._sessions[0] if beside is not None and is_own else None
        self.sharp = beside.facts["sharp"] if beside is not None and is_own else None

    def encode(self, pictures: npt.NDArray[Any]) -> Floats:
        """uint8 or centred float32 (N, H, W, C) -> float32 (N, code_size)."""
        codes: Floats = self._encoder.run([CODES], {PICTURES: planes(pictures)})[0]
        return codes

    def decode(self, codes: npt.ArrayLike, *, sharp: float = False) -> Floats:
        """(N, code_size) -> float32 (N, H, W, C), centred to 0, not clipped; `sharp`: with detail that is invented.

        True, or how far towards it, 0 to 1.

        Raises:
            OptionError: no sharp decoder was exported, or `sharp` is out of range.
        """
        share = checked_share(sharp)
        if share and self._sharp is None:
            raise OptionError(NO_SHARP)
        given = np.ascontiguousarray(codes, np.float32)

        def drawn(decoder: Any) -> Floats:
            pictures: Floats = decoder.run([PICTURES], {CODES: given})[0]
            return pictures.transpose(0, 2, 3, 1)

        if share in (0, 1):
            return drawn(self._sharp if share else self._decoder)
        return partly(drawn(self._decoder), drawn(self._sharp), share)

    def reconstruct(self, pictures: npt.NDArray[Any]) -> Floats:
        """Encode and decode: (N, H, W, C) -> float32 (N, H, W, C), centred to 0, not clipped."""
        return self.decode(self.encode(pictures))


class OnnxRestorer(_Exported):
    """An exported denoiser for pictures of any size.

    Attributes:
        image_shape_: (H, W, C) of the training's pictures; H and W bind nothing.
        reach: pixels, along an axis, from which a pixel of the result can be changed.
        digest: of the model that was exported.
    """

    takes_level = True

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Open what `export_onnx` wrote into a folder.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            LookalikeError: the file is missing or damaged.
        """
        super().__init__(folder, (DENOISER,), threads)
        self.reach = int(self.facts["reach"])

    def reconstruct(self, pictures: npt.NDArray[Any], level: float | npt.ArrayLike | None = None) -> Floats:
        """Take the noise out: (N, H, W, C), uint8 or centred float32 -> float32, centred to 0, not clipped.

        `level` is the noise's standard deviation where it is known, one number or one for each picture, on the scale
        where a picture spans 1; without it the model judges for itself.

        Raises:
            OptionError: a level is out of range.
        """
        count = len(pictures)
        levels = np.full(count, NOT_TOLD, np.float32) if level is None else checked_levels(level, count)
        clean: Floats = self._sessions[0].run([CLEAN], {PICTURES: planes(pictures), LEVELS: levels})[0]
        return clean.transpose(0, 2, 3, 1)
