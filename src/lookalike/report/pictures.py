"""Pictures inside the page and beside it."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files, plots
from lookalike.models.base import to_uint8


class Album:
    """Turns arrays and figures into `<img>` with the picture inside, and keeps figures as files of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, bytes] = {}

    def picture(self, pixels: npt.NDArray[Any], alt: str) -> str:
        """One picture (H, W, C), uint8 or centred floats."""
        return _image(plots.picture_png(to_uint8(pixels)), alt)

    def figure(self, name: str, figure: Any, alt: str) -> str:
        """A matplotlib figure, kept as `name`.png as well."""
        content = plots.figure_png(figure)
        self._kept[f"{name}.png"] = content
        return f"<figure>{_image(content, alt)}</figure>"

    def keep_strip(self, name: str, rows: list[npt.NDArray[Any]], enlarge: int = 3) -> None:
        """Keep rows of pictures, each (n, H, W, C), as one enlarged `name`.png."""
        sheet = np.concatenate([np.concatenate(list(to_uint8(row)), axis=1) for row in rows])
        self._kept[f"{name}.png"] = plots.picture_png(sheet.repeat(enlarge, axis=0).repeat(enlarge, axis=1))

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


def _image(png: bytes, alt: str) -> str:
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{data}">'
