"""Corruptions of pictures, by name and parameter: `gaussian:0.1`, `occlude:0.25+gaussian:0-0.1`.

A corruption sees one picture and that picture's own random generator, which comes from (seed, epoch, index of
the picture) alone: what a picture suffers depends on no batch, worker or history.
"""

from lookalike.noise.base import EVALUATION_EPOCH, LOST, NOT_TOLD, Noise, corrupt, levels_of, picture_generator
from lookalike.noise.kinds import BLACK, NOISES, Gaussian, Occlude
from lookalike.noise.parsing import NoiseChain, noise_help, parse_noise

__all__ = [
    "BLACK",
    "EVALUATION_EPOCH",
    "LOST",
    "NOISES",
    "NOT_TOLD",
    "Gaussian",
    "Noise",
    "NoiseChain",
    "Occlude",
    "corrupt",
    "levels_of",
    "noise_help",
    "parse_noise",
    "picture_generator",
]
