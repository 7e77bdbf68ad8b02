"""What a training does, in numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from lookalike.errors import OptionError

OPTIMIZERS = ("adamax", "muon")
SCHEDULES = ("constant", "cosine", "trapezoid")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """A training's settings; the defaults are the reference notebook's.

    Attributes:
        epochs: passes over the training pictures.
        least_steps: few pictures get so many more epochs that there are this many steps, unless epochs are asked for.
        most_epochs: which that may come to: a handful of pictures is known by heart long before so many steps, and the
            error on others grows from there.
        batch_size: pictures a step.
        optimizer: "adamax" as Keras applies it, or "muon", with Adam for biases.
        learning_rate: the optimiser's rate at its highest.
        beta_1: decay of the mean of gradients; Muon's momentum.
        beta_2: decay of Adamax's maximum of gradients, or of Adam's mean of squares.
        epsilon: added to what a gradient is divided by.
        vector_rate: Adam's rate for biases under Muon.
        weight_decay: share of the weights, times the rate, that Muon takes off at each step: it bounds their growth.
        schedule: "constant"; "cosine": a linear rise, then half a cosine down to nothing at the last step; "trapezoid":
            a linear rise, a constant rate, and a linear fall to nothing.
        warmup: share of all steps that the rise takes.
        fall: share of all steps that the fall of a trapezoid takes.
        piece: side in pixels of a square piece that is shown instead of a larger picture, drawn anew each epoch, to a
            network that takes any size; 0: whole pictures.
        greys: share of coloured pictures that are shown without colour, noise and all, drawn anew each epoch, so that a
            network that removes noise learns that of grey pictures as well.
        flips: show half of the pictures mirrored, drawn anew each epoch.
        turns: show pictures, or pieces, that are square by a number of quarter turns, drawn anew each epoch.
        jitter: largest change of a picture's contrast, as a share of it, drawn anew each epoch. Each colour's changes
            by up to a third of that besides, the brightness by up to half of it, as a share of the whole range.
        wobble: largest shift of a picture, as a share of each side, and change of its size, drawn anew each epoch; it
            is turned by up to twice that, in radians.
        precision: of the arithmetic between float32 weights: "float32"; "bfloat16"; or "auto", what a trial
            finds quickest on this machine (`training.arithmetic.way_of`).

    Raises:
        OptionError: a value is out of range; all such values are named at once.
    """

    epochs: int = 25
    least_steps: int = 0
    most_epochs: int = 150
    batch_size: int = 32
    optimizer: str = "adamax"
    learning_rate: float = 0.002
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    vector_rate: float = 0.004
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.1
    fall: float = 0.3
    piece: int = 0
    greys: float = 0.0
    flips: bool = False
    turns: bool = False
    jitter: float = 0.0
    wobble: float = 0.0
    precision: str = "auto"

    def __post_init__(self) -> None:
        problems = []
        for name, least in (("epochs", 1), ("least_steps", 0), ("most_epochs", 1), ("batch_size", 1), ("piece", 0)):
            if getattr(self, name) < least:
                problems.append(f"{name.replace('_', ' ')} is {getattr(self, name)}; give {least} or more")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                problems.append(f"{name} {getattr(self, name)!r} is unknown; give one of {', '.join(known)}")
        for name, usual in (("learning_rate", 0.002), ("vector_rate", 0.004)):
            if not 0 < getattr(self, name) < float("inf"):
                problems.append(
                    f"{name.replace('_', ' ')} is {getattr(self, name):g}; give a value above 0, such as {usual}"
                )
        problems += [
            f"{name} is {getattr(self, name):g}; give a value from 0 to below 1"
            for name in ("beta_1", "beta_2", "warmup", "fall", "weight_decay", "jitter", "wobble")
            if not 0 <= getattr(self, name) < 1
        ]
        if not 0 <= self.greys <= 1:
            problems.append(f"greys is {self.greys:g}; give a share from 0 to 1")
        if not self.epsilon > 0:
            problems.append(f"epsilon is {self.epsilon:g}; give a value above 0")
        if problems:
            raise OptionError("; ".join(problems))

    def for_pictures(self, count: int) -> Recipe:
        """With enough epochs over `count` pictures for the least number of steps, up to the most that may be."""
        needed = min(math.ceil(self.least_steps / math.ceil(count / self.batch_size)), self.most_epochs)
        return self if needed <= self.epochs else replace(self, epochs=needed)

    def going_on(self) -> Recipe:
        """The same in shorter steps, for weights that know much already: a fifth of the rates.

        Source: the package's denoiser, going on with noisy pictures alone, came to 30.06 dB so, and to 29.88 in steps
        as long as for fresh weights (docs/denoising.md).
        """
        return replace(self, learning_rate=self.learning_rate / 5, vector_rate=self.vector_rate / 5)

    def rate_at(self, step: int, steps: int) -> float:
        """Share of the highest rate at a step, counted from 0 over all epochs, of `steps` in all."""
        if self.schedule == "constant":
            return 1.0
        if self.schedule == "trapezoid":
            up, down = round(self.warmup * steps), round(self.fall * steps)
            return min((step + 1) / (up + 1), 1.0, (steps - step) / (down + 1))
        rise = self.warmup * steps
        if step < rise:
            return (step + 1) / (rise + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values by field name."""
        return asdict(self)


