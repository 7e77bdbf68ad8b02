"""Pictures become arrays: sources of pictures, read once, kept as memory-mapped uint8."""

from __future__ import annotations

from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, ImageSet, Part, Pixels, Rejected
from lookalike.data.options import DataOptions
from lookalike.data.source import load, load_spec, load_with, read_picture

__all__ = [
    "DataOptions",
    "DataSpec",
    "Framing",
    "ImageSet",
    "Part",
    "Pixels",
    "Rejected",
    "load",
    "load_spec",
    "load_with",
    "read_picture",
]
