"""PCA as an autoencoder: one Dense layer in, one Dense layer out, no activation."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from lookalike.data.images import Pixels
from lookalike.errors import OptionError
from lookalike.models import store
from lookalike.models.base import Autoencoder, Floats, Pictures, as_pictures, centre, describe_data, unknown_data
from lookalike.models.subspace import Moments, Subspace, of_moments, of_rows

SOLVERS = ("auto", "covariance", "svd", "gradient")
SVD_UP_TO = 1000
"""Below this many pictures or pixels the SVD of the pictures costs no more than their covariance."""
GRADIENT_EPOCHS = 15
COVARIANCE_UP_TO = 20_000
"""Values a picture; the covariance of 20,000 takes 3.2 GB."""


class PCAAutoencoder(Autoencoder):
    """Principal component analysis behind the autoencoders' contract: exact, incremental, or by gradient.

    encode is (x - mean) @ components.T and decode its transpose plus the mean: the linear autoencoder of least
    squared error (Baldi and Hornik, 1989). `solver="gradient"` instead trains the two Dense layers as the
    reference notebook does (15 epochs of Adamax on the MSE): for comparison, it ends near the exact solution.

    Args:
        code_size: numbers a picture, 1 to min(pictures, H * W * C).
        solver: "auto", "covariance" (eigenvectors of the smaller of covariance and Gram matrix), "svd"
            (of the pictures themselves, most exact, dearer for large sets) or "gradient".
        seed: of the initial weights and the order, for "gradient" only.

    Attributes after `fit` (exact solvers):
        components_: float32 (code_size, H * W * C), orthonormal rows; the largest entry of each is positive.
        mean_: float32 (H * W * C,).
        explained_variance_: float64 (code_size,), falling.
        explained_variance_ratio_: the same over the total variance.
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
        solver: `recipe`, `epochs`, `validation`, `test`, `noise`, `progress`, as in `ConvAutoencoder.fit`.

        Raises:
            OptionError: code size or solver are out of range, or the pictures too large for a closed form.
        """
        if self.solver not in SOLVERS:
            raise OptionError(f"solver {self.solver!r} is unknown; give one of {', '.join(SOLVERS)}")
        if self.solver == "gradient":
            return self._fit_by_gradient(X, {"run": run, "resume": resume, **training})
        if training:
            raise OptionError(
                f"{', '.join(training)}: only solver='gradient' trains in epochs; leave it out or change solver"
            )
        if run is not None:
            from lookalike.models.fitting import fit_at_once

            fit_at_once(self, X, lambda: self._fit_exactly(X), run=run, resume=resume)
        else:
            self._fit_exactly(X)
        return self

    def _fit_exactly(self, X: Pictures) -> None:
        pictures = as_pictures(X)
        self._take(principal_subspace(pictures, self.code_size, self.solver), pictures.shape[1:])
        self.data_ = describe_data(X)

    def partial_fit(self, X: Pictures, y: None = None) -> Self:
        """Add a chunk of pictures of any length; after the last one the model equals `fit` on all of them.

        Keeps the sums of first and second moments, 8 (H * W * C)^2 bytes: 75 MB at 32 x 32. The subspace is computed
        when it is first asked for, so that many chunks cost no more than their sums.

        Raises:
            OptionError: the chunk's shape differs from the first one's, or pictures are too large for their covariance.
        """
        pictures = as_pictures(X)
        values = int(np.prod(pictures.shape[1:]))
        if self.solver == "gradient":
            raise OptionError("partial_fit is for exact solvers; give solver='auto', or call fit for solver='gradient'")
        if values > COVARIANCE_UP_TO:
            raise _too_large(len(pictures), values)
        if not hasattr(self, "moments_"):
            self.moments_ = Moments(values)
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
        from lookalike.models.dense import DenseAutoencoderNetwork, layers_of

        _check_code_size(self.code_size, int(np.prod(image_shape)))
        self.image_shape_ = image_shape
        self.history_ = []
        self.data_ = unknown_data(image_shape)
        self._layers = layers_of(DenseAutoencoderNetwork(image_shape, self.code_size, self.seed))
        return self

    def layer_widths(self) -> dict[str, int]:
        """How many values every layer puts out for one picture, by the layer's name."""
        self._check_fitted()
        return {"encoder.dense": self.code_size, "decoder.dense": int(np.prod(self.image_shape_))}

    def _check_fitted(self) -> None:
        super()._check_fitted()
        if getattr(self, "_stale", False):
            _check_code_size(self.code_size, min(self.moments_.count, self.moments_.values))
            self._stale = False
            self._take(of_moments(self.moments_, self.code_size), self.image_shape_)

    def _take(self, subspace: Subspace, image_shape: tuple[int, ...]) -> None:
        self.image_shape_ = (image_shape[0], image_shape[1], image_shape[2])
        self.history_ = []
        self.components_ = subspace.components.astype(np.float32)
        self.mean_ = subspace.mean.astype(np.float32)
        self.explained_variance_ = subspace.variances
        self.explained_variance_ratio_ = subspace.variances / subspace.total_variance
        bias = -(subspace.components @ subspace.mean)
        self._layers = (self.components_, bias.astype(np.float32)), (self.components_.T, self.mean_)

    def _fit_by_gradient(self, X: Pictures, training: dict[str, Any]) -> Self:
        from lookalike.models.dense import DenseAutoencoderNetwork, layers_of
        from lookalike.models.fitting import fit_network

        pictures = as_pictures(X)
        _check_code_size(self.code_size, min(len(pictures), int(np.prod(pictures.shape[1:]))))
        self.image_shape_ = (pictures.shape[1], pictures.shape[2], pictures.shape[3])
        network = DenseAutoencoderNetwork(self.image_shape_, self.code_size, self.seed)

        def finish() -> None:
            self._layers = layers_of(network)

        fit_network(self, network, X, finish=finish, seed=self.seed, **{"epochs": GRADIENT_EPOCHS, **training})
        return self

    def _encode(self, pictures: Floats) -> Floats:
        (weight, bias), _ = self._layers
        return pictures.reshape(len(pictures), -1) @ weight.T + bias

    def _decode(self, codes: Floats) -> Floats:
        _, (weight, bias) = self._layers
        return (codes @ weight.T + bias).reshape(-1, *self.image_shape_)

    def _weights(self) -> tuple[store.Tensors, store.Tensors]:
        self._check_fitted()
        encoder, decoder = ({"dense.weight": w, "dense.bias": b} for w, b in self._layers)
        return encoder, decoder

    def _set_weights(self, encoder: store.Tensors, decoder: store.Tensors) -> None:
        values = int(np.prod(self.image_shape_))
        shapes = (self.code_size, values), (values, self.code_size)
        for side, tensors, (rows, columns) in zip(("encoder", "decoder"), (encoder, decoder), shapes, strict=True):
            store.expect_shapes(tensors, {"dense.weight": (rows, columns), "dense.bias": (rows,)}, side)
        self._layers = (
            (encoder["dense.weight"], encoder["dense.bias"]),
            (decoder["dense.weight"], decoder["dense.bias"]),
        )


