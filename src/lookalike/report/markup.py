"""The pieces of HTML that the sections are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np


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
