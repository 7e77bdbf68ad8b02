"""A run as a page follows it: its curve so far, and what its last checkpoint makes of some test pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lookalike import plots
from lookalike.errors import RunError
from lookalike.files import read_json
from lookalike.models.store import DESCRIPTION
from lookalike.run_files import CHECKPOINTS, CONFIG, METRICS, TIMINGS
from lookalike.training.recipe import best_epoch

SHOWN = 8
"""Test pictures whose reconstructions are shown."""


class FollowedRun:
    """A run's folder, read anew at each question: another process may be training in it.

    Raises:
        RunError: the folder holds no run.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self._config() is None:
            raise RunError(
                f"{folder} holds no run ({CONFIG} is missing); train one with: lookalike train DATA --run {folder}"
            )

    @property
    def name(self) -> str:
        """The last part of the folder's path."""
        return self.folder.resolve().name

    def facts(self) -> dict[str, Any]:
        """Name, kind of model, code size, noise, epochs done and planned, whether some are to come, its best epoch."""
        config = self._config() or {}
        model = config.get("model", {})
        planned = (config.get("recipe") or {}).get("epochs")
        history = self.history()
        return {
            "name": self.name,
            "model": model.get("kind"),
            "code_size": model.get("parameters", {}).get("code_size"),
            "noise": config.get("noise"),
            "epochs": len(history),
            "epochs_planned": planned,
            "running": len(history) < planned if planned else not (self.folder / DESCRIPTION).is_file(),
            "best_epoch": best_epoch(history) if history else None,
        }

    def history(self) -> list[dict[str, Any]]:
        """An entry for each epoch done: epoch, train_mse, validation_mse, test_mse, learning_rate and seconds."""
        seconds: dict[int, float] = {}
        for timing in self._lines(TIMINGS):  # an epoch that was interrupted has several
            epoch = int(timing.get("epoch", 0))
            seconds[epoch] = seconds.get(epoch, 0.0) + float(timing.get("seconds", 0.0))
        return [{**row, "seconds": seconds.get(int(row["epoch"]))} for row in self._lines(METRICS)]

    def _lines(self, name: str) -> list[dict[str, Any]]:
        try:
            lines = (self.folder / name).read_text().splitlines()
            return [dict(json.loads(line)) for line in lines]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise RunError(f"{self.folder / name} cannot be read ({error}); go on with the training") from error

    @property
    def version(self) -> str:
        """A text that changes with every checkpoint and with the finished model."""
        path = newest_state(self.folder)
        return "none" if path is None else f"{path.stem}-{_written(path):x}"

    def _config(self) -> dict[str, Any] | None:
        try:
            return dict(read_json(self.folder / CONFIG))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.folder / CONFIG} is damaged ({error}); give another run") from error

    def reconstructions(self) -> bytes:
        """Test pictures above what the last checkpoint makes of them, as PNG; a noisy row between where trained so.

        Raises:
            RunError: there is no checkpoint yet, or the run's pictures are no longer there.
        """
        from lookalike.experiment import noise_of, pictures_of
        from lookalike.models import model_class
        from lookalike.models.loading import load_model
        from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
        from lookalike.pixels import centre, to_uint8
        from lookalike.training.run import last_model

        newest = last_model(self.folder)
        model = load_model(self.folder) if newest is None else model_class(newest[0]["kind"]).restore(*newest)
        pictures = np.array(pictures_of(model)[1].pixels[:SHOWN])
        rows, given = [pictures], centre(pictures)
        noise = noise_of(self.folder)
        if noise is not None:
            given = corrupt(given, parse_noise(noise), seed=0, epoch=EVALUATION_EPOCH, indices=range(len(pictures)))
            rows.append(to_uint8(given))
        rows.append(to_uint8(model.reconstruct(given)))
        return plots.picture_png(np.concatenate([plots.strip([row]) for row in rows]))


def newest_state(folder: Path) -> Path | None:
    """The file that was written last of a run's checkpoints and its finished model; None where there is neither."""
    found = [
        path for path in (*folder.glob(f"{CHECKPOINTS}/epoch-*.safetensors"), folder / DESCRIPTION) if path.is_file()
    ]
    return max(found, key=_written, default=None)


def _written(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 where it is gone: a training removes its older checkpoints."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
