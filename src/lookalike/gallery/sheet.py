"""A search as a picture: the query, then its neighbours with their distances."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike import plots

if TYPE_CHECKING:
    from lookalike.data.framing import Framing
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.snapshot import Found

COLUMNS = 6


def write_sheet(
    gallery: Gallery, queries: Sequence[Path | str], found: Found, path: Path, framing: Framing | None = None
) -> None:
    """Write a PNG of the queries, files or names of stored pictures, and of what was found for them.

    Files are framed as the gallery's pictures, or as `framing` says.

    Raises:
        PictureError: a file is no picture.
        GalleryError: a name is unknown.
    """
    pictures = [gallery.framed(query, framing) for query in queries] + [gallery.picture(name) for name in found.names]
    titles = [f"query\n{plots.short(Path(query).stem)}" for query in queries]
    titles += [
        f"{distance:.3f}\n{plots.short(Path(name).stem)}"
        for name, distance in zip(found.names, found.distances, strict=True)
    ]
    plots.save_figure(plots.grid(np.stack(pictures), titles, min(len(pictures), COLUMNS)), path)
