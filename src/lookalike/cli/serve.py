"""lookalike serve"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lookalike.cli.common import Json, Seed, answer
from lookalike.cli.search import Galleries


def serve(
    gallery: Galleries,
    host: Annotated[
        str, typer.Option(help="The address to listen on; another than this machine's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A run whose training the page follows; several may be given.", show_default="none"),
    ] = None,
    denoiser: Annotated[
        Path | None,
        typer.Option(
            help="A run whose model removes noise, trained with --model unet or --model denoiser.",
            show_default="the one that comes with the package",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="What every request must carry, 16 characters or more.",
            show_default="none on this machine's own address, else one that is drawn and printed",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further name under which browsers may reach the studio, as Host or as Origin, such as one that a "
            "proxy gives it.",
            show_default="none",
        ),
    ] = None,
    apply: Annotated[
        bool | None,
        typer.Option(
            "--apply/--no-apply",
            help="Whether the page's Review may copy, link and move pictures to the trash on this machine.",
            show_default="only where no other machine, and no other name, reaches it",
        ),
    ] = None,
    largest_upload: Annotated[
        int,
        typer.Option(
            help="MiB that a request with pictures may have; cameras' RAW files have up to 100.", min=1, max=256
        ),
    ] = 16,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Open the studio: a page and a REST API to search, blend, edit and clean the pictures of a gallery.

    It listens on this machine alone unless told otherwise, sends nothing anywhere, and touches no picture before you
    have a review applied. Ctrl-C ends it. The seed draws the pairs that a match is measured on, and the map's
    approximations.
    """
    from lookalike.denoising.ready import ready_run
    from lookalike.serve.running import serve_forever

    serve_forever(
        gallery,
        host=host,
        port=port,
        runs=tuple(run or ()),
        denoiser=denoiser or ready_run(),
        token=token,
        hosts=tuple(allow_host or ()),
        seed=seed,
        apply=apply,
        largest_upload=largest_upload * 2**20,
        listening=lambda payload, text: answer(payload, text, json),
    )
