"""Every model as a denoiser, on the same noisy pictures as the classical ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lookalike.data import ImageSet
from lookalike.denoising.classical import CLASSICAL, TUNING_PICTURES, ClassicalDenoiser
from lookalike.denoising.table import compare
from lookalike.errors import MissingExtraError
from lookalike.models.base import Floats
from lookalike.yardstick.figures import Figure
from lookalike.yardstick.subjects import Say, Subject

LEVELS = {
    "15/255": f"gaussian:{15 / 255:.6f}",
    "25/255": f"gaussian:{25 / 255:.6f}",
    "50/255": f"gaussian:{50 / 255:.6f}",
    "blind": "gaussian:0-0.25",
}
"""The levels of the denoising literature; at the blind one each picture's sigma is drawn between 0 and 0.25."""
NOISY = "noisy input"


def judge_denoising(
    subjects: Sequence[Subject],
    train: ImageSet,
    test: ImageSet,
    *,
    pictures: int,
    seed: int,
    left_out: list[str],
    say: Say,
) -> list[Figure]:
    """MSE, PSNR and SSIM of every denoiser at every level, on the first `pictures` of the test split.

    Test splits are in random order, so the first ones are a fair sample. The classical denoisers are tuned at each
    level anew, on `tuned_on(pictures)` training pictures.
    """
    clean = test[: min(pictures, len(test))]
    figures = []
    for level, noise in LEVELS.items():
        say(f"denoising {len(clean):,} pictures at sigma {level}")
        denoisers: dict[str, Callable[[Floats], Floats]] = {NOISY: lambda noisy: noisy}
        codes: dict[str, tuple[str, int | None]] = {NOISY: (NOISY, None)}
        for subject in subjects:
            label = subject.title
            denoisers[label], codes[label] = subject.model.reconstruct, (subject.name, subject.code)
        try:
            for name in CLASSICAL:
                denoisers[name] = ClassicalDenoiser(name).tune(train, noise, seed=seed, limit=tuned_on(pictures))
                codes[name] = (name, None)
        except MissingExtraError as error:
            if str(error) not in left_out:
                left_out.append(str(error))
        for row in compare(denoisers, clean, noise, seed):
            model, code = codes[row.name]
            for measure, value in (("MSE", row.mse), ("PSNR (dB)", row.psnr), ("SSIM", row.ssim)):
                figures.append(Figure(model, code, "", "denoising", measure, level, value))
    return figures


def tuned_on(pictures: int) -> int:
    """How many training pictures tune the classical denoisers: as many as are denoised, at most the usual number."""
    return min(pictures, TUNING_PICTURES)
