"""A run's model card: what it learned from, how, how good it is, what it is for and what it is not for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lookalike import files
from lookalike.data import ImageSet
from lookalike.models.base import Autoencoder
from lookalike.models.evaluation import Evaluation
from lookalike.models.pca import exact_pca_beside
from lookalike.models.subspace import Approximation
from lookalike.report.card_words import (
    WHAT_SEARCH_IS_WORTH,
    commands,
    intended_use,
    is_for_search,
    is_of_noisy_pictures,
    limits,
)
from lookalike.report.front_matter import front_matter, model_index
from lookalike.report.markup import duration
from lookalike.report.sharp import sharp_section
from lookalike.training.recipe import RECIPES, Recipe

CARD = "card.md"
NO_ERROR = 1e-9
"""An MSE below it is rounding: no share of it means anything."""
PCA_WORK = 2e11
"""Multiplications that an exact PCA beside the model may take, some seconds: 12,000 pictures of 32 x 32 need 1.1e11."""
ALWAYS_SAID = ("epochs", "batch_size", "optimizer", "learning_rate", "schedule")
"""Fields of a recipe that a card names; others only where they are not the course's."""


PARTS = {"images": "for training", "validation_images": "for validation", "test_images": "for the test"}
HOW_MEASURED = (
    "On the {:,} pictures of the test split, which the training has not seen, as `lookalike evaluate RUN` measures. "
    "MSE is over all pixels on the scale where a picture spans 1; PSNR and SSIM are of pictures as shown."
)


class Measured(NamedTuple):
    """What a run reached.

    Attributes:
        train_mse: of the training pictures.
        validation_mse: of those held out of them, None where there are none.
        test: of the test split.
        noisy: of the test split with the noise of the training, None where there was none.
    """

    train_mse: float
    validation_mse: float | None
    test: Evaluation
    noisy: Evaluation | None


class RunPictures(NamedTuple):
    """The parts of a run's pictures; `validation` is None where none were held out.

    `leaks` are the test pictures that are training pictures too, pixel for pixel.
    """

    train: ImageSet
    validation: ImageSet | None
    test: ImageSet
    leaks: int = 0


def write_card(
    model: Autoencoder, run: str | Path, pictures: RunPictures, measured: Measured, seconds: float | None
) -> Path:
    """Write `card.md` into a run's folder, atomically, and return its path.

    An exact PCA of the same code size is fitted to stand beside the model, where that takes no more than seconds.

    Args:
        model: as the run ended.
        run: the run's folder, which holds `config.json`.
        pictures: what it was trained and tested on.
        measured: what came of it.
        seconds: of training, None where nobody knows.

    Raises:
        RunError: the run's `config.json` is damaged.
    """
    from lookalike.training.run import read_config  # brings in PyTorch

    folder = Path(run)
    facts = facts_of(model, read_config(folder) or {}, pictures, seconds)
    pca, left_out = exact_pca_beside(model, pictures.train, PCA_WORK)
    beside = None if pca is None else pca.evaluate(pictures.test)
    name = folder.resolve().name
    parts = [
        front_matter(_for_machines(model, name, facts, measured, beside)),
        f"# {name}\n",
        f"{_first_line(model)} {_shapes(model)}\n",
        _quality(model, measured, beside, left_out),
        *([] if (sharp := sharp_section(model)) is None else [sharp]),
        _learned_from(facts["data"]),
        _training(facts),
        f"## Intended use\n\n{intended_use(model, facts)}\n",
        "## Limits\n\n" + "".join(f"- {line}\n" for line in limits(model, facts)),
        f"## Use\n\nRUN is the folder of this card.\n\n```sh\n{commands(model, facts)}\n```\n",
        '```python\nimport lookalike as la\n\nmodel = la.load_model("RUN")\n```\n',
    ]
    files.write_text(folder / CARD, "\n".join(parts))
    return folder / CARD


