"""What a training does, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from lookalike.errors import OptionError


@dataclass(frozen=True)
class Recipe:
    """A training's settings; the defaults are the reference notebook's.

    Attributes:
        epochs: passes over the training pictures.
        batch_size: pictures a step.
        learning_rate: Adamax's rate, constant over the training.
        beta_1: decay of Adamax's mean of gradients.
        beta_2: decay of Adamax's maximum of gradients.
        epsilon: added to that maximum, as Keras does.

    Raises:
        OptionError: a value is out of range; all such values are named at once.
    """

    epochs: int = 25
    batch_size: int = 32
    learning_rate: float = 0.002
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        problems = []
        if self.epochs < 1:
            problems.append(f"epochs is {self.epochs}; give 1 or more")
        if self.batch_size < 1:
            problems.append(f"batch size is {self.batch_size}; give 1 or more")
        if not 0 < self.learning_rate < float("inf"):
            problems.append(f"learning rate is {self.learning_rate:g}; give a value above 0, such as 0.002")
        problems += [
            f"{name} is {value:g}; give a value from 0 to below 1"
            for name, value in (("beta_1", self.beta_1), ("beta_2", self.beta_2))
            if not 0 <= value < 1
        ]
        if not self.epsilon > 0:
            problems.append(f"epsilon is {self.epsilon:g}; give a value above 0")
        if problems:
            raise OptionError("; ".join(problems))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values by field name."""
        return asdict(self)


RECIPES = {"course": Recipe()}


def named_recipe(name: str | Recipe, **changes: float | None) -> Recipe:
    """The recipe of that name with those fields changed whose value is not None.

    Raises:
        OptionError: no recipe has that name, or a changed value is out of range.
    """
    if isinstance(name, str):
        if name not in RECIPES:
            raise OptionError(f"recipe {name!r} is unknown; give one of {', '.join(RECIPES)}")
        name = RECIPES[name]
    return replace(name, **{field: value for field, value in changes.items() if value is not None})  # type: ignore[arg-type]
