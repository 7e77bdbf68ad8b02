"""A living gallery: pictures, codes and an index in one folder, brought up to date by what changed."""

from __future__ import annotations

from lookalike.gallery.calibration import Threshold
from lookalike.gallery.gallery import Found, Gallery
from lookalike.gallery.grouping import Duplicates
from lookalike.gallery.updating import Update

__all__ = ["Duplicates", "Found", "Gallery", "Threshold", "Update"]
