"""Learn what your pictures look like, then find, clean and blend them.

Names are imported when they are first used, so that a command that needs no model does not wait for PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.data import load
    from lookalike.data.images import DataSpec, ImageSet
    from lookalike.editing.attributes import attribute_directions
    from lookalike.editing.directions import Direction, difference_direction, principal_directions
    from lookalike.editing.edit import edit
    from lookalike.editing.morph import morph
    from lookalike.gallery.gallery import Gallery
    from lookalike.growth import encode_source
    from lookalike.interop.hub import from_pretrained, push_to_hub
    from lookalike.interop.torch_modules import torch_encoder
    from lookalike.models.base import Autoencoder
    from lookalike.models.conv import ConvAutoencoder
    from lookalike.models.dense import DenseAutoencoder
    from lookalike.models.evaluation import Evaluation
    from lookalike.models.loading import load_model
    from lookalike.models.pca import PCAAutoencoder
    from lookalike.models.residual import ResidualAutoencoder
    from lookalike.models.search import SearchAutoencoder
    from lookalike.models.unet import UNetDenoiser
    from lookalike.pixels import to_uint8
    from lookalike.sampling.fitting import fit_mixture
    from lookalike.sampling.mixture import Mixture
    from lookalike.sampling.pictures import sample
    from lookalike.sharpening.fitting import sharpen
    from lookalike.training.recipe import Recipe

    __version__: str

_HOME = {
    "Autoencoder": "models.base",
    "ConvAutoencoder": "models.conv",
    "DataSpec": "data.images",
    "DenseAutoencoder": "models.dense",
    "Direction": "editing.directions",
    "Evaluation": "models.evaluation",
    "Gallery": "gallery.gallery",
    "ImageSet": "data.images",
    "Mixture": "sampling.mixture",
    "PCAAutoencoder": "models.pca",
    "Recipe": "training.recipe",
    "ResidualAutoencoder": "models.residual",
    "SearchAutoencoder": "models.search",
    "UNetDenoiser": "models.unet",
    "attribute_directions": "editing.attributes",
    "difference_direction": "editing.directions",
    "edit": "editing.edit",
    "encode_source": "growth",
    "fit_mixture": "sampling.fitting",
    "from_pretrained": "interop.hub",
    "load": "data",
    "load_model": "models.loading",
    "morph": "editing.morph",
    "principal_directions": "editing.directions",
    "push_to_hub": "interop.hub",
    "sample": "sampling.pictures",
    "sharpen": "sharpening.fitting",
    "to_uint8": "pixels",
    "torch_encoder": "interop.torch_modules",
}

__all__ = [
    "Autoencoder",
    "ConvAutoencoder",
    "DataSpec",
    "DenseAutoencoder",
    "Direction",
    "Evaluation",
    "Gallery",
    "ImageSet",
    "Mixture",
    "PCAAutoencoder",
    "Recipe",
    "ResidualAutoencoder",
    "SearchAutoencoder",
    "UNetDenoiser",
    "__version__",
    "attribute_directions",
    "difference_direction",
    "edit",
    "encode_source",
    "fit_mixture",
    "from_pretrained",
    "load",
    "load_model",
    "morph",
    "principal_directions",
    "push_to_hub",
    "sample",
    "sharpen",
    "to_uint8",
    "torch_encoder",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lookalike")
    if name not in _HOME:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    return getattr(import_module(f"lookalike.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
