"""The sections of the page, each an HTML string; empty where it does not apply."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike import metrics, plots
from lookalike.data import ImageSet
from lookalike.editing import Direction, edit, learn_directions, morph, principal_directions
from lookalike.models import note_of
from lookalike.models.base import Autoencoder
from lookalike.models.evaluation import Evaluation
from lookalike.pixels import Floats, centre
from lookalike.report import markup
from lookalike.report.markup import Album, code_picture
from lookalike.search.index import index_class

EDITS = 6
AMOUNTS = (-2, -1, 0, 1, 2)

Array = npt.NDArray[Any]

RANKS = (0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1)
"""Where the shown faces stand among all test pictures, from the best brought back to the worst."""
COMPARED = 8
DIRECTIONS = 6
SPREAD = (-2.5, -1.5, -0.75, 0, 0.75, 1.5, 2.5)
QUERIES = 6
NEIGHBOURS = 5
MORPHS = 4
SEVERAL = 9
STEPS = 7
NAMES = {"conv": "convolutional autoencoder", "pca": "PCA autoencoder", "residual": "residual autoencoder"}


class Other(NamedTuple):
    """Another model that is set beside the page's: by what name, and its MSE of the test pictures."""

    name: str
    model: Autoencoder
    mse: float


def is_sharp(model: Autoencoder) -> bool:
    """Whether pictures that are there to be looked at are drawn by a sharp decoder of the model's."""
    return model.has_code and model.own_sharp is not None


def and_how_drawn(text: str, model: Autoencoder) -> str:
    """What a section says, and that detail is invented where it is."""
    note = _note(model)
    return text if note is None else f"{text} {note[:1].upper()}{note[1:]}."


def _note(model: Autoencoder) -> str | None:
    """What pictures say of themselves that are there to be looked at."""
    return note_of(is_sharp(model))


def opening(
    model: Autoencoder, result: Evaluation, others: Sequence[Other], timings: dict[str, float | None]
) -> tuple[str, str]:
    """The page's title, and its first lines with the key figures, of the test pictures."""
    height, width, channels = model.image_shape_
    numbers = height * width * channels
    title = f"What {model.data_['images']:,} pictures look like in {model.code_size} numbers"
    cards = [
        (f"{numbers:,} → {model.code_size}", "numbers a picture"),
        (f"{result.mse:.5f}", f"mean squared error on {result.images:,} test pictures"),
        (f"{result.psnr:.1f} dB", "PSNR, higher is better"),
        (f"{result.ssim:.3f}", "SSIM, 1 is identical"),
    ]
    cards += [(f"{other.mse:.5f}", f"the error of {other.name}") for other in others]
    if is_sharp(model) and (told := model.require_sharp().training.get("measured")):
        cards.append((f"{told['sharp']['mse']:.5f}", "the error of what is drawn sharp"))
        cards.append(
            (f"{told['sharp']['detail']:.0%}", f"of the fine detail so ({told['plain']['detail']:.0%} without)")
        )
    if timings.get("seconds"):
        cards.append((markup.duration(float(timings["seconds"] or 0)), "of training"))
    lead = (
        f"A {NAMES.get(model.kind, model.kind)} looked at {model.data_['images']:,} pictures of {height} × {width} "
        f"pixels, without any labels, and learned to keep each as a code of {model.code_size} numbers and to draw it "
        "again from them. Pictures with near codes look alike; codes between two codes draw faces between two faces."
    )
    items = "".join(f"<li><b>{escape(value)}</b><span>{escape(label)}</span></li>" for value, label in cards)
    return title, f'<p class="lead">{escape(lead)}</p>\n<ul class="cards">{items}</ul>\n'


