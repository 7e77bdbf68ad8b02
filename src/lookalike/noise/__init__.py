"""Corruptions of pictures, by name and parameter: `gaussian:0.1`, `occlude:0.25+gaussian:0-0.1`.

A corruption sees one picture and that picture's own random generator, which comes from (seed, epoch, index of
the picture) alone: what a picture suffers depends on no batch, worker or history.
"""

from lookalike.noise.base import Noise
from lookalike.noise.blur import Blur
from lookalike.noise.drawing import EVALUATION_EPOCH, NOT_TOLD, corrupt, picture_generator, sigmas
from lookalike.noise.gaussian import Gaussian
from lookalike.noise.jpeg import Jpeg
from lookalike.noise.occlude import Occlude
from lookalike.noise.parsing import NOISES, Chain, parse_noise
from lookalike.noise.poisson import Poisson
from lookalike.noise.saltpepper import SaltPepper

__all__ = [
    "EVALUATION_EPOCH",
    "NOISES",
    "NOT_TOLD",
    "Blur",
    "Chain",
    "Gaussian",
    "Jpeg",
    "Noise",
    "Occlude",
    "Poisson",
    "SaltPepper",
    "corrupt",
    "parse_noise",
    "picture_generator",
    "sigmas",
]
