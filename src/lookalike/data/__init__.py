"""Pictures become arrays: sources of pictures, read once, kept as memory-mapped uint8."""

from __future__ import annotations

from lookalike.data.images import DataSpec, ImageSet, Part, Pixels, Rejected
from lookalike.data.source import load, load_spec, read_picture

__all__ = ["DataSpec", "ImageSet", "Part", "Pixels", "Rejected", "load", "load_spec", "read_picture"]