def faces(model: Autoencoder, test: ImageSet, album: Album, seed: int) -> str:
    """Originals, codes and reconstructions, from the best to the worst of the test pictures."""
    backs = model.reconstruct(test)
    errors = metrics.squared_errors(centre(test.pixels), backs)
    order = np.argsort(errors, kind="stable")
    chosen = list(dict.fromkeys(int(order[round(rank * (len(order) - 1))]) for rank in RANKS))
    codes = model.encode(test[chosen])
    extreme = float(np.abs(codes).max())
    heads = ["best", *[""] * (len(chosen) - 2), "worst"] if len(chosen) > 1 else [""]
    if len(chosen) > 2:
        heads[len(chosen) // 2] = "median"
    names = [test.names[i] for i in chosen]
    rows = [
        markup.row("original", (album.picture(test[i], f"original of {test.names[i]}") for i in chosen)),
        markup.row(
            "code", (album.picture(code_picture(c, extreme), f"code of {n}") for c, n in zip(codes, names, strict=True))
        ),
        markup.row("drawn again", (album.picture(backs[i], f"reconstruction of {test.names[i]}") for i in chosen)),
        markup.row("error", (f"{errors[i]:.4f}" for i in chosen)),
    ]
    shown, note = backs[chosen], _note(model)
    if note is not None:
        shown = model.decode(codes, sharp=True)
        sharp = [album.picture(one, f"drawn sharp, {name}", note) for one, name in zip(shown, names, strict=True)]
        rows.insert(3, markup.row("drawn sharp", sharp))
    sheet = plots.reconstruction_sheet(test.pixels[chosen], codes, shown, names, note)
    album.figure("reconstructions", sheet, "", note)
    return markup.section(
        "Seen, remembered, drawn again",
        and_how_drawn(
            "Pictures that were kept out of the training, in even steps from the one that comes back best to the one "
            "that comes back worst: the picture, its code as a heat map (blue below zero, red above), and what is "
            "drawn from the code alone.",
            model,
        ),
        markup.table(rows, ["", *heads]),
    )


def curves(model: Autoencoder, album: Album) -> str:
    """The loss curves and the tables of epochs: the model's, and its sharp decoder's."""
    told = (
        "The mean squared error after each pass over the training pictures. The training curve is an average over the "
        "pass, while the network was still changing; that is why it begins above the other."
    )
    sharp_told = (
        "The mean squared error of what its second decoder draws after each pass. It is not what that is trained for: "
        "detail that is plausible lies further from the original than none."
    )
    sharp = model.require_sharp().training.get("history", ()) if is_sharp(model) else ()
    return _curve("How it learned", "loss", told, model.history_, album) + _curve(
        "How it learned to draw sharp", "sharp-loss", sharp_told, sharp, album
    )


def _curve(title: str, name: str, told: str, history: Sequence[dict[str, Any]], album: Album) -> str:
    if not history:
        return ""
    columns = ["epoch", *[f"{part}_mse" for part in ("train", "validation", "test")]]
    used = [column for column in columns if history[-1].get(column) is not None]
    rows = [
        "<tr>" + "".join(f'<td class="number">{markup.number(entry[column])}</td>' for column in used) + "</tr>"
        for entry in history
    ]
    heads = [column.replace("_mse", " MSE") for column in used]
    table = f"<details><summary>All epochs</summary>{markup.table(rows, heads)}</details>"
    figure = album.figure(name, plots.loss_curve(history), "Mean squared error over the epochs")
    return markup.section(title, told, figure + table)


def comparison(model: Autoencoder, mse: float, test: ImageSet, others: Sequence[Other], album: Album, seed: int) -> str:
    """The same pictures through the model, with its MSE of the test pictures, and others of the same code size."""
    if not others:
        return ""
    chosen = markup.choose(len(test), COMPARED, seed)
    models = [Other(NAMES.get(model.kind, model.kind), model, mse), *others]
    rows = [markup.row("original", (album.picture(picture, "original") for picture in test[chosen]))]
    strips: list[Array] = [test.pixels[chosen]]
    for name, other, error in models:
        backs = other.reconstruct(test[chosen])
        strips.append(backs)
        label = f"{name}, {error:.5f}"
        rows.append(markup.row(label, (album.picture(back, f"reconstruction by {name}") for back in backs)))
    album.keep_strip("comparison", strips)
    return markup.section(
        "Beside other ways",
        "The same pictures, drawn at random from the test pictures, through codes of the same size; behind each name "
        "the mean squared error over all test pictures. Exact PCA is the best that any linear code can do.",
        markup.table(rows),
    )


def directions(model: Autoencoder, codes: Floats, album: Album) -> str:
    """What the codes' leading directions do to the mean face; "" where all codes are one."""
    some = codes[: 10 * max(model.code_size, 300)].astype(np.float64)
    found = principal_directions(some, DIRECTIONS) if len(some) > 1 else []
    if not found:
        return ""
    mean = some.mean(axis=0)
    rows: list[str] = []
    strips: list[Array] = []
    note = _note(model)
    for i, direction in enumerate(found):
        strip = edit(model, mean, direction, SPREAD, sharp=is_sharp(model))
        strips.append(strip)
        cells = (album.picture(p, f"direction {i + 1} at {at:+g}", note) for p, at in zip(strip, SPREAD, strict=True))
        rows.append(markup.row(f"direction {i + 1}", cells))
    album.keep_strip("directions", strips, note)
    return markup.section(
        "What the code has found",
        and_how_drawn(
            "The middle column is the average face. Each row walks away from it along one of the directions in which "
            "codes differ most, so many standard deviations to either side. Nobody named these directions; they were "
            "found.",
            model,
        ),
        markup.table(rows, ["", *(f"{at:+g} σ" if at else "mean" for at in SPREAD)]),
    )


def neighbours(model: Autoencoder, test: ImageSet, train: ImageSet, codes: Floats, album: Album, seed: int) -> str:
    """Test pictures and the training pictures, of these codes, whose codes are nearest."""
    chosen = markup.choose(len(test), QUERIES, seed + 1)
    count = min(NEIGHBOURS, len(train))
    index = index_class("exact")().fit(codes)
    places, distances = index.query(model.encode(test[chosen]), count)
    rows, strips = [], []
    for query, found, far in zip(chosen, places, distances, strict=True):
        name = escape(test.names[query])
        cells = [f'<td class="query">{album.picture(test[query], f"query {test.names[query]}")}</td>']
        cells += [
            f"<td>{album.picture(train[int(i)], f'look-alike {train.names[i]}')}{d:.3f}</td>"
            for i, d in zip(found, far, strict=True)
        ]
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
        strips.append(np.concatenate([test.pixels[query][None], train.pixels[found]]))
    album.keep_strip("look-alikes", strips)
    return markup.section(
        "Look-alikes",
        f"Framed: pictures the model has never seen. Beside each the {count} training pictures whose codes are "
        "nearest, with their Euclidean distances.",
        markup.table(rows),
    )


def morphs(model: Autoencoder, test: ImageSet, album: Album, seed: int) -> str:
    """From one face to another along the straight line between their codes; "" where there is one picture only."""
    if len(test) < 2:
        return ""
    chosen = markup.choose(len(test), 2 * MORPHS, seed + 2)
    rows, strips, note = [], [], _note(model)
    for first, second in zip(chosen[::2], chosen[1::2], strict=False):
        strip = morph(model, test[first], test[second], STEPS, sharp=is_sharp(model))
        strips.append(strip)
        cells = [album.picture(test[first], f"original of {test.names[first]}")]
        cells += [album.picture(picture, f"morph, step {i + 1} of {STEPS}", note) for i, picture in enumerate(strip)]
        cells.append(album.picture(test[second], f"original of {test.names[second]}"))
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    album.keep_strip("morphs", strips, note)
    heads = ["picture", *(f"{i / (STEPS - 1):.2f}" for i in range(STEPS)), "picture"]
    return markup.section(
        "From one face to another",
        and_how_drawn(
            "At both ends the pictures themselves; between them what the straight line between their codes draws.",
            model,
        ),
        markup.table(rows, heads),
    )


def edits(model: Autoencoder, test: ImageSet, train: ImageSet, codes: Floats, album: Album, seed: int) -> str:
    """A test picture along the attributes that are best told from the training pictures' codes.

    "" where none is known or can be told.
    """
    if train.attribute_values is None or len(train) < 2:
        return ""
    found = learn_directions(model, train, codes=codes, count=1, seed=seed)
    learned = [one for one in found if one.kind == "attribute"]
    best = sorted((one for one in learned if one.meaningful), key=_certainty, reverse=True)[:EDITS]
    if not best:
        return ""
    # Of a picture that is dark or pale little can be seen to change: the middle one of several.
    several = markup.choose(len(test), SEVERAL, seed + 3)
    chosen = sorted(several, key=lambda place: float(test.pixels[place].mean()))[len(several) // 2]
    rows, strips, note = [], [], _note(model)
    for direction in best:
        strip = edit(model, test[chosen], direction, AMOUNTS, sharp=is_sharp(model))
        strips.append(strip)
        cells = [
            album.picture(picture, f"{direction.name} at {amount:+d}", note)
            for picture, amount in zip(strip, AMOUNTS, strict=True)
        ]
        rows.append(markup.row(direction.name.replace("_", " "), cells))
    album.keep_strip("edits", strips, note)
    return markup.section(
        "Sliders",
        and_how_drawn(
            f"One picture, {test.names[chosen]}, in the middle, and the same with a single attribute changed by way of "
            f"its code, so many standard deviations to either side. Of {len(learned)} attributes in the table these "
            "can be told best from the codes of pictures kept out.",
            model,
        ),
        markup.table(rows, ["", *(f"{amount:+d} σ" if amount else "as it is" for amount in AMOUNTS)]),
    )


def _certainty(direction: Direction) -> float:
    """The share of the way from guessing to perfect."""
    score = direction.score
    return 0.0 if score is None else (score.value - score.chance) / (1 - score.chance)


def making(model: Autoencoder) -> str:
    """What an engineer asks: layers, data, settings."""
    facts = {"parameters": model.settled(), "data": model.data_}
    shown = json.dumps(facts, indent=2, ensure_ascii=False)
    text = f"<pre>{escape(model.summary())}</pre>\n<pre>{escape(shown)}</pre>"
    return markup.section(
        "How it was made", "The layers with their weights, the settings, and which pictures it learned.", text
    )
