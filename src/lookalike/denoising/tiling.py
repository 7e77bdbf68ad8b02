"""Pictures of any size, denoised: by a model of one size in overlapping tiles, by one of any size in windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from lookalike.denoising.counted import Counted
from lookalike.denoising.depth import EIGHT, OF_DTYPE, Depth, Numbers
from lookalike.errors import OptionError
from lookalike.models.base import BATCH
from lookalike.models.inputs import as_pictures
from lookalike.pixels import Floats

WINDOW = 512
"""Side of what a window adds to the result, in pixels."""
ALL = slice(None)
Told = Callable[[float], None]
"""Told the share of a picture that is done, from 0 to 1."""


class Restorer(Protocol):
    """What is needed of a model: the picture shape (H, W, C) it takes, and pictures in, pictures out."""

    image_shape_: tuple[int, int, int]

    def reconstruct(self, X: Floats, /) -> Floats:
        """Centred float32 (N, H, W, C) -> the same shape."""


def denoise(
    model: Restorer,
    picture: Numbers | Floats,
    level: float | None = None,
    *,
    self_ensemble: bool = False,
    strength: float = 1.0,
    photons: float | None = None,
    depth: Depth | None = None,
    told: Told | None = None,
) -> Numbers:
    """Send one picture of any size through a model: (H, W, C) -> (H, W, C) of whole numbers.

    The picture is uint8, uint16 or centred float. What comes back is of `depth`, by default of the picture's own, and
    of floats uint8. `strength` is the share of what the model takes away that stays taken away, from 0 to 1.

    A model of pictures of any size (a U-Net) takes it as it is, a large one window by window, which leaves no trace.
    `level` tells such a model the noise's standard deviation, on the scale where a picture spans 1; else it judges for
    itself. With `photons`, how many are counted at white, the noise rises with the signal, and `level` is what there
    is beside (`Counted`). `self_ensemble` shows it the picture in all four quarter turns and gives the mean, in four
    times the time: closer where pictures are unlike those of its training, but not where they are like them, for these
    have an upright (Timofte et al., 2016, who mirror as well; a network that was trained on mirrored pictures gains
    nothing by that).

    For other models, a picture of the model's size goes through as it is. A larger one goes through in tiles of that
    size, each about a sixth of a tile further than the last; smooth weights that sum to one at every pixel blend them,
    so that no border shows. Beyond its edges, and where it is smaller than a tile, the picture is continued by its own
    reflection. A model of colours sees a grey picture as three equal channels, whose mean comes back; a model of grey
    sees each channel of a coloured picture on its own. Memory beyond the two pictures: one row of tiles, or one
    window; for a self-ensemble a turned copy and a sum of four times a picture's numbers as well.

    Raises:
        OptionError: `picture` is not one picture; `level`, `photons` or `strength` is out of range, or the model takes
            no level; a self-ensemble is asked of a model of pictures of one size.
        NotFittedError: the model has no weights yet.
    """
    given: Any = np.asarray(picture)
    if given.ndim != 3:
        raise OptionError(f"an array of shape {given.shape} is not one picture; give (H, W, 3) or (H, W, 1)")
    if not 0 <= strength <= 1:
        raise OptionError(f"strength is {strength:g}; give the share of the noise to take away, from 0 to 1")
    source = given if given.dtype == np.uint16 and given.shape[2] in (1, 3) else as_pictures(given)[0]
    counted = None if photons is None else Counted(photons, level or 0.0)
    depth = depth or OF_DTYPE.get(source.dtype.name, EIGHT)
    work = _Work(source, depth, strength, counted, told or (lambda share: None))
    restore = _for_channels(model, source.shape[2], level if counted is None else counted.level)
    reach: int | None = getattr(model, "reach", None)
    if reach is not None:
        return turned_by_windows(restore, work, reach) if self_ensemble else by_windows(restore, work, reach)
    if self_ensemble:
        raise OptionError(
            "a self-ensemble is for models of pictures of any size; leave it out, or train one with --model unet"
        )
    if source.shape[:2] == tuple(model.image_shape_[:2]):
        return work.finished(restore(work.seen(ALL, ALL)[None])[0], ALL, ALL)
    return _by_tiles(restore, work, model.image_shape_[0], model.image_shape_[1])


@dataclass(frozen=True)
class _Work:
    """One picture on its way: its numbers (H, W, C), what they mean, and what is to come of them."""

    source: Numbers
    depth: Depth
    strength: float
    counted: Counted | None
    told: Told

    def seen(self, rows: Any, columns: Any) -> Floats:
        """A part of it, as the model sees it: centred float32."""
        centred = self.depth.centred(self.source[rows, columns])
        return centred if self.counted is None else self.counted.shown(centred)

    def finished(self, restored: Floats, rows: slice, columns: slice) -> Numbers:
        """What the model made of a part, by as much as that is to be changed, in whole numbers."""
        if self.counted is not None:
            restored = self.counted.taken(restored)
        if self.strength < 1:
            given = self.depth.centred(self.source[rows, columns])
            restored = given + np.float32(self.strength) * (restored - given)
        return self.depth.numbers(restored)


def _for_channels(model: Restorer, channels: int, level: float | None) -> Callable[[Floats], Floats]:
    """The model as a function of float32 (N, H, W, channels)."""
    restore = _told(model, level)
    own = model.image_shape_[2]
    if own == channels:
        return restore
    if own == 3:
        return lambda grey: restore(np.repeat(grey, 3, axis=3)).mean(axis=3, keepdims=True)

    def one_by_one(coloured: Floats) -> Floats:
        return np.concatenate([restore(coloured[..., c : c + 1]) for c in range(channels)], axis=3)

    return one_by_one


def _told(model: Restorer, level: float | None) -> Callable[[Floats], Floats]:
    if level is None:
        return model.reconstruct
    if not getattr(model, "takes_level", False):
        raise OptionError(
            f"level is {level:g}, but this model takes none; leave it out, or train one with --model unet"
        )
    return partial(cast(Any, model).reconstruct, level=level)


def step_of(tile: int) -> int:
    """Pixels from one tile to the next: the odd number nearest to a sixth of the tile's side, in pixels.

    Under three or more raised cosines the noise is averaged alike at every pixel; under two it is not. What a network
    itself adds repeats with the strides of its transposed convolutions, 2, 4, 8 and 16 pixels: a step that divides
    them adds it up to a grid that shows, an odd one averages it away.
    """
    return 2 * max(round((tile / 6 - 1) / 2), 0) + 1


@dataclass(frozen=True)
class _Axis:
    """How tiles lie along one side of the picture.

    `places` says for each pixel of the continued side which pixel of the picture it is; the picture itself begins at
    `before`. Tile k begins at `k * step` of the continued side, and `shares[k]` is its weight at each of its pixels.
    """

    side: int
    before: int
    step: int
    places: npt.NDArray[np.intp]
    shares: Floats

    @property
    def starts(self) -> range:
        return range(0, len(self.shares) * self.step, self.step)


def _axis(side: int, tile: int) -> _Axis:
    if side <= tile:
        before = (tile - side) // 2
        places = np.pad(np.arange(side), (before, tile - side - before), mode="reflect")
        return _Axis(side, before, tile, places, np.ones((1, tile), np.float32))
    step = step_of(tile)
    # So much goes on at both ends that every pixel of the picture lies under equally many tiles.
    before = tile - step
    count = -(-(side + before) // step)
    continued = tile + (count - 1) * step
    places = np.pad(np.arange(side), (before, continued - side - before), mode="reflect")
    window = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2
    mass = np.zeros(continued)
    for k in range(count):
        mass[k * step : k * step + tile] += window
    shares = np.stack([window / mass[k * step : k * step + tile] for k in range(count)]).astype(np.float32)
    return _Axis(side, before, step, places, shares)


def _by_tiles(restore: Callable[[Floats], Floats], work: _Work, height: int, width: int) -> Numbers:
    source = work.source
    rows, columns = _axis(source.shape[0], height), _axis(source.shape[1], width)
    result = np.empty(source.shape, work.depth.dtype)
    strip = np.zeros((height, len(columns.places), source.shape[2]), np.float32)
    for top, row_share in zip(rows.starts, rows.shares, strict=True):
        seen = work.seen(rows.places[top : top + height], ALL)
        strip += row_share[:, None, None] * _row(restore, seen, columns, width)
        # No later tile reaches the first `step` rows of the strip: they are done.
        _write(work, result, strip[: rows.step], top - rows.before, columns.before)
        strip[: -rows.step] = strip[rows.step :]
        strip[-rows.step :] = 0
        work.told(min((top + rows.step) / len(rows.places), 1))
    return result


def _row(restore: Callable[[Floats], Floats], continued: Floats, columns: _Axis, width: int) -> Floats:
    """One row of tiles, blended along the columns: float32 (height of a tile, continued width, C)."""
    height, _, channels = continued.shape
    blended = np.zeros((height, len(columns.places), channels), np.float32)
    for first in range(0, len(columns.shares), BATCH):
        starts = columns.starts[first : first + BATCH]
        tiles = np.stack([continued[:, columns.places[left : left + width]] for left in starts])
        for left, share, tile in zip(starts, columns.shares[first:], restore(tiles), strict=False):
            blended[:, left : left + width] += share[None, :, None] * tile
    return blended


def _write(work: _Work, result: Numbers, done: Floats, top: int, left: int) -> None:
    """Put rows that are done into the result; `top` and `left` are where the picture's pixels lie relative to them."""
    first, last = max(top, 0), min(top + len(done), len(result))
    if first < last:
        rows = slice(first, last)
        result[rows] = work.finished(done[first - top : last - top, left : left + result.shape[1]], rows, ALL)


