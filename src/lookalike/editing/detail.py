"""What a code leaves out of a picture, when the picture is edited by way of its code: where it stays, and where not."""

from __future__ import annotations

import numpy as np

from lookalike.metrics import structure
from lookalike.pixels import Floats

POWER = 3
"""Of the share of structure that is kept: the share itself leaves shadows of lips beneath a smile, docs/editing.md."""


def with_detail(picture: Floats, before: Floats, after: Floats, *, drop_what_changed: float) -> Floats:
    """A picture changed as what is drawn of its code changes: float32 (n, H, W, C), centred.

    What the code leaves out, `picture - before`, is added to what is drawn of the moved codes. Where these draw other
    edges than stood there before, it holds the shadows of edges that are gone: with `drop_what_changed` (0 to 1: how
    far the drawings are sharp) it is left out as far as that is so, by the third power of the share of structure (0 to
    1, see `metrics.structure`) that the two drawings have in common; an edit that changes nothing still gives the
    picture itself. That is for drawings that have detail of their own to put there: those of a mean would show a
    blurred patch instead of a shadow.

    Args:
        picture: (H, W, C), centred.
        before: what is drawn of its code, (H, W, C).
        after: what is drawn of the moved codes, (n, H, W, C).
    """
    left_out = picture - before
    edited = picture + (after - before)
    if drop_what_changed:
        kept = np.clip(structure(after, before[None]), 0, 1).min(axis=-1, keepdims=True)
        edited -= (drop_what_changed * (1 - kept**POWER)).astype(np.float32) * left_out
    return edited
