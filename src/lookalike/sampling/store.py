"""A mixture on disk, beside the model whose codes it is of: numbers in safetensors, what is known of it in JSON."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lookalike import files
from lookalike.errors import RunError
from lookalike.models.base import Autoencoder
from lookalike.models.bound import Arrays, Bound
from lookalike.pixels import Floats
from lookalike.sampling.fitting import fit_mixture
from lookalike.sampling.mixture import COVARIANCES, KNOWN, MOST_PARTS, Mixture

MIXTURE = Bound(
    "mixture", ("mixture", "is"), "fit it with: lookalike sample FOLDER --out samples", entry="numbers", number="F32"
)
"""Codes have no more digits than float32."""


def save_mixture(mixture: Mixture, model: Autoencoder, folder: str | Path, pictures: str = "") -> None:
    """Write `mixture.safetensors` and, last, `mixture.json`.

    `pictures` is the digest of those whose codes it was fitted to, where that is known.
    """
    MIXTURE.save(folder, model, {"codes": mixture.codes}, {"pictures": pictures, **mixture.about()})


def load_mixture(model: Autoencoder, folder: str | Path) -> Mixture:
    """Read what `save_mixture` wrote.

    Raises:
        RunError: there is none, it is damaged, or of another model.
    """
    return MIXTURE.load(folder, model, lambda told: _shapes(told, model.code_size), _restored)


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
        if held.asked == parts and files.read_json(Path(run) / MIXTURE.description).get("pictures") == pictures:
            return held
    save_mixture(fit_mixture(codes, parts), model, run, pictures)
    return load_mixture(model, run)  # as every later call has it, to the last bit


def _shapes(told: dict[str, Any], size: int) -> dict[str, tuple[int, ...]]:
    counts, together = [int(count) for count in told["counts"]], int(told["together"])
    if not (
        1 <= len(counts) <= MOST_PARTS
        and 1 < together < min(counts)
        and told["covariance"] in COVARIANCES
        and math.isfinite(told["likelihood"])
    ):
        raise ValueError(f"{MIXTURE.description} describes no mixture")
    return {"codes": (sum(counts), size)}


def _restored(told: dict[str, Any], kept: Arrays) -> Mixture:
    if not np.isfinite(kept["codes"]).all():
        raise ValueError(f"{MIXTURE.numbers} holds values that are not finite")
    return Mixture(kept["codes"], np.asarray(told["counts"], np.int64), **{name: told[name] for name in KNOWN})
