"""Arrays become codes and come back."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lookalike.errors import OptionError

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder

MODELS = {
    "conv": "lookalike.models.conv.ConvAutoencoder",
    "pca": "lookalike.models.pca.PCAAutoencoder",
    "residual": "lookalike.models.residual.ResidualAutoencoder",
    "search": "lookalike.models.search.SearchAutoencoder",
    "unet": "lookalike.models.unet.UNetDenoiser",
}
"""Every model by its kind; a new one is one file and one line here, and the contract test then covers it."""


def model_class(kind: str) -> type[Autoencoder]:
    """The class of a kind of model, imported when it is asked for.

    Raises:
        OptionError: there is no such kind.
    """
    if kind not in MODELS:
        raise OptionError(f"model {kind!r} is unknown; give one of {', '.join(MODELS)}")
    module, _, name = MODELS[kind].rpartition(".")
    found: type[Autoencoder] = getattr(import_module(module), name)
    return found
