"""Names for a model together with how it is trained."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.errors import OptionError
from lookalike.models import MODELS

COMMON_RECIPE = "course"


class Preset(NamedTuple):
    """A kind of the registry and how it is trained unless the user says otherwise; None where that has no meaning."""

    kind: str
    code_size: int | None
    noise: str | None
    recipe: str = COMMON_RECIPE


DEFAULT_CODE = 32
PRESETS = {"denoiser": Preset("conv", 512, "gaussian:0.1")}
"""Names that are no kind of model of their own. "denoiser" is the reference notebook's denoising autoencoder."""
KINDS = {
    "residual": Preset("residual", DEFAULT_CODE, None, "best"),
    "unet": Preset("unet", None, "gaussian:0-0.25", "unet"),
}
"""Kinds that are not trained as most are."""


def preset(name: str) -> Preset:
    """What `name` stands for: one of `PRESETS`, or a kind of model with the usual code size and no noise.

    Raises:
        OptionError: there is no such name.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name not in MODELS:
        raise OptionError(f"model {name!r} is unknown; give one of {', '.join((*MODELS, *PRESETS))}")
    return KINDS.get(name, Preset(name, DEFAULT_CODE, None))
