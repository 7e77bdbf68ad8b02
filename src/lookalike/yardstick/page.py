"""The figures as a page of Markdown tables: one a group, or one for each measure that has levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lookalike.yardstick.figures import Figure

TITLES = {
    "reconstruction": "Reconstruction of the test pictures",
    "denoising": "Denoising of test pictures",
    "retrieval": "Search: the same person among the nearest",
    "agreement": "Search: attributes shared with the ten nearest",
    "pixel neighbours": "Search: the ten nearest by pixels, found by codes",
    "verification": "Verification: one person or two",
}
DIGITS = {"MSE": 5, "PSNR (dB)": 2}
OTHER_DIGITS = 3
WITHOUT_CODE = "–"


def as_markdown(title: str, notes: Sequence[str], figures: Sequence[Figure]) -> str:
    """A page: the title, the notes as a list, and a table for every group of figures."""
    lines = [f"# {title}", "", *(f"- {note}" for note in notes)]
    for group, heading in TITLES.items():
        rows = [figure for figure in figures if figure.group == group]
        if rows:
            lines += ["", f"## {heading}"]
            for caption, columns in _tables(rows):
                lines += ["", *([f"{caption}:", ""] if caption else []), *_table(rows, columns)]
    return "\n".join(lines) + "\n"


def shown(measure: str, value: float) -> str:
    """A figure as the page prints it: 5 digits after the point for MSE, 2 for PSNR, else 3."""
    return f"{value:.{DIGITS.get(measure, OTHER_DIGITS)}f}" if math.isfinite(value) else str(value)


def _tables(rows: Sequence[Figure]) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each table its caption and its columns (measure, level); measures without levels share one table."""
    columns = list(dict.fromkeys((row.measure, row.level) for row in rows))
    if not any(level for _, level in columns):
        return [("", columns)]
    measures = dict.fromkeys(measure for measure, _ in columns)
    return [(measure, [column for column in columns if column[0] == measure]) for measure in measures]


def _table(rows: Sequence[Figure], columns: Sequence[tuple[str, str]]) -> list[str]:
    values = {(row[:3], row.measure, row.level): row.value for row in rows}
    has_metric = any(row.metric for row in rows)
    heads = ["model", "code", *(["metric"] if has_metric else []), *(level or measure for measure, level in columns)]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for who in dict.fromkeys(row[:3] for row in rows):
        model, code, metric = who
        cells = [
            "" if (value := values.get((who, measure, level))) is None else shown(measure, value)
            for measure, level in columns
        ]
        names = [model, WITHOUT_CODE if code is None else str(code), *([metric] if has_metric else [])]
        lines.append(_line([*names, *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
