"""Trained denoisers beside the classical ones, all on the same noisy pictures: a run's test split.

python benchmarks/denoising.py runs/denoiser
python benchmarks/denoising.py runs/denoiser runs/blind --levels gaussian:0.1 poisson --pictures 300

The classical denoisers are tuned at each level on 200 pictures of the run's training split. The noisy pictures
themselves stand in the first row of each level.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from lookalike.denoising import CLASSICAL, ClassicalDenoiser, compare, markdown
from lookalike.experiment import pictures_of
from lookalike.models.base import Floats
from lookalike.models.loading import load_model

LEVELS = ("gaussian:0.1", f"gaussian:{15 / 255:.4f}", f"gaussian:{25 / 255:.4f}", f"gaussian:{50 / 255:.4f}")
BLIND = "gaussian:0-0.25"


def main() -> None:
    parser = argparse.ArgumentParser(description="Trained denoisers beside classical ones.")
    parser.add_argument("runs", type=Path, nargs="+", help="runs trained on the same pictures, such as runs/denoiser")
    parser.add_argument("--levels", nargs="+", default=[*LEVELS, BLIND], help="noises; 15, 25 and 50 of 255 and blind")
    parser.add_argument("--pictures", type=int, help="judge on so many of the test pictures, by default on all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    models = {str(run): load_model(run) for run in options.runs}
    splits = {run: pictures_of(model) for run, model in models.items()}
    train, test = splits[str(options.runs[0])]
    for run, (_, other) in splits.items():
        if other.digest != test.digest:
            sys.exit(f"{run} was tested on other pictures than {options.runs[0]}; name runs of the same pictures")
    judged = test[: options.pictures]
    rows = []
    for level in options.levels:
        denoisers: dict[str, Callable[[Floats], Floats]] = {"the noisy pictures": lambda noisy: noisy}
        denoisers |= {run: model.reconstruct for run, model in models.items()}
        for name in CLASSICAL:
            tuned = ClassicalDenoiser(name).tune(train, level, seed=options.seed)
            print(f"{level}: {name} tuned to {dict(tuned.settings)}", file=sys.stderr, flush=True)
            denoisers[name] = tuned
        rows += compare(denoisers, judged, level, options.seed)
    print(f"{len(judged):,} pictures of {' x '.join(map(str, judged.image_shape))}\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
