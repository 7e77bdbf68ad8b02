"""A mixture on disk, beside the model whose codes it is of: numbers in safetensors, what is known of it in JSON."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from lookalike import files
from lookalike.errors import RunError, WeightsError
from lookalike.models.base import Autoencoder
from lookalike.pixels import Floats
from lookalike.sampling.mixture import COVARIANCES, MOST_PARTS, TENSORS, Mixture, fit_mixture
from lookalike.tensors import declared, misfit

FORMAT = 1
NUMBERS, DESCRIPTION = "mixture.safetensors", "mixture.json"
KIND = "F32"
"""What numbers are kept in, as safetensors calls it: codes have no more digits."""


def save_mixture(mixture: Mixture, model: Autoencoder, folder: str | Path, pictures: str = "") -> None:
    """Write `mixture.safetensors` and, last, `mixture.json`, which binds it and the model by their digests.

    `pictures` is the digest of those whose codes it was fitted to, where that is known.
    """
    tensors = {name: np.ascontiguousarray(getattr(mixture, name), np.float32) for name in TENSORS}
    content = safetensors.numpy.save(tensors)
    files.write_bytes(Path(folder) / NUMBERS, content)
    files.write_json(
        Path(folder) / DESCRIPTION,
        {
            "format": FORMAT,
            "model": model.digest,
            "pictures": pictures,
            "numbers": files.sha256(content),
            "parts": mixture.parts,
            "asked": mixture.asked,
            "covariance": mixture.covariance,
            "likelihood": mixture.likelihood,
        },
    )


def load_mixture(model: Autoencoder, folder: str | Path) -> Mixture:
    """Read what `save_mixture` wrote.

    Raises:
        RunError: there is none, it is damaged, or of another model.
    """
    folder = Path(folder)
    remedy = f"fit it with: lookalike sample {folder} --out samples"
    if not (folder / DESCRIPTION).is_file():
        raise RunError(f"{folder} holds no mixture ({DESCRIPTION} is missing); {remedy}")
    try:
        told = files.read_json(folder / DESCRIPTION)
        if told["format"] != FORMAT:
            raise RunError(
                f"{folder / DESCRIPTION} is of format {told['format']}, this version reads {FORMAT}; update lookalike"
            )
        if told["model"] != model.digest:
            raise RunError(f"the mixture in {folder} is of another model than the one there now; {remedy}")
        return _restored(told, folder, model.code_size)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, WeightsError) as error:
        raise RunError(f"the mixture in {folder} is damaged ({error}); {remedy}") from error


def mixture_of_run(
    model: Autoencoder, run: str | Path, codes: Floats, pictures: str, parts: int | None = None
) -> Mixture:
    """The mixture that a run has of its model, of these pictures and of so many parts; else one fitted and kept now.

    Args:
        model: the run's.
        run: its folder.
        codes: those of the pictures to learn from, float32 (N, K).
        pictures: the digest of these.
        parts: how many; None: as many as held-out codes want.

    Raises:
        OptionError: as `fit_mixture`.
    """
    with suppress(RunError):
        held = load_mixture(model, run)
        if held.asked == parts and files.read_json(Path(run) / DESCRIPTION).get("pictures") == pictures:
            return held
    save_mixture(fit_mixture(codes, parts), model, run, pictures)
    return load_mixture(model, run)  # as every later call has it, to the last bit


def _restored(told: dict[str, Any], folder: Path, size: int) -> Mixture:
    parts, asked, likelihood = int(told["parts"]), told["asked"], float(told["likelihood"])
    if not 1 <= parts <= MOST_PARTS or told["covariance"] not in COVARIANCES or not math.isfinite(likelihood):
        raise ValueError(f"{DESCRIPTION} describes no mixture")
    shapes = {"weights": (parts,), "means": (parts, size), "factors": (parts, size, size)}
    wrong = misfit(declared(folder / NUMBERS), shapes, NUMBERS, KIND)
    if wrong is not None:
        raise ValueError(wrong)
    content = (folder / NUMBERS).read_bytes()
    if told["numbers"] != files.sha256(content):
        raise ValueError(f"{NUMBERS} is not the file that {DESCRIPTION} describes")
    tensors = {name: one.astype(np.float64) for name, one in safetensors.numpy.load(content).items()}
    if not all(np.isfinite(one).all() for one in tensors.values()) or not tensors["weights"].min() > 0:
        raise ValueError(f"{NUMBERS} holds values that are not finite, or parts without weight")
    return Mixture(**tensors, covariance=told["covariance"], likelihood=likelihood, asked=asked)