def facts_of(
    model: Autoencoder, config: dict[str, Any], pictures: RunPictures, seconds: float | None
) -> dict[str, Any]:
    """All that is known of a run without measuring, as JSON values: the card's `lookalike` section.

    No path of the machine is among it: pictures that lie in a file or folder go by its name alone.
    """
    source = model.data_["source"]
    environment = config.get("environment", {})
    recipe = config.get("recipe")
    return {
        "kind": model.kind,
        "code_size": model.code_size if model.has_code else None,
        "image_shape": list(model.image_shape_),
        "parameters": {key: list(v) if isinstance(v, tuple) else v for key, v in model.settled().items()},
        "weights": model.n_parameters,
        "digest": model.digest,
        "data": {
            "source": "an array in memory" if source is None else _without_folder(source["source"]),
            "size": list(model.image_shape_[:2]),
            "crop": None if source is None else source["crop"],
            "fit": None if source is None else source["fit"],
            "images": len(pictures.train),
            "validation_images": 0 if pictures.validation is None else len(pictures.validation),
            "test_images": len(pictures.test),
            "leaks": pictures.leaks,
            "split": [{"share": share, "random_state": state} for _, share, state in pictures.train.parts],
            "digest": model.data_["digest"],
        },
        "training": {
            "recipe": None if recipe is None else _recipe_name(recipe),
            "settings": {} if recipe is None else _settings(recipe),
            "noise": config.get("noise"),
            "components": model.data_.get("approximation"),
            "begun_with": model.data_.get("begun_with"),
            "seconds": None if seconds is None else round(seconds, 3),
            **{key: environment.get(key) for key in ("device", "precision", "threads")},
        },
        "versions": {
            key: environment[key]
            for key in ("lookalike", "git_revision", "python", "torch", "numpy")
            if environment.get(key)
        },
    }


def _for_machines(
    model: Autoencoder, name: str, facts: dict[str, Any], measured: Measured, beside: Evaluation | None
) -> dict[str, Any]:
    removes_noise = measured.noisy is not None or not model.has_code
    against = " against the noisy pictures themselves" if is_of_noisy_pictures(model) else ""
    figures = [
        ("mse", f"Test MSE{against}", measured.test.mse),
        ("psnr", f"Test PSNR (dB){against}", measured.test.psnr),
        ("ssim", f"Test SSIM{against}", measured.test.ssim),
    ]
    if beside is not None:
        figures.append(("mse", "Test MSE of exact PCA at the same code size", beside.mse))
    if measured.noisy is not None:
        noise = measured.noisy.noise
        figures += [
            ("mse", f"Test MSE with {noise} removed", measured.noisy.mse),
            ("psnr", f"Test PSNR (dB) with {noise} removed", measured.noisy.psnr),
            ("ssim", f"Test SSIM with {noise} removed", measured.noisy.ssim),
        ]
    task = "image-to-image" if removes_noise else "image-feature-extraction"
    tags = ["autoencoder" if model.has_code else "denoiser", f"lookalike-{model.kind}"]
    tags += ["image-denoising"] if removes_noise else ["image-search", "unsupervised"]
    return {
        "library_name": "lookalike",
        "pipeline_tag": task,
        "tags": tags,
        "metrics": ["mse", "psnr", "ssim"],
        "model-index": model_index(name, task, facts["data"]["source"], figures),
        "lookalike": facts,
    }


def _first_line(model: Autoencoder) -> str:
    """What the class says of itself (nothing where Python runs without docstrings)."""
    return (type(model).__doc__ or f"{type(model).__name__}.").strip().splitlines()[0]


def _shapes(model: Autoencoder) -> str:
    height, width, channels = model.image_shape_
    if model.has_code:
        return f"A picture of {height} x {width} x {channels} becomes a code of {model.code_size:,} numbers."
    return f"It learned from pictures of {height} x {width} x {channels} and takes pictures of any size."


def _own_pictures(model: Autoencoder) -> str:
    return "these noisy pictures, of which there are no clean ones" if is_of_noisy_pictures(model) else "clean pictures"


def _quality(model: Autoencoder, measured: Measured, beside: Evaluation | None, left_out: str | None) -> str:
    test = measured.test
    rows = [("this model" if model.has_code else f"this model, of {_own_pictures(model)}", test)]
    if beside is not None:
        rows.append((f"exact PCA, code of {model.code_size:,}", beside))
    lines = [
        "## Measured",
        "",
        HOW_MEASURED.format(test.images),
        "",
        *_table(rows),
        "",
    ]
    if beside is not None and beside.mse < NO_ERROR:
        lines += ["Exact PCA gives these pictures back as they are: they hardly differ from one another.", ""]
    elif beside is not None:
        share = 1 - test.mse / beside.mse
        lines += [f"Its MSE is {abs(share):.1%} {'under' if share >= 0 else 'over'} that of exact PCA.", ""]
    if left_out is not None:
        lines += [f"Without an exact PCA beside it: {left_out}.", ""]
    if is_for_search(model):
        lines += [WHAT_SEARCH_IS_WORTH, ""]
    if measured.noisy is not None:
        noisy = measured.noisy
        assert noisy.noisy_mse is not None
        assert noisy.noisy_psnr is not None
        before = f"| with noise ({noisy.noise}) | {noisy.noisy_mse:.5f} | {noisy.noisy_psnr:.2f} | – |"
        head, rule, after = _table([("the same, cleaned by this model", noisy)])
        lines += ["The same pictures with the noise of its training:", "", head, rule, before, after, ""]
    training = f"MSE of the training pictures: {measured.train_mse:.5f}"
    if model.history_:
        training += " (mean over the last epoch, while it learned"
        training += ", with noise)" if measured.noisy is not None else ")"
    if measured.validation_mse is not None:
        training += "; of those held out for validation"
        training += f"{'' if measured.noisy is None else ', clean'}: {measured.validation_mse:.5f}"
    return "\n".join([*lines, f"{training}.", ""])


