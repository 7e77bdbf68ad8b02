"""PCA as an autoencoder: one Dense layer in, one Dense layer out, no activation."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lookalike.data.images import ImageSet
from lookalike.errors import OptionError
from lookalike.models import store
from lookalike.models.base import Autoencoder
from lookalike.models.fitting import TrainedAutoencoder, fit_at_once
from lookalike.models.inputs import Pictures, as_pictures, describe_data, shape_of, unknown_data
from lookalike.models.principal import as_known, fits_exactly, principal_subspace
from lookalike.models.sketch import Sketch, of_sketch
from lookalike.models.subspace import COVARIANCE_UP_TO, Moments, Subspace, check_code_size, of_moments
from lookalike.noise import Noise
from lookalike.pixels import Floats, Pixels

if TYPE_CHECKING:
    from lookalike.training.objective import Trainable

SOLVERS = ("auto", "covariance", "svd", "randomised", "gradient")


class PCAAutoencoder(TrainedAutoencoder):
    """Principal component analysis behind the autoencoders' contract: exact, by passes, incremental, or by gradient.

    encode is (x - mean) @ components.T and decode its transpose plus the mean: the linear autoencoder of least
    squared error (Baldi and Hornik, 1989). `solver="gradient"` instead trains the two Dense layers as the
    reference notebook does (15 epochs of Adamax on the MSE): for comparison, it ends near the exact solution.

    Args:
        code_size: numbers a picture, 1 to min(pictures, H * W * C).
        solver: "auto" (exact where that has room, else "randomised"), "covariance" (eigenvectors of the smaller of
            covariance and Gram matrix), "svd" (of the pictures themselves, most exact, dearer for large sets),
            "randomised" (by passes over pictures that may be larger than memory, until their MSE is within 0.1% of
            the exact one's) or "gradient".
        seed: of the initial weights and the order, for "gradient"; of what "randomised" draws.

    Attributes after `fit` (all but "gradient"):
        components_: float32 (code_size, H * W * C), orthonormal rows; the largest entry of each is positive.
        mean_: float32 (H * W * C,).
        explained_variance_: float64 (code_size,), falling.
        explained_variance_ratio_: the same over the total variance.
        data_["approximation"]: where the components are not exact, `passes` over the pictures, and `excess`: how far
            the MSE of these can lie above exact PCA's, as a share of it.
    """

    kind: ClassVar[str] = "pca"

    def __init__(self, code_size: int = 32, solver: str = "auto", seed: int = 0) -> None:
        self.code_size = code_size
        self.solver = solver
        self.seed = seed

    @property
    def trains_in_epochs(self) -> bool:
        """Whether `fit` takes `recipe`, `epochs`, `noise` and curves: only the gradient solver does."""
        return self.solver == "gradient"

    def fit(
        self, X: Pictures, y: None = None, *, run: str | Path | None = None, resume: bool = False, **training: Any
    ) -> Self:
        """Learn the subspace of pictures (N, H, W, C).

        With `run`, the model and what it was learned from are kept in that folder. `training` goes to the gradient
        solver: `recipe`, `epochs`, `validation`, `test`, `noise`, `progress`, as for every model that trains.

        Raises:
            OptionError: code size or solver are out of range, or the pictures too large for an exact solver.
        """
        if self.solver not in SOLVERS:
            raise OptionError(f"solver {self.solver!r} is unknown; give one of {', '.join(SOLVERS)}")
        if self.solver == "gradient":
            return super().fit(X, run=run, resume=resume, **training)
        if training:
            raise OptionError(
                f"{', '.join(training)}: only solver='gradient' trains in epochs; leave it out or change solver"
            )
        fit_at_once(self, X, lambda: self._fit_closed(X), run=run, resume=resume)
        return self

    def _fit_closed(self, X: Pictures) -> None:
        pictures = as_pictures(X)
        subspace = principal_subspace(pictures, self.code_size, self.solver, self.seed)
        self._take_subspace(subspace, shape_of(pictures))
        self.data_ = {**describe_data(X), **as_known(subspace)}

    def partial_fit(self, X: Pictures, y: None = None) -> Self:
        """Add a chunk of pictures of any length; after the last one the model equals `fit` on all of them.

        Keeps the sums of first and second moments, 8 (H * W * C)^2 bytes: 75 MB at 32 x 32. The subspace is computed
        when it is first asked for, so that many chunks cost no more than their sums.

        Of pictures of more than 20,000 values a sketch is kept instead, 16 * code size (at least 256) bytes a value.
        The model is then near `fit`'s, and `data_["approximation"]` says how near at least.

        Raises:
            OptionError: the chunk's shape differs from the first one's.
        """
        pictures = as_pictures(X)
        values = int(np.prod(pictures.shape[1:]))
        if self.solver == "gradient":
            raise OptionError("partial_fit is for exact solvers; give solver='auto', or call fit for solver='gradient'")
        if not hasattr(self, "moments_"):
            check_code_size(self.code_size, values)
            small = values <= COVARIANCE_UP_TO
            self.moments_: Moments | Sketch = Moments(values) if small else Sketch(values, self.code_size)
        elif pictures.shape[1:] != self.image_shape_:
            raise OptionError(
                f"a chunk of shape {pictures.shape[1:]} after chunks of {self.image_shape_}; load all at one size"
            )
        self.moments_.add(pictures)
        self.image_shape_ = pictures.shape[1:]
        self.data_ = unknown_data(self.image_shape_, self.moments_.count)
        self._stale = True
        return self

    def initialise(self, image_shape: tuple[int, int, int]) -> Self:
        """Take fresh weights, untrained, for pictures of (H, W, C); returns self."""
        check_code_size(self.code_size, int(np.prod(image_shape)))
        self._take(self._network(image_shape), image_shape)
        self.history_ = []
        self.data_ = unknown_data(image_shape)
        return self

    def layer_widths(self) -> dict[str, int]:
        """How many values every layer puts out for one picture, by the layer's name."""
        self._check_fitted()
        return {"encoder.dense": self.code_size, "decoder.dense": int(np.prod(self.image_shape_))}

    def _check_fitted(self) -> None:
        super()._check_fitted()
        if getattr(self, "_stale", False):
            check_code_size(self.code_size, min(self.moments_.count, self.moments_.values))
            self._stale = False
            if isinstance(self.moments_, Sketch):
                subspace = of_sketch(self.moments_, self.code_size)
            else:
                subspace = of_moments(self.moments_, self.code_size)
            self._take_subspace(subspace, self.image_shape_)
            self.data_ = {**unknown_data(self.image_shape_, self.moments_.count), **as_known(subspace)}

    def _take_subspace(self, subspace: Subspace, image_shape: tuple[int, int, int]) -> None:
        self.image_shape_ = image_shape
        self.history_ = []
        self.components_ = subspace.components.astype(np.float32)
        self.mean_ = subspace.mean.astype(np.float32)
        self.explained_variance_ = subspace.variances
        self.explained_variance_ratio_ = subspace.variances / (subspace.total_variance or 1.0)  # 0 of 0: all alike
        bias = -(subspace.components @ subspace.mean)
        self._layers = (self.components_, bias.astype(np.float32)), (self.components_.T, self.mean_)

    def _begin(self, pictures: Pixels | Floats, noise: Noise | None) -> Trainable:
        check_code_size(self.code_size, min(len(pictures), int(np.prod(pictures.shape[1:]))))
        return self._network(shape_of(pictures))

    def _network(self, image_shape: tuple[int, int, int]) -> Trainable:
        from lookalike.models.layers import dense_network, initialise_as_keras  # PyTorch takes a second to import

        network = dense_network(image_shape, self.code_size)
        initialise_as_keras(network, self.seed)
        return network

    def _take(self, network: Trainable, image_shape: tuple[int, int, int]) -> None:
        self.image_shape_ = image_shape
        layers = (network.get_submodule(f"{side}.dense").state_dict() for side in ("encoder", "decoder"))
        first, second = ((layer["weight"].cpu().numpy().copy(), layer["bias"].cpu().numpy().copy()) for layer in layers)
        self._layers = first, second

    def _encode(self, pictures: Floats) -> Floats:
        (weight, bias), _ = self._layers
        return pictures.reshape(len(pictures), -1) @ weight.T + bias

    def _decode(self, codes: Floats) -> Floats:
        _, (weight, bias) = self._layers
        return (codes @ weight.T + bias).reshape(-1, *self.image_shape_)

    def _weights(self) -> store.Sides:
        self._check_fitted()
        sides = zip(("encoder", "decoder"), self._layers, strict=True)
        return {side: {"dense.weight": weight, "dense.bias": bias} for side, (weight, bias) in sides}

    def _shapes(self) -> store.Shapes:
        values = int(np.prod(self.image_shape_))
        shapes = {"encoder": (self.code_size, values), "decoder": (values, self.code_size)}
        return {side: {"dense.weight": shape, "dense.bias": shape[:1]} for side, shape in shapes.items()}

    def _set_weights(self, sides: store.Sides) -> None:
        store.expect_sides(sides, self._shapes())
        first, second = ((sides[side]["dense.weight"], sides[side]["dense.bias"]) for side in ("encoder", "decoder"))
        self._layers = first, second


def exact_pca_beside(
    model: Autoencoder, pictures: ImageSet, most_work: float = np.inf
) -> tuple[PCAAutoencoder | None, str | None]:
    """The exact PCA to judge a model by: of its code size, fitted to the pictures of its training; or none, and why.

    Neither a PCA nor a reason where there is nothing to compare: the model has no code, or is an exact PCA itself.
    One after another asks for the same, a run's card and its report; so the last one is kept, for whoever comes with
    the very same pixels, as long as this process lives (`keep_beside`).

    Args:
        model: the fitted model that it is to stand beside.
        pictures: those of the model's training.
        most_work: multiplications that the fit may take, about the number of pictures times that of their values times
            the lesser of both.
    """
    if not model.has_code or is_exact_pca(model):
        return None, None
    count, values = len(pictures), int(np.prod(pictures.image_shape))
    most = min(count, values)
    if not fits_exactly(count, values):
        return None, f"{count:,} pictures of {values:,} values are too many for one"
    if model.code_size > most:
        return None, f"{count:,} pictures of {values:,} values allow a code of {most:,} at most"
    if count * values * most > most_work:
        return None, f"for {count:,} pictures of {values:,} values it would take long"
    wanted = pictures.digest, model.code_size
    kept = _kept_beside.get(wanted)
    if kept is None:
        kept = PCAAutoencoder(model.code_size).fit(pictures)
        keep_beside(kept)
    return kept, None


_kept_beside: dict[tuple[str, int], PCAAutoencoder] = {}
"""The last one alone, by the digest of its pictures and its code size."""


def keep_beside(model: Autoencoder) -> None:
    """Let other models of the same code size and pictures be judged by this one, where it is what they would fit."""
    if isinstance(model, PCAAutoencoder) and is_exact_pca(model) and model.solver == "auto":
        _kept_beside.clear()
        # A copy, which another fit of the model leaves as it is
        _kept_beside[model.data_["digest"], model.code_size] = copy.copy(model)


def is_exact_pca(model: Autoencoder) -> bool:
    """Whether a model is a PCA in closed form that nothing is missing of."""
    exact = model.kind == PCAAutoencoder.kind and not model.trains_in_epochs
    return exact and "approximation" not in model.data_
