"""Noise comes onto pictures, and off again."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, HTTPException, Query
from starlette.requests import Request
from starlette.responses import Response

from lookalike.pixels import to_uint8
from lookalike.serve.answers import PNG, SHORT, kept, picture
from lookalike.serve.codecs import Cleaner
from lookalike.serve.limits import upload
from lookalike.serve.refusals import busy
from lookalike.serve.routes import REFUSALS, ItemId, NoiseText, SeedNumber, studio_of, takes_pictures
from lookalike.serve.routes.gallery import found
from lookalike.serve.state import Studio

router = APIRouter(tags=["cleaning"], responses=REFUSALS)
Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

COMPARED: dict[int | str, dict[str, Any]] = {
    200: {
        **PNG[200],
        "headers": {"X-PSNR": {"schema": {"type": "string"}, "description": "Against the original, dB, or 'inf'."}},
    }
}
USUAL = "gaussian:0.1"
Level = Annotated[
    float | None,
    Query(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="The noise's standard deviation where it is known, on the scale where a picture spans 1; none: the "
        "model judges for itself. Only a model of kind unet takes it.",
        examples=[0.1],
    ),
]


@router.post("/denoise", responses=PNG, response_class=Response, openapi_extra=takes_pictures())
async def denoise(request: Request, level: Level = None) -> Response:
    """A picture without its noise, at its own size."""
    studio = studio_of(request)
    codec = _denoiser(studio)
    given = await studio.whole(await upload(request, studio.settings), studio.settings.largest_cleaned)
    return picture(await studio.slowly(lambda: _denoised(codec, given, level)))


@router.post("/noise", responses=COMPARED, response_class=Response, openapi_extra=takes_pictures())
async def noise(request: Request, noise: NoiseText = USUAL, seed: SeedNumber = 0) -> Response:
    """A picture with noise, at its own size."""
    studio = studio_of(request)
    clean = await studio.whole(await upload(request, studio.settings), studio.settings.largest_cleaned)
    noisy = to_uint8(await studio.slowly(lambda: _noisy(clean, noise, seed, 0)))
    return picture(noisy, {"X-PSNR": _psnr(clean, noisy)})


@router.get("/items/{id}/noisy", responses=COMPARED, response_class=Response)
async def noisy(request: Request, id: ItemId, noise: NoiseText = USUAL, seed: SeedNumber = 0) -> Response:
    """A stored picture with noise: the same for the same picture, noise and seed."""
    studio = studio_of(request)
    clean = _stored(studio, id)
    given = to_uint8(await studio.slowly(lambda: _noisy(clean, noise, seed, id)))
    return _compared(request, clean, given)


@router.get("/items/{id}/denoised", responses=COMPARED, response_class=Response)
async def denoised(
    request: Request, id: ItemId, noise: NoiseText = USUAL, seed: SeedNumber = 0, level: Level = None
) -> Response:
    """What is left of that noise after the denoiser."""
    studio = studio_of(request)
    codec, clean = _denoiser(studio), _stored(studio, id)
    restored = await studio.slowly(lambda: _denoised(codec, _noisy(clean, noise, seed, id), level))
    return _compared(request, clean, restored)


def _denoiser(studio: Studio) -> Cleaner:
    if studio.denoiser_key is None:
        raise HTTPException(404, "no denoiser is served; start with: lookalike serve GALLERY --denoiser RUN")
    if studio.denoiser is None:
        if not studio.denoiser_failed:
            raise busy("the denoiser is still being loaded")
        raise HTTPException(404, "the denoiser could not be loaded; the server's own output says why")
    return studio.denoiser


def _stored(studio: Studio, id: int) -> Pixels:
    snapshot = studio.snapshot
    pixels: Pixels = snapshot.picture(found(snapshot, id, lambda: snapshot.place(id)))
    return pixels


def _noisy(clean: Pixels, text: str, seed: int, index: int) -> Floats:
    from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise

    centred = clean.astype(np.float32) / np.float32(255) - np.float32(0.5)
    noisy: Floats = corrupt(centred[None], parse_noise(text), seed=seed, epoch=EVALUATION_EPOCH, indices=[index])[0]
    return noisy


def _denoised(codec: Cleaner, given: Pixels | Floats, level: float | None) -> Pixels:
    from lookalike.denoising.tiling import denoise

    return denoise(codec, given, level)


def _compared(request: Request, clean: Pixels, other: Pixels) -> Response:
    answer = picture(other)
    return kept(request, bytes(answer.body), "image/png", SHORT, {"X-PSNR": _psnr(clean, other)})


def _psnr(clean: Pixels, other: Pixels) -> str:
    """In dB with two decimals, "inf" where both are equal."""
    error = float(np.mean(np.square((clean.astype(np.float64) - other) / 255)))
    return f"{-10 * math.log10(error):.2f}" if error > 0 else "inf"
