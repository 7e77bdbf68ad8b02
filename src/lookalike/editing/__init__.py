"""Codes at work on single pictures: morphs between two, and edits along directions of the code."""

from __future__ import annotations

from lookalike.editing.attributes import attribute_directions, learn_directions
from lookalike.editing.directions import Direction, Score, difference_direction, principal_directions
from lookalike.editing.edit import edit
from lookalike.editing.morph import morph
from lookalike.editing.pictures import write_edit, write_morph
from lookalike.editing.store import load_directions, save_directions

__all__ = [
    "Direction",
    "Score",
    "attribute_directions",
    "difference_direction",
    "edit",
    "learn_directions",
    "load_directions",
    "morph",
    "principal_directions",
    "save_directions",
    "write_edit",
    "write_morph",
]
