"""Corruptions of pictures, by name and parameter: `gaussian:0.1`, `occlude:0.25+gaussian:0-0.1`.

A corruption sees one picture and that picture's own random generator, which comes from (seed, epoch, index of
the picture) alone: what a picture suffers depends on no batch, worker or history.
"""

from lookalike.noise.base import EVALUATION_EPOCH, NOT_TOLD, Noise, corrupt, picture_generator, sigmas
from lookalike.noise.kinds import NOISES, Gaussian
from lookalike.noise.parsing import NoiseChain, noise_help, parse_noise

__all__ = [
    "EVALUATION_EPOCH",
    "NOISES",
    "NOT_TOLD",
    "Gaussian",
    "Noise",
    "NoiseChain",
    "corrupt",
    "noise_help",
    "parse_noise",
    "picture_generator",
    "sigmas",
]
