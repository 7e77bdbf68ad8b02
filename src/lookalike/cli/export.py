"""lookalike export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lookalike.cli.common import Force, Json, Run, Seed, answer
from lookalike.errors import OptionError
from lookalike.outputs import Outputs

FORMATS = ("keras", "onnx", "page")


def export(
    run: Run,
    out: Annotated[Path, typer.Option(help="The folder that takes the files.")],
    format: Annotated[
        str,
        typer.Option(help="What to write: 'keras' or 'onnx' for these, 'page' for the studio without a server."),
    ] = "keras",
    gallery: Annotated[
        Path | None,
        typer.Option(
            help="With 'page': the folder of a gallery of the run's model, which is exported whole.",
            show_default="one of the run's own pictures",
        ),
    ] = None,
    pictures: Annotated[
        int | None,
        typer.Option(help="With 'page' and no gallery: how many of the run's own, 2 or more.", show_default="2000"),
    ] = None,
    denoiser: Annotated[
        Path | None,
        typer.Option(
            help="With 'page': a run that removes noise, trained with --model unet, or of pictures of the same shape.",
            show_default="the one that comes with the package",
        ),
    ] = None,
    force: Force = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a run's model for another program, and compare what both compute on random pictures.

    'keras' writes whole models for Keras 3 and weights for Keras 2; 'onnx' writes encoder.onnx and decoder.onnx, with
    sharp.onnx for a run that was sharpened, or denoiser.onnx for a run of --model unet, for ONNX Runtime, on a server
    or in a browser; 'page' writes the whole studio on a gallery as one folder that any static host serves: its
    pictures, names and attributes are then for everyone to see who can open it. The seed draws the pictures that are
    compared and, for 'page', the pairs that tell a match and the map.
    """
    from lookalike.models.loading import load_model

    if format not in FORMATS:
        raise OptionError(f"format {format!r} is unknown; give {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if format != "page":
        for name, value in (("--gallery", gallery), ("--pictures", pictures), ("--denoiser", denoiser)):
            if value is not None:
                raise OptionError(f"{name} goes with --format page only; leave it out")
    outputs = Outputs(force=force)
    if format == "keras":
        from lookalike.interop.keras_export import FILES, export_keras

        out = outputs.folder_for(out, FILES)
        payload = export_keras(load_model(run), out, seed=seed)
    elif format == "onnx":
        from lookalike.interop.onnx_export import export_onnx
        from lookalike.interop.onnx_runtime import DECODER, DENOISER, ENCODER, SHARP

        out = outputs.folder_for(out, (ENCODER, DECODER, DENOISER, SHARP))
        payload = export_onnx(load_model(run), out, seed=seed)
    else:
        from lookalike.serve.static_export import PARTS

        out = outputs.folder_for(out, PARTS)
        payload = _page(run, out, gallery, pictures, denoiser, seed)
    lines = (
        [
            f"wrote the studio into {out} with {payload['images']:,} pictures, {payload['bytes'] / 1e6:.1f} MB",
            _look(out),
        ]
        if format == "page"
        else [f"wrote {name}" for name in payload["files"]]
    )
    lines.append(f"largest difference between the two programs' outputs: {payload['max_abs_difference']:.2e}")
    answer({"out": str(out), **payload}, lines, json)


def _page(
    run: Path, out: Path, gallery: Path | None, pictures: int | None, denoiser: Path | None, seed: int
) -> dict[str, Any]:
    from lookalike.denoising.ready import ready_run
    from lookalike.serve.static_export import PICTURES, export_page

    if gallery is not None and pictures is not None:
        raise OptionError("--pictures does not go with --gallery, which is exported whole; leave one out")
    count = PICTURES if pictures is None else pictures
    return export_page(run, out, gallery=gallery, denoiser=denoiser or ready_run(), pictures=count, seed=seed)


def _look(out: Path) -> str:
    return f"see it with: python -m http.server --bind 127.0.0.1 --directory {out} 8080"
