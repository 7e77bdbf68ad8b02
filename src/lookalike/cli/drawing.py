"""How sharp a command is to draw: what several commands ask for alike."""

from __future__ import annotations

from typing import Annotated

import typer

from lookalike.errors import OptionError

Sharp = Annotated[
    bool,
    typer.Option(
        "--sharp",
        help="Draw by the run's second decoder ('lookalike sharpen RUN'): sharper, with detail that is invented.",
    ),
]
Sharpness = Annotated[
    float | None,
    typer.Option(
        help="How far from the picture of the model's own decoder (0) to the sharp one (1) to draw; this draws sharp "
        "without --sharp too.",
        show_default="1 with --sharp, else 0",
    ),
]


def share_drawn_sharp(sharp: bool, sharpness: float | None) -> float:
    """What `--sharp` and `--sharpness` ask for together, 0 to 1.

    Raises:
        OptionError: it is out of range, or one says yes and the other no.
    """
    from lookalike.models.sharpened import checked_share

    if sharpness is None:
        return float(sharp)
    if sharp and not sharpness:
        raise OptionError("--sharp draws sharp, --sharpness 0 does not; leave one of them out")
    return checked_share(sharpness)
