"""Picture files in, denoised picture files out, with a sheet that shows them side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lookalike import metrics, plots
from lookalike.data import Pixels, Rejected, read_picture
from lookalike.data.names import read_each
from lookalike.denoising.tiling import Restorer, denoise
from lookalike.files import write_bytes
from lookalike.noise import EVALUATION_EPOCH, Noise, corrupt, parse_noise
from lookalike.outputs import Outputs
from lookalike.pixels import Floats, centre, to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DETAIL = 256
"""Of a larger side only this many pixels in the middle are shown: scaled down, a picture loses its noise unaided."""
CELL = 2.2
"""Inches of a picture on the sheet."""
SHEET_MOST = 6
"""Pictures on one side-by-side sheet."""


class SheetRow(NamedTuple):
    """One row: the picture's name, and titled states of it, uint8 (H, W, C)."""

    name: str
    states: list[tuple[str, Pixels]]


class Denoised(NamedTuple):
    """Files that were written, the sheet last, and pictures that could not be read."""

    written: list[Path]
    skipped: list[Rejected]


def denoise_files(
    model: Restorer,
    images: Iterable[Path],
    out: str | Path,
    *,
    noise: str | Noise | None = None,
    level: float | None = None,
    self_ensemble: bool = False,
    force: bool = False,
    seed: int = 0,
) -> Denoised:
    """Write each picture, denoised and of its own size, as PNG into `out`, and `sheet.png` with both side by side.

    With `noise`, pictures get it first (picture i of those named from `seed` and i), and the sheet shows the original
    as well, with PSNRs. `level` and `self_ensemble` are those of `denoise`. A picture without colour is written without
    colour. Names that are taken make way to free ones, with `force` only those of pictures that are read (`Outputs`).

    Raises:
        DataError: none of the pictures can be read.
        OptionError: `out` is a file, the noise is none, the level is out of range, or the model takes no level or no
            self-ensemble.
    """
    noise = parse_noise(noise) if isinstance(noise, str) else noise
    paths = list(images)
    outputs = Outputs(paths, force=force)
    folder = outputs.folder(out)
    written: list[Path] = []
    skipped: list[Rejected] = []
    shown: list[SheetRow] = []
    for path, picture in read_each(paths, _read, skipped):
        given: Pixels | Floats = picture
        if noise is not None:
            given = corrupt(centre(picture)[None], noise, seed=seed, epoch=EVALUATION_EPOCH, indices=[len(written)])[0]
        restored = denoise(model, given, level, self_ensemble=self_ensemble)
        target = outputs.free(folder / f"{path.stem}.png")
        write_bytes(target, plots.picture_png(restored))
        written.append(target)
        if len(shown) < SHEET_MOST:
            shown.append(_shown(path.stem, picture, to_uint8(given), restored, noise))
    sheet = outputs.free(folder / "sheet.png")
    plots.save_figure(denoising_sheet(shown), sheet)
    return Denoised([*written, sheet], skipped)


def _read(path: Path) -> Pixels:
    """A picture at its own size: (H, W, 3), or (H, W, 1) where its channels are equal everywhere."""
    picture = read_picture(path, None)
    grey = not (picture != picture[..., :1]).any()
    return picture[..., :1] if grey else picture


def _shown(name: str, original: Pixels, given: Pixels, restored: Pixels, noise: Noise | None) -> SheetRow:
    if noise is None:
        return SheetRow(name, [("as it is", given), ("denoised", restored)])
    before, after = (float(metrics.psnr(centre(original)[None], centre(other)[None])[0]) for other in (given, restored))
    noisy, denoised = f"{noise}: {before:.2f} dB", f"denoised: {after:.2f} dB"
    return SheetRow(name, [("original", original), (noisy, given), (denoised, restored)])


def denoising_sheet(rows: Sequence[SheetRow]) -> Figure:
    """One row a picture, one column a state, for rows of equally many states."""
    from matplotlib.figure import Figure

    columns = len(rows[0].states)
    figure = Figure(figsize=(CELL * columns + 0.3, (CELL + 0.25) * len(rows)), layout="constrained")
    cells = figure.subplots(len(rows), columns, squeeze=False)
    for row, line in zip(rows, cells, strict=True):
        for (title, picture), axes in zip(row.states, line, strict=True):
            axes.imshow(plots.displayable(_middle(picture)), interpolation="nearest")
            axes.set_title(title, fontsize=7, color=plots.INK)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(row.name[:24], fontsize=7, color=plots.INK)
    return figure


def _middle(picture: Pixels) -> Pixels:
    top, left = (max(side - DETAIL, 0) // 2 for side in picture.shape[:2])
    return picture[top : top + DETAIL, left : left + DETAIL]
