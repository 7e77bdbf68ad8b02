"""The page as a whole: what it opens with, its sections, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files as resources
from pathlib import Path

from lookalike import files
from lookalike.data import ImageSet
from lookalike.models.base import Autoencoder
from lookalike.report import sections
from lookalike.report.cleaning import cleaning
from lookalike.report.markup import Album
from lookalike.report.sections import Other, edits

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a page may load: what it holds, and nothing else."""


def write_report(
    model: Autoencoder,
    test: ImageSet,
    out: str | Path,
    *,
    train: ImageSet | None = None,
    compare: Sequence[tuple[str, Autoencoder]] = (),
    denoiser: Autoencoder | None = None,
    noise: str | None = None,
    timings: dict[str, float | None] | None = None,
    pictures: str | Path | None = None,
    seed: int = 0,
) -> Path:
    """Write one HTML file that holds everything it shows, and its figures as PNG into a folder.

    Args:
        model: a fitted model.
        test: pictures it was not trained with; all figures and examples come from them.
        out: the file to write.
        train: the pictures among which look-alikes are sought, and whose attributes, if they have any, become
            sliders; without them both sections are left out.
        compare: (name, model) of others to set beside it.
        denoiser: a model that removes noise from such pictures, beside which the best classical one stands where there
            is `train`; without it that section is left out.
        noise: what it is shown removing, such as "gaussian:0.1".
        pictures: the folder that takes the figures; None is the page's `figures_folder`.
        timings: `seconds` and `images_per_second` of the training.
        seed: chooses the pictures that are shown.
    """
    out = Path(out)
    album = Album(figures_folder(out) if pictures is None else Path(pictures))
    codes = None if train is None else model.encode(train)
    measured, others = model.evaluate(test), [Other(name, one, -one.score(test)) for name, one in compare]
    parts = [
        sections.faces(model, test, album, seed),
        sections.curves(model, album),
        sections.comparison(model, measured.mse, test, others, album, seed),
        sections.directions(model, model.encode(test) if codes is None else codes, album),
        "" if train is None or codes is None else sections.neighbours(model, test, train, codes, album, seed),
        sections.morphs(model, test, album, seed),
        "" if train is None or codes is None else edits(model, test, train, codes, album, seed),
        "" if denoiser is None or noise is None else cleaning(denoiser, test, noise, album, seed, train),
        sections.making(model),
    ]
    title, opening = sections.opening(model, measured, others, timings or {})
    footer = "All pictures on this page were kept out of the training, save the look-alikes found for them."
    page = document(title, opening, "".join(part for part in parts if part), footer)
    album.write()
    files.write_text(out, page)
    return out


def document(title: str, opening: str, content: str, footer: str, style: str = "") -> str:
    """A whole page that loads nothing: its title and opening, its sections, and what its last line says besides."""
    usual = (resources("lookalike.report") / "style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{usual}{style}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{opening}</header>\n<main>\n{content}"
        f"</main>\n<footer>Made with lookalike. {footer}</footer>\n</body>\n</html>\n"
    )


def figures_folder(page: Path) -> Path:
    """Where a page's figures lie as files: `<name>_pictures` beside it."""
    return page.with_name(f"{page.stem}_pictures")
