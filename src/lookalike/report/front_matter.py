"""What a machine reads first in a model card: YAML in the layout that the Hugging Face Hub takes."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_PLAIN = re.compile(r"[a-z][a-z0-9_-]*")
_MEANS_SOMETHING_ELSE = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
"""Words that YAML reads as another type where they stand without quotes."""


def front_matter(content: dict[str, Any]) -> str:
    """JSON values as a YAML block between two lines of dashes; numbers keep every digit."""
    return "\n".join(("---", *_lines(content, 0), "---")) + "\n"


def model_index(name: str, task: str, dataset: str, figures: list[tuple[str, str, float]]) -> list[dict[str, Any]]:
    """The Hub's `model-index`: one task on one data set's test split.

    Args:
        name: the model's.
        task: one of the Hub's, such as "image-feature-extraction".
        dataset: how the data set is called; its identifier becomes what the Hub allows of it.
        figures: (metric's identifier, its name, value); one that is not finite is left out.
    """
    identifier = re.sub(r"[^a-z0-9._-]+", "-", dataset.lower()).strip("-.") or "pictures"
    metrics = [{"type": kind, "name": title, "value": value} for kind, title, value in figures if math.isfinite(value)]
    result = {
        "task": {"type": task},
        "dataset": {"type": identifier, "name": dataset, "split": "test"},
        "metrics": metrics,
    }
    return [{"name": name, "results": [result]}]


def _lines(value: dict[str, Any] | list[Any], depth: int) -> list[str]:
    """A mapping or a sequence in block style, two spaces a level."""
    pad, lines = "  " * depth, []
    if isinstance(value, dict):
        for key, item in value.items():
            if _is_nested(item):
                lines += [f"{pad}{key}:", *_lines(item, depth + 1)]
            else:
                lines.append(f"{pad}{key}: {_scalar(item)}")
        return lines
    for item in value:
        if _is_nested(item):
            first, *rest = _lines(item, depth + 1)
            lines += [f"{pad}- {first.lstrip()}", *rest]
        else:
            lines.append(f"{pad}- {_scalar(item)}")
    return lines


def _is_nested(value: Any) -> bool:
    return isinstance(value, (dict, list)) and bool(value)


def _scalar(value: Any) -> str:
    """JSON's way of writing it, which YAML reads too, but for floats such as 1e-05: YAML 1.1 wants the point."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _MEANS_SOMETHING_ELSE:
        return value
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text
