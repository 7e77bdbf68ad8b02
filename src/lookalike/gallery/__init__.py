"""A living gallery: pictures, codes and an index in one folder, brought up to date by what changed."""

from __future__ import annotations

from lookalike.gallery.calibration import Threshold
from lookalike.gallery.decisions import Decision, Decisions
from lookalike.gallery.duplicates import Duplicates
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Found, FoundPicture
from lookalike.gallery.updating import Update

__all__ = ["Decision", "Decisions", "Duplicates", "Found", "FoundPicture", "Gallery", "Threshold", "Update"]
