"""lookalike import"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Json, Seed, Size, answer
from lookalike.errors import OptionError, RunError


def keras_import(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Encoder and decoder, or one file of the whole model.")
    ],
    run: Annotated[Path, typer.Option(help="The folder that becomes a run.")],
    size: Size = None,
    dense_activation: Annotated[
        str | None,
        typer.Option(
            help="What follows the decoder's first Dense, 'linear' or 'elu', where the files do not say.",
            show_default="linear",
        ),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Make a run of Keras's weights: Keras 2 HDF5 (encoder.h5, decoder.h5, autoencoder.NNN.hdf5), .weights.h5, .keras.

    Nothing here is random; the seed is taken for uniformity.
    """
    from lookalike.interop.keras_import import import_keras

    if len(files) not in (1, 2):
        raise OptionError(f"{len(files)} files are given; give encoder and decoder, or one file of the whole model")
    if (run / "config.json").exists() or (run / "model.json").exists():
        raise RunError(f"{run} already holds a run; give another folder")
    model = import_keras(files, dense_activation=dense_activation, size=None if size is None else (size, size))
    model.save(run)
    payload = {"run": str(run), "code_size": model.code_size, "parameters": model.n_parameters}
    height, width, channels = model.image_shape_
    text = (
        f"{type(model).__name__} for {height} x {width} x {channels} with a code of {model.code_size}, "
        f"{model.n_parameters:,} parameters, in {run}"
    )
    answer(payload, text, json)
