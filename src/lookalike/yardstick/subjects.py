"""Who is judged: given runs, or models trained here, and an exact PCA beside each code size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lookalike.data import DataOptions, DataSpec, ImageSet, load_with
from lookalike.errors import RunError
from lookalike.experiment import RANDOM_STATE, TEST_SIZE, train_run, training_part
from lookalike.models import KINDS, kinds_of_their_own, model_class, new_model
from lookalike.models.base import Autoencoder
from lookalike.models.loading import load_model
from lookalike.models.pca import exact_pca_beside, is_exact_pca
from lookalike.models.pictures import framing_of

EXACT_PCA = "exact PCA"
DENOISER = "denoiser"
COMMON = "course"
"""The recipe that most kinds are trained by."""

Say = Callable[[str], object]


@dataclass(frozen=True)
class Subject:
    """A model that is judged: its name in the tables, and itself."""

    name: str
    model: Autoencoder

    @property
    def code(self) -> int | None:
        """Numbers a picture, None for a model without a code."""
        return self.model.code_size if self.model.has_code else None

    @property
    def title(self) -> str:
        """Its name with its code size."""
        return self.name if self.code is None else f"{self.name} {self.code}"


def load_runs(runs: Sequence[Path]) -> list[Subject]:
    """The models of runs, named as their folders; as their whole paths where two folders share a name.

    Raises:
        RunError, WeightsError: as `load_model`.
    """
    short = [run.resolve().name for run in runs]
    return [
        Subject(str(run) if short.count(name) > 1 else name, load_model(run))
        for run, name in zip(runs, short, strict=True)
    ]


def read_data(
    source: str,
    subjects: Sequence[Subject],
    options: DataOptions,
    progress: Callable[[int, int | None], None] | None = None,
) -> ImageSet:
    """Read DATA as the given runs' pictures were read, but for what is asked for otherwise.

    Raises:
        DataError, OptionError: as `load`.
        RunError: a run was trained on other pictures than DATA's training split.
    """
    if subjects:
        usual, known = framing_of(subjects[0].model), subjects[0].model.data_["source"]
        if known:
            before = DataSpec.from_json(known).options
            exif = before.exif if options.exif is None else options.exif
            options = replace(options.like(usual), attributes=before.attributes, key=before.key, exif=exif)
        else:
            options = replace(options, size=options.size or usual.size)
    faces = load_with(source, options, progress=progress)
    for subject in subjects:
        _check_split(subject, faces)
    return faces


def train_subjects(
    faces: ImageSet,
    folder: Path,
    *,
    code: int,
    recipe: str,
    epochs: int | None,
    denoiser: bool,
    device: str,
    seed: int,
    say: Say,
) -> list[Subject]:
    """Train every kind of model in the registry at one code size, and the reference notebook's denoiser, in `folder`.

    Where a kind has its own recipe, that takes the place of `recipe`. Without `denoiser` a kind that
    only removes noise is left out as well.

    A training that was broken off goes on; one that ended is taken as it is.

    Raises:
        OptionError, RunError, TrainingDiverged, Interrupted: as the models' `fit`.
    """
    subjects = []
    for name in (*kinds_of_their_own(), *([DENOISER] if denoiser else [])):
        own = KINDS[name]
        size = own.code_size if name == DENOISER or own.code_size is None else code
        if size is None and not denoiser:
            continue
        say(f"training {name}" + ("" if size is None else f" with a code of {size}"))
        where = device if "device" in model_class(name).parameters() else None  # a closed form is quick on the CPU
        model = new_model(name, code_size=size, device=where, seed=seed)
        options: dict[str, Any] = {}
        if model.trains_in_epochs:
            options = {"recipe": recipe if own.recipe == COMMON else own.recipe, "epochs": epochs, "noise": own.noise}
        train_run(model, faces, folder / (name if size is None else f"{name}-{size}"), resume=True, **options)
        subjects.append(Subject(EXACT_PCA if is_exact_pca(model) else name, model))
    return subjects


def with_exact_pca(subjects: Sequence[Subject], train: ImageSet, left_out: list[str]) -> list[Subject]:
    """The subjects by code size, each size with an exact PCA, where the training pictures allow one.

    Those without a code come last.
    """
    result: list[Subject] = []
    for code in sorted({subject.code for subject in subjects if subject.code is not None}):
        own = [subject for subject in subjects if subject.code == code]
        result += own
        if any(is_exact_pca(subject.model) for subject in own):
            continue
        pca, reason = exact_pca_beside(own[0].model, train)
        if pca is not None:
            result.append(Subject(EXACT_PCA, pca))
        if reason is not None:
            left_out.append(f"exact PCA with a code of {code}: {reason}")
    return [*result, *(subject for subject in subjects if subject.code is None)]


def _check_split(subject: Subject, faces: ImageSet) -> None:
    """Nobody is judged on pictures of their own training."""
    name, model = subject.name, subject.model
    if model.image_shape_ != faces.image_shape:
        raise RunError(
            f"{name} takes pictures of {model.image_shape_}, DATA gives {faces.image_shape}; judge runs of one size, "
            f"with --size {model.image_shape_[0]}"
        )
    parts = model.data_["parts"]
    if not parts:
        raise RunError(
            f"{name} does not know its training pictures (it was imported, or fitted on arrays), so the test split may "
            "hold some of them; train it with 'lookalike train'"
        )
    is_usual = parts[0] == ["train", TEST_SIZE, RANDOM_STATE]
    if is_usual and training_part(faces, parts).digest == model.data_["digest"]:
        return
    raise RunError(
        f"{name} was trained on {model.data_['images']:,} pictures that are not the training split of this DATA, so "
        "the test split may hold some of them; give the DATA, --size, --crop and --fit that it was trained with"
    )
