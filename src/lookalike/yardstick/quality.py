"""The yardstick: every model at equal code size, in one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lookalike import files, plots
from lookalike.data import ImageSet
from lookalike.denoising.classical import CLASSICAL, TUNING_PICTURES, ClassicalDenoiser
from lookalike.denoising.judging import compare
from lookalike.errors import MissingExtraError, OptionError
from lookalike.experiment import split_of_run
from lookalike.outputs import Outputs
from lookalike.pixels import Floats
from lookalike.yardstick.figures import Figure, as_csv, as_markdown, quality_figure
from lookalike.yardstick.ground_truth import GroundTruth, survey
from lookalike.yardstick.looking import FLOOR, LOOKED_AT, judge_looks, names_of
from lookalike.yardstick.search import best_metrics, judge_search
from lookalike.yardstick.subjects import Say, Subject, with_exact_pca

FILES = ("quality.md", "quality.csv", "quality.png")
LEVELS = {
    "15/255": f"gaussian:{15 / 255:.6f}",
    "25/255": f"gaussian:{25 / 255:.6f}",
    "50/255": f"gaussian:{50 / 255:.6f}",
    "blind": "gaussian:0-0.25",
}
"""The levels of the denoising literature; at the blind one each picture's sigma is drawn between 0 and 0.25."""
NOISY = "noisy input"


def judge(
    subjects: Sequence[Subject],
    faces: ImageSet,
    out: Path,
    *,
    source: str = "",
    pairs: Path | None = None,
    attributes: Path | None = None,
    key: str | None = None,
    pictures: int = 200,
    queries: int = 20_000,
    force: bool = False,
    seed: int = 0,
    say: Say = lambda line: None,
) -> dict[str, Any]:
    """Measure all subjects and an exact PCA of each of their code sizes; write quality.md, .csv and .png into `out`.

    Args:
        subjects: models that were trained on the training split of `faces`.
        faces: all pictures.
        out: the folder that takes the tables and the plot.
        source: how the page names the pictures.
        pairs: a table in the layout of LFW's pairs.txt; without it pairs are drawn from the people.
        attributes: a table as `load` takes it, or in LFW's layout, for the pictures it names; without it the set's own
            attributes count.
        key: the table's column that names pictures; None finds it.
        pictures: test pictures that are denoised; the classical denoisers take their time.
        queries: at most so many pictures are asked for among all.
        force: whether tables and plot that are there are written over; else these get a running number.
        seed: of noise, of pairs, of the order of equal hashes, of the pictures tuned on and asked for, of patches, of
            the network that tells real from drawn, of new pictures.
        say: takes lines of progress.

    Returns:
        images, test_images, models, figures, best_metric, left_out, files and seconds, as JSON values.

    Raises:
        OptionError: `pictures` or `queries` is less than 1, or `out` is a file.
        DataError: a table is damaged, or names none of the pictures.
    """
    for name, given in (("pictures", pictures), ("queries", queries)):
        if given < 1:
            raise OptionError(f"{name} is {given}; give 1 or more")
    read = [one for one in (pairs, attributes) if one is not None]
    page, table, plot = Outputs(read, force=force).free_together(out, FILES)
    started = time.perf_counter()
    train, test = split_of_run(faces)
    ground = survey(faces, pairs=pairs, attributes=attributes, key=key, queries=queries, seed=seed)
    left_out = list(ground.left_out)
    judged = with_exact_pca(subjects, train, left_out)
    figures: list[Figure] = []
    for subject in judged:
        say(f"reconstructing {len(test):,} test pictures by {subject.title}")
        for name, sharp in names_of(subject):
            result = subject.model.evaluate(test, sharp=sharp)
            for measure, value in (("MSE", result.mse), ("PSNR (dB)", result.psnr), ("SSIM", result.ssim)):
                figures.append(Figure(name, subject.code, "", "reconstruction", measure, "", value))
    figures += judge_looks(judged, train, test, seed=seed, left_out=left_out, say=say)
    figures += judge_denoising(judged, train, test, pictures=pictures, seed=seed, left_out=left_out, say=say)
    coded = [subject for subject in judged if subject.model.has_code]
    figures += judge_search(coded, faces, train, ground, seed=seed, say=say)
    best = best_metrics(figures)
    notes = _notes(source, faces, test, ground, min(pictures, len(test)), best, left_out)
    files.write_text(page, as_markdown("Quality at equal code size", notes, figures))
    files.write_text(table, as_csv(figures))
    plots.save_figure(quality_figure(figures), plot)
    return {
        "images": len(faces),
        "test_images": len(test),
        "models": [{"model": subject.name, "code_size": subject.code} for subject in judged],
        "figures": [figure._asdict() for figure in figures],
        "best_metric": best,
        "left_out": left_out,
        "files": [str(path) for path in (page, table, plot)],
        "seconds": time.perf_counter() - started,
    }


def _notes(
    source: str,
    faces: ImageSet,
    test: ImageSet,
    ground: GroundTruth,
    denoised: int,
    best: dict[str, str],
    left_out: Sequence[str],
) -> list[str]:
    height, width, channels = faces.image_shape
    what = f"{len(faces):,} of {height} x {width} x {channels}{f', {source}' if source else ''}"
    levels = ", ".join(list(LEVELS)[:-1])
    lines = [
        (
            f"Pictures: {what}. Models, metrics and classical denoisers learned from the "
            f"{len(faces) - len(test):,} of the training split alone."
        ),
        f"Reconstruction: the {len(test):,} pictures of the test split. MSE on the scale where a picture spans 1.",
        (
            f"As they look, in 8 bits: {min(len(test), LOOKED_AT):,} of them; '{FLOOR}' are as many real ones, the "
            "best that a drawing can come to. Detail is what averaging 2 x 2 pixels removes, as a share of the real "
            "pictures'; patches are 7 x 7 in the bands of a Laplacian pyramid (0 is best); a small network tells real "
            "from drawn (0.5 is best); the person is kept where the nearest test picture by search codes shows the "
            "same."
        ),
        (
            "New pictures: as many as those, from a mixture of each model's training codes. Precision and "
            "coverage by the 5 nearest search codes (0.97 is the best coverage); the nearest training code as a share "
            "of what test pictures have: well below 1, they are copies."
        ),
        (
            f"Denoising: {denoised:,} of them, all denoisers on the same noisy pictures; Gaussian noise of sigma "
            f"{levels}, and blind: sigma drawn between 0 and 0.25 for each picture. The classical denoisers' settings "
            f"were chosen at each level by {tuned_on(denoised)} training pictures."
        ),
        (
            f"Search: {len(ground.queries):,} pictures asked for among all others, exactly; training pictures are "
            "among both."
        ),
    ]
    if ground.has_mate is not None:
        lines.append(
            f"Same person: the {int(ground.has_mate.sum()):,} of them whose person is on another picture. The hash's "
            "ties are broken at random."
        )
    if ground.attributes is not None:
        lines.append(
            "Attributes: the share of the ten nearest with the query's value; balanced is the mean of the queries "
            "with and those without the attribute, so that rare ones count."
        )
    if ground.pairs is not None:
        folds = len(set(ground.pairs.fold.tolist()))
        lines.append(
            f"Verification: {len(ground.pairs.same):,} pairs in {folds} folds, each judged by the threshold that is "
            "best on the others; the standard error is of the mean over folds. No label entered the training."
        )
    if best:
        lines.append(f"Best metric for the same person at the first place: {', '.join(map(': '.join, best.items()))}.")
    return [*lines, *(f"Left out: {reason}." for reason in left_out)]


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
