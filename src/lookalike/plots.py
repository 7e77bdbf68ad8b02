"""Arrays become pictures to look at: sheets, curves, PNG files."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lookalike import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

INK = "#33383f"
CURVES = {"train": "#8a93a0", "validation": "#d1782f", "test": "#2f6db3"}
"""Colours that stay apart for colour-blind eyes."""
CELL = 1.1
"""Inches of a picture in a grid."""
DOTS = 130
"""Pixels of an inch."""
TITLE_WIDTH = 16
"""Characters of a name above a picture."""
LOOK = 128
"""Pixels that the longer side of a picture comes to at least, where small pictures are enlarged for looking at."""
SMALL_PRINT = 12
"""Height of the letters below pictures, in pixels."""


def displayable(pictures: Array) -> Array:
    """Pictures as matplotlib shows them: uint8 as they are, centred floats clipped to [0, 1] after + 0.5."""
    shown = pictures if pictures.dtype == np.uint8 else np.clip(pictures + 0.5, 0, 1)
    return np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown


def grid(pictures: Array, titles: Sequence[str] | None = None, columns: int | None = None) -> Figure:
    """Pictures (N, H, W, C), uint8 or centred floats, in rows of `columns` (about a square), with titles."""
    from matplotlib.figure import Figure

    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    above = 0.1 + 0.15 * max(title.count("\n") + 1 for title in titles) if titles else 0.05
    figure = Figure(figsize=(CELL * columns, (CELL + above) * rows), layout="constrained")
    for i, (axes, picture) in enumerate(zip(_cells(figure, rows, columns), displayable(pictures), strict=False)):
        axes.imshow(picture, interpolation="nearest")
        if titles is not None:
            axes.set_title(titles[i], fontsize=7, color=INK)
    return figure


def fold(code: Array) -> Array:
    """A code (K,) as a nearly square picture; what is left over of the last row is NaN."""
    width = math.ceil(math.sqrt(len(code)))
    folded = np.full(width * math.ceil(len(code) / width), np.nan)
    folded[: len(code)] = code
    return folded.reshape(-1, width)


def reconstruction_sheet(
    pictures: Array, codes: Array, reconstructions: Array, names: Sequence[str] | None = None, note: str | None = None
) -> Figure:
    """Three rows: pictures (N, H, W, C), their codes (N, K) as heat maps on one scale, and reconstructions with MSE.

    A `note` on these stands below them.
    """
    from matplotlib.figure import Figure

    count = len(pictures)
    figure = Figure(figsize=(max(CELL * count + 0.6, 2.5), 3 * CELL + 0.8), layout="constrained")
    cells = _cells(figure, 3, count)
    extreme = float(np.abs(codes).max()) or 1.0
    for i, (picture, code, back) in enumerate(
        zip(displayable(pictures), codes, displayable(reconstructions), strict=True)
    ):
        original = pictures[i] / 255 - 0.5 if pictures.dtype == np.uint8 else pictures[i]
        cells[i].imshow(picture, interpolation="nearest")
        cells[count + i].imshow(fold(code), cmap="RdBu_r", vmin=-extreme, vmax=extreme)
        cells[2 * count + i].imshow(back, interpolation="nearest")
        cells[2 * count + i].set_title(
            f"MSE {np.mean((original - reconstructions[i]) ** 2):.4f}", fontsize=7, color=INK
        )
        if names is not None:
            cells[i].set_title(short(names[i]), fontsize=7, color=INK)
    for row, label in enumerate(("original", "code", "reconstruction")):
        cells[row * count].set_ylabel(label, fontsize=8, color=INK)
    _note_below(figure, note)
    return figure


def error_sheet(rows: Sequence[tuple[Array, Array, Array, Array, Array]], titles: Sequence[str]) -> Figure:
    """A row for each picture (H, W, C): it, its drawing and where that errs (H, W), its repair and where that errs.

    The roots of each of the two kinds of error are on one scale for all rows, from none (black) to the largest.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * CELL + 0.9, (CELL + 0.12) * len(rows) + 0.3), layout="constrained")
    cells = _cells(figure, len(rows), 5)
    largest = [max(float(row[column].max()) for row in rows) or 1.0 for column in (2, 4)]
    for i, (row, title) in enumerate(zip(rows, titles, strict=True)):
        for j, shown in enumerate(row):
            if j in (2, 4):
                cells[5 * i + j].imshow(np.sqrt(shown), cmap="inferno", vmin=0, vmax=math.sqrt(largest[j // 2 - 1]))
            else:
                cells[5 * i + j].imshow(displayable(shown), interpolation="nearest")
        cells[5 * i].set_ylabel(title, fontsize=6, color=INK)
    for axes, title in zip(cells, ("picture", "drawn", "error", "repaired", "error"), strict=False):
        axes.set_title(title, fontsize=7, color=INK)
    return figure


def pairs(
    pictures: Array, others: Array, heads: tuple[str, str], titles: Sequence[str], note: str | None = None
) -> Figure:
    """Pictures (N, H, W, C), each with another on its right, four pairs a row.

    `heads` stand above the two columns of a pair, a title of one or two lines below each of the others, a `note` below
    all.
    """
    from matplotlib.figure import Figure

    columns = min(4, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure = Figure(figsize=(2.3 * CELL * columns, (CELL + 0.35) * rows + 0.45), layout="constrained")
    widths = [1, 1, 0.2] * columns  # what parts one pair from the next
    cells = figure.subplots(rows, 3 * columns, squeeze=False, gridspec_kw={"width_ratios": widths})
    for axes in cells.ravel():
        axes.set_axis_off()
    for i, shown in enumerate(zip(displayable(pictures), displayable(others), strict=True)):
        row, column = divmod(i, columns)
        pair = cells[row, 3 * column : 3 * column + 2]
        for axes, picture, head in zip(pair, shown, heads, strict=True):
            axes.imshow(picture, interpolation="nearest")
            if row == 0:
                axes.set_title(head, fontsize=7, color=INK)
        style: dict[str, Any] = {"fontsize": 6, "color": INK, "va": "top", "parse_math": False}
        pair[1].text(0, -0.04, files.printable(titles[i]), transform=pair[1].transAxes, **style)
    _note_below(figure, note)
    return figure


def loss_curve(history: Sequence[dict[str, Any]]) -> Figure:
    """MSE of training, validation and test pictures over the epochs, each curve named at its end."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, MaxNLocator

    class Plain(LogFormatter):
        """0.006 for 6 x 10^-3, which is a formula: drawn after every training, formulas took longer than short ones."""

        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    figure = Figure(figsize=(7, 4))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.13, top=0.97)
    for name, colour in CURVES.items():
        points = [(row["epoch"], row[f"{name}_mse"]) for row in history if row[f"{name}_mse"] is not None]
        if points:
            epochs, values = zip(*points, strict=True)
            axes.plot(
                epochs, values, color=colour, marker="o" if len(points) < 3 else None, label=f"{name} {values[-1]:.5f}"
            )
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel("mean squared error", color=INK)
    if any((row[f"{name}_mse"] or 0) > 0 for row in history for name in CURVES):  # pictures all alike leave no error
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(Plain())
        axes.yaxis.set_minor_formatter(Plain())
    axes.grid(axis="y", which="both", color="#e4e7eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, labelcolor=INK)
    return figure


def figure_png(figure: Figure, note: str | None = None) -> bytes:
    """The figure as PNG, which holds a note as its description; the same bytes for the same figure.

    Titles and labels hold names of pictures: dollar signs in them are no formulas, and what the font lacks is a box.
    """
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            text.set_parse_math(False)
            text.set_text(files.printable(text.get_text()))
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        figure.savefig(stream, format="png", dpi=DOTS, metadata={"Software": None, "Description": note})
    return stream.getvalue()


def save_figure(figure: Figure, path: Path, note: str | None = None) -> None:
    """Write the figure as PNG, atomically, with a note as its description."""
    files.write_bytes(path, figure_png(figure, note))


def short(name: str) -> str:
    """As much of a name as stands above a small picture: its ends, as names often differ in their last letters."""
    half = TITLE_WIDTH // 2
    return name if len(name) <= TITLE_WIDTH else f"{name[: half - 1]}…{name[-half:]}"


def picture_png(picture: Array, note: str | None = None) -> bytes:
    """One uint8 picture (H, W, C) as PNG, which holds a note as its description."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    stream, told = io.BytesIO(), PngInfo()
    if note is not None:
        told.add_text("Description", note)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.save(stream, format="png", pnginfo=told)
    return stream.getvalue()


def enlarged(pictures: Array, side: int = LOOK) -> Array:
    """uint8 pictures (N, H, W, C), a whole number of times larger (Lanczos), so that the longer side reaches `side`."""
    from PIL import Image

    _, height, width, channels = pictures.shape
    times = math.ceil(side / max(height, width))
    if times == 1:
        return pictures
    large = np.empty((len(pictures), times * height, times * width, channels), np.uint8)
    for i, picture in enumerate(pictures):
        image = Image.fromarray(picture[..., 0] if channels == 1 else picture)
        resized = np.asarray(image.resize((times * width, times * height), Image.Resampling.LANCZOS))
        large[i] = resized[..., None] if channels == 1 else resized
    return large


def strip(groups: Sequence[Array], side: int = LOOK) -> Array:
    """Groups of uint8 pictures (n, H, W, C) in one row, enlarged, with a white gap after each group: (h, w, C)."""
    parts: list[Array] = []
    for group in groups:
        pictures = enlarged(group, side)
        _, height, _, channels = pictures.shape
        parts += [*pictures, np.full((height, max(height // 16, 1), channels), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def strip_png(groups: Sequence[Array], note: str | None = None) -> bytes:
    """A `strip` as PNG, with a note below it."""
    return picture_png(captioned(strip(groups)[None], note)[0], note)


def captioned(pictures: Array, note: str | None) -> Array:
    """uint8 pictures (N, H, W, C), each with a note below it, in as many lines as it takes."""
    from PIL import Image, ImageDraw, ImageFont

    if note is None:
        return pictures
    count, _, width, channels = pictures.shape
    font = ImageFont.load_default(SMALL_PRINT)
    lines = [""]
    for word in note.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) <= width - SMALL_PRINT else [*lines, word]
    text = "\n".join(line for line in lines if line)
    height = round(SMALL_PRINT * (1.25 * text.count("\n") + 2))
    band = Image.new("L", (width, height), 255)
    ImageDraw.Draw(band).multiline_text((SMALL_PRINT / 2, SMALL_PRINT / 3), text, 0, font, spacing=SMALL_PRINT / 4)
    words = np.broadcast_to(np.asarray(band)[None, ..., None], (count, height, width, channels))
    return np.concatenate([pictures, words], axis=1)


def there_and_back_gif(pictures: Array, milliseconds: int = 120, rest: int = 600, note: str | None = None) -> bytes:
    """uint8 pictures (N, H, W, C), enlarged, as an endless GIF there and back, resting at both ends: milliseconds.

    A note stands below every picture.
    """
    from PIL import Image

    large = captioned(enlarged(pictures), note)
    images = [Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture) for picture in large]
    # Colours of each frame's own and no dithering: it would flicker.
    frames = [image.quantize(256, dither=Image.Dither.NONE) for image in [*images, *images[-2:0:-1]]]
    times = [milliseconds] * len(frames)
    times[0] = times[len(images) - 1] = rest
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, disposal=1)
    return stream.getvalue()


def _note_below(figure: Figure, note: str | None) -> None:
    if note is not None:
        figure.supxlabel(note, fontsize=8, color=INK, wrap=True)


def _cells(figure: Figure, rows: int, columns: int) -> list[Axes]:
    cells: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in cells:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return cells
