"""lookalike index"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli.common import (
    STORES,
    Json,
    Reading,
    Seed,
    answer,
    progress_shown,
    reads_data,
    say_what_was_seen,
    set_aside,
)
from lookalike.errors import OptionError

if TYPE_CHECKING:
    from lookalike.gallery.given import CodeSet
    from lookalike.models.base import Autoencoder
    from lookalike.models.given_codes import GivenCodes

WIDTH = 78
UNNAMED = "name a RUN whose model encodes the pictures, or give --codes FILE, which --names goes with"


@reads_data()
def index(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="The folder of a run; without it, the model of the gallery and its source. Not with --codes.",
        ),
    ] = None,
    *,
    gallery: Annotated[Path, typer.Option(help="The gallery's folder; made where it is missing.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="The pictures; without them, the source of the gallery's last update."),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option(
            help="The share of the true 10 nearest that a search is to find, above 0 and up to 1; measured.",
            show_default="as before, 0.95 at first",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="The kind of index: 'auto' (the fastest that keeps the promise), 'exact', 'lsh', 'hnsw', 'ivf' or "
            "'ivfpq'; in Milvus 'auto', 'exact', 'hnsw' or 'ivf'.",
            show_default="as before, auto at first",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="What distance means: 'whitened-cosine' (finds the same person most often), 'euclidean' (the "
            "course's, nearest to the pixels), 'cosine' or 'whitened'.",
            show_default="as before, whitened-cosine at first",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help=f"Where a new gallery's codes are to be: {STORES}. See also 'lookalike gallery move'.",
            show_default="as before, local at first",
        ),
    ] = None,
    may_remove: Annotated[
        float,
        typer.Option(
            help="The share of the gallery's pictures that may leave at once because DATA no longer holds them; more "
            "is refused, since a missing drive looks like that. 1 lets all go."
        ),
    ] = 0.5,
    codes: Annotated[
        Path | None,
        typer.Option(
            help="Codes that were computed elsewhere, instead of a run and pictures: an .npy of shape (N, K), a "
            "Parquet file with the columns name and code, or a folder of such, as 'lookalike encode' writes. They are "
            "searched by --item alone.",
            show_default="none",
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="A text file with a name in each line, for an .npy.", show_default="numbers"),
    ] = None,
    reading: Reading = Reading(),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Build or update a gallery: a run's codes of pictures, with an index that finds them.

    The gallery comes to hold what DATA holds now. Only what is new, changed or gone since the last update is touched;
    an update that was cut off goes on. Pictures are prepared as those of the run, unless options say otherwise. The
    seed draws the pictures that the recall is measured with.
    """
    from lookalike.data.names import told
    from lookalike.gallery import Gallery
    from lookalike.models.loading import load_model

    source: CodeSet | str | None
    model: Autoencoder | None
    if codes is not None:
        source, model = codes_alone(codes, names, run, data)
    elif names is not None or (run is None and not gallery.is_dir()):
        raise OptionError(UNNAMED)
    elif run is None:
        source, model = None, None
    else:
        if data is None and run.is_dir() and not (run / "model.json").is_file() and not gallery.is_dir():
            raise OptionError(
                f"{run} holds no model; name a RUN before the pictures, such as one made by: lookalike train {run} "
                "--run RUN"
            )
        source, model = data, load_model(run)
    with Gallery.open(gallery, model, metric=metric, store=store, create=model is not None) as held:
        if model is None and held.source is None:
            raise OptionError(UNNAMED)
        with progress_shown() as progress:
            done = held.update(
                source,
                recall=recall,
                method=method,
                **vars(reading),
                may_remove=may_remove,
                progress=progress,
                say=_say if sys.stderr.isatty() else None,
                seed=seed,
            )
        promised, spec = held.promised_recall, held.source
    say_what_was_seen(data, reading.layout, spec, done.unseen)
    lines = [
        f"{done.images:,} pictures in {gallery}",
        f"{done.added:,} added, {done.updated:,} updated, {done.removed:,} removed, {len(done.rejected):,} set aside",
        f"{done.method} search finds {done.recall_measured:.1%} of the 10 nearest ({promised:.0%} promised)",
        *textwrap.wrap(done.why, WIDTH),
        f"{done.seconds:.1f} s",
    ]
    lines += set_aside(done.rejected)
    if done.skipped:
        lines.append(f"{sum(done.skipped.values()):,} other files not looked at: {told(done.skipped)}")
    answer(done.as_json(), lines, json)


def codes_alone(codes: Path, names: Path | None, run: Path | None, data: str | None) -> tuple[CodeSet, GivenCodes]:
    """Codes of a file, and what stands for their model."""
    from lookalike.gallery.given import read_codes
    from lookalike.models.given_codes import GivenCodes

    if run is not None or data is not None:
        raise OptionError(f"--codes {codes} come without a run and pictures; leave {run or data} out")
    given = read_codes(codes, names)
    return given, GivenCodes(given.codes.shape[1]).initialise()


def _say(line: str) -> None:
    print(line, file=sys.stderr)
