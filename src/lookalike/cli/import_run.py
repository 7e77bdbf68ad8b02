"""lookalike import"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli.common import Json, Seed, answer
from lookalike.errors import OptionError, RunError
from lookalike.run_files import CONFIG

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder

OF_ONNX = ("mean", "std", "layout", "output", "pool", "normalise", "text", "tokenizer")
OF_KERAS = ("dense_activation", "pixels")


def import_run(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Keras's encoder and decoder, or one file of the whole model; or an ENCODER.onnx."
        ),
    ],
    run: Annotated[Path, typer.Option(help="The folder that becomes a run.")],
    size: Annotated[
        int | None,
        typer.Option(
            "--size", "--input-size", help="Height and width of the pictures.", show_default="as the file says, else 32"
        ),
    ] = None,
    dense_activation: Annotated[
        str | None,
        typer.Option(
            help="Keras: what follows the decoder's first Dense, such as 'linear' or 'elu', if the files do not say.",
            show_default="linear",
        ),
    ] = None,
    pixels: Annotated[
        str | None,
        typer.Option(
            help="Keras: what the network was trained on, 'centred' pictures, as the course's, or 'unit': 0 to 1.",
            show_default="centred",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            help="ONNX: what is taken off pixels of 0 to 1, one number or three, such as 0.485,0.456,0.406.",
            show_default="0",
        ),
    ] = None,
    std: Annotated[
        str | None, typer.Option(help="ONNX: what they are divided by then, likewise.", show_default="1")
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(help="ONNX: 'nchw' or 'nhwc', where the graph does not say.", show_default="as the graph says"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(help="ONNX: the output that holds the codes, where there are several.", show_default="the only"),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            help="ONNX: what makes a code of tokens: 'cls', the first, or 'mean', which also pools maps.",
            show_default="none",
        ),
    ] = None,
    normalise: Annotated[bool, typer.Option("--normalise", help="ONNX: bring codes to length 1.")] = False,
    text: Annotated[
        Path | None,
        typer.Option(help="ONNX: the encoder of texts that belongs to it, for searches in words.", show_default="none"),
    ] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="ONNX: its tokenizer.json.", show_default="none")] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Make a run of Keras's weights, or of any encoder of pictures in ONNX (DINOv2, CLIP, SigLIP, ArcFace, ...).

    Keras 2 HDF5 (encoder.h5, decoder.h5, autoencoder.NNN.hdf5), .weights.h5, .keras: files that hold the architecture
    are taken at their word: what the models here cannot hold exactly is refused by the layer's name, and what they can
    is compared, on pictures drawn by the seed, with the layers computed one by one.

    ONNX: what the graph says of its input and output is taken from it, and tried on two pictures. Its codes fill
    galleries like any other's; what needs pictures of codes refuses it.
    """
    from lookalike.models.store import DESCRIPTION
    from lookalike.training.run import expect_free

    given: dict[str, Any] = {
        "dense_activation": dense_activation,
        "pixels": pixels,
        "mean": mean,
        "std": std,
        "layout": layout,
        "output": output,
        "pool": pool,
        "normalise": normalise or None,
        "text": text,
        "tokenizer": tokenizer,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if (run / CONFIG).exists() or (run / DESCRIPTION).exists():
        raise RunError(f"{run} already holds a run; give another folder")
    expect_free(run)
    is_onnx = files[0].suffix.lower() == ".onnx"
    _refuse(given, OF_KERAS if is_onnx else OF_ONNX, "Keras's files" if is_onnx else "an ONNX encoder")
    model, payload, told = _of_onnx(files, size, given) if is_onnx else _of_keras(files, size, seed, given)
    model.save(run)
    payload = {
        "run": str(run),
        "model": model.kind,
        "code_size": model.code_size,
        "parameters": model.n_parameters,
        **payload,
    }
    height, width, channels = model.image_shape_
    text_told = (
        f"{type(model).__name__} for {height} x {width} x {channels} with a code of {model.code_size}, "
        f"{model.n_parameters:,} parameters, in {run}; {told}"
    )
    answer(payload, text_told, json)


def _refuse(given: dict[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in names:
        if name in given:
            raise OptionError(f"--{name.replace('_', '-')} goes with {what} only; leave it out")


def _of_keras(
    files: list[Path], size: int | None, seed: int, given: dict[str, Any]
) -> tuple[Autoencoder, dict[str, Any], str]:
    from lookalike.interop.keras_import import import_keras

    if len(files) not in (1, 2):
        raise OptionError(f"{len(files)} files are given; give encoder and decoder, or one file of the whole model")
    side = None if size is None else (size, size)
    model, difference = import_keras(files, size=side, seed=seed, **given)
    told = (
        "the files hold weights alone, which do not say what they compute: they are taken to be of the reference "
        "notebook's network; to be sure, give the whole model (.keras, or .h5 by model.save)"
        if difference is None
        else f"it differs by at most {difference:.1e} from the files' own layers"
    )
    return model, {"max_abs_difference": difference}, told


def _of_onnx(files: list[Path], size: int | None, given: dict[str, Any]) -> tuple[Autoencoder, dict[str, Any], str]:
    from lookalike.interop.onnx_import import import_onnx

    if len(files) != 1:
        raise OptionError(f"{len(files)} files are given; give one ENCODER.onnx, its encoder of texts with --text")
    numbers: dict[str, Any] = {name: _numbers(name, given[name]) for name in ("mean", "std") if name in given}
    model = import_onnx(files[0], size=size, **(given | numbers))
    words = "in words too" if model.has_text else "by picture"
    return model, {"text": model.has_text}, f"its galleries are searched {words}; it draws no pictures"


def _numbers(name: str, words: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError as error:
        raise OptionError(f"--{name} is {words!r}; give numbers with commas, such as 0.485,0.456,0.406") from error
