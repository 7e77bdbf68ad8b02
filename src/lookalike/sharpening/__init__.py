"""A second decoder for a model that is there: trained on its frozen codes to draw detail that is plausible."""

from __future__ import annotations

from lookalike.sharpening.fitting import sharpen

__all__ = ["sharpen"]
