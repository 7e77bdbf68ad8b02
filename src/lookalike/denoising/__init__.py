"""Noise leaves pictures: a model on pictures of any size, and the classical denoisers beside it."""

from lookalike.denoising.classical import CLASSICAL, ClassicalDenoiser, TunedDenoiser
from lookalike.denoising.pictures import Denoised, denoise_files
from lookalike.denoising.table import Row, compare, markdown
from lookalike.denoising.tiles import denoise

__all__ = [
    "CLASSICAL",
    "ClassicalDenoiser",
    "Denoised",
    "Row",
    "TunedDenoiser",
    "compare",
    "denoise",
    "denoise_files",
    "markdown",
]
