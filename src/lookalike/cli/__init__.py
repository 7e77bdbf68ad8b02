"""The command line: one file a command, each a thin layer over a Python call.

Command files import at their top only what is light; PyTorch and its like come in when a command runs.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lookalike.cli import (
    bench,
    check,
    data,
    demo,
    denoise,
    directions,
    duplicates,
    edit,
    encode,
    evaluate,
    export,
    gallery,
    groups,
    import_run,
    index,
    morph,
    outliers,
    reconstruct,
    report,
    review,
    search,
    serve,
    submit,
    subset,
    train,
)
from lookalike.cli.common import failures_explained, set_up_logging

app = typer.Typer(
    name="lookalike",
    help="Learn what your pictures look like: train autoencoders on a folder of pictures, without labels, and use "
    "the codes they learn. DATA is 'synthetic' (procedural faces), 'lfw', the path of a folder, an archive, or an "
    ".npy or .npz file of pictures.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, command in (
    ("data", data.data),
    ("train", train.train),
    ("evaluate", evaluate.evaluate),
    ("reconstruct", reconstruct.reconstruct),
    ("denoise", denoise.denoise),
    ("encode", encode.encode),
    ("index", index.index),
    ("search", search.search),
    ("review", review.review),
    ("duplicates", duplicates.duplicates),
    ("outliers", outliers.outliers),
    ("groups", groups.groups),
    ("subset", subset.subset),
    ("morph", morph.morph),
    ("serve", serve.serve),
    ("directions", directions.directions),
    ("edit", edit.edit),
    ("report", report.report),
    ("import", import_run.import_run),
    ("export", export.export),
    ("check", check.check),
    ("submit", submit.submit),
    ("demo", demo.demo),
):
    app.command(name)(command)
app.add_typer(gallery.app, name="gallery")
app.add_typer(bench.app, name="bench")


def _print_version(asked: bool) -> None:
    if asked:
        import lookalike

        typer.echo(f"lookalike {lookalike.__version__}")
        raise typer.Exit


Version = typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)


@app.callback()
def _top(version: Annotated[bool, Version] = False) -> None:
    pass


def main() -> None:
    """Run a command; every failure becomes one clear line on stderr and an exit code."""
    set_up_logging()
    with failures_explained():
        sys.exit(app(standalone_mode=False) or 0)
