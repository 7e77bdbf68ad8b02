"""The contract of every autoencoder: pictures become codes, codes become pictures."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from lookalike import metrics
from lookalike.data.images import ImageSet, Pixels
from lookalike.errors import NotFittedError, OptionError
from lookalike.models import store
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt, parse_noise

Floats = npt.NDArray[np.float32]
Pictures = ImageSet | Pixels | Floats
"""An ImageSet; uint8 (N, H, W, C); or float32 of that shape, centred to [-0.5, 0.5]. (H, W, C) is a set of one."""

BATCH = 250
"""Pictures that go through a model at once when no training is done: fixed, so that results repeat exactly."""

LARGEST_FLOAT = 8
"""Centred pictures with the strongest noise stay within it; 0..255 in floats, a common mistake, does not."""

NO_CODE = "this model removes noise and has no code; train conv or pca for codes"

HOW_IT_WAS_FITTED = frozenset(("device", "seed", "solver"))
"""Parameters that leave no trace in a model but its weights."""


@dataclass(frozen=True)
class Evaluation:
    """How well pictures come back: means over `images` pictures.

    `mse` is over all pixels on the scale where a picture spans 1, nothing clipped; `psnr` (dB) and `ssim` are of the
    pictures as shown, clipped to their range. With noise, the reconstruction is of the noisy picture and compared
    with the clean one; `noisy_mse` and `noisy_psnr` tell how far the noise itself is.
    """

    images: int
    mse: float
    psnr: float
    ssim: float
    noise: str | None = None
    noisy_mse: float | None = None
    noisy_psnr: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields that apply."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class Autoencoder(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Base of all models. Parameters are set by the constructor; what is learned ends in `_`.

    Attributes after `fit`:
        image_shape_: (H, W, C) of the pictures.
        history_: one entry an epoch, [] for a closed form.
        data_: what the model was trained on (digest, number of pictures, source, split).
    """

    kind: ClassVar[str]
    """The name in the registry, on the command line and in files."""
    has_code: ClassVar[bool] = True
    """Whether pictures become codes; one that only removes noise has none, and `encode` and `decode` refuse."""
    takes_level: ClassVar[bool] = False
    """Whether `reconstruct` takes the noise's `level`."""

    code_size: int
    image_shape_: tuple[int, int, int]
    history_: list[dict[str, Any]]
    data_: dict[str, Any]

    @property
    def trains_in_epochs(self) -> bool:
        """Whether `fit` takes `recipe`, `epochs`, `noise` and curves; a closed form does not."""
        return True

    @property
    def reach(self) -> int | None:
        """For a model of pictures of any size, how many pixels away one can still change the result; else None.

        A multiple of the model's strides, so that a part that begins so far before another lies in the same cells.
        """
        return None

    @abstractmethod
    def fit(self, X: Pictures, y: None = None) -> Self:
        """Learn from pictures; returns self."""

    @abstractmethod
    def _encode(self, pictures: Floats) -> Floats:
        """Encode a centred batch (n, H, W, C) into (n, code_size)."""

    @abstractmethod
    def _decode(self, codes: Floats) -> Floats:
        """Decode a batch (n, code_size) into (n, H, W, C)."""

    @abstractmethod
    def _weights(self) -> tuple[store.Tensors, store.Tensors]:
        """The weights of encoder and decoder by name."""

    @abstractmethod
    def _set_weights(self, encoder: store.Tensors, decoder: store.Tensors) -> None:
        """Take over the weights; `image_shape_` is set already.

        Raises:
            WeightsError: a tensor is missing, left over or of another shape; the text names it.
        """

    @abstractmethod
    def initialise(self, image_shape: tuple[int, int, int]) -> Self:
        """Take fresh weights, untrained, for pictures of (H, W, C); returns self."""

    @abstractmethod
    def layer_widths(self) -> dict[str, int]:
        """How many values every layer puts out for one picture, by the layer's name."""

    def encode(self, X: Pictures) -> Floats:
        """Turn pictures into codes: (N, H, W, C) -> float32 (N, code_size).

        Raises:
            NotFittedError: the model has no weights yet.
            OptionError: the pictures are of another shape than the model's.
        """
        pictures = self._checked(X)
        return _in_batches(lambda batch: self._encode(centre(batch)), pictures, (self.code_size,))

    def decode(self, codes: npt.ArrayLike) -> Floats:
        """Turn codes into pictures: (N, code_size) -> float32 (N, H, W, C), centred to 0, not clipped.

        `to_uint8` makes pictures to look at of them.

        Raises:
            NotFittedError: the model has no weights yet.
            OptionError: the codes are of another size than the model's.
        """
        self._check_fitted()
        given = np.asarray(codes, np.float32)
        given = given[None] if given.ndim == 1 else given
        if given.ndim != 2 or given.shape[1] != self.code_size:
            raise OptionError(f"codes of shape {given.shape}; this model decodes codes of shape (N, {self.code_size})")
        return _in_batches(self._decode, given, self.image_shape_)

    def reconstruct(self, X: Pictures) -> Floats:
        """Encode and decode: (N, H, W, C) -> float32 (N, H, W, C), centred to 0, not clipped."""
        return self.decode(self.encode(X))

    def transform(self, X: Pictures) -> Floats:
        """scikit-learn's name for `encode`."""
        return self.encode(X)

    def inverse_transform(self, X: npt.ArrayLike) -> Floats:
        """scikit-learn's name for `decode`."""
        return self.decode(X)

    def score(self, X: Pictures, y: None = None) -> float:
        """Negative mean squared error of the reconstruction, so that more is better."""
        pictures = self._checked(X)
        total, size = 0.0, self._batch_size(pictures)
        for start in range(0, len(pictures), size):
            batch = centre(pictures[start : start + size])
            total += float(metrics.squared_errors(batch, self._reconstruct(batch)).sum())
        return -total / len(pictures)

    def evaluate(self, X: Pictures, noise: str | Noise | None = None, seed: int = 0) -> Evaluation:
        """MSE, PSNR and SSIM of the reconstructions, of noisy pictures where `noise` is given.

        The noise of a picture comes from `seed` and its place in `X`.
        """
        pictures = self._checked(X)
        noise = parse_noise(noise) if isinstance(noise, str) else noise
        sums, size = np.zeros(5), self._batch_size(pictures)
        for start in range(0, len(pictures), size):
            clean = centre(pictures[start : start + size])
            given = clean
            if noise is not None:
                places = range(start, start + len(clean))
                given = corrupt(clean, noise, seed=seed, epoch=EVALUATION_EPOCH, indices=places)
            back = self._reconstruct(given)
            shown = np.clip(back, -0.5, 0.5)
            sums += [
                metrics.squared_errors(clean, back).sum(),
                metrics.psnr(clean, shown).sum(),
                metrics.ssim(clean + 0.5, shown + 0.5).sum(),
                metrics.squared_errors(clean, given).sum(),
                metrics.psnr(clean, given).sum() if noise is not None else 0.0,
            ]
        mse, psnr, ssim, noisy_mse, noisy_psnr = (float(value) for value in sums / len(pictures))
        if noise is None:
            return Evaluation(len(pictures), mse, psnr, ssim)
        return Evaluation(len(pictures), mse, psnr, ssim, str(noise), noisy_mse, noisy_psnr)

    def save(self, folder: str | Path) -> None:
        """Write `encoder.safetensors`, `decoder.safetensors` and `model.json` into a folder, atomically.

        Raises:
            NotFittedError: the model has no weights yet.
        """
        self._check_fitted()
        encoder, decoder = self._weights()
        store.save(Path(folder), self._description(), encoder, decoder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model of this kind that `save` wrote; `load_model` reads every kind.

        Raises:
            RunError: there is no model, or one of another kind.
            WeightsError: its files are damaged.
        """
        description, encoder, decoder = store.load(Path(folder))
        return cls.restore(description, encoder, decoder)

    @classmethod
    def restore(cls, description: dict[str, Any], encoder: store.Tensors, decoder: store.Tensors) -> Self:
        """Make a model of a description (as in `model.json`) and the weights of its two sides."""
        store.expect_kind(description, cls.kind)
        model = cls(**description["parameters"])
        model.image_shape_ = tuple(description["image_shape"])
        model.history_ = description["history"]
        model.data_ = description["data"]
        model._set_weights(encoder, decoder)
        return model

    def require_code(self) -> None:
        """Refuse what needs codes.

        Raises:
            OptionError: the model has none.
        """
        if not self.has_code:
            raise OptionError(NO_CODE)

    def summary(self) -> str:
        """The layers as a table: name, shape and number of parameters of every tensor on both sides."""
        self._check_fitted()
        height, width, channels = self.image_shape_
        picture = f"{height} x {width} x {channels}"
        between = f"{self.code_size} -> " if self.has_code else ""
        lines = [f"{type(self).__name__}: {picture} -> {between}{picture}"]
        for side, weights in zip(("encoder", "decoder"), self._weights(), strict=True):
            lines += [
                f"  {side}.{name:<16} {' x '.join(map(str, w.shape)):>18} {w.size:>12,}" for name, w in weights.items()
            ]
            lines.append(f"  {side + ' in all':<42} {sum(w.size for w in weights.values()):>8,}")
        lines.append(f"parameters in all {self.n_parameters:>33,}")
        return "\n".join(lines)

    def weights(self) -> dict[str, store.Tensors]:
        """Copies of the weights: {"encoder": {name: float32 array}, "decoder": {...}}."""
        self._check_fitted()
        sides = zip(("encoder", "decoder"), self._weights(), strict=True)
        return {side: {name: np.array(tensor) for name, tensor in tensors.items()} for side, tensors in sides}

    @property
    def n_parameters(self) -> int:
        """The number of weights on both sides."""
        return sum(w.size for side in self._weights() for w in side.values())

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of what decides codes and pictures: kind, parameters, picture shape, all weights.

        Where a model computes and how it was fitted (`device`, `seed`, `solver`) are no part of it.
        """
        self._check_fitted()
        parameters = {name: value for name, value in self.get_params().items() if name not in HOW_IT_WAS_FITTED}
        hasher = hashlib.sha256(json.dumps([self.kind, parameters, self.image_shape_], sort_keys=True).encode())
        for side, tensors in zip(("encoder", "decoder"), self._weights(), strict=True):
            for name in sorted(tensors):
                tensor = np.ascontiguousarray(tensors[name], np.float32)
                hasher.update(json.dumps([side, name, tensor.shape]).encode())
                hasher.update(tensor.data)
        return hasher.hexdigest()

    def _reconstruct(self, pictures: Floats) -> Floats:
        """A centred batch (n, H, W, C) there and back."""
        return self._decode(self._encode(pictures))

    def _batch_size(self, pictures: Pixels | Floats) -> int:
        """How many of these pictures go through at once."""
        return BATCH

    def _description(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "parameters": json.loads(json.dumps(self.get_params())),
            "image_shape": list(self.image_shape_),
            "data": self.data_,
            "history": self.history_,
        }

    def _check_fitted(self) -> None:
        if not hasattr(self, "image_shape_"):
            raise NotFittedError(f"this {type(self).__name__} has no weights yet; call fit, or load_model a saved one")

    def _checked(self, X: Pictures) -> Pixels | Floats:
        self._check_fitted()
        pictures = as_pictures(X)
        if pictures.shape[1:] != self.image_shape_:
            raise OptionError(
                f"pictures of shape {pictures.shape[1:]}; this model takes {self.image_shape_}: "
                f"load them with size={self.image_shape_[:2]}"
            )
        return pictures


def as_pictures(X: Pictures) -> Pixels | Floats:
    """The array behind `X`, checked to be pictures of dtype uint8 or centred float32.

    Raises:
        OptionError: shape, dtype or range are not those of pictures, or there are none.
    """
    pictures = X.pixels if isinstance(X, ImageSet) else np.asarray(X)
    pictures = pictures[None] if pictures.ndim == 3 else pictures
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or not len(pictures):
        raise OptionError(f"an array of shape {pictures.shape} is not pictures; give (N, H, W, 3) or (N, H, W, 1)")
    if pictures.dtype == np.uint8:
        return pictures.astype(np.uint8, copy=False)
    if not np.issubdtype(pictures.dtype, np.floating):
        raise OptionError(f"pictures are {pictures.dtype}; give uint8 in 0..255 or float32 centred to [-0.5, 0.5]")
    extreme = float(np.abs(pictures).max())
    if not extreme <= LARGEST_FLOAT:  # NaN fails as well
        raise OptionError(
            f"float pictures reach {extreme:g}; centre them to [-0.5, 0.5] by x / 255 - 0.5, or give uint8"
        )
    floats: Floats = pictures.astype(np.float32, copy=False)
    return floats


def centre(pictures: Pixels | Floats) -> Floats:
    """uint8 to float32 in [-0.5, 0.5], as the notebook: x / 255 - 0.5; float32 stays as it is."""
    if pictures.dtype != np.uint8:
        return pictures.astype(np.float32, copy=False)
    return pictures.astype(np.float32) / np.float32(255) - np.float32(0.5)


def to_uint8(pictures: npt.ArrayLike) -> Pixels:
    """Centred float pictures to uint8 ones: clipped to [-0.5, 0.5], then rounded to 0..255; uint8 stays."""
    given = np.asarray(pictures)
    if given.dtype == np.uint8:
        return given
    rounded: Pixels = np.rint((np.clip(given, -0.5, 0.5) + 0.5) * 255).astype(np.uint8)
    return rounded


def describe_data(X: Pictures) -> dict[str, Any]:
    """What a run must know of its training pictures to recognise and to find them again, as JSON values."""
    if not isinstance(X, ImageSet):
        X = ImageSet(to_uint8(as_pictures(X)))
    return {
        "digest": X.digest,
        "images": len(X),
        "image_shape": list(X.image_shape),
        "source": None if X.spec is None else X.spec.as_json(),
        "parts": [list(part) for part in X.parts],
    }


def unknown_data(image_shape: tuple[int, int, int], images: int = 0) -> dict[str, Any]:
    """As `describe_data`, for a model whose training pictures nobody can name any more."""
    return {"digest": None, "images": images, "image_shape": list(image_shape), "source": None, "parts": []}


def _in_batches(function: Any, array: npt.NDArray[Any], shape: tuple[int, ...]) -> Floats:
    result = np.empty((len(array), *shape), np.float32)
    for start in range(0, len(array), BATCH):
        result[start : start + BATCH] = function(array[start : start + BATCH])
    return result
