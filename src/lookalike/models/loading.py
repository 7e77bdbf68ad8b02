"""Any saved model, or the last state of a run that has not ended."""

from __future__ import annotations

from pathlib import Path

from lookalike.errors import RunError, WeightsError
from lookalike.models import KINDS, model_class, store
from lookalike.models.base import Autoencoder
from lookalike.models.graphed import graphed


def open_model(folder: str | Path, threads: int | None = None) -> Autoencoder:
    """As `load_model`, of a model that is to answer and not to learn: without PyTorch, where that can be.

    Its codes and pictures differ from those of `load_model` by the rounding of float32 at most.

    Args:
        folder: of a run, or of a saved model.
        threads: that compute a batch where PyTorch does not; None: all cores.
    """
    return graphed(Path(folder), threads) or load_model(folder)


def load_model(folder: str | Path) -> Autoencoder:
    """Read a model of any kind from a folder that `save` or a run wrote.

    A run that was cut off before its end gives the model of its last checkpoint.

    Raises:
        RunError: the folder holds neither a model nor a checkpoint.
        WeightsError: its files are damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder; give the folder of a run or of a saved model")
    try:
        return model_class(store.read_description(folder)["kind"]).load(folder)
    except (RunError, WeightsError):
        from lookalike.training.run import last_model

        unfinished = last_model(folder)
        if unfinished is None or unfinished[0]["kind"] not in KINDS:  # such as a sharp decoder's training
            raise
        return model_class(unfinished[0]["kind"]).restore(*unfinished)
