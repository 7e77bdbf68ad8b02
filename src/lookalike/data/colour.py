"""Embedded colour profiles: pictures come to sRGB, which is what models, pages and screens take pixels for."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL import ImageCms

NEAR = 2
"""Grey levels up to which a profile counts as sRGB already, so that its pixels pass as they are."""
_MODES = ("RGB", "L", "CMYK")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An image of mode RGB, L or CMYK by its ICC profile: RGB in sRGB, or as it is where the profile says nothing new.

    A profile that cannot be read, or that belongs to another kind of colours, is passed over, as viewers do.
    """
    if not profile or image.mode not in _MODES:
        return image
    transform = _transform(profile, image.mode)
    if transform is None:
        return image
    converted: Image.Image = transform.apply(image)
    return converted


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where nothing has to be done. Kept, since a folder's pictures share a few profiles."""
    from PIL import ImageCms  # which few pictures need

    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.ImageCmsTransform(
            given, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")), mode, "RGB"
        )
        probe = _probe(mode)
        changed = np.asarray(transform.apply(probe)).astype(int)
    except Exception:  # lcms and Pillow refuse broken profiles in many ways
        return None
    if mode == "CMYK":
        return transform
    return transform if np.abs(changed - np.asarray(probe.convert("RGB"))).max() > NEAR else None


def _probe(mode: str) -> Image.Image:
    """Colours from all over the cube (all greys for L), to see what a profile does to them."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    channels = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    return Image.fromarray(channels).convert(mode)
