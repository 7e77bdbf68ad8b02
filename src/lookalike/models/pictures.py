"""How a single picture is prepared for a model: as those the model was trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.data.images import DataSpec, Pixels
from lookalike.data.source import read_picture
from lookalike.models.base import Autoencoder


def picture_spec(model: Autoencoder, crop: int | None = None) -> DataSpec:
    """How a single picture is prepared for a model: as those it was trained with, unless `crop` says otherwise."""
    height, width, _ = model.image_shape_
    source = model.data_["source"]
    spec = DataSpec("", (height, width)) if source is None else DataSpec.from_json(source)
    return DataSpec(spec.source, (height, width), spec.crop if crop is None else crop, spec.fit)


def prepared(model: Autoencoder, source: str | Path | bytes, crop: int | None = None) -> Pixels:
    """A picture, of a file or its bytes, as the model takes it: uint8 (H, W, C).

    Raises:
        PictureError: it cannot be read.
    """
    return as_channels(read_picture(source, picture_spec(model, crop)), model.image_shape_[2])


def as_channels(picture: Any, channels: int) -> Pixels:
    """uint8 (..., H, W, 3) as (..., H, W, channels); grey by the luma of ITU-R BT.601, as Pillow's."""
    if channels == 3:
        return np.asarray(picture)
    luma = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    grey: Pixels = np.rint(luma).astype(np.uint8)[..., None]
    return grey
