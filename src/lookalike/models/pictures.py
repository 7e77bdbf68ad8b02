"""How a single picture is prepared for a model: as those the model was trained with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lookalike.data.framing import Framing
from lookalike.data.source import read_picture
from lookalike.models.base import Autoencoder
from lookalike.pixels import Pixels, as_channels


def framing_of(model: Autoencoder, crop: int | None = None) -> Framing:
    """How a single picture is framed for a model: as those it was trained with, unless `crop` says otherwise."""
    usual = Framing.of_training(model.image_shape_, model.data_["source"])
    return usual if crop is None else replace(usual, crop=crop)


def prepared(model: Autoencoder, source: str | Path | bytes, crop: int | None = None) -> Pixels:
    """A picture, of a file or its bytes, as the model takes it: uint8 (H, W, C).

    Raises:
        PictureError: it cannot be read.
    """
    return as_channels(read_picture(source, framing_of(model, crop)), model.image_shape_[2])