def _learned_from(data: dict[str, Any]) -> str:
    names = ("the test", "validation")
    apart = [
        f"{part['share']:g} kept apart for {name} (random_state {part['random_state']})"
        for name, part in zip(names, data["split"], strict=False)
    ]
    framed = [" x ".join(map(str, data["size"])) + " pixels"]
    if data["crop"]:
        framed.append(f"{data['crop']} pixels cut from each side before")
    if data["fit"] is not None:
        framed.append(f"fit {data['fit']}")
    numbers = (f"{data[key]:,} {what}" for key, what in PARTS.items())
    rows = [
        ("source", f"`{data['source']}`"),
        ("pictures", ", ".join(numbers)),
        ("split", ", then ".join(apart)),
        (
            "test pictures that are training pictures too, pixel for pixel",
            f"{data['leaks']:,}" if data["leaks"] else "none",
        ),
        ("size", ", ".join(framed)),
        ("digest of the training pictures (SHA-256)", f"`{data['digest']}`"),
    ]
    return "\n".join(["## Learned from", "", *_facts(rows), ""])


def _training(facts: dict[str, Any]) -> str:
    training = facts["training"]
    settings = ", ".join(f"{key} {value}" for key, value in training["settings"].items())
    how = "closed form" if not settings else f"recipe {training['recipe'] or 'of its own'}: {settings}"
    where = f"{training['device']}, {training['precision']}"
    if training["device"] == "cpu":
        where += f", {training['threads']} thread{'' if training['threads'] == 1 else 's'}"
    rows = [
        ("model", f"{facts['kind']}: " + ", ".join(f"{key} {value}" for key, value in facts["parameters"].items())),
        ("weights", f"{facts['weights']:,}"),
        ("training", how),
        *_components(training["components"]),
        *_begun_with(training["begun_with"]),
        ("noise on the input", training["noise"] or "none"),
        ("device", where),
        ("time", "unknown" if training["seconds"] is None else duration(training["seconds"])),
        ("versions", ", ".join(f"{key} {value}" for key, value in facts["versions"].items())),
        ("digest of the model (SHA-256)", f"`{facts['digest']}`"),
    ]
    return "\n".join(["## Training", "", *_facts(rows), ""])


def _components(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """How near principal components are to the exact ones; nothing of those."""
    return [] if found is None else [("principal components", Approximation(**found).told)]


def _begun_with(known: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Whose weights the training began with; nothing of fresh ones."""
    return [] if known is None else [("began with the weights of", f"{known['kind']} `{known['digest']}`")]


def _table(rows: list[tuple[str, Evaluation]]) -> list[str]:
    cells = [f"| {name} | {row.mse:.5f} | {row.psnr:.2f} | {row.ssim:.3f} |" for name, row in rows]
    return ["| pictures come back by | MSE | PSNR (dB) | SSIM |", "|---|---|---|---|", *cells]


def _facts(rows: list[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {value.replace('|', '&#124;')} |" for name, value in rows)]


def _recipe_name(recipe: dict[str, Any]) -> str | None:
    """The name of the recipe it was, whatever its number of epochs; None for one of the user's own."""
    given = Recipe(**recipe)
    return next((name for name, one in RECIPES.items() if replace(given, epochs=one.epochs) == one), None)


def _settings(recipe: dict[str, Any]) -> dict[str, Any]:
    usual = Recipe().as_json()
    return {key: value for key, value in recipe.items() if key in ALWAYS_SAID or value != usual.get(key)}


def _without_folder(source: str) -> str:
    return Path(source).name if Path(source).is_absolute() else source
