"""Noise leaves pictures: a model on pictures of any size, and the classical denoisers beside it."""

from lookalike.denoising.classical import CLASSICAL, ClassicalDenoiser, TunedDenoiser
from lookalike.denoising.judging import Restored, compare, markdown
from lookalike.denoising.pictures import Denoised, denoise_files
from lookalike.denoising.tiling import denoise

__all__ = [
    "CLASSICAL",
    "ClassicalDenoiser",
    "Denoised",
    "Restored",
    "TunedDenoiser",
    "compare",
    "denoise",
    "denoise_files",
    "markdown",
]
