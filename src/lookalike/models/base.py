"""The contract of every autoencoder: pictures become codes, codes become pictures."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import NotFittedError, OptionError, WeightsError
from lookalike.models import store
from lookalike.models.estimator import Estimator
from lookalike.models.inputs import Pictures, as_pictures
from lookalike.models.sharpened import Sharpened, checked_share
from lookalike.pixels import Floats, Pixels, centre

if TYPE_CHECKING:
    from lookalike.models.evaluation import Evaluation
    from lookalike.noise import Noise

BATCH = 250
"""Pictures that go through a model at once when no training is done: fixed, so that results repeat exactly."""

NO_CODE = "this model removes noise and has no code; train conv or pca for codes"
NO_TEXT = "this model has no encoder of texts; import one with: lookalike import ENCODER.onnx --text TEXT.onnx"
NO_DECODER = "this model has no decoder: its codes find pictures and draw none; train conv or pca for that"

HOW_IT_WAS_FITTED = frozenset(("device", "seed", "solver"))
"""Parameters that leave no trace in a model but its weights."""


class Autoencoder(Estimator, Sharpened, ABC):
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
    has_decoder: ClassVar[bool] = True
    """Whether codes become pictures; without, `decode` and what needs it refuse."""
    takes_level: ClassVar[bool] = False
    """Whether `reconstruct` takes the noise's `level`."""
    added: ClassVar[dict[str, Any]] = {}
    """Parameters that a kind was given later, with what they were before: models of these stay what they were."""

    code_size: int
    image_shape_: tuple[int, int, int]
    history_: list[dict[str, Any]]
    data_: dict[str, Any]

    @property
    def trains_in_epochs(self) -> bool:
        """Whether `fit` takes `recipe`, `epochs`, `noise` and curves; a closed form does not."""
        return True

    @property
    def by_pytorch(self) -> bool:
        """Whether PyTorch computes codes and pictures."""
        return False

    @property
    def has_text(self) -> bool:
        """Whether texts become codes too, among those of pictures (`encode_text`)."""
        return False

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
    def _shapes(self) -> store.Shapes:
        """Those of the tensors of such a model; `image_shape_` is set already, and no room is made for weights.

        Raises:
            OptionError: a parameter is out of range.
        """

    @abstractmethod
    def _weights(self) -> store.Sides:
        """The weights by side ("encoder", "decoder") and name."""

    @abstractmethod
    def _set_weights(self, sides: store.Sides) -> None:
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
        self.require_code()
        pictures = self._checked(X)
        return _in_batches(lambda batch: self._encode(centre(batch)), pictures, (self.code_size,))

    def encode_text(self, text: str) -> Floats:
        """The code of a text, float32 (code_size,), among those of pictures.

        Raises:
            OptionError: the model has no encoder of texts.
        """
        raise OptionError(NO_TEXT)

    def decode(self, codes: npt.ArrayLike, *, sharp: float = False) -> Floats:
        """Turn codes into pictures: (N, code_size) -> float32 (N, H, W, C), centred to 0, not clipped.

        `to_uint8` makes pictures to look at of them. `sharp`: with detail that is invented, not seen, by the model's
        second decoder (`lookalike.sharpen`); True, or how far towards it, 0 to 1.

        Raises:
            NotFittedError: the model has no weights yet.
            OptionError: the codes are of another size than the model's; there is no sharp decoder, or `sharp` is out of
                range.
        """
        self._check_fitted()
        self.require_code()
        self.require_decoder()
        given = np.asarray(codes, np.float32)
        given = given[None] if given.ndim == 1 else given
        if given.ndim != 2 or given.shape[1] != self.code_size:
            raise OptionError(f"codes of shape {given.shape}; this model decodes codes of shape (N, {self.code_size})")
        if not sharp:
            return _in_batches(self._decode, given, self.image_shape_)
        draw, share = self.require_sharp().draw, checked_share(sharp)
        return _in_batches(lambda batch: draw(batch, self._decode(batch), share), given, self.image_shape_)

    def reconstruct(self, X: Pictures) -> Floats:
        """Encode and decode: (N, H, W, C) -> float32 (N, H, W, C), centred to 0, not clipped."""
        self.require_decoder()
        return self.decode(self.encode(X))

    def transform(self, X: Pictures) -> Floats:
        """scikit-learn's name for `encode`."""
        return self.encode(X)

    def inverse_transform(self, X: npt.ArrayLike) -> Floats:
        """scikit-learn's name for `decode`."""
        return self.decode(X)

    def score(self, X: Pictures, y: None = None) -> float:
        """Negative mean squared error of the reconstruction, so that more is better."""
        from lookalike.models.evaluation import mean_squared_error

        self.require_decoder()
        pictures = self._checked(X)
        return -mean_squared_error(self._reconstruct, pictures, self._batch_size(pictures))

    def evaluate(
        self, X: Pictures, noise: str | Noise | None = None, seed: int = 0, *, sharp: bool = False
    ) -> Evaluation:
        """MSE, PSNR and SSIM of the reconstructions, of noisy pictures where `noise` is given.

        The noise of a picture comes from `seed` and its place in `X`. `sharp`: of what the sharp decoder draws.
        """
        from lookalike.models.evaluation import evaluate  # with all noises, which who only encodes does without
        from lookalike.noise import parse_noise

        self.require_decoder()
        pictures = self._checked(X)
        noise = parse_noise(noise) if isinstance(noise, str) else noise
        there_and_back = (lambda batch: self.decode(self._encode(batch), sharp=True)) if sharp else self._reconstruct
        return evaluate(there_and_back, pictures, self._batch_size(pictures), noise, seed)

    def save(self, folder: str | Path) -> None:
        """Write `encoder.safetensors`, `decoder.safetensors` and `model.json` into a folder, each atomically.

        A sharp decoder goes along, as `sharp.safetensors` and `sharp.json`.

        Raises:
            NotFittedError: the model has no weights yet.
        """
        self._check_fitted()
        store.save(Path(folder), self._description(), self._weights())
        self._save_sharp(Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model of this kind that `save` wrote; `load_model` reads every kind.

        Raises:
            RunError: there is no model, or one of another kind.
            WeightsError: its files are damaged.
        """
        model = cls.restore(*store.load(Path(folder), cls.expected))
        model.saved_in = Path(folder)
        return model

    @classmethod
    def restore(cls, description: dict[str, Any], sides: store.Sides) -> Self:
        """Make a model of a description (as in `model.json`) and the weights of its sides.

        Raises:
            RunError: the description is of another kind.
            WeightsError: it is of no model, or the weights are not of that model.
        """
        model = cls._without_weights(description)
        model.history_ = description["history"]
        model.data_ = description["data"]
        model._set_weights(sides)
        return model

    @classmethod
    def expected(cls, description: dict[str, Any]) -> store.Shapes:
        """The shapes of the tensors that a model of a description has; the errors of `restore`."""
        model = cls._without_weights(description)
        try:
            return model._shapes()
        except (OptionError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            raise WeightsError(
                f"{store.DESCRIPTION} describes no {cls.kind} ({error}); save the model again"
            ) from error

    @classmethod
    def _without_weights(cls, description: dict[str, Any]) -> Self:
        store.expect_kind(description, cls.kind)
        try:
            model = cls(**{**cls.added, **description["parameters"]})
        except TypeError as error:
            raise WeightsError(f"{store.DESCRIPTION} has other parameters than {cls.kind}'s ({error})") from error
        model.image_shape_ = store.shape_in(description)
        return model

    def require_code(self) -> None:
        """Refuse what needs codes.

        Raises:
            OptionError: the model has none.
        """
        if not self.has_code:
            raise OptionError(NO_CODE)

    def require_decoder(self) -> None:
        """Refuse what needs pictures of codes. Raises OptionError where the model makes none."""
        if not self.has_decoder:
            raise OptionError(NO_DECODER)

    def summary(self) -> str:
        """The layers as a table: name, shape and number of parameters of every tensor on both sides."""
        self._check_fitted()
        height, width, channels = self.image_shape_
        picture = f"{height} x {width} x {channels}"
        between = f"{self.code_size} -> " if self.has_code else ""
        lines = [f"{type(self).__name__}: {picture} -> {between}{picture}"]
        for side, weights in self._weights().items():
            lines += [
                f"  {side}.{name:<16} {' x '.join(map(str, w.shape)):>18} {w.size:>12,}" for name, w in weights.items()
            ]
            lines.append(f"  {side + ' in all':<42} {sum(w.size for w in weights.values()):>8,}")
        lines.append(f"parameters in all {self.n_parameters:>33,}")
        return "\n".join(lines)

    def weights(self) -> store.Sides:
        """Copies of the weights: {"encoder": {name: float32 array}, "decoder": {...}}."""
        self._check_fitted()
        sides = self._weights().items()
        return {side: {name: np.array(tensor) for name, tensor in tensors.items()} for side, tensors in sides}

    @property
    def n_parameters(self) -> int:
        """The number of weights on both sides."""
        return sum(w.size for side in self._weights().values() for w in side.values())

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of what decides codes and pictures: kind, parameters, picture shape, all weights.

        Where a model computes and how it was fitted (`device`, `seed`, `solver`) are no part of it.
        """
        self._check_fitted()
        parameters = {name: value for name, value in self.described().items() if name not in HOW_IT_WAS_FITTED}
        hasher = hashlib.sha256(json.dumps([self.kind, parameters, self.image_shape_], sort_keys=True).encode())
        for side, tensors in self._weights().items():
            for name in sorted(tensors):
                tensor = np.ascontiguousarray(tensors[name], np.float32)
                hasher.update(json.dumps([side, name, tensor.shape]).encode())
                hasher.update(tensor.data)
        return hasher.hexdigest()

    def settled(self) -> dict[str, Any]:
        """The parameters, with what the pictures have decided of those that are left to them."""
        return self.get_params()

    def described(self) -> dict[str, Any]:
        """Those as files hold them: all but those that were added later and are not used."""
        return {
            name: value for name, value in self.settled().items() if name not in self.added or value != self.added[name]
        }

    def _reconstruct(self, pictures: Floats) -> Floats:
        """A centred batch (n, H, W, C) there and back."""
        return self._decode(self._encode(pictures))

    def _batch_size(self, pictures: Pixels | Floats) -> int:
        """How many of these pictures go through at once."""
        return BATCH

    def _description(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "parameters": json.loads(json.dumps(self.described())),
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


def _in_batches(function: Callable[[Any], Floats], array: npt.NDArray[Any], shape: tuple[int, ...]) -> Floats:
    result = np.empty((len(array), *shape), np.float32)
    for start in range(0, len(array), BATCH):
        result[start : start + BATCH] = function(array[start : start + BATCH])
    return result
