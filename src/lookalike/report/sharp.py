"""What a sharp decoder is worth on test pictures, and what a run's card says of it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from lookalike import files
from lookalike.appearance import detail_energy
from lookalike.data import ImageSet
from lookalike.models import INVENTED
from lookalike.models.base import Autoencoder
from lookalike.pixels import centre, to_uint8
from lookalike.run_files import CARD

HEADING = "## Drawn sharp"
ENDS_BEFORE = "## Learned from"
"""The section of a card that it stands before."""
JUDGED = 2000
"""Test pictures, at most, whose detail is measured."""


def measured_sharp(model: Autoencoder, test: ImageSet) -> dict[str, Any]:
    """Both decoders on pictures never trained on: `images`, and for "plain" and "sharp" mse, psnr, ssim and detail.

    Detail is the share of the real pictures' energy of what averaging every 2 x 2 pixels removes, of up to 2,000.
    """
    real = detail_energy(centre(test.pixels[:JUDGED])).mean() or 1.0
    told: dict[str, Any] = {"images": len(test)}
    for name, is_sharp in (("plain", False), ("sharp", True)):
        found = model.evaluate(test, sharp=is_sharp)
        drawn = centre(to_uint8(model.decode(model.encode(test.pixels[:JUDGED]), sharp=is_sharp)))
        detail = float(detail_energy(drawn).mean() / real)
        psnr = found.psnr if math.isfinite(found.psnr) else None  # where nothing is lost
        told[name] = {"mse": found.mse, "psnr": psnr, "ssim": found.ssim, "detail": detail}
    return told


def sharp_section(model: Autoencoder) -> str | None:
    """The card's section, None for a model without a sharp decoder, or one that nobody has measured."""
    decoder = model.own_sharp
    if decoder is None or "measured" not in decoder.training:
        return None
    told, training = decoder.training["measured"], decoder.training
    rows = [
        f"| {name} | {row['mse']:.5f} | {_decibels(row['psnr'])} | {row['ssim']:.3f} | {row['detail']:.0%} |"
        for name, row in (("this model", told["plain"]), ("its sharp decoder", told["sharp"]))
    ]
    use = (
        f"With `--sharp`, or `sharp=True`, a second decoder draws the same codes to look at: {INVENTED}. It puts in "
        "what is plausible where the code says nothing, so nothing may be concluded from it."
    )
    judged = (
        f"On the {told['images']:,} pictures of the test split; fine detail is the share of the real pictures' energy "
        "that averaging every 2 x 2 pixels removes."
    )
    made = (
        f"It has {decoder.n_parameters:,} weights and learned in {_passes(training['recipe']['epochs'])} by distances "
        f"of patches and against a critic (pull {training['pull']:g}, seed {training['seed']})."
    )
    table = ["| pictures come back by | MSE | PSNR (dB) | SSIM | fine detail |", "|---|---|---|---|---|", *rows]
    return "\n".join([HEADING, "", use, "", judged, "", *table, "", made, ""])


def _passes(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


def _decibels(psnr: float | None) -> str:
    return "–" if psnr is None else f"{psnr:.2f}"


def note_on_card(model: Autoencoder, run: str | Path) -> Path | None:
    """Put the section into a run's card, in the place of an earlier one; the card's path, None where there is none."""
    path, section = Path(run) / CARD, sharp_section(model)
    if section is None or not path.is_file():
        return None
    text = re.sub(rf"^{HEADING}$.*?(?=^## )", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    files.write_text(path, text.replace(f"{ENDS_BEFORE}\n", f"{section}\n{ENDS_BEFORE}\n", 1))
    return path
