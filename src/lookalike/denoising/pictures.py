"""Picture files in, denoised picture files out, with a sheet that shows them side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lookalike import metrics, plots
from lookalike.data import Pixels, Rejected
from lookalike.data.decode import read_file
from lookalike.data.folder import listing_of
from lookalike.data.names import read_each, say_what_8_bits_lose
from lookalike.denoising.depth import EIGHT, Numbers
from lookalike.denoising.photo import Photo, read_photo
from lookalike.denoising.saving import checked_quality, encoded, name_for
from lookalike.denoising.tiling import Restorer, denoise
from lookalike.errors import DataError
from lookalike.files import real, write_bytes
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt, parse_noise
from lookalike.noise.estimation import noise_level
from lookalike.outputs import Outputs
from lookalike.pixels import Floats, centre

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DETAIL = 256
"""Of a larger side only this many pixels in the middle are shown: scaled down, a picture loses its noise unaided."""
CELL = 2.2
"""Inches of a picture on the sheet."""
SHEET_MOST = 6
"""Pictures on one side-by-side sheet."""
Progress = Callable[[float, int], None]


class SheetRow(NamedTuple):
    """One row: the picture's name, and titled states of it, uint8 (H, W, C)."""

    name: str
    states: list[tuple[str, Pixels]]


class Denoised(NamedTuple):
    """Files that were written, the sheet last, pictures that could not be read, and the noise of the others.

    `levels` are estimates of the standard deviation of each picture's noise, where a picture spans 1, by its name.
    """

    written: list[Path]
    skipped: list[Rejected]
    levels: dict[str, float]

    def told(self) -> list[str]:
        """What came of it, a line a file."""
        noise = [f" (noise of about {255 * level:.1f} of 255)" for level in self.levels.values()]
        lines = [f"wrote {path}{found}" for path, found in zip(self.written, [*noise, ""], strict=True)]
        return [*lines, *(f"skipped {name}: {reason}" for name, reason in self.skipped)]


