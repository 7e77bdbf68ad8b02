"""Names for a model together with how it is trained."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.errors import OptionError
from lookalike.models import MODELS


class Preset(NamedTuple):
    """A kind of the registry with the code size and the noise it is trained with unless the user says otherwise."""

    kind: str
    code_size: int
    noise: str | None


DEFAULT_CODE = 32
PRESETS = {"denoiser": Preset("conv", 512, "gaussian:0.1")}
"""Names that are no kind of model of their own. "denoiser" is the reference notebook's denoising autoencoder."""


def preset(name: str) -> Preset:
    """What `name` stands for: one of `PRESETS`, or a kind of model with the usual code size and no noise.

    Raises:
        OptionError: there is no such name.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name not in MODELS:
        raise OptionError(f"model {name!r} is unknown; give one of {', '.join((*MODELS, *PRESETS))}")
    return Preset(name, DEFAULT_CODE, None)