_MUON = Recipe(batch_size=32, optimizer="muon", beta_1=0.95, beta_2=0.95, schedule="cosine")

RECIPES = {
    "course": Recipe(),
    # Found on a validation part of LFW's training pictures: docs/performance.md says what else was tried.
    "fast": replace(
        _MUON,
        epochs=3,
        least_steps=1000,
        learning_rate=0.014,
    ),
    # For the residual model, found on a validation part of LFW's training pictures: docs/models.md has what was tried.
    "best": replace(
        _MUON,
        epochs=20,
        least_steps=3000,
        learning_rate=0.006,
        weight_decay=0.1,
        warmup=0.05,
        flips=True,
        jitter=0.15,
        wobble=0.02,
    ),
    # For a sharp decoder, whose critic learns with it by the one optimiser: docs/sharp.md.
    "sharp": replace(
        _MUON,
        epochs=1,
        least_steps=700,
        batch_size=16,
        learning_rate=0.01,
        warmup=0.05,
        flips=True,
    ),
    # Found on a validation part of LFW's training pictures: docs/denoising.md says what else was tried.
    "unet": replace(
        _MUON,
        epochs=10,
        least_steps=1500,
        learning_rate=0.01,
        piece=64,
        greys=0.15,
        flips=True,
    ),
    # For photographs at their own scale: docs/denoising.md.
    "photos": replace(
        _MUON,
        epochs=100,
        batch_size=16,
        learning_rate=0.01,
        schedule="trapezoid",
        warmup=0.02,
        piece=64,
        greys=0.2,
        flips=True,
        turns=True,
    ),
}


RECIPES_IN_WORDS = {
    "course": "the reference notebook's",
    "fast": "reaches its quality in about a quarter of the time",
    "best": "takes longer and goes further",
    "sharp": "for a sharp decoder",
    "unet": "for the model of that name",
    "photos": "for that model on photographs, turned every way",
}


def named_recipe(name: str | Recipe, **changes: float | str | None) -> Recipe:
    """The recipe of that name with those fields changed whose value is not None.

    Raises:
        OptionError: no recipe has that name, or a changed value is out of range.
    """
    if isinstance(name, str):
        if name not in RECIPES:
            raise OptionError(f"recipe {name!r} is unknown; give one of {', '.join(RECIPES)}")
        name = RECIPES[name]
    return replace(name, **{field: value for field, value in changes.items() if value is not None})  # type: ignore[arg-type]


def best_epoch(history: list[dict[str, Any]]) -> int:
    """The epoch of the least validation MSE, or training MSE where none is measured; never chosen on test pictures."""
    key = "train_mse" if history[-1].get("validation_mse") is None else "validation_mse"
    return int(min(history, key=lambda row: float(row[key]))["epoch"])
