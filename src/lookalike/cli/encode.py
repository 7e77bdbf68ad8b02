"""lookalike encode"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Force, Json, Reading, Run, Seed, answer, progress_shown, reads_data, set_aside


@reads_data("key", "exif")
def encode(
    run: Run,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="The pictures: DATA; a Parquet file with a column of pictures; a folder or a pattern of tars, zips or "
            "Parquet files, as 'shard-{000..010}.tar'; or the address of one of these or of a folder of pictures, as "
            "s3://BUCKET/FOLDER.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="A folder for the codes; one that was broken off is gone on with.")],
    engine: Annotated[
        str,
        typer.Option(help="Who encodes: 'local' (the cores of this machine) or 'ray' (Ray Data).", metavar="local|ray"),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="A Ray cluster: 'auto' (the one that this machine belongs to), or whatever address Ray takes.",
            show_default="Ray on this machine alone",
        ),
    ] = None,
    reading: Reading = Reading(),
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Encode pictures, on this machine or on many: codes as Parquet, which 'lookalike index --codes' takes.

    Pictures are prepared as those of the run, unless options say otherwise. What cannot be read is set aside in
    rejected.jsonl. Given again after it was broken off, the command does what is left. Nothing is random; the seed is
    taken for uniformity.
    """
    from lookalike.data.names import told
    from lookalike.growth import encode_source

    asked = {name: value for name, value in vars(reading).items() if name not in ("key", "exif")}
    with progress_shown("encoding pictures") as progress:
        done = encode_source(run, source, out, engine=engine, address=address, force=force, progress=progress, **asked)
    lines = [
        f"{done.pictures:,} pictures in {len(done.files):,} files of {done.out}",
        f"{done.encoded:,} encoded now, {len(done.rejected):,} set aside",
        f"{done.seconds:.1f} s, {done.pictures_per_second:,.0f} pictures a second",
        *(
            f"  {name}: {pace.pictures:,}, {pace.pictures_per_second:,.0f} a second"
            for name, pace in done.workers.items()
        ),
    ]
    lines += set_aside(done.rejected, "rejected.jsonl has all")
    if done.skipped:
        lines.append(f"{sum(done.skipped.values()):,} other files not looked at: {told(done.skipped)}")
    answer(done.as_json(), lines, json)
