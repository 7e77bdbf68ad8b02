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
            help="What follows the decoder's first Dense, such as 'linear' or 'elu', where the files do not say.",
            show_default="linear",
        ),
    ] = None,
    pixels: Annotated[
        str,
        typer.Option(help="What the network was trained on: 'centred' pictures, as the course's, or 'unit': 0 to 1."),
    ] = "centred",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Make a run of Keras's weights: Keras 2 HDF5 (encoder.h5, decoder.h5, autoencoder.NNN.hdf5), .weights.h5, .keras.

    Files that hold the architecture are taken at their word: what the models here cannot hold exactly is refused by the
    layer's name, and what they can is compared, on pictures drawn by the seed, with the layers computed one by one.
    """
    from lookalike.interop.keras_import import import_keras
    from lookalike.training.run import expect_free

    if len(files) not in (1, 2):
        raise OptionError(f"{len(files)} files are given; give encoder and decoder, or one file of the whole model")
    if (run / "config.json").exists() or (run / "model.json").exists():
        raise RunError(f"{run} already holds a run; give another folder")
    expect_free(run)
    side = None if size is None else (size, size)
    model, difference = import_keras(files, dense_activation=dense_activation, size=side, pixels=pixels, seed=seed)
    model.save(run)
    payload = {
        "run": str(run),
        "model": model.kind,
        "code_size": model.code_size,
        "parameters": model.n_parameters,
        "max_abs_difference": difference,
    }
    height, width, channels = model.image_shape_
    text = (
        f"{type(model).__name__} for {height} x {width} x {channels} with a code of {model.code_size}, "
        f"{model.n_parameters:,} parameters, in {run}; "
    ) + (
        "the files hold weights alone, which do not say what they compute: they are taken to be of the reference "
        "notebook's network; to be sure, give the whole model (.keras, or .h5 by model.save)"
        if difference is None
        else f"it differs by at most {difference:.1e} from the files' own layers"
    )
    answer(payload, text, json)