def principal_subspace(pictures: Pixels | Floats, code_size: int, solver: str = "auto") -> Subspace:
    """The leading principal components of pictures (N, H, W, C), exactly, by one of the solvers "auto" to "svd".

    Raises:
        OptionError: the code size is not 1 to the lesser of pictures and values, or there are too many of these.
    """
    count, values = len(pictures), int(np.prod(pictures.shape[1:]))
    least = min(count, values)
    _check_code_size(code_size, least)
    exact = solver == "svd" or (solver == "auto" and least <= SVD_UP_TO)
    by_rows = exact or count < values
    if (least if by_rows else values) > COVARIANCE_UP_TO:
        raise _too_large(count, values)
    if by_rows:
        return of_rows(centre(pictures).reshape(count, values), code_size, exact=exact)
    moments = Moments(values)
    moments.add(pictures)
    return of_moments(moments, code_size)


def _check_code_size(code_size: int, most: int) -> None:
    if not 1 <= code_size <= most:
        raise OptionError(f"code size is {code_size}; these pictures allow 1 to {most} (the less of number and values)")


def _too_large(count: int, values: int) -> OptionError:
    return OptionError(
        f"{count:,} pictures of {values:,} values; an exact PCA needs one of them to be at most {COVARIANCE_UP_TO:,}: "
        "load them at a smaller size, or use ConvAutoencoder"
    )