def by_windows(restore: Callable[[Floats], Floats], work: _Work, reach: int) -> Numbers:
    """Restore one picture (H, W, C) of any size, window by window.

    A window sees `reach` pixels more on every side, as far as the picture goes: all that can change its result. So the
    whole is what the model would make of the picture at once, to rounding, and memory is that of one window.
    """
    shape = work.source.shape
    result = np.empty(shape, work.depth.dtype)
    windows = [(rows, columns) for rows in spans(shape[0], reach) for columns in spans(shape[1], reach)]
    for done, ((rows, seen_rows), (columns, seen_columns)) in enumerate(windows, 1):
        restored = restore(work.seen(seen_rows, seen_columns)[None])[0]
        top, left = rows.start - seen_rows.start, columns.start - seen_columns.start
        kept = restored[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
        result[rows, columns] = work.finished(kept, rows, columns)
        work.told(done / len(windows))
    return result


def turned_by_windows(restore: Callable[[Floats], Floats], work: _Work, reach: int) -> Numbers:
    """The mean over the picture's four quarter turns of what `by_windows` makes of each, turned back.

    The picture is turned, not the window: a network that halves its grid sees all windows of a turn on one grid.
    """
    total = np.zeros(work.source.shape, np.uint32)
    for quarters in range(4):
        turned = replace(
            work,
            source=np.ascontiguousarray(np.rot90(work.source, quarters)),
            told=lambda share, before=quarters: work.told((before + share) / 4),  # type: ignore[misc]
        )
        total += np.rot90(by_windows(restore, turned, reach), -quarters)
    return ((total + 2) // 4).astype(work.depth.dtype)


def spans(side: int, reach: int) -> list[tuple[slice, slice]]:
    """(what a window adds, what it sees) along one axis."""
    starts = range(0, side, WINDOW)
    ends = [min(start + WINDOW, side) for start in starts]
    return [
        (slice(start, stop), slice(max(start - reach, 0), min(stop + reach, side)))
        for start, stop in zip(starts, ends, strict=True)
    ]
