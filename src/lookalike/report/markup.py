"""The pieces of HTML that the sections are made of, and the pictures in them and beside them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files, plots
from lookalike.pixels import to_uint8

ENLARGED = 3
"""How many times larger than the pictures the strips are that are kept."""
FINE = 48
"""Pixels of a side from which on a picture is enlarged smoothly; those of smaller ones are shown as squares."""


def choose(count: int, wanted: int, seed: int) -> list[int]:
    """Places of up to `wanted` of `count` pictures, drawn by the seed."""
    order = np.random.default_rng(seed).permutation(count)
    return [int(i) for i in order[: min(wanted, count)]]


def section(title: str, text: str, content: str) -> str:
    """A heading, a paragraph, and what follows them as HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>\n{content}\n</section>\n"


def table(rows: Sequence[str], heads: Sequence[str] = ()) -> str:
    """Rows of HTML as a table that scrolls on its own."""
    head = "<thead><tr>" + "".join(f"<td>{escape(text)}</td>" for text in heads) + "</tr></thead>" if heads else ""
    return f'<div class="scroll" tabindex="0"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def row(label: str, cells: Iterable[str]) -> str:
    """A row: its name, then cells of HTML."""
    return f'<tr><th scope="row">{escape(label)}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def number(value: float | int) -> str:
    """A figure as the tables show it."""
    return str(value) if isinstance(value, int) else f"{value:.5f}"


def duration(seconds: float) -> str:
    """A stretch of time in seconds or minutes."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


class Album:
    """Turns arrays and figures into `<img>` with the picture inside, and keeps figures as files of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, bytes] = {}

    def picture(self, pixels: npt.NDArray[Any], alt: str, note: str | None = None) -> str:
        """One picture (H, W, C), uint8 or centred floats, which holds a note as its description."""
        return _image(plots.picture_png(to_uint8(pixels), note), alt, "fine" if min(pixels.shape[:2]) >= FINE else "")

    def figure(self, name: str, figure: Any, alt: str, note: str | None = None) -> str:
        """A matplotlib figure, which holds a note as its description, kept as `name`.png as well."""
        content = plots.figure_png(figure, note)
        self._kept[f"{name}.png"] = content
        return f"<figure>{_image(content, alt)}</figure>"

    def keep_strip(self, name: str, rows: list[npt.NDArray[Any]], note: str | None = None) -> None:
        """Keep rows of pictures, each (n, H, W, C), as one enlarged `name`.png with a note below it."""
        sheet = np.concatenate([np.concatenate(list(to_uint8(row)), axis=1) for row in rows])
        large = sheet.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        self._kept[f"{name}.png"] = plots.picture_png(plots.captioned(large[None], note)[0], note)

    def write(self) -> None:
        """Write what was kept, each file atomically."""
        for name, content in self._kept.items():
            files.write_bytes(self.folder / name, content)


def code_picture(code: npt.NDArray[Any], extreme: float) -> npt.NDArray[np.uint8]:
    """A code (K,) as a small heat map (h, w, 3): blue below zero, white at it, red above, full at `extreme`."""
    folded = plots.fold(code)
    share = np.nan_to_num(np.clip(folded / (extreme or 1.0), -1, 1))[..., None]
    red, blue, white = np.array([178, 24, 43.0]), np.array([33, 102, 172.0]), np.full(3, 247.0)
    shown = np.where(share > 0, white + share * (red - white), white - share * (blue - white))
    picture: npt.NDArray[np.uint8] = np.rint(shown).astype(np.uint8)
    return picture


def _image(png: bytes, alt: str, kind: str = "") -> str:
    data = base64.b64encode(png).decode()
    kind = f' class="{kind}"' if kind else ""
    return f'<img{kind} alt="{escape(alt, quote=True)}" src="data:image/png;base64,{data}">'
