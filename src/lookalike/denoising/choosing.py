"""Which model a command is to clean pictures with: a run's, or the one that comes with the package."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lookalike.data.formats import SUFFIXES
from lookalike.denoising.ready import load_ready
from lookalike.errors import OptionError
from lookalike.models.base import Autoencoder
from lookalike.models.loading import open_model
from lookalike.models.store import DESCRIPTION
from lookalike.run_files import CONFIG


def chosen_model(run: Path | None) -> Autoencoder:
    """A run's, and without one the package's own; raises as `open_model` and `load_ready`."""
    return load_ready() if run is None else open_model(run)


def run_and_images(run: Path | None, names: Sequence[Path]) -> tuple[Path | None, list[Path]]:
    """The run, and the pictures among `names`: all where `run` is given or the first is none, else all but the first.

    Raises:
        OptionError: no picture is named; or the first name is neither there nor one that a picture has.
    """
    first = names[0]
    if run is not None:
        return run, list(names)
    if is_run(first):
        if len(names) == 1:
            raise OptionError(f"{first} is a run, and no picture is named; name pictures or folders of them after it")
        return first, list(names[1:])
    if not os.path.lexists(first) and first.suffix.lower() not in SUFFIXES:
        raise OptionError(f"{first} is not there; give the folder of a run, a picture, or a folder of pictures")
    return None, list(names)


def is_run(path: Path) -> bool:
    """Whether it is a folder that holds a model, or a training's settings."""
    # Path.is_file raises where a folder above may not be entered.
    return any(os.path.isfile(path / name) for name in (DESCRIPTION, CONFIG))  # noqa: PTH113