def denoise_files(
    model: Restorer,
    images: Iterable[Path],
    out: str | Path,
    *,
    noise: str | Noise | None = None,
    level: float | None = None,
    photons: float | None = None,
    self_ensemble: bool = False,
    strength: float = 1.0,
    quality: int | None = None,
    force: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Denoised:
    """Write each picture, denoised and as its file was, into `out`, and `sheet.png` with both side by side.

    Of a folder among `images` all pictures are taken, and come to lie in `out` as they lie there. Size, format, depth,
    opacity, colour profile and notes stay (see `read_photo`, `encoded`; `quality` is that of lossy formats).

    With `noise`, pictures get it first (picture i of those named from `seed` and i), and the sheet shows the original
    as well, with PSNRs. `level`, `photons`, `self_ensemble` and `strength` are those of `denoise`. A picture without
    colour is shown to the model without. Names that are taken make way to free ones, with `force` only those of
    pictures that are read (`Outputs`). `progress` is called with (pictures done, pictures in all); the first is no
    whole number.

    Raises:
        DataError: none of the pictures can be read; or a folder holds none, or cannot be listed.
        OptionError: `out` is a file, the noise is none, a number is out of range, or the model takes no level or no
            self-ensemble.
    """
    noise = parse_noise(noise) if isinstance(noise, str) else noise
    quality = checked_quality(quality)
    skipped: list[Rejected] = []
    places = _found(images, Path(out), skipped)
    unlisted = len(skipped)
    outputs = Outputs(places, force=force)
    folder = outputs.folder(out)
    written: list[Path] = []
    levels: dict[str, float] = {}
    shown: list[SheetRow] = []
    for path, photo in read_each(places, _read, skipped):
        done = len(written) + len(skipped) - unlisted
        told = None if progress is None else partial(_tell, progress, done, len(places))
        given: Numbers | Floats = photo.pixels
        if noise is not None:
            clean = photo.depth.centred(photo.pixels)[None]
            given = corrupt(clean, noise, seed=seed, epoch=EVALUATION_EPOCH, indices=[len(written)])[0]
        found = noise_level(given, is_lossy=photo.is_lossy and noise is None)
        levels[str(path)] = found / photo.depth.spans(given)
        restored = denoise(
            *(model, given, level),
            self_ensemble=self_ensemble,
            strength=strength,
            photons=photons,
            depth=photo.depth,
            told=told,
        )
        target = outputs.free(folder / places[path].parent / name_for(photo, path.name))
        write_bytes(target, encoded(photo, restored, quality))
        written.append(target)
        if len(shown) < SHEET_MOST:
            shown.append(_shown(path.stem, photo, given, restored, noise))
    sheet = outputs.free(folder / "sheet.png")
    plots.save_figure(denoising_sheet(shown), sheet)
    return Denoised([*written, sheet], skipped, levels)


def _tell(progress: Progress, done: int, total: int, share: float) -> None:
    progress(done + share, total)


def _found(images: Iterable[Path], out: Path, skipped: list[Rejected]) -> dict[Path, Path]:
    """Each picture file with where it lies in `out`; what was written there before is no input of a folder's."""
    found: dict[Path, Path] = {}
    for given in images:
        if not os.path.isdir(given):  # noqa: PTH112 - Path.is_dir raises where a folder above may not be entered
            found.setdefault(given, Path(given.name))
            continue
        listing = listing_of(given)
        own = real(out)
        inside = own != real(given) and own.is_relative_to(real(given))
        for entry in listing.entries:
            path = given / entry.name
            if not (inside and real(path).is_relative_to(own)):
                found.setdefault(path, Path(entry.name))
        skipped += [Rejected(str(given / place), "cannot be listed") for place in listing.unseen]
        if not listing.entries:
            raise DataError(
                f"{given} holds no pictures, nor a run (config.json or model.json); give a folder that does"
            )
    return found


def _read(path: Path) -> Photo:
    photo = read_photo(read_file(path))
    if photo.depth == EIGHT:
        say_what_8_bits_lose([path])
    return photo


def _shown(name: str, photo: Photo, noisy: Numbers | Floats, cleaned: Numbers, noise: Noise | None) -> SheetRow:
    """Of each state only what the sheet has room for, so that no picture is kept whole."""
    shown = photo.depth.shown
    if noise is None:
        return SheetRow(name, [("as it is", shown(_middle(noisy))), ("denoised", shown(_middle(cleaned)))])
    original, given, restored = shown(photo.pixels), shown(noisy), shown(cleaned)
    before, after = (float(metrics.psnr(centre(original)[None], centre(one)[None])[0]) for one in (given, restored))
    titles = ("original", f"{noise}: {before:.2f} dB", f"denoised: {after:.2f} dB")
    states = zip(titles, map(_middle, (original, given, restored)), strict=True)
    return SheetRow(name, [(title, state.copy()) for title, state in states])


def denoising_sheet(rows: Sequence[SheetRow]) -> Figure:
    """One row a picture, one column a state, for rows of equally many states."""
    from matplotlib.figure import Figure

    columns = len(rows[0].states)
    figure = Figure(figsize=(CELL * columns + 0.3, (CELL + 0.25) * len(rows)), layout="constrained")
    cells = figure.subplots(len(rows), columns, squeeze=False)
    for row, line in zip(rows, cells, strict=True):
        for (title, picture), axes in zip(row.states, line, strict=True):
            axes.imshow(plots.displayable(picture), interpolation="nearest")
            axes.set_title(title, fontsize=7, color=plots.INK)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(row.name[:24], fontsize=7, color=plots.INK)
    return figure


def _middle(picture: Numbers | Floats) -> Numbers:
    """As much of a picture as the sheet shows."""
    top, left = (max(side - DETAIL, 0) // 2 for side in picture.shape[:2])
    return picture[top : top + DETAIL, left : left + DETAIL]
