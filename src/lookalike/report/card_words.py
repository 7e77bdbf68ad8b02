"""What a model card says in sentences: what the model is for, what it is not for, and how to use it."""

from __future__ import annotations

from typing import Any

from lookalike.data.located import drawn_of
from lookalike.models.base import Autoencoder

FOR_NOISE = (
    "detail unlike theirs it may take for noise.",
    "What noise has destroyed it replaces by what is usual: a detail of a cleaned picture may never have been there.",
)
FOR_CODES = "What is framed, lit or drawn otherwise it describes and draws badly."
INVENTED = (
    "the decoder fills in with what is usual in its pictures: a detail in a reconstruction, a morph or an edit is "
    "invented as easily as remembered."
)
NO_RECOGNITION = (
    (
        "Its codes are no face recognition: they know light, pose and background apart from faces, but not what makes "
        "a person; a network trained on labelled photographs tells persons apart far better."
    ),
    "It takes a picture and its mirror image for the same, and its decoder is rough.",
)
NO_IDENTIFYING = "Do not identify people with it, nor decide anything about a person"
OF_ALL = (
    "Its weights keep traces of its training pictures: publish it only where those could be published.",
    "The figures are of one training, on the test split of its own source.",
)

WHAT_SEARCH_IS_WORTH = (
    "Its codes are made for search, of which these figures say nothing: `lookalike bench quality DATA --run RUN --out "
    "quality` measures how often they find the same person, beside an exact PCA, raw pixels and a perceptual hash."
)


def intended_use(model: Autoencoder, facts: dict[str, Any]) -> str:
    """A paragraph: what the model was made for."""
    noise = facts["training"]["noise"]
    if is_of_noisy_pictures(model):
        return (
            "Removing noise such as the pictures of its training had themselves, from pictures of any size. Clean ones "
            "it has never seen."
        )
    if not model.has_code:
        return f"Removing noise ({noise}, and what is like it) from pictures of any size, without knowing how strong."
    if noise is not None:
        return (
            f"Removing noise ({noise}) from pictures that are framed like those it learned from; its codes are also "
            "there for search and morphs, of noisy pictures as of clean ones."
        )
    if is_for_search(model):
        return (
            "Finding pictures that look alike, browsing and sorting collections of pictures that are framed alike. To "
            "give pictures back, morph or edit them, take a model made for that, such as residual or conv."
        )
    return (
        "Short codes of pictures that are framed like those it learned from: to find look-alikes and near-duplicates, "
        "and to give back, morph and edit such pictures."
    )


def limits(model: Autoencoder, facts: dict[str, Any]) -> list[str]:
    """Sentences: where it fails, and what it must not be used for."""
    data, noise_only = facts["data"], not model.has_code
    learned = f"It learned from {data['images']:,} pictures"
    framed = f" of {' x '.join(map(str, data['size']))} pixels, framed as those of its source are"
    said = [f"{learned}: {FOR_NOISE[0]}", FOR_NOISE[1]] if noise_only else [f"{learned}{framed}. {FOR_CODES}"]
    if not noise_only:
        said.append(f"What {model.code_size:,} numbers leave out {INVENTED}")
    if is_for_search(model):
        said += NO_RECOGNITION
    said.append(
        NO_IDENTIFYING + ("" if noise_only else ": near codes mean that pictures look alike, not who is on them")
    )
    said[-1] += "."
    drawn = drawn_of(data["source"])
    if drawn is not None and drawn.is_faces:
        said.append("Its pictures are procedural faces: of photographs it knows nothing.")
    return [*said, *OF_ALL]


def commands(model: Autoencoder, facts: dict[str, Any]) -> str:
    """Command lines, one a line, for what this model can do."""
    noise = facts["training"]["noise"]
    lines = [("lookalike evaluate RUN", "the figures above, where its source is at hand")]
    if noise is not None:
        lines.append((f"lookalike evaluate RUN --noise {noise}", "the same with noise"))
    if noise is not None or not model.has_code:
        lines.append(("lookalike denoise RUN noisy.jpg --out clean/", "pictures of any size"))
    if model.has_code:
        lines += [
            ("lookalike reconstruct RUN a.jpg b.jpg --out out/", "there and back, with a sheet"),
            ("lookalike index RUN pictures/ --gallery gallery", "codes of a folder"),
            ("lookalike search gallery a.jpg -k 5", "the nearest pictures"),
        ]
    if is_for_search(model):
        lines.append(("lookalike bench quality DATA --run RUN --out quality", "how often it finds the same person"))
    elif model.has_code:
        lines.append(("lookalike morph RUN a.jpg b.jpg --out morph.gif", "from one picture to another"))
    longest = max(len(command) for command, _ in lines)
    return "\n".join(f"{command:<{longest}}  # {why}" for command, why in lines)


def is_of_noisy_pictures(model: Autoencoder) -> bool:
    """Whether the pictures that it learned from, and is measured on, are noisy themselves."""
    return bool(model.get_params().get("noisy_only", False))


def is_for_search(model: Autoencoder) -> bool:
    """Whether its codes were made to find look-alikes rather than to give pictures back."""
    return model.kind == "search"
