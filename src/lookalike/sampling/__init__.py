"""New pictures: a mixture over a model's codes, drawn from and decoded, and whether it only copies."""

from __future__ import annotations

from lookalike.sampling.copying import Copying, copying
from lookalike.sampling.fitting import fit_mixture
from lookalike.sampling.mixture import Mixture
from lookalike.sampling.pictures import Sampled, sample, sample_beside, write_samples
from lookalike.sampling.store import load_mixture, mixture_of_run, save_mixture

__all__ = [
    "Copying",
    "Mixture",
    "Sampled",
    "copying",
    "fit_mixture",
    "load_mixture",
    "mixture_of_run",
    "sample",
    "sample_beside",
    "save_mixture",
    "write_samples",
]
