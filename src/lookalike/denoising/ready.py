"""The denoiser that comes with the package: a run in a folder of it, read as any run is."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from lookalike.errors import RunError
from lookalike.models.base import Autoencoder
from lookalike.models.loading import open_model
from lookalike.models.store import DESCRIPTION

NAME = "ready"
"""What stands for this denoiser where a run is named, and the name of its folder."""


def ready_folder() -> Path:
    """Where its `model.json`, weights (safetensors) and `card.md` lie, whether or not they are there."""
    return Path(str(files("lookalike.denoising").joinpath(NAME)))


def ready_run() -> Path | None:
    """The folder, None where this installation has no weights."""
    folder = ready_folder()
    return folder if (folder / DESCRIPTION).is_file() else None


@lru_cache(maxsize=1)
def load_ready() -> Autoencoder:
    """The model: a U-Net of colours for pictures of any size, that judges the noise's level or is told it.

    It is read once; later calls give the same object.

    Raises:
        RunError: this installation has no weights.
        WeightsError: they are damaged.
    """
    folder = ready_run()
    if folder is None:
        raise RunError(
            f"this installation has no denoiser of its own ({ready_folder()} holds none); name a run, such as one of: "
            "lookalike train DATA --run RUN --model unet"
        )
    return open_model(folder)
