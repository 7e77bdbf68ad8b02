"""Picture files in, strips and animations out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lookalike import files, plots
from lookalike.data import DataOptions, Pixels, load_with
from lookalike.editing.directions import Direction
from lookalike.editing.edit import edit
from lookalike.editing.morph import morph
from lookalike.errors import DataError, OptionError, PictureError
from lookalike.models import note_of
from lookalike.models.base import Autoencoder
from lookalike.models.pictures import framing_of, prepared
from lookalike.pixels import as_channels, to_uint8


def read_for(model: Autoencoder, path: Path, crop: int | None = None) -> Pixels:
    """A picture file as the model takes it, prepared as those of its training: uint8 (H, W, C).

    Raises:
        DataError: it cannot be read.
    """
    try:
        return prepared(model, path, crop)
    except PictureError as error:
        raise DataError(f"{path} {error}") from error


def read_group(model: Autoencoder, paths: Iterable[Path], crop: int | None = None) -> Pixels:
    """Picture files, and all pictures of folders or archives, as the model takes them: uint8 (N, H, W, C).

    Raises:
        DataError: one of them cannot be read.
    """
    options = DataOptions().like(framing_of(model, crop))
    found = []
    for path in paths:
        if path.is_dir():
            pixels = load_with(path, options).pixels
            found.append(as_channels(pixels, model.image_shape_[2]))
        else:
            found.append(read_for(model, path, crop)[None])
    if not found:
        raise OptionError("a group of pictures is empty; name a folder, or files")
    return np.concatenate(found)


def write_morph(
    model: Autoencoder, a: Pixels, b: Pixels, out: Path, *, steps: int = 7, kind: str = "linear", sharp: float = False
) -> None:
    """Write the morph between two uint8 pictures (H, W, C): a strip (.png) or an animation, there and back (.gif).

    The strip has the pictures themselves at both ends; everything is enlarged for looking at. With `sharp` (see
    `model.decode`) it says below that detail is invented.

    Raises:
        OptionError: an argument is out of range, or `out` is neither PNG nor GIF.
    """
    suffix = _checked_suffix(out, (".png", ".gif"))
    pictures = to_uint8(morph(model, a, b, steps, kind, sharp=sharp))
    note = note_of(sharp)
    if suffix == ".gif":
        files.write_bytes(out, plots.there_and_back_gif(pictures, note=note))
    else:
        files.write_bytes(out, plots.strip_png([a[None], pictures, b[None]], note))


def write_edit(
    model: Autoencoder,
    picture: Pixels,
    directions: Sequence[Direction],
    amounts: npt.ArrayLike,
    out: Path,
    *,
    keep_residual: bool = True,
    sharp: float = False,
) -> None:
    """Write a strip (.png): a uint8 picture (H, W, C), then an edit of it for each row of `amounts` (n, D), enlarged.

    With `sharp` (see `model.decode`) it says below that detail is invented.

    Raises:
        OptionError: an argument is out of range, or `out` is no PNG.
    """
    _checked_suffix(out, (".png",))
    edited = edit(model, picture, directions, np.atleast_2d(amounts), keep_residual=keep_residual, sharp=sharp)
    files.write_bytes(out, plots.strip_png([picture[None], to_uint8(edited)], note_of(sharp)))


def _checked_suffix(out: Path, known: tuple[str, ...]) -> str:
    suffix = out.suffix.lower()
    if suffix not in known:
        raise OptionError(f"out is {out.name!r}; give a name that ends in {' or '.join(known)}")
    return suffix
